"""Cross-tenant: whoever names something of another account is answered as for what does not exist, and changes nothing.

Every call that names something is listed in tests/attacks/named.py. A new route with a parameter in its path fails here
until it stands there; so do a new query or body parameter of the API, and a place in the code that reads an id which no
walk reached.
"""

import ast
import importlib
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import twofold
from tests.attacks.companies import Actor, Company, actor_of, company, rows_of
from tests.attacks.named import ELSEWHERE, EVERY, IN_PATH, NAMES_NOTHING, PERSONAL, V1, Call, proofs, replaces
from tests.attacks.test_routes import ROUTES, without_types
from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.people import People
from twofold.audit import seal_flow
from twofold.kit.http import requests

NOWHERE = {"id": "00000000-0000-4000-8000-000000000000", "email": "nobody@nowhere.example"}
MALFORMED = {"id": "malformed-0-id", "email": "malformed-0-address"}
OWN_PAGE = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}
TELL_NOTHING = {"x-request-id", "content-length"}  # new with each request; the body itself is compared

# Places that read an id where no walk comes: another program, a demo, and what belongs to no account.
NOT_WALKED = {
    "commands.frame.id_of", "demo.pages", "provisioning.api.list_accounts", "provisioning.abuse_api.unblock",
    "oidc.applications_api.show_application", "oidc.applications_api.change_application",
    "oidc.applications_api.delete_application", "oidc.applications_api.create_secret",
    # A browser's, not an account's: sessions/test_destinations, oidc/test_authorize.
    "sessions.guard.destination", "signin.views.handle_of", "oidc.authorize_pages.go_on",
    "oidc.authorize_pages.consent",
    # What the browser that proved the mailbox has open: signin/test_set_up_by_passkey; the call is walked.
    "signin.set_up_pages._take_passkey",
    # One's own use of it alone: oidc/test_own_applications.
    "oidc.own_pages.remove_access",
    # An application that is not for the account is not found: oidc/test_rules.
    "oidc.account_pages.show_rule", "oidc.account_pages.submit_rule",
}  # fmt: skip


@pytest.fixture
def acme(people: People, http: httpx.Client, frozen_clock: FrozenClock) -> Company:
    return company(people, http, frozen_clock, "acme")


@pytest.fixture
def globex(people: People, http: httpx.Client, frozen_clock: FrozenClock) -> Company:
    return company(people, http, frozen_clock, "globex")


