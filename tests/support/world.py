"""The support pages: Sam, an agent; Acme with Grace, who administers it, and Ada with her phone; another account."""

from datetime import datetime
from uuid import UUID

import httpx

from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.harness.people import PASSWORD, Factor, People
from twofold.directory.user import User

REASON = "Ticket 4711, called back on the number on file."


class World:
    """Who is in it, and what they do."""

    def __init__(self, people: People, http: httpx.Client) -> None:
        self.people, self.context, self.http = people, people.context, http
        self.grace = people.user("grace@acme.example", role="admin", name="Grace Hopper")
        self.ada, self.factor = people.protected(name="Ada Lovelace")
        self.other = people.account("Umbrella")
        self.sam, self.sams = people.agent()

    def enter(self, user: User, factor: Factor | None = None, at: datetime = NOON) -> WebClient:
        """Sign somebody in, in a browser of their own."""
        web_client = WebClient(self.http)
        page = web_client.sign_in(user.email, PASSWORD, factor.phone.code(at) if factor else "")
        assert page.heading == "Profile", (page.heading, page.text)
        return web_client

    def sam_enters(self) -> WebClient:
        return self.enter(self.sam, self.sams)

    def grace_enters(self) -> WebClient:
        return self.enter(self.grace)

    def api(self, user: User, factor: Factor | None = None, at: datetime = NOON) -> Api:
        """Sign somebody in with a program."""
        api = Api(self.http)
        api.sign_in(user.email, PASSWORD, factor.phone.code(at) if factor else "")
        return api

    def lock(self, user: User, wrong_in_row: int = 5) -> None:
        """Let somebody have given five wrong codes."""
        self.people.set_counts(user, wrong=5, wrong_in_row=wrong_in_row)

    def freeze(self, user: User) -> None:
        """Let somebody have said that it was not them."""
        self.people.set_user(user, frozen_at=NOON)

    def operator(self) -> UUID:
        """The operator's own account."""
        return self.sam.account_id


def rows(page: Page) -> list[str]:
    """What stands in the rows of the tables of a page."""
    return [" ".join(row.split()) for row in page.html.split("<tr role")[1:]]
