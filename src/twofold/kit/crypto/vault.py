"""Encryption at rest: AES-256-GCM under a ring of keys, each ciphertext bound to the row it belongs to.

The identity of the row (table, column, id) is the associated data, so a ciphertext copied to another row does not open.

Tokens that people come back with carry a mark under a key derived from the same ring: see `Vault.issued`.
"""

import base64
import hmac
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twofold.kit.crypto.tokens import new_token, random_bytes
from twofold.setting_values import Key

NONCE_BYTES = 12
MARK_BYTES, MARK_LENGTH = 16, 22  # and as many characters of base64 without padding
MARKING = b"twofold: marks of tokens that were issued"


class Sealed(NamedTuple):
    """A secret as it rests in the database: the id of its key, and nonce (12 bytes) + ciphertext + tag (16 bytes)."""

    key_id: str
    ciphertext: bytes


class VaultError(Exception):
    """A ciphertext does not open: its key is missing or wrong, or somebody moved or changed it."""


class Vault:
    """Seals with the first key of the ring, opens with whichever key a ciphertext names.

    Raises:
        VaultError: the ring is empty.

    """

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            msg = "the key ring is empty"
            raise VaultError(msg)
        self.active = keys[0].id
        self.key_ids = frozenset(key.id for key in keys)
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self._marking_keys = [hmac.digest(key.secret, MARKING, "sha256") for key in keys]

    def seal(self, secret: bytes, identity: str) -> Sealed:
        """Encrypt a secret for the one row that `identity` names.

        The nonce is 96 random bits (NIST SP 800-38D section 8.2.2), so one key may seal 2**32 times (section 8.3).
        """
        nonce = random_bytes(NONCE_BYTES)
        return Sealed(self.active, nonce + self._ciphers[self.active].encrypt(nonce, secret, identity.encode()))

    def open(self, sealed: Sealed, identity: str) -> bytes:
        """Decrypt a ciphertext that was sealed for `identity`.

        Raises:
            VaultError: the key id is not in the ring, or it was made with another key or for another row.

        """
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            msg = f"the key with id {sealed.key_id!r} is not in TWOFOLD_KEYS"
            raise VaultError(msg)
        nonce, encrypted = sealed.ciphertext[:NONCE_BYTES], sealed.ciphertext[NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, encrypted, identity.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: it is too short to be one
            msg = f"a secret does not open with the key {sealed.key_id!r}: wrong key, or the row was tampered with"
            raise VaultError(msg) from error

    def new_token(self, kind: str) -> str:
        """Return a fresh secret such as `tf_session_…` that ends in our mark."""
        token = new_token(kind)
        return token + self.mark(token)

    def mark(self, token: str) -> str:
        """Return our mark of a token: 22 characters of URL-safe base64, a truncated HMAC-SHA256 (RFC 2104)."""
        return _mark(self._marking_keys[0], token)

    def issued(self, token: str) -> bool:
        """Tell whether a token bears our mark: only a key of the ring makes one, and no database is asked.

        It authenticates nobody by itself: the token may have ended long ago. It says which requests are served first
        when many come without a token of ours.
        """
        body, mark = token[:-MARK_LENGTH], token[-MARK_LENGTH:].encode("utf-8", "surrogatepass")
        return any(hmac.compare_digest(mark, _mark(key, body).encode()) for key in self._marking_keys)


def _mark(key: bytes, token: str) -> str:
    # Not `hmac.digest`: that lets go of the interpreter lock, and the event loop would wait to have it back.
    mark = hmac.new(key, token.encode("utf-8", "surrogatepass"), "sha256").digest()[:MARK_BYTES]
    return base64.urlsafe_b64encode(mark).decode().rstrip("=")
