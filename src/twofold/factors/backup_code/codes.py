"""The backup code: 24 characters of Crockford's base32, 120 bits, in groups of four.

With 120 random bits a plain SHA-256 is enough to store it by (OWASP ASVS 6.5.2 asks for a password hash below 112).
NIST SP 800-63B-4 section 4.2.1.1 asks for 64 bits, and for a new code once it is used.
"""

from datetime import datetime
from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 24
BYTES = 15
_LOOKALIKES = str.maketrans({"O": "0", "I": "1", "L": "1"})


class Issued(NamedTuple):
    """When the backup code of a user was made, and whether they say that it is saved."""

    created_at: datetime
    seen: bool


def from_bytes(random: bytes) -> str:
    """Return the code of 15 random bytes."""
    number = int.from_bytes(random, "big")
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))


def shown(code: str) -> str:
    """Return a code as people read it: groups of four with dashes."""
    return "-".join(code[start : start + 4] for start in range(0, LENGTH, 4))


def parse(typed: str) -> str | None:
    """Return the code that somebody typed, blanks and dashes already removed, in any case; None if it cannot be one."""
    code = typed.upper().translate(_LOOKALIKES)
    return code if len(code) == LENGTH and all(letter in ALPHABET for letter in code) else None
