"""Attacks across accounts: whoever names an id of another account is answered as for one that does not exist.

Every address of the application that takes an id stands in a table here; a new one that does not fails the first test.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

import httpx
import pytest
import sqlalchemy as sa

from tests.admin.room import agent
from tests.harness.api import Api
from tests.harness.clock import later
from tests.harness.houses import Hands
from tests.harness.pages import Visitor
from tests.harness.people import PASSWORD, Factor, People
from twofold.app import build_app
from twofold.audit import flow as audit
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.kit.tokens import digest
from twofold.provisioning import key_flow
from twofold.provisioning.key_flow import MadeKey
from twofold.schema import metadata
from twofold.sessions.tables import sessions
from twofold.signin.tables import sign_in_attempts

NOWHERE = UUID("00000000-0000-4000-8000-000000000000")
REASON = {"reason": "asked on the telephone"}
TOKENS = {"/not-me/{token}", "/resets/{token}", "/set-password/{token}"}  # whoever holds one may; they are no ids
FILES = {"/static/{file_path}", "/api/{path}"}
UNSAFE = {"Origin": "http://127.0.0.1:8000", "Sec-Fetch-Site": "same-origin"}


@dataclass
class Actor:
    """Somebody with a browser and a program, both signed in; or an operator's product with its key."""

    token: str
    phone: Callable[[datetime], str] = lambda _at: "000000"
    sign_in: str = ""  # a sign-in that waits for the confirmation of a set-up


@dataclass
class Company:
    """An account with people in it, and one id of each kind that an address can name."""

    account: UUID
    admin: Actor
    member: Actor
    ids: dict[str, UUID]
    people: set[UUID] = field(default_factory=set)


class Probe(NamedTuple):
    """A call: the kind of its id, what it sends beside it, and who may make it with an id of their own."""

    kind: str
    who: str
    body: Callable[[Actor, str, datetime], dict[str, Any]] | None = None


def saying(**fields: Any) -> Callable[[Actor, str, datetime], dict[str, Any]]:
    return lambda _actor, _id, _at: fields


def proofs(actor: Actor, _id: str, at: datetime) -> dict[str, Any]:
    return {"password": PASSWORD, "code": actor.phone(at)}


def replaces(actor: Actor, named: str, at: datetime) -> dict[str, Any]:
    return proofs(actor, named, at) | {"replaces": named}


def set_up(actor: Actor, _id: str, _at: datetime) -> dict[str, Any]:
    return {"sign_in": actor.sign_in, "code": "000000"}


ME, V1 = "/profile/two-factor/authenticators", "/api/v1"
NOTHING, REASONED = saying(), saying(**REASON)
NEWCOMER = saying(email="newcomer@evil.example", name="New Comer")

# What people own themselves comes first: what comes later ends their sessions.
TABLE: dict[tuple[str, str], Probe] = {
    ("POST", f"{V1}/sign-ins/enrolments/{{enrolment}}/confirmation"): Probe("set_up", "member", set_up),
    ("POST", f"{V1}/two-factor/enrolments/{{enrolment}}/confirmation"): Probe("enrolment", "member", saying(code="0" * 6)),
    ("PATCH", f"{V1}/two-factor/authenticators/{{authenticator}}"): Probe("authenticator", "member", saying(name="x")),
    ("DELETE", f"{V1}/two-factor/authenticators/{{authenticator}}"): Probe("authenticator", "member", proofs),
    ("GET", f"{ME}/{{authenticator}}/rename"): Probe("authenticator", "member"),
    ("POST", f"{ME}/{{authenticator}}/rename"): Probe("authenticator", "member", saying(name="y")),
    ("GET", f"{ME}/{{authenticator}}/remove"): Probe("authenticator", "member"),
    ("POST", f"{ME}/{{authenticator}}/remove"): Probe("authenticator", "member", proofs),
    ("DELETE", f"{V1}/sessions/{{session_id}}"): Probe("session", "member"),
    ("POST", "/profile/sessions/{session_id}/end"): Probe("other_session", "member", NOTHING),
    ("GET", f"{V1}/users/{{user_id}}"): Probe("user", "admin"),
    ("PATCH", f"{V1}/users/{{user_id}}"): Probe("user", "admin", saying(licensed=False)),
    ("POST", f"{V1}/users/{{user_id}}/two-factor-resets"): Probe("user", "admin", REASONED),
    ("POST", f"{V1}/users/{{user_id}}/unlock"): Probe("user", "admin", REASONED),
    ("POST", f"{V1}/users/{{user_id}}/unfreeze"): Probe("user", "admin", REASONED),
    ("GET", f"{V1}/two-factor-resets/{{case_id}}"): Probe("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/delivery"): Probe("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/approval"): Probe("case", "admin"),
    ("POST", f"{V1}/two-factor-resets/{{case_id}}/cancellation"): Probe("case", "admin"),
    ("GET", "/resets/case/{case_id}"): Probe("case", "admin"),
    ("POST", "/resets/case/{case_id}/delivery"): Probe("case", "admin", NOTHING),
    ("POST", "/resets/case/{case_id}/approval"): Probe("case", "admin", NOTHING),
    ("POST", "/resets/case/{case_id}/cancellation"): Probe("case", "admin", NOTHING),
    ("GET", "/people/{user_id}"): Probe("user", "admin"),
    ("POST", "/people/{user_id}"): Probe("user", "admin", saying(role="member", licensed="", exception_until="")),
    **{
        (method, f"/people/{{user_id}}/{act}"): Probe("user", "admin", REASONED if method == "POST" else None)
        for act in ("reset", "unlock", "unfreeze", "deactivate", "activate")
        for method in ("GET", "POST")
    },
    ("POST", "/people/{user_id}/invitation"): Probe("user", "admin", NOTHING),
    ("GET", f"{V1}/accounts/{{account}}"): Probe("account", "operator"),
    ("PATCH", f"{V1}/accounts/{{account}}"): Probe("account", "operator", saying(name="Taken over")),
    ("POST", f"{V1}/accounts/{{account}}/users"): Probe("account", "operator", NEWCOMER),
    ("GET", "/support/accounts/{account}"): Probe("account", "support"),
    ("GET", "/support/accounts/{account}/audit"): Probe("account", "support"),
    ("POST", "/support/accounts/{account}/audit.csv"): Probe("account", "support", NOTHING),
    ("POST", "/support/accounts/{account}/audit.jsonl"): Probe("account", "support", NOTHING),
    ("GET", "/support/users/{user_id}"): Probe("user", "support"),
    **{
        (method, f"/support/users/{{user_id}}/{act}"): Probe("user", "support", REASONED if method == "POST" else None)
        for act in ("reset", "unlock", "unfreeze")
        for method in ("GET", "POST")
    },
}  # fmt: skip

