"""Where a page of people ends."""

from typing import NamedTuple
from uuid import UUID


class PeopleCursor(NamedTuple):
    """Where to go on: after a name and id, or, `backwards`, before them."""

    name_key: str
    id: UUID
    backwards: bool = False
