"""Floods of people who are not signed in, and how everybody else fares meanwhile.

While a flood runs, somebody signed in opens a page and a program checks a session, twenty times a second each; a
balancer asks /readyz; three people who forgot their passwords wait for their letters, which a real mail server takes;
and the owner of an account signs in nine times from a browser that is known. Times count from when a request was due.
"""

import asyncio
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import sqlalchemy as sa

from bench import crowd, seed
from bench.client import Answer, Connection, ConnectionLost, form, get, post
from bench.flooding import Answered, Flood, Job
from bench.plan import STORES, tell
from bench.subject import Store, store
from tests.harness.server import Server
from tests.harness.smtp import SmtpServer
from twofold.audit.tables import audit_events

SECONDS = 15.0
PEOPLE = 100
SIGN_INS, LETTERS, WATCHED_A_SECOND = 9, 3, 20.0
OFFICE = "203.0.113.7"  # where people are; the floods come from elsewhere
LONGEST_WAIT = 30.0

FLOODS = (
    Flood("145 forgotten passwords a second", "forgot_password", 16, 1, 145),
    Flood("600 connections, forgotten passwords", "forgot_password", 600, 1),
    Flood("400 connections, wrong passwords", "sign_in", 400, 1),
    Flood("400 connections from 400 networks, wrong passwords", "sign_in", 400, 400),
    Flood("400 connections from 400 networks, forgotten passwords", "forgot_password", 400, 400),
)


class Flooded(msgspec.Struct, frozen=True):
    """What one flood did to one database's server; times in milliseconds, letters in seconds."""

    store: str
    flood: str
    statuses: dict[int, int]
    p50: float
    p99: float
    longest: float
    failed: int  # requests of people signed in that were not answered with 200
    letters: list[float]
    ready: int
    not_ready: int
    signed_in: int
    audit_rows: int


def run(*, short: bool = False) -> list[Flooded]:
    """Measure every flood on both databases; `short` takes a third of the time."""
    found = []
    for kind in STORES:
        for flood in FLOODS:
            with store(kind) as subject, SmtpServer() as smtp:
                found.append(_measure(subject, smtp, flood, SECONDS / 3 if short else SECONDS))
                tell(line_of(found[-1]))
    return found


def line_of(seen: Flooded) -> str:
    """Say it in a line."""
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(seen.statuses.items()))
    letters = " ".join(f"{seconds:.1f}" for seconds in seen.letters)
    return (
        f"{seen.store}, {seen.flood} ({answers}): "
        f"signed in p50 {seen.p50:.0f} p99 {seen.p99:.0f} ms, {seen.failed} failed; "
        f"letters after {letters} s; ready {seen.ready} of {seen.ready + seen.not_ready}; "
        f"{seen.signed_in} of {SIGN_INS} sign-ins; {seen.audit_rows} audit rows"
    )


def _measure(subject: Store, smtp: SmtpServer, flood: Flood, seconds: float) -> Flooded:
    seed.fill(subject.db, subject.vault, subject.hasher, range(PEOPLE))
    seed.start_sessions(subject.db, [0])
    settings = {"TWOFOLD_TRUSTED_PROXIES": "127.0.0.1/32", "TWOFOLD_SMTP_URL": smtp.url}
    with subject.served(workers=1, settings=settings) as server:
        client = asyncio.run(_become_known(server))
        before = _audit_rows(subject)
        with ThreadPoolExecutor(4) as pool:
            flooding = pool.submit(_flood, Job(flood, server.port, seconds + 1))
            time.sleep(1)  # until it runs
            watching = pool.submit(asyncio.run, _watch(server, seconds))
            letters = pool.submit(_letters, server, smtp, seconds)
            entering = pool.submit(asyncio.run, _enter(server, client, seconds))
            took, failed, ready, not_ready = watching.result()
            answered, waits, signed_in = flooding.result(), letters.result(), entering.result()
        ranked = sorted(took) or [0.0]
        p50, p99 = (ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000 for part in (0.50, 0.99))
        return Flooded(
            subject.kind, flood.name, answered.statuses, p50, p99, ranked[-1] * 1000, failed, waits, ready, not_ready,
            signed_in, _audit_rows(subject) - before,
        )  # fmt: skip


