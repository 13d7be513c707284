"""Randomness and the digests of what it makes: ids, tokens, digits.

A token has a prefix by its kind, so that a leaked one can be recognised, and 256 random bits. Only its SHA-256 is ever
stored: with that many random bits a plain hash is enough (OWASP ASVS 6.5.2).
"""

import hashlib
import secrets
import time
import uuid

TOKEN_BYTES = 32
VERSION_AND_VARIANT, VERSION_7 = 0xF << 76 | 3 << 62, 7 << 76 | 2 << 62


def new_id() -> uuid.UUID:
    """Return a fresh row id: a UUID of version 7 (RFC 9562 section 5.7), of which 74 bits are random.

    It begins with the Unix time in milliseconds, so that rows of one time lie together in an index: with random ids
    every row that is stored changes another page of it.
    """
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return uuid.UUID(int=number & ~VERSION_AND_VARIANT | VERSION_7)


def new_token(kind: str) -> str:
    """Return a fresh secret such as `tf_session_…`: the prefix names its kind, 256 random bits follow.

    Those are 43 characters of URL-safe base64. Of session tokens NIST SP 800-63B-4 section 5.1 asks for 64 bits, OWASP
    ASVS 7.2.3 for 128.
    """
    return f"tf_{kind}_{secrets.token_urlsafe(TOKEN_BYTES)}"


def digest(secret: str) -> bytes:
    """Return the SHA-256 (32 bytes) under which a secret is stored and looked up."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def fingerprint(secret: str) -> str:
    """Return 16 hexadecimal digits that tell a secret from others and reveal neither it nor its stored digest."""
    return digest(f"fingerprint of {secret}").hex()[:16]


def random_bytes(count: int) -> bytes:
    """Return `count` random bytes of the operating system."""
    return secrets.token_bytes(count)


def random_digits(count: int) -> str:
    """Return `count` random decimal digits, each equally likely."""
    return "".join(secrets.choice("0123456789") for _ in range(count))
