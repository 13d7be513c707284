"""The database: one place that knows how SQLite and PostgreSQL differ.

`Database.read` gives a connection for single statements, each its own snapshot. `Database.write` is a transaction: it
commits at the end of the block, also when the block returns a refusal, and rolls back when the block raises.

What every statement and every commit may raise is said here, once, and `operations/error_answers.py` answers it with
503: SQLAlchemy's OperationalError or InterfaceError where the database is away, silent, read-only or has found a
deadlock; its TimeoutError where no connection, or not the right to write, was to be had in time. Where a connection is
lost during a COMMIT nobody knows whether it was carried out. An IntegrityError is named where a caller has to expect
one: who goes on in the same transaction needs `connection.begin_nested()`, because PostgreSQL refuses whatever comes
after it.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from twofold.kit.sql import timeouts
from twofold.kit.sql.sqlite_writers import Writers
from twofold.kit.sql.statement import Statement
from twofold.kit.sql.waits import noted

# `INSERT … ON CONFLICT` is spelled per database: build a statement once for each, pick it by `connection.dialect.name`.
INSERTS: dict[str, Callable[[sa.Table], postgresql.Insert]] = {
    "postgresql": postgresql.insert,
    "sqlite": cast("Callable[[sa.Table], postgresql.Insert]", sqlite.insert),
}

_begin = Statement({"postgresql": sa.text("BEGIN")})

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

# A transaction that need not be durable is visible at once, but neither disk nor replica is waited for. On SQLite
# the connection is told before (`write`, `write_one`); on PostgreSQL a statement says so, beside whatever it returns.
NOT_DURABLE: dict[str, list[sa.ColumnElement[str]]] = {
    "postgresql": [sa.literal_column("set_config('synchronous_commit', 'off', true)").label("not_durable")],
    "sqlite": [],
}
_not_durable = Statement({"postgresql": sa.text("SET LOCAL synchronous_commit TO OFF")})

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


_this_thread = threading.local()


def serve_anonymous() -> None:
    """Make this thread one that serves anonymous requests: those get a share of the connections, not all of them."""
    _this_thread.serves_anonymous = True


class Database:
    """A pool of connections, with one way to read and one way to write.

    Threads that somebody waits for (kit.sql.timeouts) give up after `timeout` without an answer. Those that serve
    anonymous requests have at most half of the `pool_size` connections among them; on SQLite, where readers wait for
    nobody, at most one of them waits to write.

    Raises:
        OSError: on SQLite: the folder of the file, or the lock file beside it, cannot be made.

    """

    def __init__(self, url: str, *, pool_size: int = 8, timeout: timedelta = TIMEOUT) -> None:
        self.url = url
        self.on_sqlite = url.startswith("sqlite")
        seconds = timeout.total_seconds()
        self._monitor: timeouts.Monitor | None = None
        self._writers: Writers | None = None
        if self.on_sqlite:
            self.engine = _sqlite_engine(url, seconds)  # makes the folder, where there is none
            self._writers = Writers(url, self._lend, seconds)
            self._engine_aside = self.engine
        else:
            self.engine, self._monitor = timeouts.engine(url, pool_size, seconds)
            self._engine_aside, _monitor = timeouts.engine(url, 1, seconds, self._monitor)
        self._most = pool_size if self._writers is None else SQLITE_CONNECTIONS
        self._share = _Share(1 if self.on_sqlite else max(1, pool_size // 2), seconds)

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Lend a connection for reading; every statement sees what was committed before it."""
        if self._writers is not None or not _for_anonymous():
            with self._lend() as connection:
                yield connection
            return
        with self._share, self._lend() as connection:
            yield connection

    @contextmanager
    def read_aside(self) -> Iterator[sa.Connection]:
        """Lend a connection for health checks; on PostgreSQL from a pool of its own, which others cannot exhaust."""
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
        """
        with self._writer(durable=durable) as connection:
            yield connection

    @contextmanager
    def write_one(self) -> Iterator[sa.Connection]:
        """Lend a connection for a single statement that is a transaction of its own, and not a durable one.

        On PostgreSQL it has to return NOT_DURABLE.
        """
        with self._writer(durable=False, alone=True) as connection:
            yield connection

    @contextmanager
    def _writer(self, *, durable: bool, alone: bool = False) -> Iterator[sa.Connection]:
        with self._share if _for_anonymous() else nullcontext():
            if self._writers is not None:
                with self._writers.transaction(durable=durable) as connection:
                    yield connection
            elif alone:
                with self._lend() as connection:
                    yield connection
            else:
                with self._lend() as connection, connection.begin():
                    _begin.enqueue(connection)  # drivers and pools begin nothing by themselves: reads stand alone
                    if not durable:
                        _not_durable.enqueue(connection)
                    yield connection

    def _lend(self) -> sa.Connection:
        """Lend a connection; where all of them are lent out, the wait for one is noted."""
        if self.connections_in_use < self._most:
            return self.engine.connect()
        with noted("connection"):
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
        if self._monitor is not None:
            self._monitor.close()
        self.give_back()
        if self._writers is not None:
            self._writers.close()


def _for_anonymous() -> bool:
    return getattr(_this_thread, "serves_anonymous", False)


class _Share:
    """How many threads that serve anonymous requests use the database at once; one that does may enter it again."""

    def __init__(self, most: int, timeout: float) -> None:
        self._timeout = timeout
        self._room = threading.BoundedSemaphore(most)
        self._depth = threading.local()

    def __enter__(self) -> None:
        depth = getattr(self._depth, "inside", 0)
        if depth == 0 and not self._room.acquire(blocking=False):
            with noted("share"):
                if not self._room.acquire(timeout=self._timeout):
                    raise sa.exc.TimeoutError("requests without a token have as much of the database as they may")
        self._depth.inside = depth + 1

    def __exit__(self, *_error: object) -> None:
        self._depth.inside -= 1
        if self._depth.inside == 0:
            self._room.release()


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
        pool_use_lifo=True,  # the connection that wrote last has the latest pages cached
    )

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, not where the driver guesses
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    return engine


def delete_idle(connection: sa.Connection, table: sa.Table, over: sa.ColumnElement[bool]) -> int:
    """Delete the rows of a table that are over, except those locked by others; return how many were deleted.

    A clean-up locks many rows in any order: as long as it waits for none of them, it takes part in no deadlock. The
    next one finds those that it skipped.
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
    """Build `INSERT … SELECT values WHERE condition`: a row, or the same statement to no effect.

    `condition` is the name of a boolean parameter.
    """
    values = [sa.bindparam(name, type_=table.c[name].type) for name in columns]
    given = sa.select(*values).where(sa.bindparam(condition, type_=sa.Boolean))
    return table.insert().from_select(list(columns), given)
