"""Floods of people who are not signed in: limited by network, whatever they carry, and told apart from everybody."""

import threading
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from litestar.routes import HTTPRoute

from tests.attacks.test_routes import TABLE
from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import CHEAP, KEYS, app_for, standing_clock
from tests.harness.networks import ELSEWHERE, NEXT_OPERATION, OFFICE, Networks, networks_of
from tests.harness.pages import Page
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.statements import noted
from twofold.abuse.tables import refusal_counts
from twofold.kit.crypto import tokens
from twofold.kit.http import anonymous
from twofold.kit.http.anonymous import LIMITED
from twofold.kit.http.limits import BUDGETS, Kind
from twofold.kit.http.pools import ThreadPool, ThreadPools, takes_password
from twofold.kit.static_files import files_of
from twofold.sessions.tables import sessions
from twofold.setting_values import parse_keys
from twofold.settings import Settings

SESSION, ATTEMPT, BROWSER = "twofold_session", "twofold_sign_in", "twofold_browser"
MADE_UP = {kind: tokens.new_token(kind) + "A" * 22 for kind in ("session", "signin", "operator", "client")}
DISGUISES: dict[str, dict[str, str]] = {
    "nothing": {},
    "a made-up session": {"Cookie": f"{SESSION}={MADE_UP['session']}"},
    "a made-up sign-in": {"Cookie": f"{ATTEMPT}={MADE_UP['signin']}"},
    "a made-up browser": {"Cookie": f"{BROWSER}={MADE_UP['client']}"},
    "a made-up bearer": {"Authorization": f"Bearer {MADE_UP['session']}"},
    "a made-up operator key": {"Authorization": f"Bearer {MADE_UP['operator']}"},
    "a made-up client": {"Twofold-Client": MADE_UP["client"]},
}
OPERATIONS: dict[str, tuple[str, str, dict[str, Any], Kind]] = {
    "sign in": ("POST", "/sign-in", {"data": {"email": ADA, "password": "not it"}}, Kind.PASSWORD),
    "api": ("POST", "/api/v1/sign-ins", {"json": {"email": ADA, "password": "not it"}}, Kind.PASSWORD),
    "legacy": ("POST", "/api/v1/legacy/sign-ins", {"json": {"email": ADA, "password": "not it"}}, Kind.PASSWORD),
    "set a password": ("POST", "/set-password/tf_x", {"data": {"new_password": PASSWORD}}, Kind.PASSWORD),
    "reset link": ("POST", "/resets/tf_x", {"data": {"password": PASSWORD}}, Kind.PASSWORD),
    "reset by api": ("POST", "/api/v1/resets/confirmation", {"json": {"token": "x", "password": "x"}}, Kind.PASSWORD),
    "forgot": ("POST", "/forgot-password", {"data": {"email": ADA}}, Kind.MAIL),
    "not me": ("POST", "/not-me/tf_x", {"data": {}}, Kind.OTHER),
    "a page": ("GET", "/sign-in", {}, Kind.OTHER),
    "a page of somebody signed in": ("GET", "/profile", {}, Kind.OTHER),
    "no page": ("GET", "/nowhere", {}, Kind.OTHER),
    "a code": ("POST", "/api/v1/sign-ins/code", {"json": {"sign_in": "x", "code": "123456"}}, Kind.OTHER),
    "a session check": ("GET", "/api/v1/session", {}, Kind.OTHER),
    "an operator's call": ("GET", "/api/v1/accounts", {}, Kind.OTHER),
    "a password to change": ("PUT", "/api/v1/password", {"json": {"password": "x", "new_password": "y"}}, Kind.OTHER),
}


@pytest.fixture
def networks(people: People) -> Iterator[Networks]:
    with (
        standing_clock(),
        networks_of(people.context, limit_passwords=1, trusted_proxies=(ip_network("10.0.0.1"),)) as made,
    ):
        yield made


def use_up(networks: Networks, kind: Kind, *, left: int = 0) -> None:
    """Use the office's budget up, but for so many requests: the application's own limits are asked."""
    while networks.anonymous._limits.charge(kind, "192.0.2.0/24") == 0:
        pass
    networks.forward(left * (1 / BUDGETS[kind].a_second if kind in BUDGETS else 1) * 1.001)


def ask(networks: Networks, operation: str, headers: dict[str, str] | None = None) -> httpx.Response:
    method, path, body, _kind = OPERATIONS[operation]
    return networks.send(method, path, headers=headers, **body)


def limited(networks: Networks, operation: str, headers: dict[str, str] | None = None, times: int = 1) -> list[bool]:
    """Tell whether requests are refused for want of a network's budget; the waits of an address look much the same."""
    found = []
    for _ in range(times):
        before = networks.anonymous.counts._counts.total()
        answer = ask(networks, operation, headers)
        found.append(networks.anonymous.counts._counts.total() == before + 1)
        if found[-1]:
            assert answer.status_code == 429
            assert int(answer.headers["Retry-After"]) >= 1
    return found


