"""An operator key as it rests in the database: a value, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class OperatorKey(NamedTuple):
    """What is known of a key; never the key itself, nor its hash."""

    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
