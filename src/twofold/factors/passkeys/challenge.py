"""Challenges of assertions: random, for one holder, valid for ten minutes. Pure.

None is stored before it is answered: a challenge carries a mark that only a key of ours makes, over what it is for. So
the sign-in page can offer passkeys to whoever looks at it, and nobody fills the database by looking
(docs/decisions/0058-passkeys.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

LIFE = timedelta(minutes=10)
RANDOM_BYTES = 16  # at least 16 (WebAuthn Level 3 section 13.4.3)
_MOMENT_BYTES, _MARK = 8, 22  # the mark in ASCII

SIGN_IN_PAGE = "page"


def of_session(session_id: UUID) -> str:
    """Name a session as the holder of a challenge, or of a registration."""
    return f"session:{session_id}"


def of_sign_in(token_hash: bytes) -> str:
    """Name a sign-in as the holder of a challenge, by the hash of its token."""
    return f"sign-in:{token_hash.hex()}"


def new(random: bytes, holder: str, at: datetime, mark: Callable[[str], str]) -> bytes:
    """Make a challenge of 16 random bytes: 46 bytes, `mark` is `Vault.mark`."""
    head = random + int((at + LIFE).timestamp()).to_bytes(_MOMENT_BYTES, "big")
    return head + mark(_text(head, holder)).encode()


def expiry(challenge: bytes, holder: str, issued: Callable[[str], bool]) -> datetime | None:
    """Return until when a challenge holds; None where it was not made for this holder. `issued` is `Vault.issued`."""
    head, mark = challenge[:-_MARK], challenge[-_MARK:]
    if len(head) != RANDOM_BYTES + _MOMENT_BYTES or not mark.isascii():
        return None
    if not issued(_text(head, holder) + mark.decode()):
        return None
    return datetime.fromtimestamp(int.from_bytes(head[RANDOM_BYTES:], "big"), UTC)


def _text(head: bytes, holder: str) -> str:
    return f"passkey {holder} {head.hex()} "
