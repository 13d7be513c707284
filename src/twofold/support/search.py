"""What a support agent searches for, and where the list of what was found goes on."""

from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec

# In the order in which people are listed: found by the name's beginning, by its last word's, by the address's.
STAGES = ("name", "surname", "email")


class SearchCursor(NamedTuple):
    """The last one on the page before: the stage that found it (accounts have only one), its key and its id."""

    stage: Annotated[int, msgspec.Meta(ge=0, lt=len(STAGES))]
    key: str
    id: UUID


def stages_of(text: str) -> range:
    """Return the stages to go through: with an @ in it, a text is an address and nothing else."""
    return range(2, 3) if "@" in text else range(3)
