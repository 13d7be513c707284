"""The load program: a process of its own that takes one job a line and answers with what it saw.

    python -m bench.load

A job is bounded twice: by its people, each used once, and by its seconds. Every answer is looked at; the first wrong
one ends the job, because the speed of mistakes is not what is measured.

Connections either go on as fast as the answers come, or operations begin at a given rate, whatever has become of those
before; then a time counts from the moment at which the operation was due, and refusals for want of room (503) are
counted apart.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from itertools import count

import msgspec
import uvloop

from bench import applications, operations
from bench.client import Connection
from bench.operations import Refused
from bench.peers import operations as of_peers

OPERATIONS = operations.OPERATIONS | applications.OPERATIONS | of_peers.OPERATIONS


class Job(msgspec.Struct, frozen=True):
    """So many connections do an operation for the people from `first` on, one after another or at a `rate`."""

    port: int
    operation: str
    connections: int
    seconds: float
    first: int
    people: int
    again: bool = False  # whether people may come round again: true where nothing is used up
    rate: float | None = None  # operations a second


class Seen(msgspec.Struct, frozen=True):
    """What the load program saw; latencies in milliseconds."""

    operations: int
    seconds: float
    p50: float
    p99: float
    longest: float
    own_cpu_seconds: float
    refused: int = 0
    wrong: str | None = None

    @property
    def per_second(self) -> float:
        return self.operations / self.seconds


class Work:
    """A job being done."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.took: list[float] = []
        self.refused = 0
        self._numbers = count()
        self._operation = OPERATIONS[job.operation]

    async def one_after_another(self, connection: Connection, until: float) -> None:
        """Go on as fast as the answers come."""
        while (began := time.perf_counter()) < until and (user := self._next_user()) is not None:
            await self._operation(connection, user)
            self.took.append(time.perf_counter() - began)

    async def at_rate(self, connections: Sequence[Connection], rate: float, until: float) -> None:
        """Begin operations when they are due."""
        idle: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
        for connection in connections:
            idle.put_nowait(connection)
        began, running = time.perf_counter(), list[asyncio.Task[None]]()
        for number in count():
            due = began + number / rate
            if due >= until or (user := self._next_user()) is None:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            running.append(asyncio.create_task(self._one(idle, user, due)))
        await asyncio.gather(*running)

    async def _one(self, idle: "asyncio.LifoQueue[Connection]", user: int, due: float) -> None:
        connection = await idle.get()
        if not connection.is_open:  # servers hang up on connections that nobody uses
            connection = await Connection.open("127.0.0.1", self.job.port)
        try:
            await self._operation(connection, user)
            self.took.append(time.perf_counter() - due)
        except Refused:
            self.refused += 1
        finally:
            idle.put_nowait(connection)

    def _next_user(self) -> int | None:
        number = next(self._numbers)
        return self.job.first + number % self.job.people if number < self.job.people or self.job.again else None


async def run(job: Job) -> Seen:
    """Do a job."""
    work = Work(job)
    connections = [await Connection.open("127.0.0.1", job.port) for _ in range(job.connections)]
    cpu, began = time.process_time(), time.perf_counter()
    until = began + job.seconds
    if job.rate is None:
        parts = [work.one_after_another(connection, until) for connection in connections]
    else:
        parts = [work.at_rate(connections, job.rate, until)]
    done = await asyncio.gather(*parts, return_exceptions=True)
    ended = time.perf_counter()
    for connection in connections:
        connection.close()
    wrong = next((f"{type(error).__name__}: {error}" for error in done if error is not None), None)
    return summary(work.took, ended - began, time.process_time() - cpu, refused=work.refused, wrong=wrong)


def summary(took: list[float], seconds: float, cpu: float, *, refused: int, wrong: str | None) -> Seen:
    """Sum up what a job saw, from the seconds that each operation took."""
    ranked = sorted(took) or [0.0]
    p50, p99 = (ranked[min(len(ranked) - 1, int(len(ranked) * part))] * 1000 for part in (0.50, 0.99))
    return Seen(len(took), seconds, p50, p99, ranked[-1] * 1000, cpu, refused, wrong)


def main() -> None:
    """Answer jobs until there are no more."""
    for line in sys.stdin.buffer:
        seen = uvloop.run(run(msgspec.json.decode(line, type=Job)))
        sys.stdout.buffer.write(msgspec.json.encode(seen) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
