"""The main run: every operation on both databases, with 1 and 2 workers, at 8 and 32 connections."""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from bench import applications, floor, machine, measure, seed
from bench.client import get
from bench.counts import COUNTS, Counts
from bench.floor import Floor
from bench.load import Job
from bench.machine import Machine
from bench.measure import Cell, People
from bench.subject import LoadProgram, Store, answer_of, memory_mib, store
from tests.harness.server import Server

STORES = ("sqlite", "postgresql")
WORKERS = (1, 2)
CONNECTIONS = (8, 32)
WARM_UP = 100
COUNTED = 200


class Plan(msgspec.Struct, frozen=True):
    """How much is measured: each cell for so many seconds, in so many rounds."""

    seconds: float
    rounds: int
    stores: tuple[str, ...] = STORES
    workers: tuple[int, ...] = WORKERS
    connections: tuple[int, ...] = CONNECTIONS
    operations: tuple[str, ...] = (
        "full_sign_in",
        "second_factor",
        "backup_code_sign_in",
        "session_check",
        "sign_in_page",
    )

    @property
    def people(self) -> int:
        """How many people one database must hold."""
        a_round = sum(measure.people_for(name, self.seconds) for name in self.operations) * len(self.connections)
        warm_ups = (WARM_UP + COUNTED) * len(self.operations)
        return (a_round * self.rounds + warm_ups) * len(self.workers) + warm_ups


QUICK = Plan(seconds=0.8, rounds=1)
FULL = Plan(seconds=3.0, rounds=3)
APPLICATIONS = Plan(
    seconds=3.0,
    rounds=3,
    workers=(1,),
    connections=(8,),
    operations=("session_check", "userinfo", "introspection", "token_exchange", "token_refresh"),
)
QUICK_APPLICATIONS = msgspec.structs.replace(APPLICATIONS, seconds=0.8, rounds=1)


class Served(msgspec.Struct, frozen=True):
    """What was seen of a server beside its operations: the floor in the same minutes, its memory, its rest."""

    store: str
    workers: int
    floor: list[Floor]
    memory_mib: list[float]
    idle_cpu_percent: float


class Counted(msgspec.Struct, frozen=True):
    """Statements and commits of one operation, and the statements themselves with how often each came."""

    operation: str
    store: str
    statements: float
    commits: float
    texts: dict[str, float]


class Results(msgspec.Struct, frozen=True):
    """Everything that a run has measured."""

    at: datetime
    machine: Machine
    plan: Plan
    cells: list[Cell]
    served: list[Served]
    counted: list[Counted]


def run(plan: Plan) -> Results:
    """Measure everything of a plan."""
    cells: list[Cell] = []
    served: list[Served] = []
    counted: list[Counted] = []
    version = ""
    with LoadProgram() as load:
        for kind in plan.stores:
            with store(kind) as subject:
                tell(f"{kind}: seeding {plan.people} people")
                version = subject.version or version
                seed.fill(subject.db, subject.vault, subject.hasher, range(plan.people))
                applications.register(subject.db)
                people = People(plan.people)
                served.extend(_measure_server(subject, plan, workers, people, load, cells) for workers in plan.workers)
                counted += _count(subject, plan, people, load)
    return Results(datetime.now(UTC), machine.here(version), plan, cells, served, counted)


def tell(text: str) -> None:
    """Say on the terminal what is being done."""
    print(f"[{datetime.now(UTC):%H:%M:%S}] {text}", file=sys.stderr, flush=True)


def _measure_server(
    subject: Store, plan: Plan, workers: int, people: People, load: LoadProgram, cells: list[Cell]
) -> Served:
    floors: list[Floor] = []
    with subject.served(workers=workers) as server:
        for operation in plan.operations:
            _warm_up(subject, server, operation, people.take(WARM_UP), load)
        idle = _idle_cpu_percent(server)
        for _ in range(plan.rounds):
            floors += floor.measured(min(2.0, plan.seconds))
            for operation, connections in _order(plan):
                chosen = people.take(measure.people_for(operation, plan.seconds))
                measure.prepare(subject, operation, chosen)
                job = measure.job_of(server, operation, connections, plan.seconds, chosen)
                cells.append(measure.measure(subject, server, load, job, workers))
                tell(line_of(cells[-1]))
        return Served(subject.kind, workers, floors, memory_mib(server), idle)


def _order(plan: Plan) -> Iterator[tuple[str, int]]:
    return ((operation, connections) for operation in plan.operations for connections in plan.connections)


def _warm_up(subject: Store, server: Server, operation: str, people: range, load: LoadProgram) -> None:
    measure.prepare(subject, operation, people)
    load.run(Job(server.port, operation, 8, 10.0, people.start, len(people)))


def _idle_cpu_percent(server: Server) -> float:
    """Return what the processes take when nobody asks for anything: the jobs behind the pages."""
    seconds, before = 3.0, server.cpu_seconds()
    time.sleep(seconds)
    return (server.cpu_seconds() - before) / seconds * 100


def _count(subject: Store, plan: Plan, people: People, load: LoadProgram) -> Iterator[Counted]:
    """Count statements in a run of its own, a few connections at a time."""
    with subject.served(workers=1, counted=True) as server:
        for operation in plan.operations:
            _warm_up(subject, server, operation, people.take(WARM_UP), load)
            chosen = people.take(COUNTED)
            measure.prepare(subject, operation, chosen)
            before = _counts(server)
            done = load.run(Job(server.port, operation, 4, 60.0, chosen.start, len(chosen))).operations
            after = _counts(server)
            yield Counted(
                operation, subject.kind,
                (after.statements - before.statements) / done, (after.commits - before.commits) / done,
                {
                    text: (count - before.texts.get(text, 0)) / done
                    for text, count in after.texts.items()
                    if count > before.texts.get(text, 0)
                },
            )  # fmt: skip


def _counts(server: Server) -> Counts:
    return msgspec.json.decode(answer_of(server, get(COUNTS)), type=Counts)


def line_of(cell: Cell) -> str:
    """Say a measurement in a line."""
    database = f" + {cell.database_cpu_ms:.2f} database" if cell.database_cpu_ms else ""
    return (
        f"{cell.store:10} {cell.workers} worker(s) {cell.connections:2} connections  {cell.operation:20} "
        f"{cell.server_cpu_ms:6.2f} ms CPU{database}, {cell.per_second:7.1f}/s, "
        f"p50 {cell.p50:.1f} p99 {cell.p99:.1f} ms  (load program {cell.load_cpu_ms:.2f})"
    )
