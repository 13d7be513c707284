"""Moving house: every row of one database into another, empty one, with counts compared at the end.

The way from SQLite to PostgreSQL. Secrets stay sealed as they are, so the key ring must move along (`TWOFOLD_KEYS`).
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from twofold import migrate
from twofold.kit.db import Database
from twofold.schema import metadata

BATCH = 2_000


class CannotCopy(Exception):
    """The two databases are not as they must be; the message says what to do. Nothing was changed."""


class Copied(NamedTuple):
    """How many rows of a table were copied."""

    table: str
    rows: int


def copy(source_url: str, target_url: str, progress: Callable[[str, int], None]) -> list[Copied]:
    """Copy every table, in one transaction of the target; `progress` is told table and rows so far.

    Raises:
        CannotCopy: a schema is not this version's, the target holds users, or the counts differ at the end.

    """
    source, target = Database(source_url), Database(target_url)
    try:
        with source.read() as reading, target.write() as writing:
            _must_fit(reading, writing)
            for table in reversed(metadata.sorted_tables):
                writing.execute(table.delete())
            copied = [_copy_table(reading, writing, table, progress) for table in metadata.sorted_tables]
            _count_on(writing)
            for table, rows in copied:
                if rows != _count(writing, metadata.tables[table]) or rows != _count(reading, metadata.tables[table]):
                    raise CannotCopy(f"The rows of {table} changed meanwhile. Stop every node, then try again.")
            return copied
    finally:
        source.close()
        target.close()


def _must_fit(source: sa.Connection, target: sa.Connection) -> None:
    for name, connection in (("source", source), ("target", target)):
        if migrate.current(connection) != migrate.newest():
            raise CannotCopy(f"The {name} has another schema than this version. Run `twofold migrate` on it first.")
    if _count(target, metadata.tables["users"]):
        raise CannotCopy("The target holds users already. Copy into an empty database that was just migrated.")


def _copy_table(
    source: sa.Connection,
    target: sa.Connection,
    table: sa.Table,
    progress: Callable[[str, int], None],
) -> Copied:
    rows = 0
    for batch in _batches(source, table):
        target.execute(table.insert(), batch)
        rows += len(batch)
        progress(table.name, rows)
    return Copied(table.name, rows)


def _batches(source: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    query = sa.select(table).order_by(*table.primary_key.columns)
    with source.execution_options(stream_results=True, yield_per=BATCH).execute(query) as result:
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
