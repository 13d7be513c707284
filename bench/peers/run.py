"""The same work side by side: every subject in every round, one after another, while the others rest."""

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench import crowd, machine, measure, seed, subject
from bench.machine import Machine
from bench.measure import People
from bench.peers import versions
from bench.peers.operations import better_auth_secret
from bench.peers.server import PeerServer, allauth, better_auth
from bench.peers.subjects import MAKE_SESSIONS, OPERATIONS, WARM_UP, Peer, Subject, Twofold, people_of_peer
from bench.plan import tell
from bench.subject import LoadProgram


class Plan(msgspec.Struct, frozen=True):
    """How much is measured: each operation for so many seconds, in so many rounds."""

    seconds: float
    rounds: int

    @property
    def people(self) -> int:
        """How many people Twofold must hold; its peers hold fewer."""
        a_round = sum(measure.people_for(name, self.seconds) for name in OPERATIONS)
        return a_round * self.rounds + 3 * WARM_UP

    @property
    def people_of_peers(self) -> int:
        """How many people a peer must hold."""
        a_round = sum(people_of_peer(name, self.seconds) for name in OPERATIONS)
        return a_round * self.rounds + WARM_UP + 1


QUICK = Plan(seconds=1.0, rounds=1)
FULL = Plan(seconds=2.0, rounds=5)


class Cell(msgspec.Struct, frozen=True):
    """One operation of one subject in one round. CPU in milliseconds per operation, latencies in milliseconds."""

    subject: str
    round: int
    operation: str
    operations: int
    cpu_ms: float
    load_cpu_ms: float
    per_second: float
    p50: float
    p99: float


class Bare(msgspec.Struct, frozen=True):
    """What a subject's own library takes to check a password, with no server around it, in ms CPU."""

    subject: str
    round: int
    cpu_ms: float


class PeerResults(msgspec.Struct, frozen=True):
    """Everything that a run beside the peers has measured."""

    at: datetime
    machine: Machine
    plan: Plan
    versions: dict[str, str]
    cells: list[Cell]
    bare: list[Bare]


def run(plan: Plan) -> PeerResults:
    """Measure Twofold and its peers."""
    cells: list[Cell] = []
    bare: list[Bare] = []
    with ExitStack() as stack:
        load = stack.enter_context(LoadProgram())
        subjects = [(one, People(people)) for one, people in _subjects(plan, stack)]
        for one, people in subjects:
            tell(f"{one.name}: warming up")
            one.warm_up(people, load)
            one.settle()
        for number in range(plan.rounds):
            bare += [Bare(one.name, number, one.bare_hash(min(1.5, plan.seconds))) for one, _ in subjects[:3]]
            for operation in OPERATIONS:
                for one, people in _turned(subjects, number):
                    if operation in one.operations:
                        cells.append(_measure(one, operation, plan, number, people, load))
                        tell(line_of(cells[-1]))
    return PeerResults(datetime.now(UTC), machine.here(""), plan, versions.of_peers(), cells, bare)


def line_of(cell: Cell) -> str:
    """Say a measurement in a line."""
    return (
        f"round {cell.round + 1}  {cell.subject:18} {cell.operation:14} {cell.cpu_ms:6.2f} ms CPU, "
        f"{cell.per_second:7.1f}/s, p50 {cell.p50:.1f} p99 {cell.p99:.1f} ms  ({cell.operations} done)"
    )


def _subjects(plan: Plan, stack: ExitStack) -> Iterator[tuple[Subject, int]]:
    """Fill the databases and start all servers."""
    store = stack.enter_context(subject.store("sqlite"))
    tell(f"seeding {plan.people} people of Twofold's, {plan.people_of_peers} of each peer's")
    seed.fill(store.db, store.vault, store.hasher, range(plan.people))
    yield Twofold(store, stack.enter_context(store.served(workers=1))), plan.people

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="twofold-bench-peers-")))
    django = PeerServer(allauth(), folder / "allauth.db", folder / "allauth.log")
    django.fill(_people(crowd.secret_text, plan.people_of_peers))
    yield Peer("allauth", stack.enter_context(django)), plan.people_of_peers

    for name, cached in (("better-auth", False), ("better-auth-cached", True)):
        node = PeerServer(better_auth(cached=cached), folder / f"{name}.db", folder / f"{name}.log")
        node.fill(_people(better_auth_secret, plan.people_of_peers))
        operations = ("session_check",) if cached else OPERATIONS
        yield Peer(name, stack.enter_context(node), operations), plan.people_of_peers


def _people(secret_of: Callable[[int], str], count: int) -> Iterator[bytes]:
    """Return the crowd as the peers' seeds take it."""
    for n in range(count):
        user = {
            "id": crowd.user_id(n).hex, "name": f"Person {n}", "email": crowd.email(n), "secret": secret_of(n),
            "backup_codes": [crowd.spare_code(n)],
        }  # fmt: skip
        yield json.dumps(user).encode()


def _turned(subjects: Sequence[tuple[Subject, People]], number: int) -> Sequence[tuple[Subject, People]]:
    """Begin each round with another subject."""
    first = number % len(subjects)
    return [*subjects[first:], *subjects[:first]]


def _measure(one: Subject, operation: str, plan: Plan, number: int, people: People, load: LoadProgram) -> Cell:
    job = one.job(operation, plan.seconds, people, load)
    one.settle()
    before, cpu = one.sign_ins(), one.cpu_seconds()
    seen = load.run(job)
    one.settle()
    cpu = one.cpu_seconds() - cpu
    expected = seen.operations if operation in MAKE_SESSIONS else 0
    if (made := one.sign_ins() - before) != expected:
        raise RuntimeError(f"{one.name}: {seen.operations} times {operation} made {made} sign-ins")
    each = 1000 / seen.operations
    return Cell(
        one.name, number, operation, seen.operations, cpu * each, seen.own_cpu_seconds * each, seen.per_second,
        seen.p50, seen.p99,
    )  # fmt: skip
