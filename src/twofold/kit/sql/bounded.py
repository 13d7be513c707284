"""Rows that a stranger can ask for: as many as there is room for, of one network and in all."""

from typing import Any

import sqlalchemy as sa

from twofold.kit.sql.statement import Statement


class BoundedInsert:
    """The INSERT into a table with a column `network`, which stores nothing where the table has too many rows."""

    def __init__(self, table: sa.Table) -> None:
        """Build the statement, once for each table."""

        def fewer(than: str, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
            most = sa.bindparam(than, type_=sa.Integer)
            counted = sa.select(table.c.network).where(*where).limit(most).subquery()
            return sa.select(sa.func.count()).select_from(counted).scalar_subquery() < most

        new = [sa.bindparam(f"new_{column.name}", type_=column.type) for column in table.c]
        of_network = table.c.network == sa.bindparam("new_network", type_=sa.Text)
        room = sa.select(*new).where(fewer("of_network", of_network), fewer("in_all"))
        names = [column.name for column in table.c]
        self._statement = Statement(table.insert().from_select(names, room, include_defaults=False))

    def store(self, connection: sa.Connection, values: dict[str, Any], *, of_network: int, in_all: int) -> bool:
        """Store a row; False where its network has so many already, or all networks together have."""
        new = {f"new_{name}": value for name, value in values.items()}
        return self._statement.count(connection, of_network=of_network, in_all=in_all, **new) == 1