# Ids that stand elsewhere than in the path.
ASIDE: dict[tuple[str, str], Probe] = {
    ("POST", f"{V1}/two-factor/enrolments"): Probe("authenticator", "member", replaces),
    ("GET", f"{V1}/users?account={{account}}"): Probe("account", "support"),
    ("GET", f"{V1}/two-factor-resets?account={{account}}"): Probe("account", "support"),
    ("GET", f"{V1}/two-factor-resets?user={{user}}"): Probe("user", "admin"),
    ("GET", f"{V1}/audit-events?account={{account}}"): Probe("account", "support"),
    ("GET", f"{V1}/audit-events?user={{user}}"): Probe("user", "admin"),
    ("GET", "/resets?account={account}"): Probe("account", "support"),
}


@pytest.fixture
def acme(people: People, http: httpx.Client, hands: Hands) -> Company:
    return company(people, http, hands, "acme")


@pytest.fixture
def globex(people: People, http: httpx.Client, hands: Hands) -> Company:
    return company(people, http, hands, "globex")


def company(people: People, http: httpx.Client, hands: Hands, name: str) -> Company:
    account = people.account(name.title())
    boss, bosses = people.protected(f"admin@{name}.example", account=account, role="admin")
    user, users = people.protected(f"member@{name}.example", account=account)
    ids = {kind: session_of(people, user, users, minutes) for kind, minutes in (("session", -4), ("other_session", -3))}
    admin, member = actor(people, boss, bosses), actor(people, user, users)
    ids |= {"account": account, "user": user.id, "authenticator": app_of(Api(http, member.token))}
    ids["enrolment"] = opened(
        Api(http, member.token).post("/two-factor/enrolments", password=PASSWORD, code=users.phone.code(hands.at))
    )
    ids["case"] = UUID(Api(http, admin.token).post(f"/users/{user.id}/two-factor-resets", **REASON)["id"])
    fresh = people.person(f"fresh@{name}.example", account=account)
    people.set_account(account, policy="required", required_from=later(days=-1))
    admin.sign_in = member.sign_in = waiting_for_set_up(people, fresh)
    ids["set_up"] = opened(Api(http).post("/sign-ins/enrolments", sign_in=member.sign_in))
    return Company(account, admin, member, ids, {boss.id, user.id, fresh.id})


def actor(people: People, person: Person, factor: Factor) -> Actor:
    return Actor(people.token(person, factor.phone, at=later(minutes=-2)), factor.phone.code)


def app_of(api: Api) -> UUID:
    [app] = api.get("/two-factor")["authenticators"]
    return UUID(app["id"])


def opened(answer: Any) -> UUID:
    assert answer.status == 201, answer
    return UUID(answer["enrolment"])


def session_of(people: People, person: Person, factor: Factor, minutes: int) -> UUID:
    token = people.token(person, factor.phone, at=later(minutes=minutes))
    with people.house.db.read() as connection:
        return connection.execute(sa.select(sessions.c.id).where(sessions.c.token_hash == digest(token))).scalar_one()


def waiting_for_set_up(people: People, person: Person) -> str:
    """Begin a sign-in whose user has proved password and mailbox already."""
    token = people.attempt(person, channel="api")
    with people.house.db.write() as connection:
        connection.execute(
            sign_in_attempts.update().where(sign_in_attempts.c.user_id == person.id).values(step="set_up")
        )
    return token


