"""Where a list of cases goes on: after the last one shown, by the moment it was asked for and its id."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 60


class Cursor(NamedTuple):
    """The last case of the page before."""

    requested_at: datetime
    id: UUID


def write(cursor: Cursor) -> str:
    """Return a cursor as the text that goes into an address."""
    return f"{(cursor.requested_at - _EPOCH) // _MICROSECOND}.{cursor.id.hex}"


def read(text: str) -> Cursor | None:
    """Return the cursor of a text; None when there is none or it was made up."""
    moment, _, case_id = text.partition(".")
    if len(text) > _LONGEST or not moment.isascii() or not moment.isdigit():
        return None
    try:
        return Cursor(_EPOCH + int(moment) * _MICROSECOND, UUID(hex=case_id))
    except (OverflowError, ValueError):
        return None
