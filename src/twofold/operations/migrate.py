"""Bringing a database to the schema of this version, while nodes of the version before go on with it.

On PostgreSQL a migration never makes others wait for long: it gives up a lock that it does not get at once, lets those
behind it through, and tries again. docs/decisions/0021-upgrade.md says what a migration may do.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from itertools import chain, repeat

import psycopg
import sqlalchemy as sa
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from twofold.kit.sql.database import Database

# Any number will do, as long as every node takes the same one: nodes that start at once migrate one after the other.
ADVISORY_LOCK = 2_071_999_417
LOOK_FOR_TURN_EVERY = 0.2  # seconds

# Whoever wants a table that a migration waits for stands behind it in the queue: it must not stand there for long.
LOCK_TIMEOUT_MS = 500
WAITS = (0.5, 1.0, 2.0)  # seconds for the others, between two tries; then the last one again and again
TRIES = 30
IN_USE = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)

log = structlog.get_logger("twofold.migrate")


class TableInUse(Exception):
    """Something long, such as a backup or a report, holds a table that a migration is to change."""


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate a database up to a revision; harmless when it is there already.

    Raises:
        TableInUse: a table was in use for a minute without a gap. What was migrated before it stays.
        OSError: on SQLite: the folder of the file, or the lock file beside it, cannot be made.

    """
    _run(database_url, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, revision: str) -> None:
    """Migrate a database down to a revision, for a roll-back.

    Raises:
        TableInUse, OSError: as for an upgrade.

    """
    _run(database_url, lambda config: command.downgrade(config, revision))


def newest() -> str:
    """Return the revision that this version of the code works with.

    Raises:
        RuntimeError: the package holds no migrations.

    """
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        msg = "there are no migrations"
        raise RuntimeError(msg)
    return head


def current(connection: sa.Connection) -> str | None:
    """Return the revision of a database; None when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def works_with(revision: str | None) -> bool:
    """Tell whether this version works with a schema: its own, or the next one, which only adds to it.

    So nodes of this version go on while a newer one migrates, and can take its place again.
    """
    own = newest()
    return revision is not None and (revision == own or (revision.isdigit() and int(revision) == int(own) + 1))


def known(revision: str) -> bool:
    """Tell whether this version of the code knows a revision; if not, the database is newer."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _run(database_url: str, work: Callable[[Config], None]) -> None:
    db = Database(database_url)
    try:
        if db.on_sqlite:
            with db.write() as connection:  # nobody else writes meanwhile
                work(_config(connection))
        else:
            with _turn(db):
                _try_again_and_again(db, work)
    finally:
        db.close()


@contextmanager
def _turn(db: Database) -> Iterator[None]:
    """Wait until no other node migrates.

    Asked for again and again, because who waits inside a statement would be waited for by an index that is created
    concurrently; and on a connection of its own, because such an index is created outside of any transaction. Without
    parameters, because the portal of a statement with some would hold a snapshot, which that index waits for as well.
    """
    while True:
        with db.write() as connection:
            if connection.exec_driver_sql(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})").scalar_one():
                yield
                return
        time.sleep(LOOK_FOR_TURN_EVERY)


def _try_again_and_again(db: Database, work: Callable[[Config], None]) -> None:
    """Migrate, each migration in a transaction; one that finds a table in use steps back and begins anew."""
    for _, wait in zip(range(TRIES), chain(WAITS, repeat(WAITS[-1])), strict=False):
        try:
            with db.engine.connect() as connection:
                sa.event.listen(connection, "begin", _wait_briefly)
                work(_config(connection.execution_options(isolation_level="READ COMMITTED")))
        except sa.exc.OperationalError as error:
            if not isinstance(error.orig, IN_USE):
                raise
            log.warning("a table is in use; trying again", seconds=wait)
            time.sleep(wait)
        else:
            return
    raise TableInUse


def _wait_briefly(connection: sa.Connection) -> None:
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("twofold").joinpath("migrations")))
    config.attributes["connection"] = connection
    return config
