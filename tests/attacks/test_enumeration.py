"""Attacks by asking: who exists, who is locked, frozen or gone must not show to somebody without the password."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.contexts import Remembered
from tests.harness.pages import without_challenge
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, People
from twofold.directory import flow as directory
from twofold.kit.crypto.argon2id_interleaved import Interleaved
from twofold.kit.crypto.libsodium import Libsodium
from twofold.kit.sql import statement
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Proved, Wait, WrongPassword

OWN = {"Origin": "http://127.0.0.1:8000"}
STATES = ["member", "protected", "locked", "frozen", "deactivated", "invited"]


def make(people: People, state: str) -> str:
    """Make a user in a state; return the address."""
    email = f"{state}@acme.example"
    if state in ("protected", "locked"):
        user, _ = people.protected(email)
        if state == "locked":
            people.set_counts(user, wrong=5)
    elif state == "invited":
        people.user(email, password=None)
    else:
        user = people.user(email)
        if state == "frozen":
            people.set_user(user, frozen_at=NOON)
        if state == "deactivated":
            people.set_user(user, active=False)
    return email


def shape(answer: httpx.Response, email: str) -> tuple[object, ...]:
    """Return all that an answer tells, without what differs between any two answers."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    headers["content-length"] = str(
        int(headers.get("content-length", "0")) - len(email.encode()) * answer.text.count(email)
    )
    headers["set-cookie"] = re.sub(r"tf_[a-z]+_[\w-]+", "tf_…", headers.get("set-cookie", ""))
    return answer.status_code, headers, without_challenge(answer.text).replace(email, "…")


