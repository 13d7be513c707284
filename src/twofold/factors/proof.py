"""What somebody typed where a code is asked for, before anything is charged or compared."""

import msgspec

LONGEST = 100
_DASHES = frozenset("-‐‑‒–—")


class Malformed(msgspec.Struct, frozen=True):
    """No kind of second factor is proved by such a text: refused without a charge, because it cannot be a guess."""


def clean(typed: str) -> str | None:
    """Return what was typed without blanks and dashes, which do not matter; None where it is too long."""
    if len(typed) > LONGEST:
        return None
    return "".join(letter for letter in typed if not letter.isspace() and letter not in _DASHES)
