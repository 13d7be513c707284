"""Attacks by asking: who exists, who is locked, frozen or gone must not show to somebody without the password."""

import re

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON
from tests.harness.people import ADA, PASSWORD, People

OWN = {"Origin": "http://127.0.0.1:8000"}
STATES = ["member", "protected", "locked", "frozen", "deactivated", "invited"]


def make(people: People, state: str) -> str:
    """Make a user in a state; return the address."""
    email = f"{state}@acme.example"
    if state in ("protected", "locked"):
        person, _ = people.protected(email)
        if state == "locked":
            people.set_counts(person, wrong=5)
    elif state == "invited":
        people.person(email, password=None)
    else:
        person = people.person(email)
        if state == "frozen":
            people.set_person(person, frozen_at=NOON)
        if state == "deactivated":
            people.set_person(person, active=False)
    return email


def shape(answer: httpx.Response, email: str) -> tuple[object, ...]:
    """Return all that an answer tells, without what differs between any two answers."""
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    headers["content-length"] = str(
        int(headers.get("content-length", "0")) - len(email.encode()) * answer.text.count(email)
    )
    headers["set-cookie"] = re.sub(r"tf_[a-z]+_[\w-]+", "tf_…", headers.get("set-cookie", ""))
    return answer.status_code, headers, answer.text.replace(email, "…")


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
    people.person(ADA)
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
    people.person("gus@globex.example", account=account, password=None)
    shapes = [
        shape(http.post("/sign-in", data={"email": email, "password": PASSWORD}, headers=OWN), email)
        for email in ("gus@globex.example", "nobody@globex.example", "NOBODY@GLOBEX.EXAMPLE")
    ]
    assert shapes[0] == shapes[1] == shapes[2]
    assert "https://sso.globex.example/in" in str(shapes[0][2])


def test_the_same_work_is_done_for_an_unknown_address(http: httpx.Client, people: People) -> None:
    """Not a stopwatch: the statements and the hash are counted, which is what takes the time."""
    people.person(ADA)
    works = []
    for email in (ADA, "nobody@acme.example"):
        with counted(people) as work:
            http.post("/api/v1/sign-ins", json={"email": email, "password": "wrong one"})
        works.append(work)
    assert works[0] == works[1]
    assert works[0].count("verify") == 1


class counted:  # noqa: N801 - reads as a word
    """Notes the statements and password checks of a house, in order."""

    def __init__(self, people: People) -> None:
        self.house, self.work = people.house, list[str]()

    def __enter__(self) -> list[str]:
        self.patch = pytest.MonkeyPatch()
        verify = self.house.hasher.verify

        def noted(stored: str | None, password: str) -> bool:
            self.work.append("verify")
            return verify(stored, password)

        self.patch.setattr(self.house.hasher, "verify", noted)
        sa.event.listen(self.house.db.engine, "before_cursor_execute", self._note)
        return self.work

    def _note(self, _c: object, _cursor: object, statement: str, *_rest: object) -> None:
        self.work.append(statement)

    def __exit__(self, *_error: object) -> None:
        sa.event.remove(self.house.db.engine, "before_cursor_execute", self._note)
        self.patch.undo()
