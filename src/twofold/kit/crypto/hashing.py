"""Password hashes: argon2id, in the way that is the quicker one on this machine.

Hashing takes some 5 to 20 ms and 19 MiB and releases the interpreter lock; it never happens inside a transaction.
"""

from twofold.kit import clock, metrics
from twofold.kit.crypto import argon2id
from twofold.kit.crypto.tokens import random_bytes


class Hasher:
    """Hashes and verifies passwords under one set of argon2id parameters (RFC 9106).

    `memory_kib` is in KiB, `passes` a count; the parallelism is 1.
    """

    def __init__(
        self, memory_kib: int, passes: int, way: argon2id.Argon2id | None = None, *, processes: int = 1
    ) -> None:
        """Hash in the quicker way, if none is given; `processes` is how many serving processes share the cores."""
        self._way = way or argon2id.quickest(memory_kib, passes, processes)
        self._memory_kib = memory_kib
        self._passes = passes
        self._parameters = f"$argon2id$v=19$m={memory_kib},t={passes},p=1$"
        # A password for an unknown address is compared with this, so that it takes as long as for a known one.
        self._nobody = self.hash(random_bytes(16).hex())

    @property
    def callers(self) -> int:
        """How many threads that wait for a password keep the machine busy with them."""
        return self._way.callers

    def hash(self, password: str) -> str:
        """Return the standard `$argon2id$…` string of a password."""
        return self._way.hash(_bytes(password), self._memory_kib, self._passes)

    def verify(self, stored: str | None, password: str) -> bool:
        """Tell whether a password matches a stored hash; without a stored hash do the same work and return False."""
        started = clock.stopwatch()
        try:
            return self._way.verify(stored or self._nobody, _bytes(password)) and stored is not None
        finally:
            metrics.password_hash_seconds.observe(clock.stopwatch() - started)

    def outdated(self, stored: str) -> bool:
        """Tell whether a stored hash was made under other parameters than today's."""
        return not stored.startswith(self._parameters)


class NoHasher(Hasher):
    """The hasher of a process that checks no passwords: it measures nothing and takes no memory.

    Raises:
        RuntimeError: when it is to hash or verify: a mistake of the caller.

    """

    def __init__(self) -> None:
        """Prepare nothing."""

    def hash(self, password: str) -> str:
        raise RuntimeError("this process hashes no passwords")

    def verify(self, stored: str | None, password: str) -> bool:
        raise RuntimeError("this process verifies no passwords")


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
