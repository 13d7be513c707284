"""How a database carries statements out: which of them read a table from end to end."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

from tests.harness.statements import listening
from twofold.kit.sql.database import Database

# What SQLite calls CONSTANT ROW is no table, but the values of `INSERT … SELECT`.
READ_THROUGH = re.compile(r"Seq Scan on (?P<postgresql>\w+)|^SCAN (?!CONSTANT ROW)(?P<sqlite>\w+)\b(?! USING)")


class Plan(NamedTuple):
    """A statement, and the steps in which its database would carry it out."""

    statement: str
    steps: list[str]

    @property
    def read_through(self) -> list[str]:
        """The tables that it reads from end to end, without any index."""
        return [found["postgresql"] or found["sqlite"] for step in self.steps if (found := READ_THROUGH.search(step))]


@contextmanager
def plans_of(db: Database, *, where_possible: bool = False) -> Iterator[list[Plan]]:
    """Ask for the plan of every statement that is executed meanwhile.

    `where_possible` makes PostgreSQL use an index wherever there is one that fits, however small the table: then only
    what lacks an index reads a table through.
    """
    plans: list[Plan] = []
    explained: set[str] = set()

    def explain(connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        verb = statement.partition(" ")[0]
        if statement in explained or verb not in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}:
            return
        explained.add(statement)
        parameters = parameters[0] if isinstance(parameters, list) else parameters  # of many, the first will do
        plans.append(Plan(statement, _steps(connection, statement, parameters, where_possible=where_possible)))

    with listening(db.engine, before_cursor_execute=explain):
        yield plans


def _steps(connection: sa.Connection, statement: str, parameters: Any, *, where_possible: bool) -> list[str]:
    if connection.dialect.name == "sqlite":
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    if where_possible:
        connection.exec_driver_sql("SET enable_seqscan = off")
    steps = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars().all()
    if where_possible:
        connection.exec_driver_sql("RESET enable_seqscan")
    return [str(step) for step in steps]
