"""The database: one place that knows how SQLite and PostgreSQL differ.

`Database.read` gives a connection for single statements, each its own snapshot. `Database.write` is a transaction: it
commits at the end of the block, also when the block returns a refusal, and rolls back when the block raises.
"""

import contextlib
import fcntl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from twofold.kit import clock, metrics
from twofold.kit.sql import timeouts
from twofold.kit.sql.statement import Statement

# `INSERT … ON CONFLICT` is spelled per database: build a statement once for each, pick it by `connection.dialect.name`.
INSERTS: dict[str, Callable[[sa.Table], postgresql.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": cast("Callable[[sa.Table], postgresql.Insert]", sqlite.insert),
}

# On SQLite the lock on the file is taken at once, not at the first statement that writes, when it may be too late.
_begin = Statement({"sqlite": sa.text("BEGIN IMMEDIATE"), "postgresql": sa.text("BEGIN")})

_begin_snapshot = Statement(
    {"sqlite": sa.text("BEGIN"), "postgresql": sa.text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")}
)

SQLITE_CONNECTIONS = 32
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=4000",  # 16 MB before they are copied into the file: what changes often is copied less often
    "recursive_triggers=ON",  # without it REPLACE deletes rows and fires no trigger of a DELETE
)
DURABLE = "twofold_lasting"  # beside a connection to SQLite: whether it waits for the disk when it commits

# A transaction that need not last is there for everybody at once, but neither disk nor replica is waited for. On SQLite
# the connection is told before (`write`, `write_one`); on PostgreSQL a statement says so, beside whatever it returns.
NEED_NOT_LAST: dict[str, list[sa.ColumnElement[str]]] = {
    "postgresql": [sa.literal_column("set_config('synchronous_commit', 'off', true)").label("need_not_last")],
    "sqlite": [],
}
_need_not_last = Statement({"postgresql": sa.text("SET LOCAL synchronous_commit TO OFF")})

AnyRow: TypeAlias = sa.Row[*tuple[Any, ...]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# Whoever waits for a page gets an answer within two seconds, also where the database gives none.
TIMEOUT = timedelta(milliseconds=1500)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    },
)


