"""Fixtures of the faults: servers of several processes, and two nodes on one PostgreSQL that may break."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.harness.databases import TEMPLATE, PostgresqlDatabases
from tests.harness.houses import CHEAP_SERVER, KEYS
from tests.harness.postgres import Cluster
from tests.harness.server import Server

WORKERS = 4  # in all: on one node, or two on each of two


@dataclass(frozen=True)
class Pair:
    """Two nodes on two ports, two workers each, on one PostgreSQL of their own."""

    postgres: Cluster
    database_url: str
    nodes: tuple[Server, Server]

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Start two nodes on a PostgreSQL that is stopped, killed and frozen by the tests of a file, one after the other."""
    with Cluster(durable=True) as cluster:
        databases = PostgresqlDatabases(lambda: cluster)
        url = databases.fresh()
        cluster.drop_database(TEMPLATE)
        settings = {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_KEYS": KEYS}
        settings |= {f"TWOFOLD_{name.upper()}": value for name, value in CHEAP_SERVER.items()}
        nodes = [
            Server(tmp_path_factory.mktemp(name), settings=settings, workers=WORKERS // 2) for name in ("one", "two")
        ]
        try:
            for node in nodes:
                node.start(until_ready=False)
            for node in nodes:
                node.wait_until_ready(seconds=60)
            yield Pair(cluster, url, (nodes[0], nodes[1]))
        finally:
            for node in nodes:
                node.stop()


@pytest.fixture
def serve_four(serve: Serve, database_url: str) -> Server:
    """Start a server of four workers; the test runs once on each kind of database."""
    return serve(database_url, workers=WORKERS, **CHEAP_SERVER)


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Return a folder for backups and the like."""
    folder = tmp_path / "beside"
    folder.mkdir()
    return folder
