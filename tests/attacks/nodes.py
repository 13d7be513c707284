"""Servers of four processes under attack, and an application on the same database that looks at what became of it."""

import time
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
from tests.harness.contexts import CHEAP_SERVER, KEYS, context_on
from tests.harness.nginx import Nginx
from tests.harness.people import CLIENT_INFO, Factor, People, proved
from tests.harness.server import Server, variables
from twofold.directory.user import User
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id, new_token
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts
from twofold.operations.jobs import COMPOSERS
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.sessions.tables import sessions
from twofold.signin import attempt_flow
from twofold.signin.attempt import Step

BUSY, MOST_VOLLEYS = 503, 20
WORKERS = 4  # in all: on one node, or two on each of two


@dataclass(frozen=True)
class Target:
    """One node of four processes, or two nodes of two, and a context on their database; maybe a proxy before them."""

    nodes: tuple[Server, ...]
    context: AppContext
    proxy: Nginx | None = None

    @property
    def people(self) -> People:
        return People(self.context)

    def fire(self, requests: list[bytes]) -> list[Shot]:
        """Send all requests at the same moment, to each node in turn, by the proxy's hand where there is one.

        On a slow machine a process may have too many waiting, and says so before it does anything: they are sent again.
        """
        first, *further = [self.proxy.url] if self.proxy else [node.url for node in self.nodes]
        answered, left = list[Shot](), requests
        for _ in range(MOST_VOLLEYS):
            shots = volley.fire(first, left, *further)
            answered += [shot for shot in shots if shot.status != BUSY]
            left = [shot.request for shot in shots if shot.status == BUSY]
            if not left:
                break
            time.sleep(1)
        assert not left, "the nodes stay too busy"
        return answered

    def account(self, **change: Any) -> UUID:
        return self.people.account(new_id().hex, **change)

    def user(self, account: UUID | None = None, **values: Any) -> User:
        """Make somebody whom no other test knows."""
        return self.people.user(f"{new_id().hex}@acme.example", account=account or self.account(), **values)

    def protected(self) -> tuple[User, Factor]:
        """Make somebody with a phone, protected since yesterday."""
        user = self.user()
        factor = self.people.protect(user, at=now() - timedelta(days=1))
        return self.people.look_up(user), factor

    def attempts(self, user: User, count: int, step: Step = Step.CODE) -> list[str]:
        """Begin sign-ins, as if the password had been given in each."""
        tokens = [new_token("signin") for _ in range(count)]
        with self.context.db.write() as connection:
            for token in tokens:
                attempt_flow.begin(
                    connection, user, token, step, "api", methods=proved("pwd", at=now()), known_client=None,
                    return_to="", at=now(),
                )  # fmt: skip
        return tokens

    def reset_link(self, user: User) -> str:
        """Let an administrator ask for a reset; return the token of the link in the letter that goes out."""
        boss = self.user(user.account_id, role="admin")
        opened = resets.open_case(self.context, boss, user, "lost her phone", origin=Origin(now(), CLIENT_INFO))
        assert isinstance(opened, CaseOpened), opened
        [entry] = self.people.letters("reset_confirm", user.email)
        with self.context.db.write() as connection:
            told = COMPOSERS[entry.kind](self.context, connection, entry, now())
        assert told is not None
        return str(told["link"]).rpartition("/")[2]

    def sessions_of(self, user: User) -> int:
        return self.people.count(sessions, sessions.c.user_id == user.id)

    def counts(self, user: User) -> Counts:
        with self.context.db.read() as connection:
            return lockouts.counts(connection, user.id)

    def events_of(self, user: User, *kinds: str) -> Counter[str]:
        return Counter(event.kind for event in self.people.events(*kinds) if event.subject_id == user.id)


@contextmanager
def target_on(url: str, folder: Path, *, nodes: int, behind_nginx: bool = False) -> Iterator[Target]:
    """Start the nodes, behind a proxy that they trust: the address that it names is believed.

    The proxy is the caller, or nginx as we ship it, which names the caller's own address whatever the caller writes.
    A volley is answered on a slow machine as well: nobody is refused because the database takes its time.
    """
    settings = {
        "database_url": url, "keys": KEYS, "worker": "off", "trusted_proxies": "127.0.0.1",
        "database_timeout_ms": "60000", **CHEAP_SERVER,
    }  # fmt: skip
    named = variables(**settings)
    with ExitStack() as stack:
        servers = [
            Server(folder / f"node-{number}", settings=named, workers=WORKERS // nodes) for number in range(nodes)
        ]
        for server in servers:
            server.start(until_ready=False)
            stack.callback(server.stop)
        for server in servers:
            server.wait_until_ready()
        proxy = Nginx(folder / "nginx", [server.port for server in servers]) if behind_nginx else None
        if proxy is not None:
            stack.enter_context(proxy)
        yield Target(tuple(servers), stack.enter_context(context_on(url)), proxy)


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
