"""Password hashes: argon2id through libsodium, which picks the widest vector unit of the machine at run time.

Hashing takes some 15 ms and 19 MiB and releases the interpreter lock; it never happens inside a transaction.
"""

import nacl.exceptions
from nacl.pwhash import argon2id

from twofold.kit import clock, metrics
from twofold.kit.tokens import random_bytes


class Hasher:
    """Hashes and verifies passwords under one set of argon2id parameters (memory in KiB, passes; one lane)."""

    def __init__(self, memory_kib: int, passes: int) -> None:
        self._memory_bytes = memory_kib * 1024
        self._passes = passes
        self._parameters = f"$argon2id$v=19$m={memory_kib},t={passes},p=1$"
        # Somebody who does not exist is compared with this, so that they take as long as somebody who does.
        self._nobody = self.hash(random_bytes(16).hex())

    def hash(self, password: str) -> str:
        """Return the standard `$argon2id$…` string of a password."""
        secret = password.encode("utf-8", "surrogatepass")
        return argon2id.str(secret, opslimit=self._passes, memlimit=self._memory_bytes).decode("ascii")

    def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether a password fits a stored hash; without a stored hash do the same work and say no."""
        secret = password.encode("utf-8", "surrogatepass")
        started = clock.stopwatch()
        try:
            return argon2id.verify((stored or self._nobody).encode("ascii"), secret) and stored is not None
        except nacl.exceptions.InvalidkeyError:
            return False
        finally:
            metrics.password_hash_seconds.observe(clock.stopwatch() - started)

    def outdated(self, stored: str) -> bool:
        """Tell whether a stored hash was made under other parameters than today's."""
        return not stored.startswith(self._parameters)