class UtcTime(sa.types.TypeDecorator[datetime]):
    """A moment: `timestamptz` on PostgreSQL, microseconds since 1970 on SQLite; always aware and in UTC in Python."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.TIMESTAMP(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC)
        return EPOCH + timedelta(microseconds=value)


# Set where a thread must not wait for its turn to write, such as that of the event loop.
only_reading: ContextVar[bool] = ContextVar("only_reading", default=False)


class WriteNeeded(Exception):
    """A write was asked for where there is only reading; nothing has been done."""


class Undone(Exception):
    """One of several transactions that were to commit together raised: none of them has happened."""


_this_thread = threading.local()


def serve_anonymous() -> None:
    """Make this thread one that works for people who are not known yet: a share of the database is enough for those."""
    _this_thread.serves_anonymous = True


class Database:
    """A pool of connections, with one way to read and one way to write.

    Threads that somebody waits for (kit.sql.timeouts) give up after `timeout` seconds without an answer. Those that
    serve strangers have at most half of the connections among them; on SQLite, where reading waits for nobody, at most
    one of them lines up to write.
    """

    def __init__(self, url: str, *, pool_size: int = 8, timeout: timedelta = TIMEOUT) -> None:
        self.url = url
        self.on_sqlite = url.startswith("sqlite")
        seconds = timeout.total_seconds()
        self._watch: timeouts.Monitor | None = None
        self._queue: _WriterQueue | None = None
        self._shared = _Shared()
        if self.on_sqlite:
            self.engine = _sqlite_engine(url, seconds)  # makes the folder, where there is none
            self._queue = _WriterQueue(url, seconds)
            self._engine_aside = self.engine
        else:
            self.engine, self._watch = timeouts.engine(url, pool_size, seconds)
            self._engine_aside, _watch = timeouts.engine(url, 1, seconds, self._watch)
        self._most = pool_size if self._queue is None else SQLITE_CONNECTIONS
        self._share = _Share(1 if self.on_sqlite else max(1, pool_size // 2), seconds)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Lend a connection for reading; every statement sees what was committed before it."""
        if self._shared.connection is not None:
            yield self._shared.connection
            return
        if self._queue is not None or not _for_anonymous():
            with self._lend() as connection:
                yield connection
            return
        with self._share, self._lend() as connection:
            yield connection

    @contextmanager
    def read_aside(self) -> Iterator[sa.Connection]:
        """Lend a connection that nobody else is lent: whether the database answers is asked while all others wait."""
        with self._engine_aside.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[sa.Connection]:
        """Lend a connection for reading everything as it was at one moment, for as long as that takes."""
        with self.engine.connect() as connection, connection.begin():
            _begin_snapshot.enqueue(connection)
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[sa.Connection]:
        """Open a transaction that commits at the end of the block and rolls back when the block raises.

        What is not `durable` is committed without waiting for the disk. It may be gone after a power cut, or when a
        replica takes over, but never because a process of ours was killed.

        Raises:
            ComesToWrite: here is only reading.

        """
        if (shared := self._shared.connection) is not None:
            with self._shared.part():
                yield shared
            return
        with self._writer(durable=durable) as connection, connection.begin():
            _begin.enqueue(connection)  # drivers and pools begin nothing by themselves: reads stand alone
            if not durable and self._queue is None:
                _need_not_last.enqueue(connection)
            yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let the transactions of this thread commit together, at the end of the block.

        SQLite waits for the disk at each commit while nobody else can write: so many share one wait. Nothing of them
        has happened before the block has ended, so nobody may be told of it earlier. On PostgreSQL, whose transactions
        run beside each other, each commits by itself as ever.

        Raises:
            Undone: one of them raised. Each can be tried alone.

        """
        if self._queue is None:
            yield
            return
        with self.write() as connection:
            self._shared.connection, self._shared.spoilt = connection, False
            try:
                yield
            finally:
                self._shared.connection = None
            if self._shared.spoilt:
                raise Undone

    @contextmanager
    def write_one(self) -> Iterator[sa.Connection]:
        """Lend a connection for a single statement that is a transaction of its own, and not a durable one.

        On PostgreSQL it has to return NEED_NOT_LAST.
        """
        if (shared := self._shared.connection) is not None:
            with self._shared.part():
                yield shared
            return
        with self._writer(durable=False) as connection:
            yield connection

    @contextmanager
    def _writer(self, *, durable: bool) -> Iterator[sa.Connection]:
        if only_reading.get():
            raise WriteNeeded
        if not _for_anonymous():
            with self._next_writer(durable=durable) as connection:
                yield connection
            return
        with self._share, self._next_writer(durable=durable) as connection:
            yield connection

    @contextmanager
    def _next_writer(self, *, durable: bool) -> Iterator[sa.Connection]:
        if self._queue is None:
            with self._lend() as connection:
                yield connection
            return
        with self._queue.turn(), self._lend() as connection:
            if connection.info.get(DURABLE, True) is not durable:
                driver: Any = connection.connection.driver_connection
                driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                connection.info[DURABLE] = durable
            yield connection

    def _lend(self) -> sa.Connection:
        """Lend a connection; where all of them are lent out, the wait for one is noted."""
        if self.connections_in_use < self._most:
            return self.engine.connect()
        with _noted("connection"):
            return self.engine.connect()

    @property
    def connections_in_use(self) -> int:
        """How many connections of the pool are lent out."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, sa.QueuePool) else 0

    def give_back(self) -> None:
        """Give back every connection; the next use opens new ones."""
        self.engine.dispose()
        self._engine_aside.dispose()

    def close(self) -> None:
        """Give back every connection, for good."""
        if self._watch is not None:
            self._watch.close()
        self.give_back()
        if self._queue is not None:
            self._queue.close()


def _for_anonymous() -> bool:
    return getattr(_this_thread, "serves_anonymous", False)


class _Share:
    """How many threads that serve strangers are at the database at once; one that is may use it again meanwhile."""

    def __init__(self, most: int, timeout: float) -> None:
        self._patience = timeout
        self._room = threading.BoundedSemaphore(most)
        self._depth = threading.local()

    def __enter__(self) -> None:
        depth = getattr(self._depth, "inside", 0)
        if depth == 0 and not self._room.acquire(blocking=False):
            with _noted("share"):
                if not self._room.acquire(timeout=self._patience):
                    raise sa.exc.TimeoutError("strangers have as much of the database as they may")
        self._depth.inside = depth + 1

    def __exit__(self, *_error: object) -> None:
        self._depth.inside -= 1
        if self._depth.inside == 0:
            self._room.release()


class _Shared(threading.local):
    """The one transaction that stands for several of this thread, if they are to commit together."""

    connection: sa.Connection | None = None
    spoilt = False

    @contextmanager
    def part(self) -> Iterator[None]:
        """Open one of them; where the block raises, they are all undone in the end, and no other one begins.

        SQLite may have undone them by itself, as when the disk is full: another one would be no transaction at all.
        """
        if self.spoilt:
            raise Undone
        try:
            yield
        except BaseException:
            self.spoilt = True
            raise


