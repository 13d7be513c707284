"""One measurement: a server, one operation, so many connections; what it cost and how long it took."""

import msgspec

from bench import applications, seed
from bench.load import Job, Seen
from bench.subject import LoadProgram, Store
from tests.harness.server import Server

# Each of these uses its people up; the others may come back to the same ones.
STARTS_SESSION = {"full_sign_in", "second_factor", "backup_code_sign_in"}
USES_UP = {*STARTS_SESSION, "password", "token_exchange", "token_refresh"}
PEOPLE_FOR_READS = 2_000

# How many a second are more than any machine at hand does: so many people are set aside.
MOST_PER_SECOND = {
    "full_sign_in": 200,
    "backup_code_sign_in": 200,
    "second_factor": 2_000,
    "password": 200,
    "token_exchange": 2_000,
    "token_refresh": 2_000,
}


class Cell(msgspec.Struct, frozen=True):
    """One measurement. CPU in milliseconds per operation, latencies in milliseconds."""

    operation: str
    store: str
    workers: int
    connections: int
    operations: int
    seconds: float
    server_cpu_ms: float
    database_cpu_ms: float
    load_cpu_ms: float
    per_second: float
    p50: float
    p99: float


class People:
    """Hands people out, so that nobody is used twice."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._next = 0

    @property
    def left(self) -> int:
        """How many nobody had so far."""
        return self._count - self._next

    def take(self, count: int) -> range:
        """Return people whom nobody had before.

        Raises:
            RuntimeError: there are not so many left.

        """
        if self._next + count > self._count:
            raise RuntimeError(f"the crowd of {self._count} people is used up: seed more")
        taken = range(self._next, self._next + count)
        self._next += count
        return taken


def prepare(store: Store, operation: str, people: range) -> None:
    """Bring people to where the operation begins."""
    if operation == "second_factor":
        seed.begin_sign_ins(store.db, people)
    elif operation == "session_check":
        seed.start_sessions(store.db, people)
    elif operation in applications.OPERATIONS:
        applications.prepare(store.db, operation, people)
    seed.settle(store.db)


def measure(store: Store, server: Server, load: LoadProgram, job: Job, workers: int) -> Cell:
    """Run a job and take the CPU time of server and database before and after it."""
    sessions = seed.count_sessions(store.db)
    server_cpu, database_cpu = server.cpu_seconds(), store.cpu_seconds()
    seen = load.run(job)
    server_cpu, database_cpu = server.cpu_seconds() - server_cpu, store.cpu_seconds() - database_cpu
    _check_sessions(store, job, seen, sessions)
    per_operation = 1000 / seen.operations
    return Cell(
        job.operation, store.kind, workers, job.connections, seen.operations, seen.seconds,
        server_cpu * per_operation, database_cpu * per_operation, seen.own_cpu_seconds * per_operation,
        seen.per_second, seen.p50, seen.p99,
    )  # fmt: skip


def people_for(operation: str, seconds: float) -> int:
    """Say how many people a measurement may need."""
    return int(MOST_PER_SECOND[operation] * seconds) if operation in USES_UP else PEOPLE_FOR_READS


def job_of(server: Server, operation: str, connections: int, seconds: float, people: range) -> Job:
    """Describe what the load program is to do."""
    return Job(server.port, operation, connections, seconds, people.start, len(people), again=operation not in USES_UP)


def _check_sessions(store: Store, job: Job, seen: Seen, before: int) -> None:
    """A sign-in counts only where the database holds its session."""
    expected = seen.operations if job.operation in STARTS_SESSION else 0
    made = seed.count_sessions(store.db) - before
    if made != expected:
        raise RuntimeError(f"{job.operation}: {seen.operations} operations made {made} sessions")
