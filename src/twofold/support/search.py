"""What a support agent searches for, and where the list of what was found goes on."""

import base64
import binascii
from typing import NamedTuple
from uuid import UUID

import msgspec

# In the order in which people are listed: found by the name's beginning, by its last word's, by the address's.
STAGES = ("name", "surname", "email")


class Cursor(NamedTuple):
    """The last one on the page before: the stage that found it (accounts have only one), its key and its id."""

    stage: int
    key: str
    id: UUID


def stages_of(text: str) -> range:
    """Return the stages to go through: with an @ in it, a text is an address and nothing else."""
    return range(2, 3) if "@" in text else range(3)


def write(cursor: Cursor) -> str:
    """Write a cursor as text that needs no escaping in an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read(text: str) -> Cursor | None:
    """Read a cursor; None when it is none of ours."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(packed, type=Cursor)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return cursor if 0 <= cursor.stage < len(STAGES) and "\0" not in cursor.key else None
