"""Fixtures of the faults: servers of several processes, and two nodes on one PostgreSQL that may break."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from tests.conftest import Serve
from tests.harness.contexts import CHEAP_SERVER, KEYS
from tests.harness.databases import TEMPLATE, PostgresqlDatabases
from tests.harness.postgres import Cluster
from tests.harness.server import Server, variables

WORKERS = 4  # in all: on one node, or two on each of two

CHEAP_SETTINGS = variables(**CHEAP_SERVER)


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
    """Start two nodes on a PostgreSQL that the tests of a file stop, kill and freeze, one after the other."""
    with Cluster(durable=True) as cluster:
        databases = PostgresqlDatabases(lambda: cluster)
        url = databases.fresh()
        cluster.drop_database(TEMPLATE)
        settings = {"TWOFOLD_DATABASE_URL": url, "TWOFOLD_KEYS": KEYS} | CHEAP_SETTINGS
        nodes = [
            Server(tmp_path_factory.mktemp(name), settings=settings, workers=WORKERS // 2) for name in ("one", "two")
        ]
        try:
            for node in nodes:
                node.start(until_ready=False)
            for node in nodes:
                node.wait_until_ready()
            yield Pair(cluster, url, (nodes[0], nodes[1]))
        finally:
            for node in nodes:
                node.stop()


class ServeCheaply(Protocol):
    """Starts a server that hashes passwords as fast as it may."""

    def __call__(self, database_url: str, *, workers: int = 1, **settings: str) -> Server: ...


@pytest.fixture
def cheap(serve: Serve) -> ServeCheaply:
    """Start servers that hash passwords as fast as they may: a crowd of people on two cores."""

    def start(database_url: str, *, workers: int = 1, **settings: str) -> Server:
        return serve(database_url, smtp=None, workers=workers, **(CHEAP_SERVER | settings))

    return start


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory, shared_database_url: str) -> Iterator[Server]:
    """Start a server of four workers; the tests of a file run on each kind of database, and share it."""
    settings = variables(database_url=shared_database_url, keys=KEYS, **CHEAP_SERVER)
    with Server(tmp_path_factory.mktemp("four"), settings=settings, workers=WORKERS) as server:
        yield server


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """Return a folder for backups and the like."""
    folder = tmp_path / "beside"
    folder.mkdir()
    return folder
