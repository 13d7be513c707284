"""Bringing a database to the schema of this version."""

from collections.abc import Callable
from importlib.resources import files

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from twofold.kit.db import Database

# Any number will do, as long as every node takes the same one: nodes that start at once migrate one after the other.
ADVISORY_LOCK = 2_071_999_417


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate a database up to a revision, all in one transaction; harmless when it is there already."""
    _run(database_url, lambda config: command.upgrade(config, revision))


def downgrade(database_url: str, revision: str) -> None:
    """Migrate a database down to a revision, for a roll-back."""
    _run(database_url, lambda config: command.downgrade(config, revision))


def newest() -> str:
    """Return the revision that this version of the code works with."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        msg = "there are no migrations"
        raise RuntimeError(msg)
    return head


def current(connection: sa.Connection) -> str | None:
    """Return the revision of a database; None when it was never migrated."""
    return MigrationContext.configure(connection).get_current_revision()


def known(revision: str) -> bool:
    """Tell whether this version of the code knows a revision; if not, the database is newer."""
    return revision in {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _run(database_url: str, work: Callable[[Config], None]) -> None:
    db = Database(database_url)
    try:
        with db.write() as connection:
            if not db.on_sqlite:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            config = _config()
            config.attributes["connection"] = connection
            work(config)
    finally:
        db.close()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("twofold").joinpath("migrations")))
    return config
