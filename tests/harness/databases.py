"""Fresh databases for tests, each a copy of one that was migrated once: cheap on both sides."""

import shutil
import sqlite3
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Self

import psycopg
from psycopg import sql

from tests.harness.postgres import Cluster

Backend = Literal["sqlite", "postgresql"]
BACKENDS: tuple[Backend, ...] = ("sqlite", "postgresql")

TEMPLATE = "template_twofold"

# The backends that serve connections of a pool which is kept for the next test on the same database, by its URL.
at_rest: dict[str, list[int]] = {}


class SqliteDatabases:
    """Makes SQLite files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
        for suffix in ("", "-wal", "-shm"):  # files of an earlier test; whoever has them open still keeps them
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def fresh_in_place(self) -> str:
        """Return the URL of such a database, always the same one: it takes the place of the one before."""
        return self.fresh(self._folder)


class PostgresqlDatabases:
    """Makes databases in a cluster, which is asked for only when the first one is needed.

    One that comes back as it went, but for its rows, is emptied and given out again: that costs a tenth of a new one.
    The connection that empties it stays open: a new one looks up every table anew.
    """

    def __init__(self, cluster: Callable[[], Cluster]) -> None:
        self._cluster = cluster
        self._template: _Template | None = None
        self._emptied: list[str] = []
        self._connections: dict[str, psycopg.Connection[tuple[object, ...]]] = {}

    def fresh(self) -> str:
        """Return the URL of a database with the current schema and nothing else."""
        cluster = self._cluster()
        if self._template is None:
            cluster.drop_database(TEMPLATE)  # what a migration that failed has left
            _migrate(cluster.create_database(TEMPLATE))
            with cluster.connect(TEMPLATE) as connection:
                self._template = _Template.of(connection)
        if self._emptied:
            return self._emptied.pop()
        return cluster.create_database(_new_name(), template=TEMPLATE)

    def blank(self) -> str:
        """Return the URL of a new database with nothing in it, not even a schema."""
        return self._cluster().create_database(_new_name())

    def drop(self, url: str) -> None:
        """Remove a database again, whoever is still connected."""
        cluster, name = self._cluster(), url.rpartition("/")[2]
        if self._template is not None:
            connection = self._connections.get(url) or cluster.connect(name)
            self._connections[url] = connection
            with suppress(psycopg.OperationalError):  # a test may have dropped it, and whoever was connected
                if self._template.restore(connection, at_rest.get(url, [])):
                    self._emptied.append(url)
                    return
            del self._connections[url]
            connection.close()
        cluster.drop_database(name)

    def close(self) -> None:
        """Close what has emptied databases."""
        for connection in self._connections.values():
            connection.close()


@dataclass(frozen=True)
class _Template:
    """What a database looks like that was migrated and never used: its relations, rules and triggers, its few rows."""

    relations: list[str]
    tables: list[str]
    rows: dict[str, list[tuple[object, ...]]]

    RELATIONS: ClassVar = """
        SELECT relkind::text || ' ' || relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i', 'S', 'v')
        UNION ALL SELECT 'rule ' || ev_class::regclass || ' ' || rulename FROM pg_rewrite
        WHERE ev_class IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
        UNION ALL SELECT 'trigger ' || tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text FROM pg_trigger
        WHERE NOT tgisinternal
        ORDER BY 1
    """
    CONNECTED: ClassVar = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL (%s)
    """

    @classmethod
    def of(cls, connection: psycopg.Connection[tuple[object, ...]]) -> Self:
        """Look at a database."""
        relations = cls._relations(connection)
        tables = [relation.removeprefix("r ") for relation in relations if relation.startswith("r ")]
        rows = {
            table: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()
            for table in tables
        }
        return cls(relations, tables, rows)

    def restore(self, connection: psycopg.Connection[tuple[object, ...]], at_rest: list[int]) -> bool:
        """Make a database look like this again; False where it has other relations or somebody is still connected.

        The backends `at_rest` do not count.
        """
        if self._relations(connection) != self.relations or not self._is_left(connection, at_rest):
            return False
        sequences = [relation.removeprefix("S ") for relation in self.relations if relation.startswith("S ")]
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # no foreign keys: any order will do
            connection.execute(
                sql.SQL("; ").join(
                    [
                        *(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)) for table in self.tables),
                        *(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(name)) for name in sequences),
                    ]
                )
            )
            for table, rows in self.rows.items():
                for row in rows:
                    places = sql.SQL(", ").join([sql.Placeholder()] * len(row))
                    insert = sql.SQL("INSERT INTO {} OVERRIDING SYSTEM VALUE VALUES ({})")
                    connection.execute(insert.format(sql.Identifier(table), places), row)
        return True

    @classmethod
    def _is_left(cls, connection: psycopg.Connection[tuple[object, ...]], at_rest: list[int]) -> bool:
        """Tell whether nobody is connected, or was a moment ago: a backend ends a little later than its connection."""
        for _ in range(10):
            if connection.execute(cls.CONNECTED, [at_rest]).fetchone() == (0,):
                return True
            time.sleep(0.01)
        return False

    @classmethod
    def _relations(cls, connection: psycopg.Connection[tuple[object, ...]]) -> list[str]:
        return [str(name) for (name,) in connection.execute(cls.RELATIONS)]


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex}"


def _migrate(url: str) -> None:
    from twofold.operations.migrate import upgrade  # noqa: PLC0415 - tests of pure modules run also where migrations do not

    upgrade(url)