def ask(http: httpx.Client, actor: Actor, where: tuple[str, str], probe: Probe, named: UUID, at: datetime) -> Any:
    """Make a call as somebody and return all that its answer tells, without the id that was named."""
    method, path = where
    path = re.sub(r"\{[^}]+\}", str(named), path)
    body = None if probe.body is None else probe.body(actor, str(named), at)
    if path.startswith(V1):
        answer = http.request(method, path, json=body, headers={"Authorization": f"Bearer {actor.token}"})
    else:
        headers = {"Cookie": f"twofold_session={actor.token}", **(UNSAFE if method == "POST" else {})}
        answer = http.request(method, path, data=body, headers=headers)
    http.cookies.clear()
    headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, *(masked(text, named) for text in (repr(sorted(headers.items())), answer.text))


def masked(text: str, named: UUID) -> str:
    return re.sub(r"tf_[a-z]+_[\w-]+", "tf_…", text.replace(str(named), "…"))


def routes(house: House) -> Iterator[tuple[str, str]]:
    """Return method and address of everything that the application answers."""
    for route in cast("Any", build_app(house))._app.routes:
        for method in getattr(route, "methods", ()):
            yield method, re.sub(r":[a-z]+\}", "}", route.path)


def rows_of(people: People, company: Company) -> list[str]:
    """Return every row that belongs to an account or to somebody in it."""
    theirs = {company.account, *company.people}
    with people.house.db.read() as connection:
        return sorted(
            f"{table.name} {tuple(row)}"
            for table in metadata.sorted_tables
            for row in connection.execute(sa.select(table))
            if theirs.intersection(value for value in row if isinstance(value, UUID))
        )


def test_every_address_that_takes_an_id_is_known_here(house: House) -> None:
    found = {(method, path) for method, path in routes(house) if "{" in path and method not in ("OPTIONS", "HEAD")}
    found = {(method, path) for method, path in found if path not in TOKENS | FILES}
    assert len(found) > 40, found
    assert found == set(TABLE)


def test_every_parameter_that_takes_an_id_is_known_here(http: httpx.Client) -> None:
    paths = http.get("/api/openapi.json").json()["paths"]
    found = {
        (method.upper(), f"{path}?{parameter['name']}={{{parameter['name']}}}")
        for path, methods in paths.items()
        for method, call in methods.items()
        for parameter in call.get("parameters", [])
        if parameter["in"] == "query"
        and parameter["name"] in ("account", "user", "user_id", "account_id", "case", "id")
    }
    assert found == {where for where in ASIDE if "?" in where[1] and where[1].startswith(V1)}


@pytest.mark.parametrize("role", ["admin", "member"])
def test_an_id_of_another_account_is_answered_like_one_that_does_not_exist(
    http: httpx.Client, people: People, hands: Hands, acme: Company, globex: Company, role: str
) -> None:
    attacker: Actor = getattr(acme, role)
    before, told = rows_of(people, globex), []
    assert len(before) > 25, before
    for where, probe in (TABLE | ASIDE).items():
        step = 30 if probe.body in (proofs, replaces) else 0  # a code counts once
        answers = [
            ask(http, attacker, where, probe, named, hands.forward(seconds=step))
            for named in (globex.ids[probe.kind], NOWHERE)
        ]
        if answers[0] != answers[1]:
            told.append((where, *answers))
        assert answers[0][0] < 500, (where, answers)
        assert answers[0][0] not in (201, 204), (where, answers)
    assert not told, told
    assert rows_of(people, globex) == before


def test_each_of_these_calls_does_something_with_an_id_of_ones_own(
    http: httpx.Client, people: People, hands: Hands, acme: Company
) -> None:
    """Otherwise the test above would compare two refusals that have nothing to do with the id."""
    sam, sams = agent(people)
    made = key_flow.create_key(people.house.db, "Shop", actor=audit.CONSOLE, at=hands.at)
    assert isinstance(made, MadeKey)
    actors = {
        "admin": acme.admin, "member": acme.member, "operator": Actor(made.key), "support": actor(people, sam, sams),
    }  # fmt: skip
    idle = []
    for where, probe in sorted((TABLE | ASIDE).items(), key=lambda item: item[1].who != "member"):
        given = (where, probe)
        missing = ask(http, actors[probe.who], *given, NOWHERE, hands.forward(seconds=30))
        before = rows_of(people, acme)
        own = ask(http, actors[probe.who], *given, acme.ids[probe.kind], hands.forward(seconds=30))
        if own == missing and rows_of(people, acme) == before:
            idle.append((where, own))
    assert not idle, idle


def test_a_page_of_another_account_is_not_found(http: httpx.Client, acme: Company, globex: Company) -> None:
    browser = Visitor(http)
    browser.cookies.set("twofold_session", acme.admin.token)
    assert browser.get(f"/people/{acme.ids['user']}").status == 200
    page = browser.get(f"/people/{globex.ids['user']}")
    assert (page.status, page.heading) == (404, "Not found")
    assert "globex" not in page.html.lower()
