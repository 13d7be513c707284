"""The support room: Sam, an agent; Acme with Grace, who administers it, and Ada with her phone; another account."""

from datetime import datetime
from uuid import UUID

import httpx

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.pages import Page, Visitor
from tests.harness.people import EARLIER, PASSWORD, VISITOR, Factor, People, phone_of
from twofold.directory import flow as directory
from twofold.directory.person import Person
from twofold.factors import enrolment_flow
from twofold.factors.outcomes import Confirmed

REASON = "Ticket 4711, called back on the number on file."


class Room:
    """Who is in it, and what they do."""

    def __init__(self, people: People, http: httpx.Client) -> None:
        self.people, self.house, self.http = people, people.house, http
        self.grace = people.person("grace@acme.example", role="admin", name="Grace Hopper")
        self.ada, self.factor = people.protected(name="Ada Lovelace")
        self.other = people.account("Umbrella")
        self.sam, self.sams = self.agent("sam@operator.example", "Sam Vimes")

    def agent(self, email: str, name: str) -> tuple[Person, Factor]:
        """Make a support agent who has set up a second factor."""
        person = self.people.person(email, name=name, role="support")
        with self.house.db.write() as connection:
            held = directory.hold_person(connection, person.id)
            assert held is not None
            opened = enrolment_flow.open_for(self.house, connection, held, "test", at=EARLIER)
            phone = phone_of(opened)
            done = enrolment_flow.confirm(
                self.house, connection, held, "test", opened.id, phone.code(EARLIER), visitor=VISITOR, at=EARLIER,
            )  # fmt: skip
        assert isinstance(done, Confirmed), done
        assert done.backup_code is not None
        return self.people.look_up(person), Factor(phone, done.backup_code)

    def enter(self, person: Person, factor: Factor | None = None, at: datetime = NOON) -> Visitor:
        """Sign somebody in, in a browser of their own."""
        visitor = Visitor(self.http)
        page = visitor.sign_in(person.email, PASSWORD, factor.phone.code(at) if factor else "")
        assert page.heading == "Profile", (page.heading, page.text)
        return visitor

    def sam_enters(self) -> Visitor:
        return self.enter(self.sam, self.sams)

    def grace_enters(self) -> Visitor:
        return self.enter(self.grace)

    def api(self, person: Person, factor: Factor | None = None, at: datetime = NOON) -> Api:
        """Sign somebody in with a program."""
        api = Api(self.http)
        api.sign_in(person.email, PASSWORD, factor.phone.code(at) if factor else "")
        return api

    def lock(self, person: Person, wrong_in_row: int = 5) -> None:
        """Let somebody have given five wrong codes."""
        self.people.set_counts(person, wrong=5, wrong_in_row=wrong_in_row)

    def freeze(self, person: Person) -> None:
        """Let somebody have said that it was not them."""
        self.people.set_person(person, frozen_at=NOON)

    def operator(self) -> UUID:
        """The operator's own account."""
        return self.sam.account_id


def rows(page: Page) -> list[str]:
    """What stands in the rows of the tables of a page."""
    return [" ".join(row.split()) for row in page.html.split("<tr role")[1:]]
