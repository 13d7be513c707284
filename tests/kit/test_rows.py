from typing import NamedTuple

import pytest
import sqlalchemy as sa

from twofold.kit.sql.rows import columns

metadata = sa.MetaData()
pets = sa.Table(
    "pets",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner_id", sa.Integer, nullable=False),
    sa.Column("age", sa.Integer, nullable=True),
    sa.Column("name", sa.Text, nullable=False),
)
owners = sa.Table(
    "owners",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("city", sa.Text, nullable=False),
)


class Pet(NamedTuple):
    name: str
    id: int
    age: int | None
    city: str
    owner: str = "nobody"


class Aged(NamedTuple):
    id: int
    age: int


def test_a_value_is_read_in_the_order_of_its_fields() -> None:
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    query = sa.select(*columns(Pet, pets, owners, owner=owners.c.name)).join(owners, owners.c.id == pets.c.owner_id)
    with engine.begin() as connection:
        metadata.create_all(connection)
        connection.execute(owners.insert(), {"id": 7, "name": "Ada", "city": "London"})
        connection.execute(pets.insert(), {"id": 1, "owner_id": 7, "age": None, "name": "Rex"})
        (row,) = connection.execute(query)
    assert Pet(*row) == Pet(name="Rex", id=1, age=None, city="London", owner="Ada")
    assert row._fields == Pet._fields


def test_a_column_of_two_sources_is_that_of_the_first() -> None:
    assert columns(Pet, pets, owners, owner=owners.c.name)[:2] == [pets.c.name, pets.c.id]


@pytest.mark.parametrize(
    ("others", "why"),
    [
        ({}, r"Pet\.owner is read from nothing"),
        ({"owner": owners.c.name, "colour": owners.c.city}, "Pet has no colour"),
    ],
)
def test_fields_and_columns_that_differ_are_refused(others: dict[str, sa.Column[str]], why: str) -> None:
    """Stops: a column that is renamed, or a field that is added, and shifts what a row says by one place."""
    with pytest.raises(TypeError, match=why):
        columns(Pet, pets, owners, **others)


def test_a_column_that_may_be_null_needs_a_field_that_may_be_none() -> None:
    with pytest.raises(TypeError, match=r"Aged\.age may be None: pets\.age may be null"):
        columns(Aged, pets)


def test_what_a_query_makes_sure_of_is_named() -> None:
    assert [column.key for column in columns(Aged, pets, age=sa.func.coalesce(pets.c.age, 0))] == ["id", "age"]
