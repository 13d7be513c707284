"""A session before the second factor, policy only in the page, a forgotten endpoint: every route in every state.

The application's own routes are listed, and each has a line in tests/attacks/routes that says who is let in and what
they get. A route without a line fails; so does one that answers anybody otherwise than its line says.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from tests.attacks.states import AUDIENCES, IN, STATES, STEPS, SUBJECT, Carried, World
from tests.harness.clock import NOON
from tests.harness.contexts import CHEAP, KEYS, app_for, client_of, context_on, standing_clock
from tests.harness.databases import SqliteDatabases
from twofold.sessions.tables import sessions
from twofold.setting_values import parse_keys
from twofold.settings import Settings

LINES = Path(__file__).parent / "routes"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NO_REQUEST = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Line:
    """What a route answers: who is let in, what they get, and what is sent to it."""

    method: str
    path: str
    audience: str
    answers: frozenset[str]
    body: str

    @property
    def api(self) -> bool:
        return self.path.startswith("/api/v1/")


def read_lines() -> dict[str, Line]:
    """Read the table: METHOD PATH | who is let in | what they get, or … | what is sent."""
    lines: dict[str, Line] = {}
    for file in sorted(LINES.glob("*.txt")):
        for text in file.read_text(encoding="utf-8").splitlines():
            if not text.strip() or text.startswith("#"):
                continue
            route, audience, answers, *body = [part.strip() for part in text.split("|")]
            assert audience in AUDIENCES, f"{file.name}: who is {audience!r}?"
            assert " ".join(route.split()) not in lines, f"{file.name}: {route} has two lines"
            method, path = route.split()
            either = frozenset(answer.strip() for answer in answers.split(" or "))
            lines[f"{method} {path}"] = Line(method, path, audience, either, body[0] if body else "")
    return lines


def declared() -> dict[str, set[str]]:
    """Return the methods of every route of the application."""
    settings = Settings(database_url="sqlite:///nowhere", data_dir=Path("/nowhere"), keys=parse_keys(KEYS), **CHEAP)
    app: Litestar = app_for(settings).litestar
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    assert len(routes) == len(app.routes), "a route of another kind than HTTP: who is let in there?"
    return {route.path: {str(method) for method in route.methods} - {"OPTIONS"} for route in routes}


ROUTES = declared()
TABLE = read_lines()


@pytest.fixture(scope="module")
def world(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    url = sqlite_databases.fresh(tmp_path_factory.mktemp("routes"))
    with context_on(url) as context:
        yield World(context)


@pytest.fixture(scope="module")
def http(world: World) -> Iterator[httpx.Client]:
    with standing_clock(), client_of(world.context) as client:
        yield client


def send(http: httpx.Client, world: World, line: Line, state: str, carried: Carried) -> httpx.Response:
    """Send a request in a state: on pages cookies are carried, in the API a bearer token."""
    in_header = line.api != (state == "carried wrongly")
    headers = {"Origin": NO_REQUEST, "Sec-Fetch-Site": "same-origin"}
    if in_header and (carried.session or carried.sign_in):
        headers["Authorization"] = f"Bearer {carried.session or carried.sign_in}"
    if not in_header:
        cookies = {"twofold_session": carried.session, "twofold_sign_in": carried.sign_in}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
    content = line.body.replace("SIGN_IN", carried.sign_in or "none").encode()
    if content:
        headers["Content-Type"] = "application/json" if line.api else "application/x-www-form-urlencoded"
    http.cookies.clear()
    answer = http.request(line.method, world.path(line.path), content=content, headers=headers)
    http.cookies.clear()
    return answer


def told(answer: httpx.Response) -> str:
    """Return an answer in short: its status, and where it leads or the code of its refusal."""
    if answer.status_code == 303:
        return f"303 {answer.headers['location'].partition('?')[0]}"
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        return f"{answer.status_code} {answer.json()['code']}"
    return str(answer.status_code)


def test_every_route_has_a_line_and_every_line_a_route() -> None:
    routes = {f"{method} {path}" for path, methods in ROUTES.items() for method in methods}
    assert sorted(routes - TABLE.keys()) == [], "routes without a line in tests/attacks/routes"
    assert sorted(TABLE.keys() - routes) == [], "lines without a route"


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_route_lets_in_whom_its_line_says_and_nobody_else(world: World, http: httpx.Client, name: str) -> None:
    line, wrong = TABLE[name], {}
    for state in STATES:
        carried = world.carry(state, api=line.api)
        before = world.people.count(sessions)
        answer = send(http, world, line, state, carried)
        expected = AUDIENCES[line.audience](state)
        if expected == IN:
            if not {told(answer), str(answer.status_code)} & line.answers:
                wrong[state] = f"{told(answer)}, not {' or '.join(sorted(line.answers))}"
            world.repair()
            continue
        if told(answer) != expected:
            wrong[state] = f"{told(answer)}, not {expected}"
        assert SUBJECT not in answer.text, f"{state}: who is turned away sees somebody"
        assert "twofold_session=tf_" not in str(answer.headers), f"{state}: who is turned away gets a session"
        assert world.people.count(sessions) == before, f"{state}: a session was made or ended"
    assert wrong == {}


@pytest.mark.parametrize("state", ["nobody", "at code", "protected", "admin", "agent", "operator"])
def test_no_method_does_anything_but_those_that_a_route_names(world: World, http: httpx.Client, state: str) -> None:
    answered = {}
    for path, methods in ROUTES.items():
        for method in METHODS:
            if method not in methods:
                line = Line(method, path, "anybody", frozenset(), "")
                answer = send(http, world, line, state, world.carry(state, api=line.api))
                if answer.status_code not in (404, 405):
                    answered[f"{method} {path}"] = told(answer)
    assert answered == {}


def test_no_sign_in_that_is_not_complete_holds_a_session(world: World) -> None:
    for state in STEPS:
        for api in (True, False):
            assert world.carry(state, api=api).session == ""
    assert world.people.find_session(world.carry("at code", api=False).sign_in, at=NOON) is None


def test_every_audience_is_used_and_every_state_is_turned_away_somewhere() -> None:
    assert {line.audience for line in TABLE.values()} == set(AUDIENCES)
    for state in STATES:
        assert any(AUDIENCES[line.audience](state) != IN for line in TABLE.values()), state


def test_the_description_of_the_api_lists_the_same_calls(http: httpx.Client) -> None:
    described = msgspec.json.decode(http.get("/api/openapi.json").content, type=dict[str, Any])["paths"]
    calls = {f"{method.upper()} {path}" for path, item in described.items() for method in item}
    assert calls == {f"{line.method} {without_types(line.path)}" for line in TABLE.values() if line.api}


def without_types(path: str) -> str:
    """Write a path as OpenAPI does: {user_id} for {user_id:str}."""
    return "/".join(part.partition(":")[0] + "}" if ":" in part else part for part in path.split("/"))
