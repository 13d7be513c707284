"""Rows as values: what is selected for a value is named by its fields, so that `Value(*row)` mixes up no columns."""

from typing import Any, get_args, get_type_hints

import sqlalchemy as sa


def columns(value: type[tuple[Any, ...]], *sources: sa.FromClause, **others: Any) -> list[sa.ColumnElement[Any]]:
    """Return what a NamedTuple is read from, in the order of its fields: `others`, else the first source's that has it.

    Raises:
        TypeError: a field is read from nothing, one of `others` is no field, or a column that may be null is read into
            a field that may not be None.

    """
    types = get_type_hints(value)
    if strangers := others.keys() - types.keys():
        raise TypeError(f"{value.__name__} has no {', '.join(sorted(strangers))}")
    return [
        others[name].label(name) if name in others else _column(value, name, kind, sources)
        for name, kind in types.items()
    ]


def _column(value: type, name: str, kind: Any, sources: tuple[sa.FromClause, ...]) -> sa.ColumnElement[Any]:
    column = next((source.c[name] for source in sources if name in source.c), None)
    if column is None:
        raise TypeError(f"{value.__name__}.{name} is read from nothing")
    if column.nullable and type(None) not in get_args(kind):
        raise TypeError(f"{value.__name__}.{name} may be None: {column} may be null")
    return column
