"""What somebody typed where a code is asked for, before anything is charged or compared."""

import msgspec

from twofold.factors import backup_code, totp

LONGEST = 100
_DASHES = frozenset("-‐‑‒–—")


class AppCode(msgspec.Struct, frozen=True):
    """Six digits, as an authenticator app shows them."""

    digits: str


class BackupCode(msgspec.Struct, frozen=True):
    """Twenty-four characters of the backup code's alphabet."""

    code: str


class Malformed(msgspec.Struct, frozen=True):
    """Neither: refused without a charge, because it cannot be a guess."""


def parse(typed: str) -> AppCode | BackupCode | Malformed:
    """Tell what was typed; blanks and dashes do not matter."""
    if len(typed) > LONGEST:
        return Malformed()
    text = "".join(letter for letter in typed if not letter.isspace() and letter not in _DASHES)
    if len(text) == totp.DIGITS and text.isascii() and text.isdigit():
        return AppCode(text)
    code = backup_code.parse(text) if text.isascii() else None
    return Malformed() if code is None else BackupCode(code)
