"""Cursors of lists, as text for an address: opaque to clients, and right also while rows come and go."""

import base64
import binascii
from datetime import datetime
from typing import NamedTuple, TypeVar

import msgspec

LONGEST = 2000  # characters
MOST = 2**63  # numbers of a database are smaller

C = TypeVar("C", bound=tuple[object, ...])


def write(cursor: NamedTuple) -> str:
    """Write a cursor as text that needs no escaping in an address: JSON in URL-safe base64 (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def read(text: str, kind: type[C]) -> C | None:
    """Read a cursor of a kind; None when it is none of ours."""
    if len(text) > LONGEST:
        return None
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = msgspec.json.decode(packed, type=kind)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    return cursor if all(_can_be_asked_for(value) for value in cursor) else None


def _can_be_asked_for(value: object) -> bool:
    """Tell whether a database takes a value: no text with NUL, no moment without a zone, no number that is too big."""
    match value:
        case str():
            return "\0" not in value
        case datetime():
            return value.tzinfo is not None
        case int():
            return abs(value) < MOST
        case _:
            return True
