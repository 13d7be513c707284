"""The steps of migrations: each harmless where a migration that was not finished has done it, and holding nobody up.

docs/decisions/0021-upgrade.md says what a migration may do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

BATCH = 1000  # rows: whoever changes one of them meanwhile must not wait for long


def add_column(table: str, column: sa.Column[Any]) -> None:
    """Add a column in a migration; harmless where one that was not finished has added it."""
    op.add_column(table, column, if_not_exists=_goes_on() or None)


def drop_column(table: str, column: str) -> None:
    """Drop a column in a migration; harmless where there is none."""
    op.drop_column(table, column, if_exists=_goes_on() or None)


def fill(table: sa.TableClause, key: sa.ColumnClause[Any], values: dict[str, Any], where: Any) -> None:
    """Fill in columns of the rows that lack them, in a migration: a thousand rows to a transaction, in order of a key.

    So that nobody who changes one of the rows meanwhile waits for long; what was done before it is committed.
    """
    with _outside_a_transaction():
        for first, last in _batches(key):
            op.get_bind().execute(table.update().where(key.between(first, last), where).values(values))


def each_batch(key: sa.ColumnClause[Any], statement: str) -> None:
    """Execute a statement, in a migration, for a thousand rows at a time: those from `:first` to `:last` of a key."""
    bound = sa.text(statement).bindparams(*(sa.bindparam(name, type_=key.type) for name in ("first", "last")))
    with _outside_a_transaction():
        for first, last in _batches(key):
            op.get_bind().execute(bound, {"first": first, "last": last})


def _batches(key: sa.ColumnClause[Any]) -> Iterator[tuple[Any, Any]]:
    after = None
    while True:
        batch = sa.select(key).order_by(key).limit(BATCH)
        if after is not None:
            batch = batch.where(key > after)
        keys = op.get_bind().execute(batch).scalars().all()
        if not keys:
            return
        after = keys[-1]
        yield keys[0], after


def create_index(name: str, table: str, columns: Sequence[str | sa.TextClause], **options: Any) -> None:
    """Create an index in a migration while others go on writing; what that migration did before it is committed."""
    with _outside_a_transaction() as concurrently:
        # One that was begun and not finished is there, and of no use.
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=concurrently)
        op.create_index(name, table, columns, postgresql_concurrently=concurrently, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index in a migration while others go on; harmless where there is none."""
    with _outside_a_transaction() as concurrently:
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=concurrently)


def _goes_on() -> bool:
    """Tell whether a migration may have been left half done: on SQLite each is one transaction."""
    return op.get_bind().dialect.name == "postgresql"


@contextmanager
def _outside_a_transaction() -> Iterator[bool]:
    """Leave the transaction of a migration where that is possible, which is also what it tells."""
    if not _goes_on():
        yield False
        return
    with op.get_context().autocommit_block():
        yield True
