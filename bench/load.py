"""The load program: a process of its own that takes one job a line and answers with what it saw.

    python -m bench.load

A job is bounded twice: by its people, each used once, and by its seconds. Every answer is looked at; the first wrong
one ends the job, because the speed of refusals is not what is measured.
"""

import asyncio
import sys
import time
from itertools import count

import msgspec
import uvloop

from bench.client import Connection
from bench.operations import OPERATIONS


class Job(msgspec.Struct, frozen=True):
    """So many connections do one operation after another, for the people from `first` on."""

    port: int
    operation: str
    connections: int
    seconds: float
    first: int
    people: int
    again: bool = False  # whether people may come round again: true where nothing is used up


class Seen(msgspec.Struct, frozen=True):
    """What the load program saw; latencies in milliseconds."""

    operations: int
    seconds: float
    p50: float
    p99: float
    longest: float
    own_cpu_seconds: float
    wrong: str | None = None

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds


async def run(job: Job) -> Seen:
    """Do a job."""
    numbers, took, operation = count(), list[float](), OPERATIONS[job.operation]
    connections = [await Connection.open("127.0.0.1", job.port) for _ in range(job.connections)]
    cpu, began = time.process_time(), time.perf_counter()
    until = began + job.seconds

    def next_person() -> int | None:
        number = next(numbers)
        return job.first + number % job.people if number < job.people or job.again else None

    async def work(connection: Connection) -> None:
        while (started := time.perf_counter()) < until and (person := next_person()) is not None:
            await operation(connection, person)
            took.append(time.perf_counter() - started)

    done = await asyncio.gather(*map(work, connections), return_exceptions=True)
    ended = time.perf_counter()
    for connection in connections:
        connection.close()
    wrong = next((f"{type(error).__name__}: {error}" for error in done if error is not None), None)
    return summary(took, ended - began, time.process_time() - cpu, wrong)


def summary(took: list[float], seconds: float, cpu: float, wrong: str | None = None) -> Seen:
    """Sum up what a job saw, from the seconds that each operation took."""
    ranked = sorted(took) or [0.0]
    p50, p99 = (ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000 for part in (0.50, 0.99))
    return Seen(len(took), seconds, p50, p99, ranked[-1] * 1000, cpu, wrong)


def main() -> None:
    """Answer jobs until there are no more."""
    for line in sys.stdin.buffer:
        seen = uvloop.run(run(msgspec.json.decode(line, type=Job)))
        sys.stdout.buffer.write(msgspec.json.encode(seen) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
