"""The administrators' pages: Berta, who administers Acme, on pages and by a program; others as a test needs them."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import httpx

from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.pages import Page, WebClient
from tests.harness.people import Factor, People
from twofold.directory.user import User
from twofold.lockouts.tables import mailbox_budgets

BOSS = "boss@acme.example"
REASON = "Called me: lost phone"
NOWHERE = UUID("00000000-0000-4000-8000-000000000000")


@dataclass(frozen=True)
class Administrator:
    """An administrator with a browser and a program, both signed in."""

    user: User
    factor: Factor
    browser: WebClient
    api: Api

    def open(self, path: str) -> Page:
        """Open a page of theirs."""
        return self.browser.get(path)


def administrator(people: People, http: httpx.Client, email: str, **values: object) -> Administrator:
    """Make an administrator with two-factor authentication and sign them in, on pages and by a program."""
    user, factor = people.protected(email, **({"role": "admin"} | values))
    token = people.token(user, factor.phone, at=later(minutes=-2), channel="api")
    return Administrator(user, factor, browser_of(people, http, user, factor), Api(http, token))


def browser_of(people: People, http: httpx.Client, user: User, factor: Factor | None = None) -> WebClient:
    """Sign somebody in with a browser of their own."""
    web_client = WebClient(http)
    web_client.cookies.set("twofold_session", people.token(user, None if factor is None else factor.phone))
    return web_client


def api_of(people: People, http: httpx.Client, user: User, factor: Factor | None = None) -> Api:
    """Sign somebody in with a program."""
    phone = None if factor is None else factor.phone
    return Api(http, people.token(user, phone, at=later(minutes=-1), channel="api"))


def lock(people: People, user: User) -> None:
    """Let somebody type five wrong codes."""
    sign_in = people.attempt(user)
    for _ in range(5):
        people.give_code(sign_in, "000000")


def shut_mailbox(people: People, user: User) -> None:
    """Let somebody have typed five wrong codes from their mailbox."""
    values = {
        "user_id": user.id, "account_id": user.account_id, "wrong": 5, "closed_until": NOON + timedelta(days=1),
        "mails": 1, "mails_since": NOON,
    }  # fmt: skip
    with people.context.db.write() as connection:
        connection.execute(mailbox_budgets.insert(), values)
