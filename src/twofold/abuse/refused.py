"""What a report of refusals is made of: values, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class LoggedEvent(NamedTuple):
    """An event of the log: when and what, from which address, about whom (None: nobody)."""

    number: int
    at: datetime
    kind: str
    subject_id: UUID | None
    address: str


class AimedAt(NamedTuple):
    """A user who is aimed at."""

    id: UUID
    account_id: UUID
    email: str
