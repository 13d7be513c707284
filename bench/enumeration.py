"""Time as a witness: what a stopwatch tells somebody without a password about who exists, and in which state.

Every state is asked for in turn, in an order drawn anew each round, on one connection, one request at a time: what the
machine does beside that falls on all of them alike. Each address is used once in each operation: no throttle
counts.
Two groups hold unknown addresses: how far those two lie apart is what chance alone does.

Argon2 with the least parameters makes what differs beside the hash show more, not less; the real ones come after, for
fewer requests.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import NormalDist, median
from typing import Any

import msgspec

from bench import crowd, seed
from bench.client import Connection, form, post
from bench.plan import STORES, tell
from bench.subject import Store, store
from tests.harness.ports import free_port
from twofold.directory.tables import accounts, users
from twofold.kit.crypto.hashing import Hasher
from twofold.kit.sql.database import Database
from twofold.lockouts.budget import LOCK_AFTER
from twofold.lockouts.tables import second_factor_budgets

BASELINE = "unknown"
STATES = ("known", "locked", "frozen", "deactivated", "unknown", "unknown again")
SSO_BASELINE = "unknown at single sign-on"
SSO_STATES = ("known at single sign-on", "unknown at single sign-on", "unknown again at single sign-on")
OPERATIONS = ("sign_in", "forgot_password", "email_link")
CHEAP = (7168, 1)  # KiB, passes: the least that Twofold takes
WARM_UP = 100
AT_ONCE = 500


class Group(msgspec.Struct, frozen=True):
    """What one state took in one operation, in milliseconds, and how it compares with unknown addresses.

    `slower` is the chance that a request of this state takes longer than one of an unknown address (Mann and Whitney's
    U, divided by all pairs): 0.5 tells nothing. `p_rank` is how often chance alone lies as far from it; `distance` is
    the largest difference of the two distributions (Kolmogorov and Smirnov), `p_distance` how often chance alone makes
    one as large.
    """

    state: str
    n: int
    p50: float
    p90: float
    slower: float
    p_rank: float
    distance: float
    p_distance: float


class Watched(msgspec.Struct, frozen=True):
    """One operation of one database under one set of argon2 parameters."""

    store: str
    operation: str
    argon2: str
    groups: list[Group]


def run(n: int, n_real: int) -> list[Watched]:
    """Measure every operation on both databases: n requests of each state, n_real under the real argon2 parameters."""
    found: list[Watched] = []
    for kind in STORES:
        for count, parameters in ((n, CHEAP), (n_real, None)):
            with store(kind) as subject:
                hasher = subject.hasher if parameters is None else Hasher(*parameters)
                who = _people(subject, hasher, count + WARM_UP)
                with _served(subject, parameters) as port:
                    operations = (
                        OPERATIONS if parameters is not None else OPERATIONS[:1]
                    )  # the other operations hash nothing
                    found += [_watch(subject.kind, port, operation, who, count, parameters) for operation in operations]
    return found


Addresses = Callable[[str, int], str]


def _people(subject: Store, hasher: Hasher, count: int) -> Addresses:
    """Make people in every state; return what tells the n-th address of one."""
    known = [state for state in STATES if not state.startswith("unknown")]
    tell(f"{subject.kind}: seeding {count * len(known)} people")
    seed.fill(subject.db, subject.vault, hasher, range(count * (len(known) + 1)))
    places = {state: place * count for place, state in enumerate((*known, SSO_STATES[0]))}
    _write(subject.db, known, places, count)
    draw = random.Random(1)

    def address(state: str, n: int) -> str:
        if state in places:
            return crowd.email(places[state] + n) if state in known else f"person{n}@sso{n % 1000}.example"
        stranger = f"person{draw.randrange(10**6, 10**7)}"
        domain = f"sso{n % 1000}.example" if state in SSO_STATES else crowd.email(n).partition("@")[2]
        return f"{stranger}@{domain}"

    return address


def _write(db: Database, known: Sequence[str], places: dict[str, int], count: int) -> None:
    """Bring people into their states, and give those of the domains with single sign-on their addresses."""
    values: dict[str, dict[str, Any]] = {"frozen": {"frozen_at": crowd.long_ago()}, "deactivated": {"active": False}}
    with db.write() as connection:
        connection.execute(accounts.update().where(accounts.c.sso).values(sso_url="https://sso.example/"))
        for state in known:
            for ids in _chunks(range(places[state], places[state] + count)):
                if state in values:
                    connection.execute(users.update().where(users.c.id.in_(ids)).values(values[state]))
                if state == "locked":
                    own = second_factor_budgets.c.user_id.in_(ids)
                    connection.execute(second_factor_budgets.update().where(own).values(wrong=LOCK_AFTER))
        for n in range(count):
            email = f"person{n}@sso{n % 1000}.example"
            home = crowd.account_id(seed.SSO + n % 1000)
            moved = {"email": email, "email_key": email, "account_id": home, "password_hash": None}
            own_row = users.c.id == crowd.user_id(places[SSO_STATES[0]] + n)
            connection.execute(users.update().where(own_row).values(moved))
    seed.learn(db)


def _chunks(people: range) -> Iterator[list[object]]:
    for start in range(0, len(people), AT_ONCE):
        yield [crowd.user_id(n) for n in people[start : start + AT_ONCE]]


@contextmanager
def _served(subject: Store, parameters: tuple[int, int] | None) -> Iterator[int]:
    """Serve with a mail server in the settings that is never asked: nothing is delivered while requests are timed."""
    settings = {"TWOFOLD_SMTP_URL": f"smtp://127.0.0.1:{free_port()}", "TWOFOLD_WORKER": "off"}
    if parameters is not None:
        settings |= {"TWOFOLD_ARGON2_MEMORY_KIB": str(parameters[0]), "TWOFOLD_ARGON2_PASSES": str(parameters[1])}
    with subject.served(workers=1, settings=settings) as server:
        yield server.port


def _watch(
    kind: str, port: int, operation: str, who: Addresses, count: int, parameters: tuple[int, int] | None
) -> Watched:
    took = asyncio.run(_ask_all(port, operation, who, count))
    groups = [
        group_of(state, took[state], took[BASELINE if state in STATES else SSO_BASELINE])
        for state in (*STATES, *SSO_STATES)
    ]
    watched = Watched(kind, operation, "the real parameters" if parameters is None else "the least parameters", groups)
    for group in groups:
        tell(
            f"{kind} {operation}, {watched.argon2}: {group.state:31} p50 {group.p50:.3f} p90 {group.p90:.3f} ms, "
            f"slower {group.slower:.3f} (p {group.p_rank:.3f}), "
            f"distance {group.distance:.3f} (p {group.p_distance:.3f})"
        )
    return watched


async def _ask_all(port: int, operation: str, who: Addresses, count: int) -> dict[str, list[float]]:
    """Return the milliseconds of each request, by state."""
    took: dict[str, list[float]] = {state: [] for state in (*STATES, *SSO_STATES)}
    order, draw = list(took), random.Random()  # one that never changes would put some states after a hash more often
    connection = await Connection.open("127.0.0.1", port)
    for n in range(count + WARM_UP):
        draw.shuffle(order)
        for state in order:
            request = _request(operation, who(state, n))
            if not connection.is_open:
                connection = await Connection.open("127.0.0.1", port)
            began = time.perf_counter()
            answer = await connection.send(request)
            took[state].append((time.perf_counter() - began) * 1000)
            if answer.status not in {200, 303, 401, 403}:
                raise RuntimeError(f"{operation}: {answer.status} for {state}: {answer.body[:200]!r}")
    connection.close()
    return {state: taken[WARM_UP:] for state, taken in took.items()}


def _request(operation: str, email: str) -> bytes:
    if operation == "sign_in":
        return post("/api/v1/sign-ins", {"email": email, "password": "not the password of anybody"})
    return form("/forgot-password" if operation == "forgot_password" else "/sign-in/email-link", {"email": email})


def group_of(state: str, took: Sequence[float], others: Sequence[float]) -> Group:
    """Compare what a state took with what unknown addresses took."""
    ranked = sorted(took)
    itself = took is others
    slower, p_rank = (0.5, 1.0) if itself else mann_whitney(took, others)
    distance, p_distance = (0.0, 1.0) if itself else kolmogorov_smirnov(took, others)
    p90 = ranked[int(len(ranked) * 0.9)]
    return Group(state, len(took), median(took), p90, slower, p_rank, distance, p_distance)


def mann_whitney(some: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return how often one of `some` is above one of `others`, and how often chance alone is as far from one half.

    The normal approximation, which is good from some twenty values on; times this fine have no ties worth a correction.
    """
    ranks = {value: rank for rank, value in enumerate(sorted([*some, *others]), start=1)}
    n, m = len(some), len(others)
    above = sum(ranks[value] for value in some) - n * (n + 1) / 2
    deviation = (n * m * (n + m + 1) / 12) ** 0.5
    return above / (n * m), 2 * NormalDist().cdf(-abs(above - n * m / 2) / deviation)


def kolmogorov_smirnov(some: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """Return the largest difference of two distributions, and how often chance alone makes one as large."""
    from_some = {True: 1 / len(some), False: -1 / len(others)}
    height = largest = 0.0
    for _, of_some in sorted([*((value, True) for value in some), *((value, False) for value in others)]):
        height += from_some[of_some]
        largest = max(largest, abs(height))
    effective = (len(some) * len(others) / (len(some) + len(others))) ** 0.5
    scaled = (effective + 0.12 + 0.11 / effective) * largest  # Stephens' correction for finite samples
    terms = ((-1) ** (k - 1) * 2.718281828459045 ** (-2 * (k * scaled) ** 2) for k in range(1, 101))
    return largest, min(1.0, max(0.0, 2 * sum(terms)))
