"""Who is locked, as the command line lists them: values, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Locked(NamedTuple):
    """A user whose wrong codes have locked them, for good where it is `final`."""

    id: UUID
    name: str
    email: str
    account: str
    last_locked_at: datetime | None
    final: bool


class ShutOut(NamedTuple):
    """A user whose wrong mailed codes have closed that door until a moment."""

    id: UUID
    name: str
    email: str
    account: str
    closed_until: datetime