def counted(people: People) -> list[tuple[str, str, int]]:
    columns = (refusal_counts.c.network, refusal_counts.c.kind, refusal_counts.c.refused)
    with people.context.db.read() as connection:
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(*columns))]


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_route_for_anonymous_requests_is_limited_whatever_they_carry(networks: Networks, disguise: str) -> None:
    carried = DISGUISES[disguise]
    for operation, (_method, _path, _body, kind) in OPERATIONS.items():
        networks.address = OFFICE
        use_up(networks, kind, left=1)
        assert limited(networks, operation, carried, times=2) == [False, True], operation
        networks.address = NEXT_OPERATION
        assert limited(networks, operation, carried) == [True], f"{operation}: the same network"
        networks.address = ELSEWHERE
        assert limited(networks, operation, carried) == [False], operation
        networks.address = OFFICE
        networks.forward(1.001)
        assert limited(networks, operation, carried) == [False], operation


def test_what_is_limited_costs_no_statement(networks: Networks, people: People) -> None:
    for kind in Kind:
        use_up(networks, kind)
    with noted(people.context.db) as statements:
        assert [limited(networks, operation) for operation in OPERATIONS] == [[True]] * len(OPERATIONS)
    assert statements == []


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_limited_page_says_what_happened_and_what_to_do(networks: Networks) -> None:
    for operation in ("sign in", "forgot", "a page"):
        use_up(networks, OPERATIONS[operation][3])
        page = Page(ask(networks, operation))
        assert page.heading == "Too many requests from your network"
        assert "Nothing of what you entered was used." in page.text
        assert "Wait a minute, then try again." in page.text
        assert page.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_limited_call_is_a_problem_under_the_name_of_the_contract(networks: Networks) -> None:
    codes = {}
    for operation in ("api", "a code"):
        use_up(networks, OPERATIONS[operation][3])
        answer = ask(networks, operation)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == 429
        codes[operation] = answer.json()["code"]
    assert codes == {"api": "too_many_attempts", "a code": "too_many_requests"}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_network_of_ipv6_has_56_bits(networks: Networks) -> None:
    networks.address = "2001:db8:1:200::7"
    assert limited(networks, "forgot", times=21) == [False] * 20 + [True]
    for address, same in (("2001:db8:1:2ff::9", True), ("2001:db8:1:300::9", False), ("2001:db8:1:200::1", True)):
        networks.address = address
        assert limited(networks, "forgot") == [same], address


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_loopback_is_not_limited_but_what_a_proxy_brings_is(networks: Networks) -> None:
    for address, forwarded, is_limited in (
        ("127.0.0.1", "", False), ("::1", "", False), ("127.0.0.1", OFFICE, False), ("10.0.0.1", OFFICE, True),
    ):  # fmt: skip
        networks.address = address
        headers = {"X-Forwarded-For": forwarded} if forwarded else {}
        assert limited(networks, "forgot", headers, times=22)[-1] is is_limited, address


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_networks_that_the_operator_names_are_not_limited(people: People) -> None:
    with networks_of(people.context, unlimited_networks=(ip_network("192.0.2.0/25"),)) as networks:
        for address, is_limited in ((OFFICE, False), (NEXT_OPERATION, True)):
            networks.address = address
            assert limited(networks, "forgot", times=22)[-1] is is_limited


