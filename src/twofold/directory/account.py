"""An account as it rests in the database: a value, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Account(NamedTuple):
    """One row of accounts; `seats` None is as many as they like."""

    id: UUID
    name: str
    name_key: str
    edition: str
    is_operator: bool
    sso: bool
    sso_url: str | None
    seats: int | None
    policy: str
    required_from: datetime | None
    time_zone: str
    created_at: datetime
