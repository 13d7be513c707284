import sqlalchemy as sa


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