@pytest.mark.parametrize("state", STATES)
def test_a_wrong_password_is_answered_alike_whoever_it_is(http: httpx.Client, people: People, state: str) -> None:
    known, unknown = make(people, state), "nobody@acme.example"
    shapes = [
        shape(http.post("/sign-in", data={"email": email, "password": "not it at all"}, headers=OWN), email)
        for email in (known, unknown)
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == 401


@pytest.mark.parametrize("path", ["/api/v1/sign-ins", "/api/v1/legacy/sign-ins"])
@pytest.mark.parametrize("state", STATES)
def test_the_api_answers_a_wrong_password_alike_whoever_it_is(
    http: httpx.Client, people: People, state: str, path: str
) -> None:
    known, unknown = make(people, state), "nobody@acme.example"
    shapes = [
        shape(http.post(path, json={"email": email, "password": "not it at all"}), email) for email in (known, unknown)
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == 401


@pytest.mark.parametrize("state", ["deactivated", "invited"])
def test_who_cannot_sign_in_is_answered_like_nobody_even_with_the_password(
    http: httpx.Client, people: People, state: str
) -> None:
    known, unknown = make(people, state), "nobody@acme.example"
    shapes = [
        shape(http.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=OWN), email)
        for email in (known, unknown)
    ]
    assert shapes[0] == shapes[1]


def test_waiting_is_answered_alike_for_known_and_unknown_addresses(http: httpx.Client, people: People) -> None:
    people.user(ADA)
    for email in (ADA, "nobody@acme.example"):
        for _ in range(5):
            assert http.post("/api/v1/sign-ins", json={"email": email, "password": "wrong one"}).status_code == 401
    shapes = [
        shape(http.post("/api/v1/sign-ins", json={"email": email, "password": "wrong one"}), email)
        for email in (ADA, "nobody@acme.example")
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0][0] == 429


def test_known_and_unknown_addresses_of_an_sso_domain_are_led_on_alike(http: httpx.Client, people: People) -> None:
    account = people.account(
        "Globex", sso=True, sso_domains=["globex.example"], sso_url="https://sso.globex.example/in"
    )
    people.user("gus@globex.example", account=account, password=None)
    shapes = [
        shape(http.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=OWN), email)
        for email in ("gus@globex.example", "nobody@globex.example", "NOBODY@GLOBEX.EXAMPLE")
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert "https://sso.globex.example/in" in str(shapes[0][2])


OPERATIONS = {
    "page": ("/sign-in", {"password": "wrong one"}),
    "api": ("/api/v1/sign-ins", {"password": "wrong one"}),
    "legacy": ("/api/v1/legacy/sign-ins", {"password": "wrong one"}),
    "forgot": ("/forgot-password", {}),
    "email link": ("/sign-in/email-link", {}),
}


def work_of(http: httpx.Client, people: People, operation: str, email: str) -> list[str]:
    """Send an address to a path; return all the work that was done, in order."""
    path, given = OPERATIONS[operation]
    body: dict[str, object] = {"json" if "/api/" in path else "data": {"email": email, **given}}
    with counted(people) as work:
        answer = http.post(path, headers=OWN, **body)  # type: ignore[arg-type]
    assert answer.status_code in {200, 303, 401}, answer.text
    return work


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("state", STATES)
def test_the_same_work_is_done_whoever_it_is(http: httpx.Client, people: People, state: str, operation: str) -> None:
    """Not a stopwatch (`make bench-enumeration` is one): what takes the time is counted, and what it is done with."""
    known, unknown = make(people, state), "nobody@acme.example"
    works = [work_of(http, people, operation, email) for email in (known, unknown)]
    assert works[0] == works[1]
    assert len([done for done in works[0] if done.startswith("hash")]) == (
        0 if operation in {"forgot", "email link"} else 1
    )
    assert "COMMIT" in works[0]
    assert any(done.startswith("a row of") for done in works[0])


@pytest.mark.parametrize("typed", ["a@acme.example", "ada@acme.exampl", "ada@acme.example.", "zoe@acme.example"])
def test_nobody_is_not_the_neighbour_whose_row_is_read_in_their_place(people: People, typed: str) -> None:
    """What makes the work the same must let nobody in: the neighbour's password, known browser and lock are theirs."""
    user, client = people.user(ADA), "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    with people.context.db.write() as connection:
        lockouts.remember_client(connection, user, client, NOON)

    def prove(email: str) -> object:
        return lockouts.prove_password(
            people.context, email, PASSWORD, client=client, address=CLIENT_INFO.address, at=NOON,
        )  # fmt: skip

    for _ in range(5):
        assert prove(typed) == WrongPassword()
    assert prove(typed) == Wait(1)
    assert isinstance(prove(ADA), Proved)
    with people.context.db.read() as connection:
        assert directory.find_user_by_email(connection, typed) is None
        assert directory.user_ids_by_email(connection, typed) is None
        assert directory.find_user_by_email(connection, ADA) == user


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_same_work_is_done_for_everybody_of_an_sso_domain(
    http: httpx.Client, people: People, operation: str
) -> None:
    account = people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://sso.globex.example/")
    people.user("gus@globex.example", account=account, password=None)
    path, given = OPERATIONS[operation]
    works = []
    for email in ("gus@globex.example", "nobody@globex.example"):
        with counted(people) as work:
            kind = "json" if "/api/" in path else "data"
            http.post(path, headers=OWN, **{kind: {"email": email, **given}})  # type: ignore[arg-type]
        works.append(work)
    assert works[0] == works[1]
    look, row = works[0]  # one look at the domain, and nothing that could take its time
    assert look.startswith("SELECT accounts.sso_url")
    assert row == "a row of 1"


def test_the_password_of_somebody_waiting_is_not_hashed_whoever_it_is(http: httpx.Client, people: People) -> None:
    people.user(ADA)
    works = []
    for email in (ADA, "nobody@acme.example"):
        for _ in range(5):
            work_of(http, people, "api", email)
        with counted(people) as work:
            assert http.post("/api/v1/sign-ins", json={"email": email, "password": PASSWORD}).status_code == 429
        works.append(work)
    assert works[0] == works[1]
    assert not [done for done in works[0] if done.startswith("hash")]


class counted:  # noqa: N801 - reads as a word
    """Notes the statements, rows, commits and password hashes of an application, in order and with their size.

    A value more or less, a row more or less, another argon2 parameter: each of them takes another time.
    """

    def __init__(self, people: People) -> None:
        self.context, self.work = people.context, list[str]()

    def __enter__(self) -> list[str]:
        self.patch = pytest.MonkeyPatch()
        for way in (Libsodium, Interleaved, Remembered):
            for name in ("verify", "hash"):
                self.patch.setattr(way, name, self._noted(way, name))
        self.patch.setattr(statement._Prepared, "row", self._decoded(statement._Prepared.row))
        sa.event.listen(self.context.db.engine, "before_cursor_execute", self._note)
        sa.event.listen(self.context.db.engine, "commit", self._note_commit)
        return self.work

    def _noted(self, way: type[Any], name: str) -> Callable[..., Any]:
        real = getattr(way, name)

        def hash_and_note(own: object, *arguments: Any) -> Any:
            parameters = arguments[0].rpartition("p=1$")[0] if name == "verify" else arguments[1:]
            self.work.append(f"hash: {name} {parameters}")
            return real(own, *arguments)

        return hash_and_note

    def _decoded(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def decode_and_note(prepared: Any, row: Any) -> Any:
            self.work.append(f"a row of {len(row)}")
            return real(prepared, row)

        return decode_and_note

    def _note(self, _c: object, _cursor: object, text: str, values: Any, _context: object, many: object) -> None:
        self.work.append(f"{text} with {len(values)} values, {many}")

    def _note_commit(self, _connection: object) -> None:
        self.work.append("COMMIT")

    def __exit__(self, *_error: object) -> None:
        sa.event.remove(self.context.db.engine, "before_cursor_execute", self._note)
        sa.event.remove(self.context.db.engine, "commit", self._note_commit)
        self.patch.undo()
