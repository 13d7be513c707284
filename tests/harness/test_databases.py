from typing import Any

import pytest
import sqlalchemy as sa

from tests.harness.contexts import context_on
from tests.harness.databases import PostgresqlDatabases
from tests.harness.people import People


def table_names(url: str) -> set[str]:
    engine = sa.create_engine(url)
    try:
        return set(sa.inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_a_fresh_database_has_the_current_schema(database_url: str) -> None:
    assert "alembic_version" in table_names(database_url)


def test_a_blank_database_has_nothing(blank_database_url: str) -> None:
    assert table_names(blank_database_url) == set()


def test_a_postgresql_database_that_comes_back_is_given_out_again_as_if_new(
    postgresql_databases: PostgresqlDatabases,
) -> None:
    url = postgresql_databases.fresh()
    new = contents(url)
    with context_on(url) as context:
        People(context).protected()
    assert contents(url) != new
    postgresql_databases.drop(url)
    again = postgresql_databases.fresh()
    assert again == url
    assert contents(again) == new
    with context_on(again) as context:
        People(context).user()
        assert People(context).events()[0].number == 1
    postgresql_databases.drop(again)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE more (name text)",
        "CREATE RULE nothing AS ON INSERT TO sessions DO INSTEAD NOTHING",
        "DROP TRIGGER audit_events_refuses_update ON audit_events",
    ],
)
def test_a_postgresql_database_that_was_rebuilt_or_is_in_use_is_given_to_nobody_else(
    postgresql_databases: PostgresqlDatabases, change: str
) -> None:
    rebuilt, in_use = postgresql_databases.fresh(), postgresql_databases.fresh()
    engine = sa.create_engine(rebuilt)
    with engine.begin() as connection:
        connection.execute(sa.text(change))
    engine.dispose()
    with context_on(in_use) as context:
        People(context).user()
        postgresql_databases.drop(rebuilt)
        postgresql_databases.drop(in_use)
    fresh = postgresql_databases.fresh()
    assert fresh not in (rebuilt, in_use)
    postgresql_databases.drop(fresh)


def contents(url: str) -> dict[str, list[sa.Row[Any]]]:
    """Return every row of every table."""
    engine = sa.create_engine(url)
    found = sa.MetaData()
    try:
        found.reflect(engine)
        with engine.connect() as connection:
            return {name: list(connection.execute(sa.select(table)).all()) for name, table in found.tables.items()}
    finally:
        engine.dispose()
