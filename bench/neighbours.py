"""The next answer as a witness: what others' answers tell, after one forgot-password, about whose address it was.

One request for a link, for an address that a user has or for one that nobody has, in an order that is drawn anew. Then,
for as long as it takes until the letter is out, other requests on another connection, one after the other: such that
look at nothing, that read, or that write. A real server, a real mail server in a process of its own.
"""

import asyncio
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat

import msgspec

from bench import crowd, seed
from bench.client import Connection, form, get, post
from bench.guessing import Look, Share, guesses
from bench.plan import STORES, tell
from bench.subject import store

KINDS = ("/healthz", "session check", "wrong password")
ANSWERS = dict(zip(KINDS, (200, 200, 401), strict=True))
CHEAP = {"TWOFOLD_ARGON2_MEMORY_KIB": "7168", "TWOFOLD_ARGON2_PASSES": "1"}  # others' hashes hide less
WATCHED = 1.25  # seconds: a letter is looked for every second
BETWEEN = 0.15
WARM_UP = 5
TOLD_EVERY = 100


class Guess(msgspec.Struct, frozen=True):
    """How often one way to decide was right, and between what the share lies (95 %)."""

    by: str
    right: float
    low: float
    high: float


class Neighbours(msgspec.Struct, frozen=True):
    """What other requests of one kind told on one database. `best` chose its statistic on the other half of looks."""

    store: str
    watched: str
    looks: int
    requests: int
    best: Guess
    by_statistic: list[Guess]


def run(looks: int) -> list[Neighbours]:
    """Look so often in all, as often for each kind at each database; 2,000 looks take about 50 minutes."""
    return [found for kind in STORES for found in watch(kind, looks // len(STORES))]


def watch(kind: str, count: int, watched: Sequence[str] = KINDS) -> list[Neighbours]:
    """Look at one database."""
    with store(kind) as subject, _mailbox() as port:
        people = range(count + WARM_UP + 1)
        tell(f"{kind}: seeding {len(people)} people")
        seed.fill(subject.db, subject.vault, subject.hasher, people)
        seed.start_sessions(subject.db, people[-1:])
        settings = {"TWOFOLD_SMTP_URL": f"smtp://127.0.0.1:{port}", **CHEAP}
        with subject.served(workers=1, settings=settings) as server:
            looks = asyncio.run(_look_again_and_again(server.port, count, people[-1], watched))
    return [_judged(kind, name, seen) for name, seen in looks.items()]


def _judged(store_kind: str, watched: str, looks: list[Look]) -> Neighbours:
    found = guesses(looks)
    best = _guess("best", found.pop("best"))
    tell(f"{store_kind}, {watched}: {best.right:.3f} of {len(looks)} right ({best.low:.3f} to {best.high:.3f})")
    ranked = sorted((_guess(name, share) for name, share in found.items()), key=lambda guess: -guess.right)
    return Neighbours(store_kind, watched, len(looks), sum(len(look.took) for look in looks), best, ranked)


def _guess(by: str, share: Share) -> Guess:
    return Guess(by, share.share, *share.interval)


async def _look_again_and_again(port: int, count: int, signed_in: int, watched: Sequence[str]) -> dict[str, list[Look]]:
    asking = await Connection.open("127.0.0.1", port)
    draw, looks = random.Random(), {kind: list[Look]() for kind in watched}
    for n in range(count + WARM_UP):
        known, kind = draw.random() < 0.5, watched[n % len(watched)]
        email = crowd.email(n) if known else f"person{draw.randrange(10**6, 10**7)}@{crowd.email(n).partition('@')[2]}"
        asking = asking if asking.is_open else await Connection.open("127.0.0.1", port)
        answer = await asking.send(form("/forgot-password", {"email": email}))
        if answer.status not in {200, 303}:
            raise RuntimeError(f"forgot password: {answer.status}")
        took = _others(port, kind, _requests(kind, signed_in, draw))
        if n >= WARM_UP:
            looks[kind].append(Look(known, took))
        await asyncio.sleep(BETWEEN)
        if n % TOLD_EVERY == TOLD_EVERY - 1:
            tell(f"{n + 1} looks")
    asking.close()
    return looks


def _requests(kind: str, signed_in: int, draw: random.Random) -> Iterator[bytes]:
    if kind == KINDS[0]:
        yield from repeat(get("/healthz"))
    if kind == KINDS[1]:
        yield from repeat(get("/api/v1/session", authorization=f"Bearer {crowd.token('session', signed_in)}"))
    while True:  # an address is tried once, so that nobody has to wait
        stranger = {"email": f"stranger{draw.randrange(10**9)}@company1.example", "password": "nobody's password"}
        yield post("/api/v1/sign-ins", stranger)


def _others(port: int, kind: str, requests: Iterator[bytes]) -> list[float]:
    """Send other requests one after the other, for a while; return how long each took, in milliseconds.

    Without an event loop, whose own turns would blur what is measured.
    """
    took: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = time.perf_counter() + WATCHED
        while time.perf_counter() < until:
            request = next(requests)
            began = time.perf_counter()
            connection.sendall(request)
            answer = connection.recv(65536)
            took.append((time.perf_counter() - began) * 1000)
            if int(answer[9:12]) != ANSWERS[kind]:
                raise RuntimeError(f"{kind}: {answer[:100]!r}")
    return took


@contextmanager
def _mailbox() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.mailbox"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()
