"""Whom a locked-out user can ask: a value, no more."""

from typing import NamedTuple


class Helper(NamedTuple):
    """Somebody who can unlock a user or reset their second factor."""

    name: str
    email: str
