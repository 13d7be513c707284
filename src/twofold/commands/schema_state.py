"""How the schema of a database stands to this version of the code."""

from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from twofold.kit.sql.database import Database
from twofold.operations import migrate
from twofold.settings import Settings


class State(StrEnum):
    """What the revision of a database means for this version."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    AHEAD = "ahead"  # by one, which only adds to what this version needs
    NEWER = "newer"


class NotCurrent(Exception):
    """The schema is not the one that this version works with; the message says what to do."""


def state_of(revision: str | None) -> State:
    """Judge a revision (None: there is no schema)."""
    if revision is None:
        return State.EMPTY
    if revision == migrate.newest():
        return State.CURRENT
    if migrate.works_with(revision):
        return State.AHEAD
    return State.OLDER if migrate.known(revision) else State.NEWER


def revision_of(settings: Settings) -> str | None:
    """Return the revision of the database, None where it has no schema; a SQLite file is not made by looking."""
    if settings.on_sqlite and not Path(sa.make_url(settings.database_url).database or "").exists():
        return None
    db = Database(settings.database_url)
    try:
        with db.read() as connection:
            return migrate.current(connection)
    finally:
        db.close()


def demand_current(settings: Settings) -> None:
    """Let only a schema pass that this version works with.

    Raises:
        NotCurrent: it is empty, older, or newer by more than one.

    """
    revision = revision_of(settings)
    if why := why_not(revision):
        raise NotCurrent(why)


def why_not(revision: str | None) -> str | None:
    """Say why a revision does not do, and what to do; None where it does."""
    match state_of(revision):
        case State.CURRENT | State.AHEAD:
            return None
        case State.EMPTY:
            return "The database has no schema yet. Run `twofold migrate`."
        case State.OLDER:
            return (
                f"The schema of the database is older ({revision}) than this version of Twofold ({migrate.newest()}). "
                "Run `twofold migrate`."
            )
        case State.NEWER:
            return (
                f"The schema of the database ({revision}) is newer than this version of Twofold ({migrate.newest()}). "
                "Run the newer version."
            )
