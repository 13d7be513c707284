"""Moving to another database: every row of one into an empty other one, and what both hold is compared at the end.

The way from SQLite to PostgreSQL, and back. Secrets stay sealed as they are, so the key ring must move along
(`TWOFOLD_KEYS`). No node may use either meanwhile: what one changed behind our back would be lost.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from twofold.audit.tables import audit_chains
from twofold.kit import nodes
from twofold.kit.crypto.digest import Digest
from twofold.kit.sql.database import Database
from twofold.operations import migrate
from twofold.schema import metadata

BATCH = 2_000  # rows

# What a database may hold that was migrated, and perhaps served by a node, but used by nobody: rows at most.
UNUSED = {"accounts": 1, "encryption_keys": 1, "leases": 100}

# What another refers to comes first; heads of chains last, because they must stand at events.
TABLES = [*(table for table in metadata.sorted_tables if table is not audit_chains), audit_chains]

Progress = Callable[[str, int, int], None]


class CannotCopy(Exception):
    """The two databases are not as they must be; the message says what to do. Nothing was changed."""


class Copied(NamedTuple):
    """How many rows of a table were copied."""

    table: str
    rows: int


def copy(source_url: str, target_url: str, progress: Progress, at: datetime) -> list[Copied]:
    """Copy every table, in one transaction of the target; `progress` is told table, rows so far, and rows in all.

    Raises:
        CannotCopy: both are the same, a schema is not this version's, the target is in use, a node uses one of them,
            or what they hold differs at the end.
        OSError: on SQLite: the folder of a file, or the lock file beside it, cannot be made.

    """
    if _file_of(source_url) is not None and _file_of(source_url) == _file_of(target_url):
        raise CannotCopy(SAME)
    with (
        closing(Database(source_url)) as source,
        closing(Database(target_url)) as target,
        source.snapshot() as reading,
        target.write() as writing,
    ):
        _must_fit(reading, writing)
        _nobody_uses(reading, "source", at)
        _nobody_uses(writing, "target", at)
        for table in reversed(TABLES):
            writing.execute(table.delete())
        copied = {table: _copy_table(reading, writing, table, progress) for table in TABLES}
        _count_on(writing)
        _compare(writing, copied, DIFFERS, progress)
        with source.snapshot() as by_now:  # beside the first one: it sees what a node has done meanwhile
            _nobody_uses(by_now, "source", at)
            _compare(by_now, copied, CHANGED, progress)
        return [Copied(table.name, digest.rows) for table, digest in copied.items()]


CHANGED = "The rows of {table} changed in the source meanwhile. Stop every node, then try again."
DIFFERS = (
    "The rows of {table} are not in the target as they were written: a trigger or a rule of somebody's changed them."
)
USED = (
    "A server or worker uses the {side}, or was killed less than a minute ago. What it changes would be lost. Stop "
    "every node, then try again."
)
SAME = "FROM and TO are the same database. Name another one, empty and just migrated, as TO."


def _file_of(url: str) -> Path | None:
    address = sa.make_url(url)
    return Path(address.database or "").resolve() if address.get_backend_name() == "sqlite" else None


def _nobody_uses(connection: sa.Connection, side: str, at: datetime) -> None:
    if nodes.alive(connection, at):
        raise CannotCopy(USED.format(side=side))


def _must_fit(source: sa.Connection, target: sa.Connection) -> None:
    if source.dialect.name == target.dialect.name == "postgresql":
        lock = sa.func.pg_try_advisory_xact_lock(migrate.ADVISORY_LOCK)  # each database has locks of its own
        if not target.execute(sa.select(lock)).scalar():
            raise CannotCopy("Somebody migrates the target, or copies into it. Try again when that is over.")
        if not source.execute(sa.select(lock)).scalar():
            raise CannotCopy(SAME)
    for name, connection in (("source", source), ("target", target)):
        found, newest = migrate.current(connection), migrate.newest()
        if found != newest:
            raise CannotCopy(
                f"The schema of the {name} is {found or 'missing'}, this version copies {newest}. Run `twofold "
                "migrate` on it first; a newer one needs the newer version."
            )
    for table in TABLES:
        if _count(target, table) > UNUSED.get(table.name, 0):
            raise CannotCopy(
                f"The target is in use: it holds {table.name} already. Copy into an empty database, just migrated."
            )


def _copy_table(source: sa.Connection, target: sa.Connection, table: sa.Table, progress: Progress) -> Digest:
    digest, in_all, names = Digest(), _count(source, table), table.columns.keys()
    for batch in _batches(source, table):
        target.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in batch])
        for row in batch:
            digest.add(row)
        progress(table.name, digest.rows, in_all)
    return digest


def _compare(connection: sa.Connection, copied: dict[sa.Table, Digest], otherwise: str, progress: Progress) -> None:
    """Hold what a database holds against what was copied, table by table; nothing but one batch is kept in memory."""
    for table, expected in copied.items():
        found = Digest()
        for batch in _batches(connection, table):
            for row in batch:
                found.add(row)
            progress(f"{table.name} compared", found.rows, expected.rows)
        if found != expected:
            raise CannotCopy(otherwise.format(table=table.name))


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[Sequence[Sequence[Any]]]:
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    with connection.execute(query) as result:
        yield from result.partitions()


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _count_on(target: sa.Connection) -> None:
    """Let PostgreSQL's own counters go on after the highest number that was copied."""
    if target.dialect.name != "postgresql":
        return
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None:
            highest = target.execute(sa.select(sa.func.max(column))).scalar()
            if highest is not None:
                sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
                target.execute(sa.select(sa.func.setval(sequence, highest)))
