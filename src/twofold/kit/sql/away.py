"""A database that does not answer: the errors that say so, and what it, or the system, says of it."""

import sqlalchemy as sa

DATABASE_AWAY = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)


def what_it_says(error: Exception) -> str:
    """Return the first line of what the database said, without the statement and its values."""
    return (said(error).splitlines() or [""])[0]


def said(error: Exception) -> str:
    """Return all of it."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip() or type(cause).__name__
