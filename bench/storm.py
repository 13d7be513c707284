"""A storm of passwords, four times what the machine can hash, and whether other requests still get through.

Operations come at a fixed rate, whatever has become of those before, and times count from when an operation was due:
a server that falls behind cannot hide it by answering fewer.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

import msgspec

from bench import measure, seed
from bench.load import Job, Seen
from bench.measure import People
from bench.plan import STORES, tell
from bench.subject import LoadProgram, Store, store
from tests.harness.server import Server

TIMES_CAPACITY = 4
CHECKS_A_SECOND, CODES_A_SECOND = 40.0, 20.0
CALM_SECONDS, STORM_SECONDS, CAPACITY_SECONDS = 8.0, 20.0, 6.0
HASHES_A_SECOND = 250  # more than two cores do


class Weather(msgspec.Struct, frozen=True):
    """What was seen of each operation at the same time."""

    session_check: Seen
    second_factor: Seen
    password: Seen | None = None


class Storm(msgspec.Struct, frozen=True):
    """One database in calm and in storm; capacity and what was offered in passwords a second."""

    store: str
    workers: int
    capacity: float
    offered: float
    calm: Weather
    storm: Weather


def run(*, short: bool = False) -> list[Storm]:
    """Measure on both databases; `short` halves the times."""
    found = []
    share = 0.5 if short else 1.0
    for kind in STORES:
        with store(kind) as subject:
            people = _crowd(subject, share)
            with subject.served(workers=1) as server:
                found.append(_measure(subject, server, people, share))
                tell(line_of(found[-1]))
    return found


def line_of(storm: Storm) -> str:
    """Say it in a line."""
    assert storm.storm.password is not None
    return (
        f"{storm.store}: {storm.capacity:.0f} passwords/s possible, {storm.offered:.0f}/s offered, "
        f"{storm.storm.password.per_second:.0f}/s done, {storm.storm.password.refused} refused; "
        f"session check p99 {storm.calm.session_check.p99:.0f} -> {storm.storm.session_check.p99:.0f} ms, "
        f"second factor p99 {storm.calm.second_factor.p99:.0f} -> {storm.storm.second_factor.p99:.0f} ms"
    )


def _crowd(subject: Store, share: float) -> People:
    hashes = HASHES_A_SECOND * (CAPACITY_SECONDS + TIMES_CAPACITY * STORM_SECONDS) * share
    codes = CODES_A_SECOND * (CALM_SECONDS + STORM_SECONDS) * share
    count = int(hashes + codes) + 2 * measure.PEOPLE_FOR_READS + 1_000
    tell(f"{subject.kind}: seeding {count} people")
    seed.fill(subject.db, subject.vault, subject.hasher, range(count))
    return People(count)


class _Operator(NamedTuple):
    """Whoever starts jobs on one server."""

    subject: Store
    server: Server
    people: People

    def job(self, operation: str, rate: float | None, seconds: float, connections: int) -> Job:
        count = measure.PEOPLE_FOR_READS
        if operation in measure.USES_UP:
            count = int((rate or HASHES_A_SECOND) * seconds) + 1
        chosen = self.people.take(count)
        measure.prepare(self.subject, operation, chosen)
        job = measure.job_of(self.server, operation, connections, seconds, chosen)
        return msgspec.structs.replace(job, rate=rate)


def _measure(subject: Store, server: Server, people: People, share: float) -> Storm:
    operator = _Operator(subject, server, people)
    with ExitStack() as stack:
        programs = [stack.enter_context(LoadProgram()) for _ in range(3)]
        capacity = programs[0].run(operator.job("password", None, CAPACITY_SECONDS * share, 16)).per_second
        calm = _weather(programs, operator, CALM_SECONDS * share, None)
        offered = capacity * TIMES_CAPACITY
        storm = _weather(programs, operator, STORM_SECONDS * share, offered)
    return Storm(subject.kind, 1, capacity, offered, calm, storm)


def _weather(programs: list[LoadProgram], operator: _Operator, seconds: float, passwords: float | None) -> Weather:
    jobs = [
        operator.job("session_check", CHECKS_A_SECOND, seconds, 64),
        operator.job("second_factor", CODES_A_SECOND, seconds, 64),
    ]
    if passwords is not None:
        jobs.append(operator.job("password", passwords, seconds, 400))
    runs = [partial(program.run, job) for program, job in zip(programs, jobs, strict=False)]
    with ThreadPoolExecutor(len(runs)) as pool:
        return Weather(*pool.map(lambda run: run(), runs))
