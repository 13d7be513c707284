"""Statements of the hot path: compiled once for each kind of database, then handed to its driver as they are.

SQLAlchemy looks a statement up, converts its parameters and wraps its result anew each time it is executed; that takes
more than all the driver does (docs/performance.md). What is left of it here is the text of the statement, the
conversion of values that the two databases store differently, and the translation of errors. Where somebody listens to
the engine, to count or to trace, the same text goes through SQLAlchemy.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Any, NamedTuple, NoReturn

import sqlalchemy as sa
from psycopg.adapt import PyFormat
from psycopg.postgres import types

from twofold.kit.sql.query_pipeline import Answer, QueryPipeline, Text

Converter = Callable[[Any], Any]

# Their keys in what SQLAlchemy keeps beside a connection and forgets when that is lost.
CURSOR = "twofold_cursor"
QUERY_PIPELINE = "twofold_query_pipeline"

# For PostgreSQL: parameters whose types SQLAlchemy does not write into the text, and those that are sent as they are.
UNTOLD = {sa.LargeBinary: types["bytea"].oid, sa.Boolean: types["bool"].oid}
IN_BINARY = (sa.LargeBinary, sa.Uuid, sa.DateTime)


class Statement:
    """A statement that is executed with the same parameters each time; values differ.

    It is given as SQLAlchemy's, or as one for each kind of database by the name of its dialect. `columns` are those
    that an INSERT stores, where it does not say so itself and is not to store all.

    Whoever executes it gives each parameter by its name, and nothing else.

    Raises:
        TypeError: when it is executed: a value is missing, or there is no parameter of its name.

    """

    def __init__(self, statement: Any, *, columns: Sequence[str] | None = None) -> None:
        self._statement = statement
        self._columns = None if columns is None else list(columns)
        self._prepared: dict[str, _Prepared] = {}

    def rows(self, connection: sa.Connection, **values: Any) -> list[Any]:
        """Execute, and return the rows as named tuples."""
        prepared = self._prepared_for(connection.dialect)
        return [prepared.row(row) for row in _execute(connection, prepared, values).rows]

    def row(self, connection: sa.Connection, **values: Any) -> Any:
        """Execute, and return the first row, or None."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def count(self, connection: sa.Connection, **values: Any) -> int:
        """Execute, and return how many rows were stored, changed or deleted."""
        return _execute(connection, self._prepared_for(connection.dialect), values).changed

    def prefetch(self, connection: sa.Connection, **values: Any) -> Callable[[], list[Any]]:
        """Execute in the round trip of the next statement (query_pipeline.py), and return how to get the rows.

        On PostgreSQL its error is raised by that statement, or where the rows are asked for.
        """
        prepared = self._prepared_for(connection.dialect)
        outcome = _execute(connection, prepared, values)
        return lambda: [prepared.row(row) for row in outcome.rows]

    def enqueue(self, connection: sa.Connection, **values: Any) -> None:
        """Execute in the round trip of the next statement or the commit; nobody looks at the outcome.

        On PostgreSQL its error is raised there.
        """
        outcome = _execute(connection, self._prepared_for(connection.dialect), values)
        if isinstance(outcome, _Pending) and not outcome.answer.query_pipeline.in_transaction:
            outcome.wait()  # no commit would take it along

    def _prepared_for(self, dialect: sa.Dialect) -> "_Prepared":
        prepared = self._prepared.get(dialect.name)
        if prepared is None:
            chosen = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            prepared = self._prepared[dialect.name] = _prepare(chosen, dialect, self._columns)
        return prepared


class _Result(NamedTuple):
    """What came of a statement."""

    rows: Sequence[Any]
    changed: int


class _Pending(NamedTuple):
    """A statement on its way to PostgreSQL; whoever looks at what came of it waits for that."""

    connection: sa.Connection
    prepared: "_Prepared"
    parameters: Sequence[Any]
    answer: Answer

    @property
    def rows(self) -> Sequence[Any]:
        self.wait()
        return self.answer.rows if self.prepared.taken else ()

    @property
    def changed(self) -> int:
        self.wait()
        return self.answer.changed

    def wait(self) -> None:
        try:
            self.answer.wait()
        except Exception as error:
            _raise(error, self.connection, self.prepared, self.parameters)
            raise


def _execute(connection: sa.Connection, prepared: "_Prepared", values: Mapping[str, Any]) -> _Result | _Pending:
    if connection._has_events or connection.engine._has_events:  # noqa: SLF001 - nothing public tells it
        result = connection.exec_driver_sql(prepared.text, prepared.named(values), {"preserve_rowcount": True})
        return _Result(result.fetchall() if result.returns_rows else (), result.rowcount)
    parameters = prepared.parameters(values)
    try:
        if prepared.pipelined is not None:
            query_pipeline: QueryPipeline = connection.info.get(QUERY_PIPELINE) or _find_query_pipeline(connection)
            return _Pending(connection, prepared, parameters, query_pipeline.take(prepared.pipelined, parameters))
        cursor = connection.info.get(CURSOR) or _open_cursor(connection)
        cursor.execute(prepared.text, parameters)
        return _Result(cursor.fetchall() if prepared.taken else (), cursor.rowcount)
    except Exception as error:
        _raise(error, connection, prepared, parameters)
        raise


