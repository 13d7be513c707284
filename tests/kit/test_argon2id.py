import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id as OpenSslArgon2id

from tests.conftest import Serve
from twofold import app
from twofold.kit import logs
from twofold.kit.crypto import argon2id, argon2id_checked
from twofold.kit.crypto.argon2id import Argon2id
from twofold.kit.crypto.argon2id_interleaved import Interleaved
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.crypto.libsodium import Libsodium
from twofold.kit.threads import PROCESSES


def interleaved(memory_kib: int, passes: int) -> Interleaved:
    unit = argon2id_checked.unit()
    assert isinstance(unit, str), unit.why
    return Interleaved(unit, memory_kib, passes, cores=2)


WAYS: list[Argon2id] = [Libsodium(), interleaved(8192, 2)]
# By OpenSSL, through cryptography's Argon2id: password "password", salt "0123456789abcdef", 8 MiB, 2 passes, 1 lane.
KNOWN = "$argon2id$v=19$m=8192,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$RvYkGDBGI24XoGmHkB4jtv7Zd4dwkO9J91Z1rJTN3SE"
# The same with four lanes, and as long a tag as argon2's command has: others write such.
FOUR_POOLS = "$argon2id$v=19$m=1024,t=2,p=4$ZH4wrpgJfmCaVSvHb97a0w$RUBAism/U5jn7i4x3Fb79XlTFui1KktQM3c4GicclXA"


def names(way: Argon2id) -> str:
    return way.name


@pytest.mark.parametrize("way", WAYS, ids=names)
def test_each_way_reads_what_another_implementation_wrote(way: Argon2id) -> None:
    assert way.verify(KNOWN, b"password")
    assert not way.verify(KNOWN, b"Password")


@pytest.mark.parametrize("way", WAYS, ids=names)
def test_each_way_reads_hashes_that_were_made_with_more_lanes_than_ours(way: Argon2id) -> None:
    assert way.verify(FOUR_POOLS, b"x")
    assert not way.verify(FOUR_POOLS, b"y")


@pytest.mark.parametrize("writes", WAYS, ids=names)
@pytest.mark.parametrize("parameters", [(8192, 2), (7168, 1), (64, 3), (1031, 2), (8, 1)], ids=str)
@pytest.mark.parametrize("secret", [b"orchard kettle lantern", b"", b"p\0q", "漢字".encode(), b"a" * 1000])
def test_each_way_reads_what_the_others_wrote(writes: Argon2id, parameters: tuple[int, int], secret: bytes) -> None:
    memory_kib, passes = parameters
    stored = writes.hash(secret, memory_kib, passes)
    assert stored.startswith(f"$argon2id$v=19$m={memory_kib},t={passes},p=1$")
    OpenSslArgon2id.verify_phc_encoded(secret, stored)
    for reads in [*WAYS, interleaved(memory_kib, passes)]:
        assert reads.verify(stored, secret)
        assert not reads.verify(stored, secret + b"x")
    assert writes.hash(secret, memory_kib, passes) != stored


@pytest.mark.parametrize("way", WAYS, ids=names)
@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "$argon2id$v=19$m=7168",
        KNOWN[:-4],
        KNOWN + "\n",
        "$2b$12$abcdefghijklmnopqrstuv",
        KNOWN.replace("19", "18"),
    ],
)
def test_what_is_no_hash_fits_nothing(way: Argon2id, stored: str) -> None:
    assert not way.verify(stored, b"password")


@pytest.mark.parametrize("quick", WAYS, ids=names)
def test_the_quicker_way_does_the_hashing(monkeypatch: pytest.MonkeyPatch, quick: Argon2id) -> None:
    def cost(way: Argon2id, memory_kib: int, passes: int, times: int) -> float:
        del memory_kib, passes, times
        return 1.0 if way.name == quick.name else 2.0

    monkeypatch.setattr(argon2id, "cpu_of", cost)
    argon2id.quickest.cache_clear()
    try:
        assert argon2id.quickest(7168, 1).name == quick.name
    finally:
        argon2id.quickest.cache_clear()


@pytest.mark.parametrize(("cores", "processes", "callers"), [(16, 1, 36), (16, 4, 12), (2, 4, 8), (None, 1, 8)])
def test_processes_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int | None, processes: int, callers: int
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    monkeypatch.setattr(argon2id, "cpu_of", lambda way, *_, **__: way.name == "libsodium")
    argon2id.quickest.cache_clear()
    try:
        assert Hasher(7168, 1, processes=processes).callers == callers
    finally:
        argon2id.quickest.cache_clear()


def test_a_server_tells_its_processes_how_many_they_are(
    monkeypatch: pytest.MonkeyPatch, serve: Serve, sqlite_url: str
) -> None:
    server = serve(sqlite_url, workers=2, worker="off")
    for pid in server.workers:
        told = dict(line.split(b"=", 1) for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if line)
        assert told[PROCESSES.encode()] == b"2"

    asked = list[int]()

    def stop(_settings: object, processes: int) -> None:
        asked.append(processes)
        raise InterruptedError

    monkeypatch.setattr(logs, "configure", lambda: None)
    monkeypatch.setattr(app, "build_context", stop)
    monkeypatch.setenv(PROCESSES, "2")
    with pytest.raises(InterruptedError):
        app.from_environment()
    assert asked == [2]


def test_what_a_verify_costs_is_the_cpu_of_whichever_thread_computes_it() -> None:
    memory_kib, passes = 19456, 2
    alone, other = (
        argon2id.cpu_of(way, memory_kib, passes, 3) for way in (Libsodium(), interleaved(memory_kib, passes))
    )
    assert 0.1 < other / alone < 10


def test_a_hasher_hashes_and_verifies_in_the_way_that_it_was_given() -> None:
    asked = list[str]()

    class Noted(Libsodium):
        callers = 5

        def __init__(self) -> None:
            """Keep what the class says."""

        def hash(self, secret: bytes, memory_kib: int, passes: int) -> str:
            asked.append("hash")
            return super().hash(secret, memory_kib, passes)

        def verify(self, stored: str, secret: bytes) -> bool:
            asked.append("verify")
            return super().verify(stored, secret)

    hasher = Hasher(7168, 1, Noted())
    assert hasher.verify(hasher.hash("orchard"), "orchard")
    assert asked == ["hash", "hash", "verify"]  # the first is nobody's
    assert hasher.callers == 5
