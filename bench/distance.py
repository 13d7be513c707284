"""What pipelines buy where the database is in another building: a second factor, one after the other, by the clock."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import msgspec
from sqlalchemy.engine import make_url

from bench import measure, seed
from bench.measure import People
from bench.one_by_one import PIPELINES
from bench.plan import tell
from bench.subject import LoadProgram, Store, store
from tests.harness.server import Server

ROUND_TRIPS = (0.0, 0.5, 2.0)  # milliseconds, beside what the machine itself takes
ONE_BY_ONE = (sys.executable, "-m", "bench.one_by_one")
OPERATION, SECONDS, ROUNDS, WARM_UP = "second_factor", 3.0, 3, 50
MOST_A_SECOND = 700


class Distance(msgspec.Struct, frozen=True):
    """A second factor at one distance: medians of the rounds, in milliseconds by the clock."""

    round_trip: float
    pipelined: float
    one_by_one: float

    @property
    def saved(self) -> float:
        """Which share of the time pipelines save."""
        return 1 - self.pipelined / self.one_by_one


def run() -> list[Distance]:
    """Measure at every distance, both ways in turn; some two minutes."""
    with store("postgresql") as subject, LoadProgram() as load:
        each = int(MOST_A_SECOND * SECONDS) + WARM_UP
        people = People(each * ROUNDS * 2 * len(ROUND_TRIPS))
        seed.fill(subject.db, subject.vault, subject.hasher, range(people.left))
        return [_at(subject, load, people, round_trip, each) for round_trip in ROUND_TRIPS]


def _at(subject: Store, load: LoadProgram, people: People, round_trip: float, each: int) -> Distance:
    took: dict[str, list[float]] = {"on": [], "off": []}
    with _proxy(subject, round_trip) as url:
        for _ in range(ROUNDS):
            for pipelines, times in took.items():
                with _served(subject, url, pipelines) as server:
                    times.append(_median(subject, server, load, people.take(each)))
    found = Distance(round_trip, median(took["on"]), median(took["off"]))
    tell(f"{round_trip} ms away: {found.pipelined:.2f} ms, one by one {found.one_by_one:.2f} ms")
    return found


def _median(subject: Store, server: Server, load: LoadProgram, people: range) -> float:
    measure.prepare(subject, OPERATION, people)
    load.run(measure.job_of(server, OPERATION, 1, SECONDS, people[:WARM_UP]))
    return load.run(measure.job_of(server, OPERATION, 1, SECONDS, people[WARM_UP:])).p50


@contextmanager
def _served(subject: Store, url: str, pipelines: str) -> Iterator[Server]:
    with subject.served_by(ONE_BY_ONE, settings={"TWOFOLD_DATABASE_URL": url, PIPELINES: pipelines}) as server:
        yield server


@contextmanager
def _proxy(subject: Store, round_trip: float) -> Iterator[str]:
    url = make_url(subject.url)
    command = [sys.executable, "-m", "bench.delay", "--to", str(url.port), "--round-trip", str(round_trip)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        port = int(process.stdout.readline())
        yield url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()
