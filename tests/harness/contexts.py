"""A Twofold in the test's own process: its tools over a real database, and the web application on top of them."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import httpx
import msgspec
import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import TestClient
from litestar.types import ASGIApp

from tests.harness import databases
from tests.harness.clock import NOON
from tests.harness.passkeys import DOMAIN
from tests.harness.processes import LONGEST
from twofold.kit import clock
from twofold.kit.context import AppContext
from twofold.kit.crypto import argon2id, keyring
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.vault import Vault
from twofold.kit.mail.outbox import Outbox
from twofold.kit.sql.database import Database
from twofold.operations.jobs import PRIORITIES
from twofold.setting_values import parse_keys
from twofold.settings import Settings

# 32 bytes that encrypt nothing of value.
KEYS = "test:dGVzdHMtZW5jcnlwdC1ub3RoaW5nLW9mLXZhbHVlISE="

BASE_URL = "http://127.0.0.1:8000"

# The least that argon2id takes: tests check hundreds of passwords. As settings, as environment for servers.
CHEAP: dict[str, Any] = {"argon2_memory_kib": 7168, "argon2_passes": 1}
# Where it is, and what passkeys are bound to: a context whose base URL is of that domain can use them.
SERVED = {"base_url": BASE_URL, "passkey_domain": DOMAIN}
CHEAP_SERVER = {name: str(value) for name, value in CHEAP.items()}


@contextmanager
def context_on(database_url: str, *, mail: bool = True, **chosen: Any) -> Iterator[AppContext]:
    """Open an application on a database; `chosen` goes over the settings of tests.

    With `mail` letters are dropped into the outbox, where they stay: no worker runs here. Nobody gives up because the
    machine is slow: whoever tests a time-out of the database chooses one (`database_timeout`).
    """
    settings = Settings(
        database_url=database_url, data_dir=Path("/nonexistent"), keys=parse_keys(KEYS),
        **(CHEAP | {"worker": False, "database_timeout": timedelta(seconds=LONGEST)} | SERVED | chosen),
    )  # fmt: skip
    db = _lend(database_url, settings.pool_size, settings.database_timeout)
    try:
        vault = Vault(settings.keys)
        keyring.check(db, vault)
        hasher = _hasher(settings.argon2_memory_kib, settings.argon2_passes)
        yield AppContext(settings, db, vault, hasher, Outbox(configured=mail, priorities=PRIORITIES))
    finally:
        db.close()
        _keep(db)


class _KeptDatabase(Database):
    """A database whose statements stay compiled, and whose connections open, from one test to the next.

    SQLite's are given back: another file takes the place of the one that they have open.
    """

    def __init__(self, url: str, pool_size: int, timeout: timedelta) -> None:
        super().__init__(url, pool_size=pool_size, timeout=timeout)
        self.pool_size, self.timeout = pool_size, timeout
        self._backends: list[int] = []
        for engine in (self.engine, self._engine_aside):
            sa.event.listen(engine, "connect", self._note)

    def close(self) -> None:
        if self.on_sqlite or self.connections_in_use:
            self.give_back()
        else:
            databases.at_rest[self.url] = self._backends

    def _note(self, connection: Any, _record: object) -> None:
        if not self.on_sqlite:
            self._backends.append(connection.info.backend_pid)


_kept: dict[str, _KeptDatabase] = {}
MOST_KEPT = 4


def _lend(url: str, pool_size: int, timeout: timedelta) -> _KeptDatabase:
    """Open a database, or lend the one that was kept where it is the same."""
    databases.at_rest.pop(url, None)
    kept = _kept.pop(url, None)
    if kept is not None and (kept.pool_size, kept.timeout) == (pool_size, timeout):
        return kept
    if kept is not None:
        Database.close(kept)
    return _KeptDatabase(url, pool_size, timeout)


def _keep(db: _KeptDatabase) -> None:
    """Keep a database for the next application at the same address; two applications at a time never share one."""
    if db.url in _kept or len(_kept) == MOST_KEPT:
        Database.close(_kept.pop(db.url if db.url in _kept else next(iter(_kept))))
    _kept[db.url] = db


def close_kept() -> None:
    """Close what was kept for a next test."""
    while _kept:
        Database.close(_kept.popitem()[1])


class _HashesInItsThreadPool(Hasher):
    """A hasher that breaks where the application hashes elsewhere than in the password pool.

    There it would hold up everybody who came for something quick; on the event loop, everybody.
    """

    def hash(self, password: str) -> str:
        _demand_password_pool()
        return super().hash(password)

    def verify(self, stored: str | None, password: str) -> bool:
        _demand_password_pool()
        return super().verify(stored, password)


class Remembered:
    """A way to hash that works nothing out twice: most tests have the same few passwords."""

    def __init__(self, way: argon2id.Argon2id) -> None:
        self.name, self.about, self.callers = way.name, way.about, way.callers
        self._hash, self._verify = cache(way.hash), cache(way.verify)

    def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
        return self._hash(secret, memory_kib, passes)

    def verify(self, stored: str, secret: bytes) -> bool:
        return self._verify(stored, secret)


def _demand_password_pool() -> None:
    thread = threading.current_thread()
    if thread is not threading.main_thread():  # where tests call flows, perhaps beside a browser's event loop
        assert not thread.name.startswith("quick"), "a password is hashed in the quick pool"
        assert asyncio._get_running_loop() is None, "a password is hashed on the event loop"


@cache
def _hasher(memory_kib: int, passes: int) -> Hasher:
    return _HashesInItsThreadPool(memory_kib, passes, Remembered(argon2id.quickest(memory_kib, passes)))


class FrozenClock:
    """The clock that pages and API read; it stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **span: float) -> datetime:
        """Let time pass: `forward(minutes=10)`."""
        self.at += timedelta(**span)
        return self.at


@contextmanager
def standing_clock(at: datetime = NOON) -> Iterator[FrozenClock]:
    """Put a clock that stands in the place of the system's, for what runs in this process."""
    frozen_clock = FrozenClock(at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", frozen_clock)
        yield frozen_clock


@contextmanager
def client_of(context: AppContext, *handlers: Any) -> Iterator[httpx.Client]:
    """Serve an application in this process; the client speaks HTTP to it and follows no redirect by itself.

    `handlers` are pages that a test adds to it.
    """
    app = app_for(msgspec.structs.replace(context.settings, database_url="sqlite:///nowhere"), handlers)
    app.state.context = context
    with TestClient(app.edge, base_url=context.settings.base_url) as client:
        client.follow_redirects = False
        client.headers.clear()
        yield client


class _App(NamedTuple):
    """The application as a server runs it, and the state that its handlers look into."""

    edge: ASGIApp
    litestar: Litestar

    @property
    def state(self) -> State:
        return self.litestar.state


@cache
def app_for(settings: Settings, handlers: tuple[Any, ...] = ()) -> _App:
    """Put the application together, once for the same settings: that takes longer than most tests."""
    from twofold.app import build_app  # noqa: PLC0415 - tests of one feature run also while another does not

    nobody = AppContext(
        settings, cast("Database", None), Vault(parse_keys(KEYS)), _hasher(7168, 1), Outbox(configured=True)
    )
    edge = build_app(nobody, demo=handlers)
    inner: Any = edge
    while not isinstance(inner, Litestar):  # below the layers around it
        inner = inner._app
    return _App(edge, inner)
