"""A primary and its standby, for tests of what a company's PostgreSQL is like."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.harness.databases import TEMPLATE, PostgresqlDatabases
from tests.harness.postgres import Cluster


class PrimaryAndStandby(NamedTuple):
    """A primary, the standby that has every commit before it is answered, and a database with the current schema."""

    primary: Cluster
    standby: Cluster
    database: str

    def address(self, options: str = "") -> str:
        """Return the address as an operator writes it: both hosts, the standby first."""
        hosts = ",".join(f"{one.host}:{one.port}" for one in (self.standby, self.primary))
        return f"postgresql://{self.primary.user}@{hosts}/{self.database}{options}"


@pytest.fixture(scope="module")
def pair() -> Iterator[PrimaryAndStandby]:
    """Share a pair among the tests of a file."""
    with Cluster() as primary:
        databases = PostgresqlDatabases(lambda: primary)
        database = databases.fresh().rpartition("/")[2]
        primary.drop_database(TEMPLATE)
        with Cluster(replica_of=primary) as standby:
            primary.commit_at_both(standby)
            yield PrimaryAndStandby(primary, standby, database)
