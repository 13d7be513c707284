"""Where a page of a list ends: it stays right when people come and go, and tells a client nothing to rely on."""

import base64
import binascii
from typing import NamedTuple
from uuid import UUID

import msgspec


class Cursor(NamedTuple):
    """Where to go on: after a name and id, or, `backwards`, before them."""

    name_key: str
    id: UUID
    backwards: bool = False


def encode(cursor: Cursor) -> str:
    """Write a cursor as letters that need no escaping in an address."""
    packed = msgspec.json.encode((cursor.name_key, cursor.id, cursor.backwards))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(text: str) -> Cursor | None:
    """Read a cursor; None when it is none of ours."""
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        name_key, row, backwards = msgspec.json.decode(packed, type=tuple[str, UUID, bool])
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return Cursor(name_key, row, backwards) if "\0" not in name_key else None
