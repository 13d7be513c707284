"""Randomness and the digests of what it makes: ids, tokens, digits.

A token has a prefix by its kind, so that a leaked one can be recognised, and 256 random bits. Only its SHA-256 is ever
stored: with that many random bits a plain hash is enough (OWASP ASVS 6.5.2).
"""

import hashlib
import secrets
import uuid

TOKEN_BYTES = 32


def new_id() -> uuid.UUID:
    """Return a fresh random row id (UUID version 4)."""
    return uuid.UUID(bytes=secrets.token_bytes(16), version=4)


def new_token(kind: str) -> str:
    """Return a fresh secret such as `tf_session_…`: the prefix names its kind, 256 random bits follow."""
    return f"tf_{kind}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def digest(secret: str) -> bytes:
    """Return the 32 bytes under which a secret is stored and looked up."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def random_bytes(count: int) -> bytes:
    """Return `count` random bytes."""
    return secrets.token_bytes(count)


def random_digits(count: int) -> str:
    """Return `count` random decimal digits, each equally likely."""
    return "".join(secrets.choice("0123456789") for _ in range(count))
