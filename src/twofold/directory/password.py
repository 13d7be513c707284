"""What makes a password good enough: pure rules, no hashing here.

NIST SP 800-63B-4 section 3.1.1.2: length and a blocklist, no composition rules; 8 characters are enough beside a
second factor.
"""

import unicodedata
from collections.abc import Set as AbstractSet
from enum import StrEnum

SHORTEST = 8  # characters, as below
LONGEST = 256


class Weakness(StrEnum):
    """Why a password is refused."""

    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    COMMON = "common"
    PERSONAL = "personal"
    UNREADABLE = "unreadable"


def normalise(password: str) -> str:
    """Return the one form of a password that is hashed: NFC, so that an é typed two ways is one password."""
    return unicodedata.normalize("NFC", password)


def weakness(password: str, common: AbstractSet[str], personal: tuple[str, ...] = ()) -> Weakness | None:
    """Tell why a normalised password is too weak, or None.

    `common` is a blocklist of case-folded passwords; `personal` are words (address, name, product) that an attacker of
    this very user would try.
    """
    if len(password) < SHORTEST:
        return Weakness.TOO_SHORT
    if len(password) > LONGEST:
        return Weakness.TOO_LONG
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in password):
        return Weakness.UNREADABLE
    lowered = password.casefold()
    if lowered in common or len(set(lowered)) <= 2:  # noqa: PLR2004 - aaaaaaaa, abababab
        return Weakness.COMMON
    if lowered in {word.casefold() for word in personal}:
        return Weakness.PERSONAL
    return None