@pytest.mark.parametrize("channel", ["page", "api"])
def test_who_is_signed_in_is_not_limited_with_their_network(networks: Networks, people: People, channel: str) -> None:
    token = people.token(people.user(), channel=channel)
    use_up(networks, Kind.OTHER)
    if channel == "page":
        assert networks.send("GET", "/profile", headers={"Cookie": f"{SESSION}={token}"}).status_code == 200
    else:
        assert networks.send("GET", "/api/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert networks.send("GET", "/profile").status_code == 429


def test_a_session_that_has_ended_makes_its_bearer_anonymous_again(networks: Networks, people: People) -> None:
    """Stops: somebody who was a customer once, and floods with what they kept."""
    token = people.token(people.user())
    carried = {"Cookie": f"{SESSION}={token}"}
    use_up(networks, Kind.OTHER)
    assert networks.send("GET", "/profile", headers=carried).status_code == 200
    assert networks.send("POST", "/sign-out", headers=carried).status_code == 303
    assert networks.send("GET", "/profile", headers=carried).status_code == 303, "it is found out"
    assert networks.send("GET", "/profile", headers=carried).status_code == 429


def test_a_token_without_our_mark_counts_once_it_was_seen_to_hold(networks: Networks, people: People) -> None:
    """Operator keys and sessions of before this release have no mark."""
    session = people.token(people.user())
    old = tokens.new_token("session")  # the row is as it was made before
    with people.context.db.write() as connection:
        of_it = sessions.c.token_hash == tokens.digest(session)
        connection.execute(sessions.update().where(of_it).values(token_hash=tokens.digest(old)))
    carried = {"Cookie": f"{SESSION}={old}"}
    assert networks.send("GET", "/profile", headers=carried).status_code == 200
    use_up(networks, Kind.OTHER)
    assert networks.send("GET", "/profile", headers=carried).status_code == 200


def test_a_known_browser_gets_in_while_its_network_has_used_its_tries_up(networks: Networks, people: People) -> None:
    user = people.user()
    client = signed_in_before(networks)
    use_up(networks, Kind.PASSWORD, left=1)
    signing_in = {"data": {"email": user.email, "password": PASSWORD}}
    networks.send("POST", "/sign-in", **signing_in)
    assert networks.send("POST", "/sign-in", **signing_in).status_code == 429
    for _ in range(9):
        answer = networks.send("POST", "/sign-in", headers={"Cookie": f"{BROWSER}={client}"}, **signing_in)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_known_browser_has_a_budget_and_not_all_of_the_hashing(networks: Networks, people: People) -> None:
    """Stops: a flood by somebody who has signed in once, to an account of their own."""
    people.user()
    carried = {"Cookie": f"{BROWSER}={signed_in_before(networks)}"}
    for _ in range(20):
        ask(networks, "sign in", carried)
    refused = ask(networks, "sign in", carried)
    assert Page(refused).heading == "Too many requests from your network"


def signed_in_before(networks: Networks) -> str:
    """Sign Ada in from elsewhere; return the token of her client."""
    networks.address = ELSEWHERE
    api = Api(networks.http)
    api.sign_in(ADA, PASSWORD)
    networks.address = OFFICE
    assert api.client is not None
    return api.client


def test_what_was_limited_is_counted_by_network_and_kind_when_the_server_ends(people: People) -> None:
    with standing_clock(NOON), networks_of(people.context, limit_passwords=1) as networks:
        for operation, times in (("forgot", 3), ("sign in", 2), ("a page", 1)):
            use_up(networks, OPERATIONS[operation][3])
            for _ in range(times):
                assert ask(networks, operation).status_code == 429
        assert counted(people) == []
    assert counted(people) == [
        ("192.0.2.0/24", "limited_mail", 3), ("192.0.2.0/24", "limited_other", 1),
        ("192.0.2.0/24", "limited_password", 2),
    ]  # fmt: skip


# --- whose threads do the work


def test_anonymous_requests_have_threads_of_their_own_and_all_others_keep_theirs(people: People) -> None:
    """Stops: a flood that session checks, second factors, signed-in pages and balancers must wait behind."""
    user, factor = people.protected()
    session = people.token(user, factor.phone)
    with standing_clock(later(minutes=5)), networks_of(people.context) as networks:
        sign_in = networks.send("POST", "/api/v1/sign-ins", json={"email": user.email, "password": PASSWORD})
        page = networks.send("POST", "/sign-in", data={"email": user.email, "password": PASSWORD})
        attempt = page.cookies[ATTEMPT]
        code = {"code": "000000"}
        for method, path, carried, body, pool in (
            ("GET", "/profile", {"Cookie": f"{SESSION}={session}"}, {}, "quick"),
            ("GET", "/profile", DISGUISES["a made-up session"], {}, "anonymous"),
            ("GET", "/api/v1/session", {"Authorization": f"Bearer {session}"}, {}, "quick"),
            ("GET", "/api/v1/session", DISGUISES["a made-up bearer"], {}, "anonymous"),
            ("GET", "/sign-in/code", {"Cookie": f"{ATTEMPT}={attempt}"}, {}, "quick"),
            ("GET", "/sign-in/code", DISGUISES["a made-up sign-in"], {}, "anonymous"),
            ("POST", "/sign-in/code", {"Cookie": f"{ATTEMPT}={attempt}"}, {"data": code}, "quick"),
            ("POST", "/sign-in/code", DISGUISES["a made-up sign-in"], {"data": code}, "anonymous"),
            ("POST", "/api/v1/sign-ins/code", {}, {"json": code | {"sign_in": sign_in.json()["sign_in"]}}, "quick"),
            ("POST", "/api/v1/sign-ins/code", {}, {"json": code | {"sign_in": MADE_UP["signin"]}}, "anonymous"),
            ("POST", "/forgot-password", {}, {"data": {"email": ADA}}, "anonymous"),
            ("POST", "/sign-in", {}, {"data": {"email": ADA, "password": "not it"}}, "password"),
            ("GET", "/readyz", {}, {}, "health"),
        ):  # fmt: skip
            with threads_at(people) as threads:
                networks.send(method, path, headers=carried, **body)
            assert threads, path
            assert all(name.startswith(pool) for name in threads), (path, carried, threads)


class threads_at:  # noqa: N801 - reads as a word
    """Notes the threads that use a database."""

    def __init__(self, people: People) -> None:
        self._engines = {people.context.db.engine, people.context.db._engine_aside}
        self._names = set[str]()

    def __enter__(self) -> set[str]:
        for engine in self._engines:
            sa.event.listen(engine, "before_cursor_execute", self._note)
        return self._names

    def __exit__(self, *_error: object) -> None:
        for engine in self._engines:
            sa.event.remove(engine, "before_cursor_execute", self._note)

    def _note(self, *_arguments: object) -> None:
        self._names.add(threading.current_thread().name)


# --- refusals that are held back


def test_refusals_of_networks_are_held_back(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops: connections that ask again as soon as they are refused, and keep the server busy with refusing."""
    held = hold(monkeypatch)
    use_up(networks, Kind.OTHER)
    for _ in range(3):
        assert networks.send("GET", "/sign-in").status_code == 429
    assert len(held) == 3
    assert all(2 <= seconds < 4 for seconds in held)
    networks.address = "127.0.0.1"
    assert networks.send("GET", "/sign-in").status_code == 200
    assert len(held) == 3


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_no_more_are_held_back_than_there_is_room_for(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    held = hold(monkeypatch)
    monkeypatch.setattr(anonymous, "MOST_HELD_BACK", 0)
    use_up(networks, Kind.OTHER)
    assert networks.send("GET", "/sign-in").status_code == 429
    assert held == []


def test_a_full_thread_pool_refuses_anonymous_requests_unread_and_no_others(
    networks: Networks, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(monkeypatch)
    token = people.token(people.user())
    client = signed_in_before(networks)
    pools: ThreadPools = networks.anonymous._pools()
    monkeypatch.setattr(ThreadPool, "is_full", lambda pool, *, first=False: not first and pool is not pools.quick)
    for method, path, headers, body, status in (
        ("GET", "/sign-in", {}, {}, 503),
        ("POST", "/sign-in", {}, {"data": {"email": ADA, "password": PASSWORD}}, 503),
        ("POST", "/api/v1/sign-ins", {}, {"json": {"email": ADA, "password": PASSWORD}}, 503),
        ("POST", "/api/v1/sign-ins", {"Twofold-Client": client}, {"json": {"email": ADA, "password": PASSWORD}}, 201),
        ("GET", "/profile", {"Cookie": f"{SESSION}={token}"}, {}, 200),
    ):
        answer = networks.send(method, path, headers=headers, **body)
        assert answer.status_code == status, (path, headers)
        if status == 503:
            assert answer.headers["Retry-After"] == "2"
            assert "Try again in a moment" in answer.text or answer.json()["code"] == "unavailable"


def hold(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Hold refusals back for no time; return for how long it would have been."""
    held = list[float]()

    async def pause(seconds: float) -> None:
        held.append(seconds)

    monkeypatch.setattr(anonymous, "HELD_BACK", 2.0)
    monkeypatch.setattr(anonymous, "asyncio", SimpleNamespace(sleep=pause))
    return held


def test_every_route_that_hashes_for_anybody_says_so() -> None:
    """Stops: a new page with a password on it that only counts as one request more."""
    settings = Settings(database_url="sqlite:///nowhere", data_dir=Path("/nowhere"), keys=parse_keys(KEYS), **CHEAP)
    in_password_pool = takes_password(lambda: None).__code__
    found = {
        f"{method} {route.path}": handler.opt.get(LIMITED)
        for route in app_for(settings).litestar.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in handler.http_methods
        if getattr(handler.fn, "__code__", None) is in_password_pool
    }
    open_operations = {name for name in found if TABLE[name].audience == "anybody"}
    assert len(open_operations) >= 5
    assert {name: kind for name, kind in found.items() if (kind is Kind.PASSWORD) != (name in open_operations)} == {}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_only_what_watches_this_node_and_files_that_there_are_are_never_limited(networks: Networks) -> None:
    """Stops: a flood of addresses that only begin like one that is not limited, each answered with a page."""
    use_up(networks, Kind.OTHER)
    style = files_of(None).url("twofold.css")
    for path in ("/healthz", "/readyz", style):
        assert networks.send("GET", path).status_code == 200, path
    for path in ("/healthzz", "/readyz/nowhere", "/metrics", "/static/nowhere.css"):
        assert networks.send("GET", path).status_code == 429, path