def _raise(error: Exception, connection: sa.Connection, prepared: "_Prepared", parameters: Sequence[Any]) -> None:
    """Raise SQLAlchemy's own error in the place of the driver's, and take a lost connection out of the pool."""
    connection._handle_dbapi_exception(error, prepared.text, tuple(parameters), None, None)  # noqa: SLF001 - none is public


def _open_cursor(connection: sa.Connection) -> Any:
    """Open the one cursor that a connection needs, since its rows are always fetched at once."""
    cursor = connection.info[CURSOR] = connection.connection.cursor()
    return cursor


def _find_query_pipeline(connection: sa.Connection) -> QueryPipeline:
    driver: Any = connection.connection.driver_connection
    query_pipeline: QueryPipeline = driver.query_pipeline
    connection.info[QUERY_PIPELINE] = query_pipeline
    return query_pipeline


class _Parameter(NamedTuple):
    """A parameter: its name in the text, what callers call it, its value where they give none, and its converter."""

    name: str
    key: str
    default: Any
    convert: Converter | None


class _Prepared(NamedTuple):
    """A statement for one kind of database."""

    text: str
    order: Sequence[_Parameter]  # as the database counts them
    required: AbstractSet[str]  # what callers must give, by the names that they call it
    by_name: bool  # in the text
    taken: Sequence[Converter | None]
    shape: Callable[[list[Any]], Any]
    pipelined: Text | None

    def parameters(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        if values.keys() != self.required:
            self._refuse(values.keys())
        given = [(values.get(key, default), convert) for _name, key, default, convert in self.order]
        return tuple([value if convert is None or value is None else convert(value) for value, convert in given])

    def _refuse(self, given: AbstractSet[str]) -> NoReturn:
        wrong = [*(f"{name} is missing" for name in sorted(self.required - given)),
                 *(f"{name} is no parameter" for name in sorted(given - self.required))]  # fmt: skip
        raise TypeError(f"{', '.join(wrong)}: {self.text}")

    def named(self, values: Mapping[str, Any]) -> Any:
        parameters = self.parameters(values)
        names = [parameter.name for parameter in self.order]
        return dict(zip(names, parameters, strict=True)) if self.by_name else parameters

    def row(self, row: Sequence[Any]) -> Any:
        return self.shape(
            [value if convert is None else convert(value) for convert, value in zip(self.taken, row, strict=True)]
        )


def _prepare(statement: Any, dialect: sa.Dialect, columns_stored: list[str] | None) -> _Prepared:
    compiled = statement.compile(dialect=dialect, column_keys=columns_stored)
    counted = compiled if compiled.positional else _counted(statement, dialect, columns_stored)
    bound = {name: parameter for parameter, name in counted.bind_names.items()}
    order = [_parameter(name, bound[name], dialect) for name in counted.positiontup or ()]
    kinds = [_as_stored(bound[parameter.name].type, dialect) for parameter in order]
    pipelined = None if compiled is counted else _pipelined(str(counted).encode(), kinds)
    columns = list(getattr(statement, "exported_columns", ()))  # a mere text has none
    taken = [_from_driver(column.type, dialect) for column in columns]
    shape: Any = namedtuple("Row", [column.name for column in columns])  # type: ignore[misc] # noqa: PYI024 - known only now
    required = {parameter.key for parameter in order if bound[parameter.name].required}
    return _Prepared(str(compiled), order, required, compiled is not counted, taken, shape._make, pipelined)


def _counted(statement: Any, dialect: sa.Dialect, columns_stored: list[str] | None) -> Any:
    """Compile with `$1` and so on for the parameters, where the driver of SQLAlchemy gives them names."""
    counting: Any = type(dialect)
    return statement.compile(dialect=counting(paramstyle="numeric_dollar"), column_keys=columns_stored)


def _pipelined(text: bytes, kinds: Sequence[sa.types.TypeEngine[Any]]) -> Text:
    name = blake2b(text, digest_size=16).hexdigest().encode()
    oids = [next((oid for untold, oid in UNTOLD.items() if isinstance(kind, untold)), 0) for kind in kinds]
    formats = [PyFormat.BINARY if isinstance(kind, IN_BINARY) else PyFormat.TEXT for kind in kinds]
    return Text(name, text, oids, formats, begins=text.startswith((b"BEGIN", b"SET LOCAL")))


def _parameter(name: str, bound: Any, dialect: sa.Dialect) -> _Parameter:
    default = None if bound.required else bound.value
    return _Parameter(name, bound.key, default, _to_driver(bound.type, dialect))


def _as_stored(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
    return kind.load_dialect_impl(dialect) if isinstance(kind, sa.types.TypeDecorator) else kind


def _to_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Converter | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Converter | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