class _WriterQueue:
    """Lines the writers of one SQLite file up, in this process and across processes.

    SQLite's own busy handler polls and is not fair: two processes starve each other for seconds. A lock on a file
    beside the database hands the turn over at once, so `BEGIN IMMEDIATE` never has to wait for another Twofold.

    Whoever holds that lock may be frozen. Nothing in the kernel waits for it with a limit, so where it is not free
    another thread stands in line, and is left standing there when the time-out of this one is over.
    """

    def __init__(self, url: str, timeout: float) -> None:
        path = sa.make_url(url).database or ""
        self._patience = timeout
        self._threads = threading.Lock()
        self._file = Path(f"{path}.lock").open("a")  # noqa: SIM115 - lives as long as the database
        self._line = threading.Condition()  # guards the three below
        # Since when a thread stands in line, if one does. Only that one may ask for the lock: its lock would be ours.
        self._standing_since: float | None = None
        self._wanted = False
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        until = self._limit()
        if not self._threads.acquire(blocking=False):
            with _noted("turn"):
                if not self._threads.acquire(timeout=-1 if until is None else max(0.0, until - clock.stopwatch())):
                    raise sa.exc.TimeoutError("another writer holds the database")
        try:
            self._lock_file(until)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        self._file.close()

    def _limit(self) -> float | None:
        """Say when the time-out of this thread ends: at once, where another has stood in line for that long already."""
        if not timeouts.is_interactive():
            return None
        since, now = self._standing_since, clock.stopwatch()
        return (now if since is None else since) + self._patience

    def _lock_file(self, until: float | None) -> None:
        with self._line:
            if self._standing_since is None:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                self._standing_since = clock.stopwatch()
                threading.Thread(target=self._stand_in_line, name="writers-queue", daemon=True).start()
            self._wanted = True
            with _noted("turn"):
                seconds = None if until is None else max(0.0, until - clock.stopwatch())
                taken = self._line.wait_for(lambda: self._taken, seconds)
            self._wanted = self._taken = False
        if not taken:
            raise sa.exc.TimeoutError("another process holds the database")

    def _stand_in_line(self) -> None:
        with contextlib.suppress(ValueError):  # the database was closed meanwhile, and the lock with it
            fcntl.flock(self._file, fcntl.LOCK_EX)
            with self._line:
                self._standing_since, self._taken = None, self._wanted
                self._line.notify()
                if not self._wanted:
                    fcntl.flock(self._file, fcntl.LOCK_UN)


@contextmanager
def _noted(what: str) -> Iterator[None]:
    """Measure a wait: whoever waits for nothing pays nothing for it."""
    started = clock.stopwatch()
    try:
        yield
    finally:
        metrics.database_wait_seconds.labels(what).observe(clock.stopwatch() - started)


def _sqlite_engine(url: str, timeout: float) -> sa.Engine:
    path = sa.make_url(url).database
    if path:
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = sa.create_engine(
        url,
        hide_parameters=True,  # what an error says of a statement ends in a log
        connect_args={"check_same_thread": False, "timeout": timeout},
        poolclass=sa.QueuePool,
        pool_size=SQLITE_CONNECTIONS // 2,
        max_overflow=SQLITE_CONNECTIONS // 2,
        pool_reset_on_return=None,
        pool_use_lifo=True,  # who wrote last has the latest pages at hand and need not read them anew
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def delete_idle(connection: sa.Connection, table: sa.Table, over: sa.ColumnElement[bool]) -> int:
    """Delete the rows of a table that are over, but for those that somebody holds: the next clean-up finds them.

    Whoever cleans up takes many rows in any order; as long as they wait for none of them nobody waits in a circle.
    """
    keys = list(table.primary_key.columns)
    idle = sa.select(*keys).where(over).with_for_update(skip_locked=True)
    found = keys[0].in_(idle) if len(keys) == 1 else sa.tuple_(*keys).in_(idle)
    return connection.execute(table.delete().where(found)).rowcount


def upsert(table: sa.Table, keys: list[str], columns: list[str]) -> dict[str, postgresql.Insert]:
    """Build `INSERT … ON CONFLICT (keys) DO UPDATE` for each database: a row that exists gets the new `columns`."""
    built = {}
    for name, insert in INSERTS.items():
        statement = insert(table)
        new = {column: statement.excluded[column] for column in columns}
        built[name] = statement.on_conflict_do_update(index_elements=keys, set_=new)
    return built


def insert_where(table: sa.Table, columns: Sequence[str], condition: str) -> sa.Insert:
    """Build `INSERT … SELECT values WHERE condition`: a row, or the same statement to no effect."""
    values = [sa.bindparam(name, type_=table.c[name].type) for name in columns]
    given = sa.select(*values).where(sa.bindparam(condition, type_=sa.Boolean))
    return table.insert().from_select(list(columns), given)
