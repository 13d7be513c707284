"""Who is reminded of a policy, and of what: values, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

ASKED = 0  # in the place of days before a date: an administrator reminded them


class Window(NamedTuple):
    """Reminders of so many days: for whoever is stopped after one moment and not later than another."""

    days: int
    after: datetime
    until: datetime


class AccountDue(NamedTuple):
    """An account whose policy is required from a moment on."""

    id: UUID
    required_from: datetime


class UserDue(NamedTuple):
    """A user who is stopped from the moment `due` on, and was not told."""

    id: UUID
    account_id: UUID
    email: str
    name_key: str
    due: datetime
