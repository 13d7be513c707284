"""Who is measured: Twofold and its peers, each a server on its own SQLite file, all of them up at once."""

from statistics import median
from typing import Protocol

from bench import floor, measure, seed
from bench.load import Job
from bench.measure import People
from bench.peers.server import PeerServer
from bench.subject import LoadProgram, Store
from tests.harness import processes
from tests.harness.server import Server

CONNECTIONS = 8
OPERATIONS = ("full_sign_in", "second_factor", "session_check")
MAKE_SESSIONS = {"full_sign_in", "second_factor"}

# What a peer's operation begins with is brought about by real requests, which take longer than the operation itself:
# so many people are brought there for each second that is measured.
PEOPLE_A_SECOND = {"full_sign_in": 200, "second_factor": 160, "session_check": 24}
WARM_UP = 200


def people_of_peer(operation: str, seconds: float) -> int:
    """Say how many people a measurement of a peer may need."""
    return int(PEOPLE_A_SECOND[operation] * seconds)


class Subject(Protocol):
    """A server that is measured."""

    name: str
    operations: tuple[str, ...]

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its processes so far."""

    def warm_up(self, people: People, load: LoadProgram) -> None:
        """Make sure that it does its work, and do some of it."""

    def job(self, operation: str, seconds: float, people: People, load: LoadProgram) -> Job:
        """Bring people to where an operation begins, and describe what the load program is to do."""

    def sign_ins(self) -> int:
        """Count the sign-ins that its database holds."""

    def settle(self) -> None:
        """Wait until everything is done that belongs to the operations: it counts as their CPU."""

    def bare_hash(self, seconds: float) -> float:
        """Return what checking a password costs in its own library with no server around it, two at a time: ms CPU."""


class Twofold:
    """`twofold serve` with its own settings, limits on; people begin as in `bench.measure`."""

    name = "twofold"
    operations: tuple[str, ...] = OPERATIONS

    def __init__(self, store: Store, server: Server) -> None:
        self._store = store
        self._server = server

    def cpu_seconds(self) -> float:
        return self._server.cpu_seconds()

    def warm_up(self, people: People, load: LoadProgram) -> None:
        for operation in OPERATIONS:
            chosen = people.take(WARM_UP)
            measure.prepare(self._store, operation, chosen)
            load.run(measure.job_of(self._server, operation, CONNECTIONS, 30.0, chosen))

    def job(self, operation: str, seconds: float, people: People, load: LoadProgram) -> Job:
        chosen = people.take(measure.people_for(operation, seconds))
        measure.prepare(self._store, operation, chosen)
        return measure.job_of(self._server, operation, CONNECTIONS, seconds, chosen)

    def sign_ins(self) -> int:
        return seed.count_sessions(self._store.db)

    def settle(self) -> None:
        """Wait for the audit log to be sealed."""
        processes.wait_until(self._sealed, seconds=30, what="a sealed audit log", every=0.1)

    def bare_hash(self, seconds: float) -> float:
        return median(found.cpu_ms for found in floor.measured(seconds) if found.threads == 2 and found.serves)

    def _sealed(self) -> bool:
        with self._store.db.read() as connection:
            row = connection.exec_driver_sql("SELECT count(*) FROM audit_events WHERE position IS NULL").one()
        return int(row[0]) == 0


class Peer:
    """A peer; `name` is that of its operations in the load program."""

    def __init__(self, name: str, server: PeerServer, operations: tuple[str, ...] = OPERATIONS) -> None:
        self.name = name
        self.operations = operations
        self._server = server

    def cpu_seconds(self) -> float:
        return self._server.cpu_seconds()

    def warm_up(self, people: People, load: LoadProgram) -> None:
        self._walk(load, "proof", people.take(1))
        chosen = people.take(WARM_UP)
        self._walk(load, "sign_in", chosen)
        load.run(self._job("session_check", 1.0, chosen, again=True))

    def job(self, operation: str, seconds: float, people: People, load: LoadProgram) -> Job:
        chosen = people.take(people_of_peer(operation, seconds))
        if operation == "second_factor":
            self._walk(load, "begin", chosen)
        elif operation == "session_check":
            self._walk(load, "sign_in", chosen)
        return self._job(operation, seconds, chosen, again=operation == "session_check")

    def sign_ins(self) -> int:
        return self._server.sign_ins()

    def settle(self) -> None:
        """A peer has done everything when it answers."""

    def bare_hash(self, seconds: float) -> float:
        return self._server.bare_hash(seconds)

    def _walk(self, load: LoadProgram, step: str, chosen: range) -> None:
        """Let people take a step, unmeasured.

        Raises:
            RuntimeError: not all of them came through.

        """
        done = load.run(self._job(step, 120.0, chosen)).operations
        if done != len(chosen):
            raise RuntimeError(f"{self.name}: {done} of {len(chosen)} came through {step}")

    def _job(self, operation: str, seconds: float, chosen: range, *, again: bool = False) -> Job:
        connections = min(CONNECTIONS, len(chosen))
        return Job(
            self._server.port, f"{self.name}.{operation}", connections, seconds, chosen.start, len(chosen), again=again
        )
