"""Somebody who asks for a reset themselves: a value, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class HelpRequest(NamedTuple):
    """Who asks, since when, and whether wrong codes had locked them."""

    asked_at: datetime
    locked: bool
    user_id: UUID
    name: str
    email: str
    account_name: str
