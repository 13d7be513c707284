from collections.abc import Iterator

import pytest

from tests.harness.houses import house_on
from tests.harness.people import People
from twofold.kit.house import House


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """Use PostgreSQL, whose transactions run beside each other; on SQLite writers come one after another."""
    return postgresql_url


@pytest.fixture
def other(people: People) -> Iterator[House]:
    """Open the same database once more, as another node does."""
    with house_on(people.house.settings.database_url) as node:
        yield node
