"""A town to walk through: a real server on its own port, and people who live there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page

from tests.harness.databases import SqliteDatabases
from tests.harness.houses import CHEAP_SERVER, KEYS, house_on
from tests.harness.people import PASSWORD, Factor, People
from tests.harness.server import Server
from twofold.directory.person import Person
from twofold.factors.tables import authenticators
from twofold.kit.tokens import random_bytes


def now() -> datetime:
    """The real time: the server reads the real clock."""
    return datetime.now(UTC)


@dataclass
class Town:
    """A server, and a house on its database to make people in."""

    server: Server
    people: People

    @property
    def url(self) -> str:
        return self.server.url

    def somebody(self, **values: Any) -> Person:
        """Make somebody new, in an account of their own."""
        account = self.people.account("Acme", **values.pop("of", {}))
        values.setdefault("name", "Ada Lovelace")
        email = f"{values.pop('called', 'ada')}-{random_bytes(4).hex()}@acme.example"
        return self.people.person(email, account=account, **values)

    def protected(self, **values: Any) -> tuple[Person, Factor]:
        """Make somebody who has had two-factor authentication since yesterday."""
        person = self.somebody(**values)
        factor = self.people.protect(person, at=now() - timedelta(days=1))
        return self.people.look_up(person), factor

    def an_hour_passes(self, person: Person) -> None:
        """Move the codes that somebody has used an hour into the past, so that nobody waits for the next one."""
        own = authenticators.c.user_id == person.id
        with self.people.house.db.write() as connection:
            connection.execute(
                authenticators.update().where(own).values(last_step=authenticators.c.last_step - sa.literal(120))
            )

    def sign_in(self, page: Page, person: Person, code: str = "", *, password: str = PASSWORD) -> None:
        """Sign in on the page, as far as it goes."""
        page.goto(f"{self.url}/sign-in")
        page.get_by_label("E-mail address").fill(person.email)
        page.get_by_label("Password", exact=True).fill(password)
        page.get_by_role("button", name="Sign in").click()
        if code:
            page.get_by_label("Code", exact=True).fill(code)
            page.get_by_role("button", name="Verify").click()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases) -> Iterator[Town]:
    """Serve a town for all journeys."""
    folder = tmp_path_factory.mktemp("town")
    url = sqlite_databases.fresh(folder)
    settings = {"database_url": url, "keys": KEYS, "worker": "off", "smtp_url": "smtp://127.0.0.1:9", **CHEAP_SERVER}
    named = {f"TWOFOLD_{name.upper()}": value for name, value in settings.items()}
    named["TWOFOLD_SUPPORT_EMAIL"] = "support@operator.example"
    with Server(folder / "server", settings=named) as server, house_on(url) as house:
        yield Town(server, People(house))
