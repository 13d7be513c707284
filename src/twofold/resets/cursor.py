"""Where a page of reset cases ends."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class CaseCursor(NamedTuple):
    """The last case of the page before: the moment it was asked for, and its id."""

    requested_at: datetime
    id: UUID
