"""The floor: what a bare argon2id verify costs through libsodium, without a server around it.

    python -m bench.floor SECONDS

It runs in a process of its own, with one thread and with two, each for so many seconds, and prints JSON.
"""

import subprocess
import sys
import threading
import time

import msgspec
from nacl.pwhash import argon2id

from bench import crowd
from twofold.kit.hashing import Hasher

MEMORY_KIB, PASSES = 19456, 2


class Floor(msgspec.Struct, frozen=True):
    """CPU milliseconds of one verify, and verifies a second, for so many threads."""

    threads: int
    cpu_ms: float
    per_second: float


def measured(seconds: float) -> list[Floor]:
    """Measure in another process."""
    command = [sys.executable, "-m", "bench.floor", str(seconds)]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    return msgspec.json.decode(printed, type=list[Floor])


def measure(threads: int, seconds: float) -> Floor:
    """Verify with so many threads for so many seconds."""
    stored = Hasher(MEMORY_KIB, PASSES).hash(crowd.PASSWORD).encode()
    secret, done = crowd.PASSWORD.encode(), [0] * threads
    cpu, began = time.process_time(), time.perf_counter()
    until = began + seconds

    def verify(own: int) -> None:
        while time.perf_counter() < until:
            argon2id.verify(stored, secret)
            done[own] += 1

    running = [threading.Thread(target=verify, args=(own,)) for own in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.perf_counter() - began
    return Floor(threads, (time.process_time() - cpu) / sum(done) * 1000, sum(done) / took)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode([measure(threads, float(sys.argv[1])) for threads in (1, 2)]))
