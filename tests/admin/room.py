"""The administrator's room: Berta, who administers Acme, on pages and by a program; others as a test needs them."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.pages import Page, Visitor
from tests.harness.people import EARLIER, VISITOR, Factor, People, phone_of
from twofold.audit import flow as audit
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.factors import enrolment_flow
from twofold.factors.outcomes import Confirmed
from twofold.kit.db import Database
from twofold.lockouts.tables import mailbox_budgets
from twofold.provisioning import key_flow
from twofold.provisioning.key_flow import MadeKey

BOSS = "boss@acme.example"
REASON = "Called me: lost phone"
NOWHERE = UUID("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Boss:
    """An administrator with a browser and a program, both signed in."""

    person: Person
    factor: Factor
    browser: Visitor
    api: Api

    def open(self, path: str) -> Page:
        """Open a page of theirs."""
        return self.browser.get(path)


def administrator(people: People, http: httpx.Client, email: str, **values: object) -> Boss:
    """Make an administrator with two-factor authentication and sign them in, on pages and by a program."""
    person, factor = people.protected(email, **({"role": "admin"} | values))
    token = people.token(person, factor.phone, at=later(minutes=-2), channel="api")
    return Boss(person, factor, browser_of(people, http, person, factor), Api(http, token))


def browser_of(people: People, http: httpx.Client, person: Person, factor: Factor | None = None) -> Visitor:
    """Sign somebody in with a browser of their own."""
    visitor = Visitor(http)
    visitor.cookies.set("twofold_session", people.token(person, None if factor is None else factor.phone))
    return visitor


def api_of(people: People, http: httpx.Client, person: Person, factor: Factor | None = None) -> Api:
    """Sign somebody in with a program."""
    phone = None if factor is None else factor.phone
    return Api(http, people.token(person, phone, at=later(minutes=-1), channel="api"))


def agent(people: People, email: str = "agent@operator.example") -> tuple[Person, Factor]:
    """Make a support agent who has set up a second factor."""
    person = people.person(email, name="Sam Support", role="support")
    with people.house.db.write() as connection:
        held = directory.hold_person(connection, person.id)
        assert held is not None
        opened = enrolment_flow.open_for(people.house, connection, held, "test", at=EARLIER)
        phone = phone_of(opened)
        done = enrolment_flow.confirm(
            people.house, connection, held, "test", opened.id, phone.code(EARLIER), visitor=VISITOR, at=EARLIER,
        )  # fmt: skip
    assert isinstance(done, Confirmed)
    assert done.backup_code is not None
    return people.look_up(person), Factor(phone, done.backup_code)


def lock(people: People, person: Person) -> None:
    """Let somebody type five wrong codes."""
    sign_in = people.attempt(person)
    for _ in range(5):
        people.give_code(sign_in, "000000")


def shut_mailbox(people: People, person: Person) -> None:
    """Let somebody have typed five wrong codes from their mailbox."""
    values = {
        "user_id": person.id, "account_id": person.account_id, "wrong": 5, "closed_until": NOON + timedelta(days=1),
        "mails": 1, "mails_since": NOON,
    }  # fmt: skip
    with people.house.db.write() as connection:
        connection.execute(mailbox_budgets.insert(), values)


def operator(http: httpx.Client, db: Database) -> Api:
    """Be a program of the operator's."""
    made = key_flow.create_key(db, "provisioning", actor=audit.CONSOLE, at=NOON)
    assert isinstance(made, MadeKey)
    return Api(http, made.key)
