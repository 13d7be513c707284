"""An application whose address is a domain, so that passkeys can be bound to it; and somebody who has one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.harness.api import Answer, Api
from tests.harness.contexts import context_on
from tests.harness.passkeys import ORIGIN, SoftKey
from tests.harness.people import PASSWORD, People
from twofold.directory.user import User
from twofold.kit.context import AppContext


@pytest.fixture
def context(database_url: str) -> Iterator[AppContext]:
    """Open an application at a domain, once on each kind of database."""
    with context_on(database_url, base_url=ORIGIN) as context:
        yield context


@dataclass
class Holder:
    """Somebody who holds a passkey, and nothing else but the backup code."""

    user: User
    key: SoftKey
    backup_code: str


def open_registration(api: Api, **proofs: Any) -> Answer:
    """Prove the password, and what else is given, to add a passkey."""
    answer = api.post("/two-factor/passkeys/options", **{"password": PASSWORD} | proofs)
    assert answer.status == 201, answer
    return answer


def register(api: Api, key: SoftKey, name: str | None = None, **lies: Any) -> Answer:
    """Add a passkey, of which the authenticator may lie; go on with the session that this leaves."""
    opened = open_registration(api)
    body = {"registration": opened["registration"], "credential": key.make(opened["options"], **lies)}
    answer = api.post("/two-factor/passkeys", **body | ({"name": name} if name else {}))
    if answer.status == 201:
        api.keep(answer)
    return answer


def complete(api: Api, opened: Answer) -> Answer:
    """Send what a new authenticator makes for an open registration."""
    credential = SoftKey().make(opened["options"])
    return api.post("/two-factor/passkeys", registration=opened["registration"], credential=credential)


def begin(api: Api, user: User) -> Answer:
    """Prove the password, and ask for a passkey as the second factor."""
    due = api.post("/sign-ins", email=user.email, password=PASSWORD)
    assert due["next"] == "code", due
    return api.post("/sign-ins/passkey/options", sign_in=due["sign_in"])


def prove(api: Api, asked: Answer, key: SoftKey, **lies: Any) -> Answer:
    """Send what a passkey answers."""
    return api.post("/sign-ins/passkey", sign_in=asked["sign_in"], credential=key.sign(asked["options"], **lies))


@pytest.fixture
def holder(api: Api, people: People) -> Holder:
    """Mia, who set up two-factor authentication by a passkey, and signed out."""
    user, key = people.user("mia@acme.example", name="Mia Marsh"), SoftKey()
    api.sign_in(user.email, PASSWORD)
    added = register(api, key)
    assert added.status == 201, added
    assert api.delete("/session").status == 204
    api.token = api.client = None
    return Holder(people.look_up(user), key, added["backup_code"])
