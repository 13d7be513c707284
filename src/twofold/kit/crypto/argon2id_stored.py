"""The standard strings of argon2id, as far as they are of our own kind."""

import base64
import re
from typing import NamedTuple

SALT_BYTES, TAG_BYTES = 16, 32  # as libsodium has them

_STANDARD = re.compile(
    r"\$argon2id\$v=19\$m=(?P<memory_kib>\d{1,9}),t=(?P<passes>\d{1,9}),p=1"
    r"\$(?P<salt>[A-Za-z0-9+/]{22})\$(?P<tag>[A-Za-z0-9+/]{43})"
)


class Stored(NamedTuple):
    """What a standard `$argon2id$…` string with one lane says."""

    memory_kib: int
    passes: int
    salt: bytes
    tag: bytes


def read(stored: str) -> Stored | None:
    """Read a string with a salt and a tag as long as ours; None where it is another, or none at all."""
    if (found := _STANDARD.fullmatch(stored)) is None:
        return None
    return Stored(int(found["memory_kib"]), int(found["passes"]), _decoded(found["salt"]), _decoded(found["tag"]))


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
