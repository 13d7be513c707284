"""Servers of four processes under attack, and a house on the same database that looks at what became of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from tests.faults import volley
from tests.faults.volley import Shot
from tests.harness.houses import CHEAP_SERVER, KEYS, house_on
from tests.harness.people import VISITOR, Factor, People
from tests.harness.server import Server
from twofold.directory.person import Person
from twofold.jobs import COMPOSERS
from twofold.kit.house import House
from twofold.kit.tokens import new_id, new_token
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.sessions.tables import sessions
from twofold.signin import flow as signin
from twofold.signin.attempt import Step

WORKERS = 4  # in all: on one node, or two on each of two


@dataclass(frozen=True)
class Target:
    """One node of four processes, or two nodes of two, and a house on their database."""

    nodes: tuple[Server, ...]
    house: House

    @property
    def people(self) -> People:
        return People(self.house)

    def fire(self, requests: list[bytes]) -> list[Shot]:
        """Send all requests at the same moment, to each node in turn."""
        first, *further = [node.url for node in self.nodes]
        return volley.fire(first, requests, *further)

    def account(self, **change: Any) -> UUID:
        return self.people.account(new_id().hex, **change)

    def person(self, account: UUID | None = None, **values: Any) -> Person:
        """Make somebody whom no other test knows."""
        return self.people.person(f"{new_id().hex}@acme.example", account=account or self.account(), **values)

    def protected(self) -> tuple[Person, Factor]:
        """Make somebody with a phone, protected since yesterday."""
        person = self.person()
        factor = self.people.protect(person, at=now() - timedelta(days=1))
        return self.people.look_up(person), factor

    def attempts(self, person: Person, count: int, step: Step = Step.CODE) -> list[str]:
        """Begin sign-ins, as if the password had been given in each."""
        tokens = [new_token("signin") for _ in range(count)]
        with self.house.db.write() as connection:
            for token in tokens:
                signin.begin(connection, person, token, step, "api", known_client=None, return_to="", at=now())
        return tokens

    def reset_link(self, person: Person) -> str:
        """Let an administrator ask for a reset; return the token of the link in the letter that goes out."""
        boss = self.person(person.account_id, role="admin")
        opened = resets.open_case(self.house, boss, person, "lost her phone", visitor=VISITOR, at=now())
        assert isinstance(opened, CaseOpened), opened
        [entry] = self.people.letters("reset_confirm", person.email)
        with self.house.db.write() as connection:
            told = COMPOSERS[entry.kind](self.house, connection, entry, now())
        assert told is not None
        return str(told["link"]).rpartition("/")[2]

    def sessions_of(self, person: Person) -> int:
        return self.people.count(sessions, sessions.c.user_id == person.id)

    def counts(self, person: Person) -> Counts:
        with self.house.db.read() as connection:
            return lockouts.counts(connection, person.id)

    def events_of(self, person: Person, *kinds: str) -> Counter[str]:
        return Counter(event.kind for event in self.people.events(*kinds) if event.subject_id == person.id)


@contextmanager
def target_on(url: str, folder: Path, *, nodes: int) -> Iterator[Target]:
    """Start the nodes, behind a proxy that they trust: the address that it names is believed."""
    settings = {"database_url": url, "keys": KEYS, "worker": "off", "trusted_proxies": "127.0.0.1", **CHEAP_SERVER}
    named = {f"TWOFOLD_{name.upper()}": value for name, value in settings.items()}
    with ExitStack() as stack:
        servers = [
            Server(folder / f"node-{number}", settings=named, workers=WORKERS // nodes) for number in range(nodes)
        ]
        for server in servers:
            server.start(until_ready=False)
            stack.callback(server.stop)
        for server in servers:
            server.wait_until_ready(seconds=60)
        yield Target(tuple(servers), stack.enter_context(house_on(url)))


def now() -> datetime:
    """The real time: servers of their own read the real clock."""
    return datetime.now(UTC)


def body(shot: Shot) -> dict[str, object]:
    return msgspec.json.decode(shot.answer.partition(b"\r\n\r\n")[2], type=dict[str, object])


def answers(shots: list[Shot]) -> Counter[tuple[object, ...]]:
    """Count the answers by status, code, hint and tries left; every request must have one."""
    return Counter(
        (shot.status, *(body(shot).get(name) for name in ("code", "hint", "attempts_left"))) for shot in shots
    )


def statuses(shots: list[Shot]) -> Counter[int]:
    return Counter(shot.status for shot in shots)
