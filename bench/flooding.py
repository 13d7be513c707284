"""The flood of the bench: a process of its own that takes one flood a line and answers with what came back.

    python -m bench.flooding

Connections go on as fast as answers come, or requests begin at a rate. Each request says from which address it comes:
the server trusts this machine as its proxy.
"""

import asyncio
import itertools
import sys
import time
from collections import Counter

import msgspec
import uvloop

from bench.client import Connection, ConnectionLost, form, post


class Flood(msgspec.Struct, frozen=True):
    """So many connections ask for letters, or try passwords, from so many networks."""

    name: str
    asks: str  # "forgot_password" or "sign_in"
    connections: int
    networks: int
    rate: float | None = None  # requests a second; without one as fast as answers come


class Job(msgspec.Struct, frozen=True):
    """A flood upon a server, for a time."""

    flood: Flood
    port: int
    seconds: float


class Answered(msgspec.Struct, frozen=True):
    """How many answers there were of each status; 0 stands for connections that were lost."""

    statuses: dict[int, int]


def request(flood: Flood, n: int) -> bytes:
    """Build the n-th request of a flood: every address typed is another one that nobody has."""
    network = n % flood.networks
    headers = {"x_forwarded_for": f"198.{18 + network // 256}.{network % 256}.{n % 250 + 1}"}
    email = f"nobody{n}@company{n % 20}.example"
    if flood.asks == "sign_in":
        return post("/api/v1/sign-ins", {"email": email, "password": "not the password of anybody"}, **headers)
    return form("/forgot-password", {"email": email}, **headers)


async def run(job: Job) -> Answered:
    """Flood."""
    numbers, until, statuses = itertools.count(), time.perf_counter() + job.seconds, Counter[int]()

    async def one(part: int) -> None:
        connection: Connection | None = None
        pause = 0.0 if job.flood.rate is None else job.flood.connections / job.flood.rate
        due = time.perf_counter() + pause * part / job.flood.connections
        while time.perf_counter() < until:
            await asyncio.sleep(max(0.0, due - time.perf_counter()) if pause else 0.0)
            due += pause
            try:
                if connection is None or not connection.is_open:
                    connection = await Connection.open("127.0.0.1", job.port)
                answer = await asyncio.wait_for(connection.send(request(job.flood, next(numbers))), 30)
                statuses[answer.status] += 1
            except (ConnectionLost, OSError, TimeoutError):
                statuses[0] += 1
                connection = None
                await asyncio.sleep(0.1)
        if connection is not None:
            connection.close()

    await asyncio.gather(*(one(part) for part in range(job.flood.connections)))
    return Answered(dict(statuses))


def main() -> None:
    """Flood until there is nothing more to flood."""
    for line in sys.stdin.buffer:
        answered = uvloop.run(run(msgspec.json.decode(line, type=Job)))
        sys.stdout.buffer.write(msgspec.json.encode(answered) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