@pytest.fixture
def actors(people: People, frozen_clock: FrozenClock, acme: Company) -> dict[str, Actor]:
    """Everybody who acts: two from Acme, and two who serve all accounts."""
    helper = actor_of(people, *people.agent())
    helper.sign_in = acme.member.sign_in
    return {
        "admin": acme.admin, "member": acme.member, "support": helper, "": acme.admin,
        "operator": Actor(people.operator_key(at=frozen_clock.at)),
    }  # fmt: skip


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Note which functions read an id from outside."""
    found: set[str] = set()
    read = requests.row_id

    def noting(text: str) -> Any:
        caller = sys._getframe(1)
        found.add(f"{caller.f_globals['__name__'].removeprefix('twofold.')}.{caller.f_code.co_qualname}")
        return read(text)

    for place in readers():
        monkeypatch.setattr(importlib.import_module(f"twofold.{place.rpartition('.')[0]}"), "row_id", noting)
    return found


def readers() -> Iterator[str]:
    """Return every function of the product that reads an id from outside, by module and name."""
    root = Path(twofold.__file__).parent
    for file in sorted(root.rglob("*.py")):
        module = ".".join(file.relative_to(root).with_suffix("").parts)
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            calls = ast.walk(function) if isinstance(function, ast.FunctionDef) else ()
            if any(isinstance(call, ast.Call) and ast.unparse(call.func) == "row_id" for call in calls):
                yield f"{module}.{function.name}"  # type: ignore[attr-defined]


def ask(
    http: httpx.Client, actor: Actor, where: tuple[str, str], call: Call, named: str, frozen_clock: FrozenClock
) -> tuple[int, str, str]:
    """Make a call as somebody, and return all that its answer tells but the name that was given."""
    at = frozen_clock.forward(seconds=30 if call.body in (proofs, replaces) else 0)  # a code counts once
    method, template = where
    path = re.sub(r"\{[^}]+\}", quote(named), template)
    body = None if call.body is None else call.body(actor, named, at)
    if path.startswith(V1):
        answer = http.request(method, path, json=body, headers={"Authorization": f"Bearer {actor.token}"})
    else:
        headers = {"Cookie": f"twofold_session={actor.token}", **(OWN_PAGE if method == "POST" else {})}
        answer = http.request(method, path, data=body, headers=headers)
    http.cookies.clear()
    told = sorted((name, value) for name, value in answer.headers.items() if name not in TELL_NOTHING)
    return answer.status_code, masked(repr(told), named), masked(answer.text, named)


def masked(text: str, named: str) -> str:
    for form in (named, quote(named), quote(named, safe="")):
        text = text.replace(form, "…")
    return re.sub(r"tf_[a-z]+_[\w-]+", "tf_…", text)


def name_in(names: dict[str, str], call: Call) -> str:
    return names["email" if call.kind == "email" else "id"]


def walk(
    http: httpx.Client, frozen_clock: FrozenClock, attacker: Actor, other: Company, calls: dict[Any, Call]
) -> list[Any]:
    """Name what belongs to another account; return the calls whose answers tell that it exists."""
    told = []
    for where, call in calls.items():
        names = (other.named[call.kind], name_in(NOWHERE, call), name_in(MALFORMED, call))
        foreign, missing, malformed = [ask(http, attacker, where, call, name, frozen_clock) for name in names]
        if not foreign == missing == malformed or foreign[0] in (201, 204) or foreign[0] >= 500:
            told.append((where, foreign, missing, malformed))
    return told


def shuffled(calls: dict[Any, Call], seed: int) -> dict[Any, Call]:
    order = list(calls.items())
    random.Random(seed).shuffle(order)
    return dict(order)


def test_every_route_with_a_parameter_in_its_path_is_walked() -> None:
    found = {(m, without_types(path)) for path, methods in ROUTES.items() for m in methods - {"HEAD"} if "{" in path}
    assert len(found) > 50, found
    assert found == IN_PATH.keys()


def test_every_parameter_of_the_api_names_nothing_or_is_walked(http: httpx.Client) -> None:
    description = http.get("/api/openapi.json").json()
    walked = {where for where in ELSEWHERE if where[1].startswith(V1)}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and parameter["name"] not in NAMES_NOTHING["query"]:
                    said = f"{path}?{parameter['name']}="
                    assert any(m == method.upper() and p.startswith(said) for m, p in walked), (method, said)
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            schema = description["components"]["schemas"].get(body.get("$ref", "").rpartition("/")[2], body)
            for name in schema.get("properties", {}):
                assert name in NAMES_NOTHING["body"] or (method.upper(), path) in walked, (method, path, name)


def test_what_another_account_has_is_answered_like_what_does_not_exist(
    http: httpx.Client, people: People, frozen_clock: FrozenClock, actors: dict[str, Actor], globex: Company
) -> None:
    seal_flow.seal_everything(people.context.db, frozen_clock.at)  # else somebody who takes a copy of their log does it
    before = rows_of(people, globex)
    assert len(before) > 40
    for seed, (role, calls) in enumerate({"admin": EVERY, "member": EVERY, "support": PERSONAL}.items()):
        frozen_clock.at = NOON  # sign-ins live ten minutes, and every code counts once
        told = walk(http, frozen_clock, actors[role], globex, shuffled(calls, seed))
        assert not told, (role, told)
        assert set(rows_of(people, globex)) ^ set(before) == set(), role


def test_each_of_these_calls_does_something_with_what_is_ones_own(
    http: httpx.Client,
    people: People,
    frozen_clock: FrozenClock,
    actors: dict[str, Actor],
    acme: Company,
    reached: set[str],
) -> None:
    """Otherwise the walks would compare two refusals that have nothing to do with what was named."""
    idle = []
    for where, call in sorted(EVERY.items(), key=lambda item: item[1].who != "member"):
        missing = ask(http, actors[call.who], where, call, name_in(NOWHERE, call), frozen_clock)
        before = rows_of(people, acme)
        own = ask(http, actors[call.who], where, call, acme.named[call.kind], frozen_clock)
        if call.who and own == missing and rows_of(people, acme) == before:
            idle.append((where, own))
    assert not idle, idle
    places = {place for place in readers() if not place.startswith(tuple(NOT_WALKED))}
    assert places - reached == set(), "places that read an id, and no call here comes there"


def test_an_address_of_another_account_is_invited_as_one_that_nobody_has(
    http: httpx.Client, people: People, acme: Company, globex: Company
) -> None:
    """Addresses are unique among all accounts, and the answer does not tell that this one is taken."""
    before, boss = rows_of(people, globex), Api(http, acme.admin.token)
    theirs = boss.post("/invitations", email=globex.named["email"], name="Somebody")
    nobodys = boss.post("/invitations", email="nobody@elsewhere.example", name="Somebody")
    assert [(answer.status, list(answer.body)) for answer in (theirs, nobodys)] == [(201, ["id"])] * 2
    own = boss.post("/invitations", email=acme.named["email"], name="Somebody")
    assert own.refusal == (409, "email_taken")
    ours = str(acme.account).lower()  # the address stands in Acme's rows now, as its administrator wrote it
    now = [row for row in rows_of(people, globex) if ours not in row and acme.account.hex not in row]
    assert now == before
