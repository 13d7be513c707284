"""Moving house: every row of one database into another, empty one, with counts compared at the end.

The way from SQLite to PostgreSQL, and back. Secrets stay sealed as they are, so the key ring must move along
(`TWOFOLD_KEYS`).
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from twofold import migrate
from twofold.kit.db import Database
from twofold.schema import metadata

BATCH = 2_000

# What a database may hold that was migrated, and perhaps served by a node, but used by nobody: rows at most.
UNUSED = {"accounts": 1, "encryption_keys": 1, "leases": 100}

Progress = Callable[[str, int, int], None]


class CannotCopy(Exception):
    """The two databases are not as they must be; the message says what to do. Nothing was changed."""


class Copied(NamedTuple):
    """How many rows of a table were copied."""

    table: str
    rows: int


def copy(source_url: str, target_url: str, progress: Progress) -> list[Copied]:
    """Copy every table, in one transaction of the target; `progress` is told table, rows so far, and rows in all.

    Raises:
        CannotCopy: both are the same, a schema is not this version's, the target is in use, or the counts differ.

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
        for table in reversed(metadata.sorted_tables):
            writing.execute(table.delete())
        copied = [_copy_table(reading, writing, table, progress) for table in metadata.sorted_tables]
        _count_on(writing)
        with source.read() as by_now:  # beside the snapshot: it sees what a node has done meanwhile
            for table, rows in copied:
                counts = {rows, _count(writing, metadata.tables[table]), _count(by_now, metadata.tables[table])}
                if len(counts) != 1:
                    raise CannotCopy(f"The rows of {table} changed meanwhile. Stop every node, then try again.")
        return copied


SAME = "FROM and TO are the same database. Name another one, empty and just migrated, as TO."


def _file_of(url: str) -> Path | None:
    address = sa.make_url(url)
    return Path(address.database or "").resolve() if address.get_backend_name() == "sqlite" else None


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
    for table in metadata.sorted_tables:
        if _count(target, table) > UNUSED.get(table.name, 0):
            raise CannotCopy(
                f"The target is in use: it holds {table.name} already. Copy into an empty database, just migrated."
            )


def _copy_table(source: sa.Connection, target: sa.Connection, table: sa.Table, progress: Progress) -> Copied:
    rows, in_all = 0, _count(source, table)
    for batch in _batches(source, table):
        target.execute(table.insert(), batch)
        rows += len(batch)
        progress(table.name, rows, in_all)
    return Copied(table.name, rows)


def _batches(source: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    with source.execute(query) as result:
        for batch in result.mappings().partitions():
            yield [dict(row) for row in batch]


def _count(connection: sa.Connection, table: sa.Table) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _count_on(target: sa.Connection) -> None:
    """Let PostgreSQL's own counters go on after the highest number that was copied."""
    if target.dialect.name != "postgresql":
        return
    for table in metadata.sorted_tables:
        column = table.autoincrement_column
        if column is not None:
            highest = target.execute(sa.select(sa.func.max(column))).scalar()
            if highest is not None:
                sequence = sa.func.pg_get_serial_sequence(table.name, column.name)
                target.execute(sa.select(sa.func.setval(sequence, highest)))
