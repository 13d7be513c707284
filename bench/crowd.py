"""The people of the bench: everything about the n-th one follows from n, so the load program needs only a number.

Their secrets are derived, not drawn: what guards nothing may be repeatable.
"""

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime

from twofold.factors.backup_code import codes as backup_code
from twofold.kit.crypto.vault import Vault
from twofold.setting_values import parse_keys

KEYS = "bench:dGVzdHMtZW5jcnlwdC1ub3RoaW5nLW9mLXZhbHVlISE="  # 32 bytes that encrypt nothing of value
VAULT = Vault(parse_keys(KEYS))
PASSWORD = "eleven purple walruses play chess"
PEOPLE_PER_ACCOUNT = 50
TOTP_PERIOD = 30


def email(n: int) -> str:
    """Return the address of the n-th person."""
    return f"person{n}@company{n // PEOPLE_PER_ACCOUNT}.example"


def user_id(n: int) -> uuid.UUID:
    """Return the id of the n-th person; spread like random ones, so that indexes fill as they do in life."""
    return uuid.UUID(bytes=_derive("user", n)[:16], version=4)


def account_id(n: int) -> uuid.UUID:
    """Return the id of the n-th account."""
    return uuid.UUID(bytes=_derive("account", n)[:16], version=4)


def row_id(kind: str, n: int) -> uuid.UUID:
    """Return the id of another row of the n-th person, made when they were; spread, since they come in any order."""
    return uuid.UUID(bytes=_derive(kind, n)[:16], version=4)


def recent_id(kind: str, n: int) -> uuid.UUID:
    """Return the id of a row that the n-th person's sign-in makes: in order of time, as such ids are."""
    moment = int(long_ago().timestamp() * 1000) + n
    return uuid.UUID(bytes=moment.to_bytes(6) + _derive(kind, n)[:10])


def secret(n: int) -> bytes:
    """Return the 160 bits in the n-th person's authenticator app."""
    return _derive("secret", n)[:20]


def secret_text(n: int) -> str:
    """Return the same as the n-th person's app is given it: in base32 (RFC 4648)."""
    return base64.b32encode(secret(n)).decode("ascii")


def code(n: int, at: float) -> str:
    """Return what the n-th person's app shows at a moment."""
    return code_of(secret(n), at)


def code_of(key: bytes, at: float) -> str:
    """Return what an app with this key shows at a moment (RFC 6238), computed apart from the code under test."""
    mac = hmac.digest(key, int(at // TOTP_PERIOD).to_bytes(8, "big"), "sha1")
    start = mac[-1] & 15
    return f"{(int.from_bytes(mac[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def spare_code(n: int) -> str:
    """Return the backup code of the n-th person."""
    return backup_code.from_bytes(_derive("backup code", n)[: backup_code.BYTES])


def token(kind: str, n: int) -> str:
    """Return the n-th person's token of a kind (`session`, `signin`), marked as a server of the bench would."""
    unmarked = f"tf_{kind}_{_derive(kind, n).hex()}"
    return unmarked + VAULT.mark(unmarked)


def long_ago() -> datetime:
    """Return a moment at which everything of the bench was made."""
    return datetime(2026, 1, 5, 9, tzinfo=UTC)


def _derive(what: str, n: int) -> bytes:
    return hashlib.sha256(f"{what} {n}".encode()).digest()
