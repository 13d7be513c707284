"""Many people who sign in at once, and what must be true of all they did, whatever broke meanwhile."""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from uuid import UUID

import httpx
import msgspec
import sqlalchemy as sa

from tests.harness import processes
from tests.harness.api import ROOT
from tests.harness.authenticator import codes
from tests.harness.contexts import context_on
from tests.harness.people import PASSWORD, Factor, People
from tests.harness.wire import client_to
from twofold.audit.tables import audit_events
from twofold.factors.totp.tables import authenticators
from twofold.lockouts.tables import second_factor_budgets
from twofold.sessions.tables import sessions

STEP = 30  # seconds
AT_MOST = 2.0  # seconds until an answer where the database gives none
HANGS = 30.0  # seconds after which a request counts as hanging: the server's own time-outs are far shorter


def now() -> datetime:
    """The real time: servers of their own read the real clock."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Member:
    """Somebody with a second factor."""

    id: UUID
    email: str
    factor: Factor


@dataclass(frozen=True)
class Try:
    """One try of a second factor: what was typed, and the answer (None: there was none) with the seconds it took."""

    email: str
    typed: str
    status: int | None
    seconds: float
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def accepted(self) -> bool:
        return self.status == 200


def crowd(
    database_url: str, count: int, name: str = "person", *, protected_for: timedelta = timedelta(minutes=10)
) -> list[Member]:
    """Make people of yesterday, who have had two-factor authentication for a while.

    A set-up is open for a quarter of an hour: where a server runs already, its clean-up would take an older one away.
    """
    yesterday, lately = now() - timedelta(days=1), now() - protected_for
    with context_on(database_url) as context:
        people = People(context)
        account = people.account(at=yesterday)
        members = []
        for number in range(count):
            user = people.user(f"{name}{number}@acme.example", account=account, at=yesterday)
            members.append(Member(user.id, user.email, people.protect(user, at=lately)))
    return members


class Program:
    """A program that signs people in at one of several nodes; a lost connection is an answer like others."""

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes = list(nodes)
        self._next = 0
        self.http = client_to(timeout=HANGS, headers={"Connection": "close"})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def post(self, path: str, body: dict[str, str], email: str = "", typed: str = "") -> Try:
        """Make a call to the next node."""
        node = self._nodes[self._next % len(self._nodes)]
        self._next += 1
        begun = time.monotonic()
        try:
            got = self.http.post(node + ROOT + path, json=body)
        except httpx.TransportError:
            return Try(email, typed, None, time.monotonic() - begun, {}, httpx.Headers())
        return Try(email, typed, got.status_code, time.monotonic() - begun, got.json(), got.headers)

    def begin(self, email: str) -> Try:
        """Give address and password."""
        return self.post("/sign-ins", {"email": email, "password": PASSWORD}, email)

    def give(self, sign_in: str, email: str, typed: str) -> Try:
        """Give a code of the app, or a backup code."""
        kind = "code" if len(typed) == len("123456") else "backup_code"
        return self.post("/sign-ins/code", {"sign_in": sign_in, kind: typed}, email, typed)

    def sign_in(self, email: str, typed: str) -> Try:
        """Give address, password and code; the answer is that of whatever failed first."""
        begun = self.begin(email)
        if begun.status != 201:
            return Try(email, typed, begun.status, begun.seconds, begun.body, begun.headers)
        return self.give(begun.body["sign_in"], email, typed)


def in_time(usual: Iterable[float]) -> float:
    """Return how long an answer may take while the database is away, on a machine that answers so quickly with it."""
    return AT_MOST + 2 * max(usual)


def codes_around(member: Member, at: datetime) -> list[str]:
    """The codes that a server takes at a moment, in the order in which it takes them all."""
    return codes(member.factor.phone.secret, at - timedelta(seconds=STEP), 3)


@dataclass
class Load:
    """Threads in which people sign in, each code twice, until the load is stopped or everybody is through."""

    nodes: Sequence[str]
    members: Sequence[Member]
    threads: int = 6
    backup_codes: bool = True
    tries: list[Try] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._waiting = list(self.members)
        self._lock = threading.Lock()
        self._running = [threading.Thread(target=self._run) for _ in range(self.threads)]

    def __enter__(self) -> Self:
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.finish()

    def finish(self) -> None:
        """Wait until everybody is through."""
        for thread in self._running:
            thread.join()

    def wait_for(self, accepted: int) -> None:
        """Wait until so many tries were accepted."""
        try:
            processes.wait_until(lambda: self.accepted >= accepted, what=f"{accepted} sign-ins")
        except TimeoutError as late:
            late.add_note(f"so far: {Counter((one.status, one.body.get('code')) for one in list(self.tries))}")
            raise

    @property
    def accepted(self) -> int:
        """How many tries were accepted so far."""
        return sum(1 for one in list(self.tries) if one.accepted)

    def _run(self) -> None:
        with Program(self.nodes) as program:
            while not self._stopping.is_set():
                with self._lock:
                    if not self._waiting:
                        return
                    member = self._waiting.pop()
                self._sign_in(program, member)

    def _sign_in(self, program: Program, member: Member) -> None:
        typed = codes_around(member, now()) + ([member.factor.backup_code] if self.backup_codes else [])
        for code in typed:
            for _ in range(2):
                if not self._stopping.is_set():
                    self.tries.append(program.sign_in(member.email, code))
                    if self.tries[-1].status in {503, None}:
                        time.sleep(0.25)


@dataclass(frozen=True)
class Truth:
    """What the database says happened through the API, which is where the load signs in."""

    sessions: dict[UUID, str]  # id -> methods
    sign_ins: dict[str, tuple[UUID, str]]  # session id in the audit log -> user, methods
    wrong: dict[UUID, int]

    def sign_ins_of(self, member: Member, method: str) -> int:
        return sum(1 for user, methods in self.sign_ins.values() if user == member.id and method in methods)


def truth(database_url: str) -> Truth:
    """Read what sessions there are, and what the audit log knows of them."""
    engine = sa.create_engine(database_url)
    try:
        with engine.connect() as connection:
            rows = connection.execute(sa.select(sessions).where(sessions.c.channel == "api"))
            made = {row.id: row.methods for row in rows}
            events = connection.execute(sa.select(audit_events).where(audit_events.c.kind == "signed_in")).all()
            wrong = {row.user_id: row.wrong for row in connection.execute(sa.select(second_factor_budgets))}
    finally:
        engine.dispose()
    told = [(msgspec.json.decode(event.details), event.subject_id) for event in events]
    sign_ins = {said["session"]: (user, " ".join(said["methods"])) for said, user in told if said["channel"] == "api"}
    return Truth(made, sign_ins, wrong)


def check_nothing_accepted_twice(database_url: str, members: Iterable[Member], tries: Iterable[Try]) -> None:
    """Compare what was answered with what is written down, code by code."""
    found, tries = truth(database_url), list(tries)
    answered = Counter((one.email, one.typed) for one in tries if one.accepted)
    assert not [once for once, count in answered.items() if count > 1], "a code was accepted twice"
    codes_given = Counter({(one.email, one.typed): 1 for one in tries})
    for member in members:
        for method, length in (("otp", 6), ("backup_code", 29)):
            given = sum(1 for email, typed in codes_given if email == member.email and len(typed) == length)
            told = sum(1 for email, typed in answered if email == member.email and len(typed) == length)
            made = found.sign_ins_of(member, method)
            assert told <= made <= given, (member.email, method, told, made, given)


def check_every_session_was_told(database_url: str) -> None:
    """No session without its audit event; and since nobody signed out here, no event without its session."""
    found = truth(database_url)
    assert set(found.sign_ins) == {str(id_) for id_ in found.sessions}
    assert all(set(methods.split()) in ({"pwd", "otp"}, {"pwd", "backup_code"}) for methods in found.sessions.values())


def last_steps(database_url: str) -> dict[UUID, int]:
    """The newest step that was accepted of each user's authenticator."""
    engine = sa.create_engine(database_url)
    try:
        with engine.connect() as connection:
            return {row.user_id: row.last_step for row in connection.execute(sa.select(authenticators))}
    finally:
        engine.dispose()