def _audit_rows(subject: Store) -> int:
    with subject.db.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(audit_events)).scalar_one()


def _flood(job: Job) -> Answered:
    line = msgspec.json.encode(job) + b"\n"
    done = subprocess.run([sys.executable, "-m", "bench.flooding"], input=line, capture_output=True, check=True)
    return msgspec.json.decode(done.stdout, type=Answered)


async def _send(server: Server, request: bytes, connection: Connection | None = None) -> Answer:
    own = connection or await Connection.open(server.host, server.port)
    try:
        return await own.send(request)
    finally:
        if connection is None:
            own.close()


async def _become_known(server: Server) -> str:
    """Sign the owner in with password and code; return what makes their browser known."""
    begun = await _send(server, _password(""))
    code = {"sign_in": begun.json()["sign_in"], "code": crowd.code(1, time.time())}
    return str((await _send(server, post("/api/v1/sign-ins/code", code))).json()["client"])


def _password(client: str) -> bytes:
    about = {"x_forwarded_for": OFFICE} | ({"twofold_client": client} if client else {})
    return post("/api/v1/sign-ins", {"email": crowd.email(1), "password": crowd.PASSWORD}, **about)


async def _enter(server: Server, client: str, seconds: float) -> int:
    """Let the owner sign in nine times from a browser that is known; return how often the password was taken."""
    taken = 0
    for _ in range(SIGN_INS):
        with suppress(ConnectionLost, OSError, TimeoutError):
            taken += (await asyncio.wait_for(_send(server, _password(client)), LONGEST_WAIT)).status == 201
        await asyncio.sleep(seconds / SIGN_INS / 2)
    return taken


async def _watch(server: Server, seconds: float) -> tuple[list[float], int, int, int]:
    """Be somebody signed in, a program with a session, and a balancer."""
    token = crowd.token("session", 0)
    page = get("/profile", cookie=f"twofold_session={token}", x_forwarded_for=OFFICE)
    call = get("/api/v1/session", authorization=f"Bearer {token}", x_forwarded_for=OFFICE)
    took, failed, ready = list[float](), 0, [0, 0]

    async def again(request: bytes, a_second: float) -> None:
        nonlocal failed
        connection = await Connection.open(server.host, server.port)
        due = time.perf_counter()
        until = due + seconds
        while due < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            try:
                if not connection.is_open:
                    connection = await Connection.open(server.host, server.port)
                status = (await asyncio.wait_for(connection.send(request), LONGEST_WAIT)).status
            except (ConnectionLost, OSError, TimeoutError):
                status = 0
            if a_second == WATCHED_A_SECOND:
                took.append(time.perf_counter() - due)
                failed += status != 200
            else:
                ready[status != 200] += 1
            due += 1 / a_second
        connection.close()

    await asyncio.gather(again(page, WATCHED_A_SECOND), again(call, WATCHED_A_SECOND), again(get("/readyz"), 4.0))
    return took, failed, ready[False], ready[True]


def _letters(server: Server, smtp: SmtpServer, seconds: float) -> list[float]:
    """Let three people ask for a letter; return after how many seconds each had it."""
    waits = []
    for n in range(2, 2 + LETTERS):
        asked = time.perf_counter()
        asyncio.run(_ask_for_letter(server, crowd.email(n)))
        with suppress(AssertionError, TimeoutError):
            smtp.wait_for(crowd.email(n), seconds=LONGEST_WAIT)
        waits.append(time.perf_counter() - asked)
        threading.Event().wait(max(0.0, seconds / LETTERS - waits[-1]))
    return waits


async def _ask_for_letter(server: Server, email: str) -> None:
    """Ask until it is taken: a page that says "try again in a moment" is tried again."""
    request = form("/forgot-password", {"email": email}, x_forwarded_for=OFFICE)
    until = time.perf_counter() + LONGEST_WAIT
    while time.perf_counter() < until:
        with suppress(ConnectionLost, OSError):
            if (await _send(server, request)).status == 303:
                return
        await asyncio.sleep(0.5)
