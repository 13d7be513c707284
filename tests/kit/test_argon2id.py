import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Serve
from twofold.kit import argon2id
from twofold.kit.argon2id import Argon2id, Libsodium, Reference
from twofold.kit.hashing import Hasher

LIBRARIES = [Libsodium(), Reference()]
# By OpenSSL, through cryptography's Argon2id: password "password", salt "0123456789abcdef", 8 MiB, 2 passes, 1 lane.
KNOWN = "$argon2id$v=19$m=8192,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$RvYkGDBGI24XoGmHkB4jtv7Zd4dwkO9J91Z1rJTN3SE"


def names(library: Argon2id) -> str:
    return library.name


@pytest.mark.parametrize("library", LIBRARIES, ids=names)
def test_each_library_reads_what_another_implementation_wrote(library: Argon2id) -> None:
    assert library.verify(KNOWN, b"password")
    assert not library.verify(KNOWN, b"Password")


@pytest.mark.parametrize("writes", LIBRARIES, ids=names)
@pytest.mark.parametrize("reads", LIBRARIES, ids=names)
@pytest.mark.parametrize("secret", [b"orchard kettle lantern", b"", b"p\0q", "漢字".encode(), b"a" * 1000])
def test_each_library_reads_what_the_other_wrote(writes: Argon2id, reads: Argon2id, secret: bytes) -> None:
    stored = writes.hash(secret, 7168, 1)
    assert stored.startswith("$argon2id$v=19$m=7168,t=1,p=1$")
    assert len(stored) == len(Libsodium().hash(secret, 7168, 1))
    assert reads.verify(stored, secret)
    assert not reads.verify(stored, secret + b"x")
    assert writes.hash(secret, 7168, 1) != stored


@pytest.mark.parametrize("library", LIBRARIES, ids=names)
@pytest.mark.parametrize("stored", ["", "x", "$argon2id$v=19$m=7168", KNOWN[:-4], "$2b$12$abcdefghijklmnopqrstuv"])
def test_what_is_no_hash_fits_nothing(library: Argon2id, stored: str) -> None:
    assert not library.verify(stored, b"password")


@pytest.mark.parametrize("quick", LIBRARIES, ids=names)
def test_the_quicker_library_does_the_hashing(monkeypatch: pytest.MonkeyPatch, quick: Argon2id) -> None:
    def cost(library: Argon2id, memory_kib: int, passes: int, times: int) -> float:
        del memory_kib, passes, times
        return 1.0 if library.name == quick.name else 2.0

    monkeypatch.setattr(argon2id, "cpu_of", cost)
    argon2id.quickest.cache_clear()
    try:
        assert argon2id.quickest(7168, 1).name == quick.name
    finally:
        argon2id.quickest.cache_clear()


def test_a_hasher_hashes_and_verifies_with_the_library_that_it_was_given() -> None:
    asked = list[str]()

    class Noted(Reference):
        def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
            asked.append("hash")
            return super().hash(secret, memory_kib, passes)

        def verify(self, stored: str, secret: bytes) -> bool:
            asked.append("verify")
            return super().verify(stored, secret)

    hasher = Hasher(7168, 1, Noted())
    assert hasher.verify(hasher.hash("orchard"), "orchard")
    assert asked == ["hash", "hash", "verify"]  # the first is nobody's


# In a process of its own: how memory is kept is a matter of the whole process.
HASH_IN_THREADS = """
import threading
from pathlib import Path
from tests.conftest import Serve
from twofold.kit import argon2id

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) / 256

def hash_twice():
    for _ in range(2):
        library.verify(stored, b"x")
        gate.wait()

argon2id.keep_memory(2)
library, gate = argon2id.Reference(), threading.Barrier(2)
stored = library.hash(b"x", 19456, 1)
argon2id.give_memory_back()
before = resident_mib()
threads = [threading.Thread(target=hash_twice) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
kept = resident_mib()
argon2id.give_memory_back()
print(kept - before, resident_mib() - before)
"""


def test_memory_is_kept_from_hash_to_hash_until_it_is_given_back() -> None:
    command = [sys.executable, "-c", HASH_IN_THREADS]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    kept, after = (float(word) for word in ran.stdout.split())
    assert kept > 30  # both threads' 19 MiB
    assert after < 8


HASH_IN_HUGE_PAGES = """
import re
from pathlib import Path
from twofold.kit import argon2id

def welcome(what):
    # How many MiB of the heap, of those where huge pages are welcome (`hg`), the kernel books under a name.
    books = Path("/proc/self/smaps").read_text()
    parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", books, flags=re.MULTILINE)
    ours = [part for part in parts if "[heap]" in part and re.search(r"VmFlags:.* hg", part)]
    return sum(int(re.search(rf"^{what}: +(\\d+) kB", part, re.MULTILINE)[1]) for part in ours) / 1024

argon2id.keep_memory(2)
print(welcome("Size"), welcome("Rss"))
argon2id.Reference().hash(b"x", 19456, 1)
print(welcome("Rss"))
"""


def test_hashes_lie_where_huge_pages_are_welcome_and_nothing_is_used_before_the_first() -> None:
    command = [sys.executable, "-c", HASH_IN_HUGE_PAGES]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    room, before, after = (float(word) for word in ran.stdout.split())
    assert room > 38  # for two
    assert before <= 4  # where the blocks were marked
    assert after - before >= 14  # of the one's 19: it begins before the first page


def test_worker_processes_keep_to_one_arena_from_their_first_thread_on(serve: Serve, sqlite_url: str) -> None:
    server = serve(sqlite_url, workers=2)
    assert len(server.workers) == 2
    for pid in server.workers:
        assert b"MALLOC_ARENA_MAX=1" in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
