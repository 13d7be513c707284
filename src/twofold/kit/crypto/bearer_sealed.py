"""What only the bearer of a token can read: sealed under a key that is made of the token, which is stored nowhere."""

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twofold.kit.crypto.tokens import random_bytes

NONCE_BYTES = 12
_PURPOSE = b"twofold bearer sealed 1\n"


def seal(text: str, token: str, identity: str) -> bytes:
    """Encrypt a text (AES-256-GCM) for the bearer of a token of 256 random bits, and for one row, its `identity`."""
    nonce = random_bytes(NONCE_BYTES)
    return nonce + _cipher(token).encrypt(nonce, text.encode(), identity.encode())


def read(sealed: bytes, token: str, identity: str) -> str | None:
    """Decrypt what `seal` returned; None with another token, or for another row."""
    try:
        return _cipher(token).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], identity.encode()).decode()
    except (InvalidTag, ValueError):  # ValueError: it is too short to be one
        return None


def _cipher(token: str) -> AESGCM:
    return AESGCM(hashlib.sha256(_PURPOSE + token.encode()).digest())
