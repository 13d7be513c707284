"""Statements of the hot path: compiled once for each kind of database, then handed to its driver as they are.

SQLAlchemy looks a statement up, turns its parameters and wraps its result anew each time it is executed; that takes
more than all the driver does (docs/performance.md). What is left of it here is the text of the statement, the turning
of values that the two databases keep differently, and the care for errors. Where somebody listens to the engine, to
count or to trace, the same text goes through SQLAlchemy.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

Turn = Callable[[Any], Any]

CURSOR = "twofold_cursor"  # its key in what SQLAlchemy keeps beside a connection and forgets when that is lost


class Statement:
    """A statement that is executed with the same parameters each time; values differ.

    It is given as SQLAlchemy's, or as one for each kind of database by the name of its dialect.
    """

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._prepared: dict[str, _Prepared] = {}

    def rows(self, connection: sa.Connection, **values: Any) -> list[Any]:
        """Execute, and return the rows as named tuples."""
        prepared = self._prepared_for(connection.dialect, values)
        return [prepared.row(row) for row in _execute(connection, prepared, values).rows]

    def row(self, connection: sa.Connection, **values: Any) -> Any:
        """Execute, and return the first row, or None."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def count(self, connection: sa.Connection, **values: Any) -> int:
        """Execute, and return how many rows were stored, changed or deleted."""
        return _execute(connection, self._prepared_for(connection.dialect, values), values).changed

    def _prepared_for(self, dialect: sa.Dialect, values: Mapping[str, Any]) -> "_Prepared":
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            chosen = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            prepared = self._prepared[dialect.name] = _prepare(chosen, dialect, list(values))
        return prepared


class _Outcome(NamedTuple):
    """What comes of a statement."""

    rows: Sequence[Any]
    changed: int


def _execute(connection: sa.Connection, prepared: "_Prepared", values: Mapping[str, Any]) -> _Outcome:
    text, parameters = prepared.text, prepared.parameters(values)
    if connection._has_events or connection.engine._has_events:  # noqa: SLF001 - nothing public tells it
        result = connection.exec_driver_sql(text, parameters, {"preserve_rowcount": True})
        return _Outcome(result.fetchall() if result.returns_rows else (), result.rowcount)
    cursor = connection.info.get(CURSOR) or _open_cursor(connection)
    try:
        cursor.execute(text, parameters)
        return _Outcome(cursor.fetchall() if prepared.taken else (), cursor.rowcount)
    except Exception as error:
        # Raises SQLAlchemy's own error in the place of the driver's, and takes a lost connection out of the pool.
        connection._handle_dbapi_exception(error, text, parameters, None, None)  # noqa: SLF001 - the same
        raise


def _open_cursor(connection: sa.Connection) -> Any:
    """Open the one cursor that a connection needs, since its rows are always fetched at once."""
    cursor = connection.info[CURSOR] = connection.connection.cursor()
    return cursor


class _Parameter(NamedTuple):
    """A parameter: its name in the text, what callers call it, its value where they give none, and how it is turned."""

    name: str
    key: str
    default: Any
    turn: Turn | None


class _Prepared(NamedTuple):
    """A statement for one kind of database."""

    text: str
    given: Sequence[_Parameter]
    order: Sequence[str] | None  # of the names, where the driver takes parameters by position
    taken: Sequence[Turn | None]
    shape: Callable[[list[Any]], Any]

    def parameters(self, values: Mapping[str, Any]) -> Any:
        turned = {}
        for name, key, default, turn in self.given:
            value = values.get(key, default)
            turned[name] = value if turn is None or value is None else turn(value)
        return turned if self.order is None else tuple([turned[name] for name in self.order])

    def row(self, row: Sequence[Any]) -> Any:
        return self.shape([value if turn is None else turn(value) for turn, value in zip(self.taken, row, strict=True)])


def _prepare(statement: Any, dialect: sa.Dialect, names: list[str]) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=names)
    given = [
        _Parameter(name, bound.key, None if bound.required else bound.value, _to_driver(bound.type, dialect))
        for bound, name in compiled.bind_names.items()
    ]
    columns = list(getattr(statement, "exported_columns", ()))  # a mere text has none
    taken = [_from_driver(column.type, dialect) for column in columns]
    shape: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc] # noqa: PYI024 - known only now
    return _Prepared(str(compiled), given, compiled.positiontup, taken, shape._make)


def _to_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Turn | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Turn | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
