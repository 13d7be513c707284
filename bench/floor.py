"""The floor: what a bare argon2id verify costs through libsodium, without a server around it.

    python -m bench.floor SECONDS

It runs in a process of its own, with one thread and with two, each for so many seconds, and prints JSON. Beside it
stands the same in the way that serves, which is the quicker one on this machine (twofold/kit/crypto/argon2id.py).
Where that is two interleaved, threads only ask; instead of two there are as many as keep it busy.
"""

import subprocess
import sys
import threading
import time

import msgspec

from bench import crowd
from twofold.kit.crypto import argon2id
from twofold.kit.crypto.argon2id import Argon2id
from twofold.kit.crypto.libsodium import Libsodium

MEMORY_KIB, PASSES = 19456, 2
LIBSODIUM = Libsodium().name


class Floor(msgspec.Struct, frozen=True):
    """CPU milliseconds of one verify, and verifies a second, for so many threads."""

    threads: int
    cpu_ms: float
    per_second: float
    way: str = msgspec.field(default=LIBSODIUM, name="library")  # by the name that kept results have for it
    serves: bool = False  # whether it is the way that the server uses


def measured(seconds: float) -> list[Floor]:
    """Measure in another process."""
    command = [sys.executable, "-m", "bench.floor", str(seconds)]
    printed = subprocess.run(command, capture_output=True, check=True).stdout
    return msgspec.json.decode(printed, type=list[Floor])


def measure_all(seconds: float) -> list[Floor]:
    """Measure libsodium, and the way that serves where that is another."""
    serving = argon2id.quickest(MEMORY_KIB, PASSES)
    floors = [measure(Libsodium(), threads, seconds) for threads in (1, 2)]
    if serving.name == LIBSODIUM:
        return [msgspec.structs.replace(one, serves=True) for one in floors]
    own = (measure(serving, 1, seconds), msgspec.structs.replace(measure(serving, serving.callers, seconds), threads=2))
    return floors + [msgspec.structs.replace(one, serves=True) for one in own]


def measure(way: Argon2id, threads: int, seconds: float) -> Floor:
    """Verify with so many threads for so many seconds."""
    stored = way.hash(crowd.PASSWORD.encode(), MEMORY_KIB, PASSES)
    secret, done = crowd.PASSWORD.encode(), [0] * threads
    cpu, began = time.process_time(), time.perf_counter()
    until = began + seconds

    def verify(own: int) -> None:
        while time.perf_counter() < until:
            way.verify(stored, secret)
            done[own] += 1

    running = [threading.Thread(target=verify, args=(own,)) for own in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    took = time.perf_counter() - began
    cpu_ms = (time.process_time() - cpu) / sum(done) * 1000
    return Floor(threads, cpu_ms, sum(done) / took, way.name)


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(measure_all(float(sys.argv[1]))))
