"""Fresh databases for tests, each a copy of one that was migrated once: cheap on both sides."""

import shutil
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Literal

from tests.harness.postgres import Cluster

Backend = Literal["sqlite", "postgresql"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")

TEMPLATE = "template_twofold"


class SqliteDatabases:
    """Makes SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"

    def fresh(self, folder: Path) -> str:
        """Return the URL of a new database with the current schema and nothing else."""
        if not self._template.exists():
            half_done = self._template.with_suffix(".half")
            half_done.unlink(missing_ok=True)
            _migrate(f"sqlite:///{half_done}")
            with closing(sqlite3.connect(half_done)) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            half_done.rename(self._template)
        path = folder / "twofold.db"
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"


class PostgresqlDatabases:
    """Makes databases in a cluster, which is asked for only when the first one is needed."""

    def __init__(self, cluster: Callable[[], Cluster]) -> None:
        self._cluster = cluster
        self._has_template = False

    def fresh(self) -> str:
        """Return the URL of a new database with the current schema and nothing else."""
        cluster = self._cluster()
        if not self._has_template:
            cluster.drop_database(TEMPLATE)  # what a migration that failed has left
            _migrate(cluster.create_database(TEMPLATE))
            self._has_template = True
        return cluster.create_database(_new_name(), template=TEMPLATE)

    def blank(self) -> str:
        """Return the URL of a new database with nothing in it, not even a schema."""
        return self._cluster().create_database(_new_name())

    def drop(self, url: str) -> None:
        """Remove a database again, whoever is still connected."""
        self._cluster().drop_database(url.rpartition("/")[2])


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


def _migrate(url: str) -> None:
    from twofold.migrate import upgrade  # noqa: PLC0415 - tests of pure things run also where migrations do not

    upgrade(url)
