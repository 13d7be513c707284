"""Encryption at rest: AES-256-GCM under a ring of keys, each box bound to the row it belongs to.

The identity of the row (table, column, id) is the associated data, so a box copied to another row does not open.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from twofold.kit.tokens import random_bytes
from twofold.settings import Key

NONCE_BYTES = 12


class Sealed(NamedTuple):
    """A secret as it rests in the database: the id of its key, and nonce + ciphertext + tag."""

    key_id: str
    box: bytes


class VaultError(Exception):
    """A box does not open: its key is missing or wrong, or somebody moved or changed it."""


class Vault:
    """Seals with the first key of the ring, opens with whichever key a box names."""

    def __init__(self, keys: Sequence[Key]) -> None:
        if not keys:
            msg = "the key ring is empty"
            raise VaultError(msg)
        self.active = keys[0].id
        self.key_ids = frozenset(key.id for key in keys)
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}

    def seal(self, secret: bytes, identity: str) -> Sealed:
        """Encrypt a secret for the one row that `identity` names."""
        nonce = random_bytes(NONCE_BYTES)
        return Sealed(self.active, nonce + self._ciphers[self.active].encrypt(nonce, secret, identity.encode()))

    def open(self, sealed: Sealed, identity: str) -> bytes:
        """Decrypt a box that was sealed for `identity`.

        Raises:
            VaultError: the key id is not in the ring, or the box was made with another key or for another row.

        """
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            msg = f"the key with id {sealed.key_id!r} is not in TWOFOLD_KEYS"
            raise VaultError(msg)
        nonce, ciphertext = sealed.box[:NONCE_BYTES], sealed.box[NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, ciphertext, identity.encode())
        except (InvalidTag, ValueError) as error:  # ValueError: the box is too short to be one
            msg = f"a secret does not open with the key {sealed.key_id!r}: wrong key, or the row was tampered with"
            raise VaultError(msg) from error
