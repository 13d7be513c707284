"""What journeys go through: a real server on its own port, and people with sign-ins."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.databases import SqliteDatabases
from tests.harness.people import PASSWORD, Factor, People
from tests.harness.server import Server, variables
from twofold.directory.user import User
from twofold.factors.totp.tables import authenticators
from twofold.kit.crypto.tokens import random_bytes


def now() -> datetime:
    """The real time: the server reads the real clock."""
    return datetime.now(UTC)


@dataclass
class World:
    """A server, and an application on its database to make people in."""

    server: Server
    people: People

    @property
    def url(self) -> str:
        return self.server.url

    def somebody(self, **values: Any) -> User:
        """Make somebody new, in an account of their own."""
        account = self.people.account("Acme", **values.pop("of", {}))
        values.setdefault("name", "Ada Lovelace")
        email = f"{values.pop('called', 'ada')}-{random_bytes(4).hex()}@acme.example"
        return self.people.user(email, account=account, **values)

    def protected(self, **values: Any) -> tuple[User, Factor]:
        """Make somebody who has had two-factor authentication since yesterday."""
        user = self.somebody(**values)
        factor = self.people.protect(user, at=now() - timedelta(days=1))
        return self.people.look_up(user), factor

    def an_hour_passes(self, user: User) -> None:
        """Move the codes that somebody has used an hour into the past, so that nobody waits for the next one."""
        own = authenticators.c.user_id == user.id
        with self.people.context.db.write() as connection:
            connection.execute(
                authenticators.update().where(own).values(last_step=authenticators.c.last_step - sa.literal(120))
            )

    def sign_in(self, page: Page, user: User, code: str = "", *, password: str = PASSWORD) -> None:
        """Sign in on the page, as far as it goes."""
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("Email address").fill(user.email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        if code:
            page.get_by_label("Code", exact=True).fill(code)
            page.get_by_role("button", name="Verify").click()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[World]:
    """Share one server among all journeys."""
    folder = tmp_path_factory.mktemp("world")
    url = sqlite_databases.fresh(folder)
    settings = {"database_url": url, "keys": KEYS, "worker": "off", "smtp_url": "smtp://127.0.0.1:9", **CHEAP_SERVER}
    named = variables(**settings)
    named["TWOFOLD_SUPPORT_EMAIL"] = "support@operator.example"
    with Server(folder / "server", settings=named) as server, context_on(url) as context:
        yield World(server, People(context))
