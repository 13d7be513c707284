from collections.abc import Iterator

import pytest

from tests.harness.contexts import context_on
from tests.harness.people import People
from twofold.kit.context import AppContext


@pytest.fixture
def database_url(postgresql_url: str) -> str:
    """Use PostgreSQL, whose transactions run beside each other; on SQLite writers come one after another."""
    return postgresql_url


@pytest.fixture
def other(people: People) -> Iterator[AppContext]:
    """Open the same database once more, as another node does."""
    with context_on(people.context.settings.database_url) as node:
        yield node
