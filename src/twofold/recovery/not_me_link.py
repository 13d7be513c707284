"""A "this wasn't me" link as it rests in the database: a value, no more."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class NotMeLink(NamedTuple):
    """Whose link it is, and what the letter that brought it told of."""

    user_id: UUID
    about: str
    happened_at: datetime
    expires_at: datetime
    used_at: datetime | None
