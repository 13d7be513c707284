"""Attacks with everything at the same moment, against four processes: counters that all read before any writes.

Real servers, real time. A test takes some seconds: the volleys are what the rules promise to stand, 200 and 1,000.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.faults.volley import Shot, fire, post
from tests.harness.databases import BACKENDS, PostgresqlDatabases, SqliteDatabases
from tests.harness.houses import CHEAP_SERVER, KEYS, house_on
from tests.harness.people import VISITOR, Factor, People
from tests.harness.server import Server
from twofold.directory.person import Person
from twofold.factors import flow as factors
from twofold.kit.house import House
from twofold.kit.tokens import new_id, new_token
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts
from twofold.sessions.tables import sessions
from twofold.signin import flow as signin
from twofold.signin.attempt import Step
from twofold.signin.outcomes import SignedIn

WORKERS = 4
VOLLEY = 200


@dataclass(frozen=True)
class Target:
    """A server of four processes, and a house on its database."""

    server: Server
    house: House

    @property
    def people(self) -> People:
        return People(self.house)


@pytest.fixture(params=BACKENDS, scope="module")
def target(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_databases: SqliteDatabases,
    postgresql_databases: PostgresqlDatabases,
) -> Iterator[Target]:
    """Start a server of four processes; the tests run on each kind of database, and share it."""
    folder = tmp_path_factory.mktemp("parallel")
    on_sqlite = request.param == "sqlite"
    url = sqlite_databases.fresh(folder) if on_sqlite else postgresql_databases.fresh()
    settings = {"database_url": url, "keys": KEYS, "worker": "off", **CHEAP_SERVER}
    named = {f"TWOFOLD_{name.upper()}": value for name, value in settings.items()}
    with Server(folder / "server", settings=named, workers=WORKERS) as server, house_on(url) as house:
        yield Target(server, house)
    if not on_sqlite:
        postgresql_databases.drop(url)


@pytest.fixture
def ada(target: Target, request: pytest.FixtureRequest) -> tuple[Person, Factor]:
    """Somebody with a phone, another one for each test, protected since yesterday."""
    people = target.people
    account = people.account(request.node.name[:100])
    person = people.person(f"{new_id().hex}@acme.example", account=account)
    factor = people.protect(person, at=now() - timedelta(days=1))
    return people.look_up(person), factor


Ada = tuple[Person, Factor]


def now() -> datetime:
    """The real time: servers of their own read the real clock."""
    return datetime.now(UTC)


def attempts(target: Target, person: Person, count: int) -> list[str]:
    """Begin sign-ins, as if the password had been given in each."""
    tokens = [new_token("signin") for _ in range(count)]
    with target.house.db.write() as connection:
        for token in tokens:
            signin.begin(
                connection, person, token, Step.CODE, "api", known_client=None, return_to="", at=now(),
            )  # fmt: skip
    return tokens


def body(shot: Shot) -> dict[str, object]:
    return msgspec.json.decode(shot.answer.partition(b"\r\n\r\n")[2], type=dict[str, object])


def answers(shots: list[Shot]) -> Counter[tuple[object, ...]]:
    """Count the answers by status, code, hint and tries left; every request must have one."""
    return Counter(
        (shot.status, *(body(shot).get(name) for name in ("code", "hint", "attempts_left"))) for shot in shots
    )


def sessions_of(target: Target, person: Person) -> int:
    return target.people.count(sessions, sessions.c.user_id == person.id)


def counts(target: Target, person: Person) -> Counts:
    with target.house.db.read() as connection:
        return lockouts.counts(connection, person.id)


def test_of_200_sign_ins_at_once_with_one_valid_code_one_gets_a_session(target: Target, ada: Ada) -> None:
    person, factor = ada
    code, before = factor.phone.code(now()), sessions_of(target, person)
    tokens = attempts(target, person, VOLLEY)
    shots = fire(
        target.server.url, [post("/api/v1/sign-ins/code", {"sign_in": token, "code": code}) for token in tokens]
    )
    assert answers(shots) == {(200, None, None, None): 1, (401, "invalid_code", "used", 5): VOLLEY - 1}
    assert sessions_of(target, person) == before + 1
    assert counts(target, person) == (0, 0)


def test_of_200_requests_at_once_in_one_sign_in_one_gets_a_session(target: Target, ada: Ada) -> None:
    person, factor = ada
    code, before = factor.phone.code(now()), sessions_of(target, person)
    (token,) = attempts(target, person, 1)
    shots = fire(target.server.url, [post("/api/v1/sign-ins/code", {"sign_in": token, "code": code})] * VOLLEY)
    statuses = Counter(shot.status for shot in shots)
    assert statuses == {200: 1, 401: VOLLEY - 1}
    assert sessions_of(target, person) == before + 1
    assert counts(target, person) == (0, 0)


def test_of_1000_wrong_codes_at_once_exactly_five_are_evaluated(target: Target, ada: Ada) -> None:
    person, factor = ada
    wrong, before = factor.phone.wrong_code(now()), sessions_of(target, person)
    requests = [
        post("/api/v1/sign-ins/code", {"sign_in": token, "code": wrong})
        for token in attempts(target, person, 50)
        for _ in range(20)
    ]
    shots = [shot for start in range(0, 1000, 250) for shot in fire(target.server.url, requests[start : start + 250])]
    expected: Counter[tuple[object, ...]] = Counter((401, "invalid_code", None, left) for left in (4, 3, 2, 1, 0))
    expected[(423, "locked", None, None)] = 995
    assert answers(shots) == expected
    assert counts(target, person) == (5, 5)
    assert sessions_of(target, person) == before
    mine = [
        event.kind for event in target.people.events("second_factor_wrong", "locked") if event.subject_id == person.id
    ]
    assert Counter(mine) == {"second_factor_wrong": 5, "locked": 1}
    (token,) = attempts(target, person, 1)
    right = fire(
        target.server.url, [post("/api/v1/sign-ins/code", {"sign_in": token, "code": factor.phone.code(now())})]
    )
    assert answers(right) == {(423, "locked", None, None): 1}


def test_of_200_uses_of_one_backup_code_at_once_one_counts(target: Target, ada: Ada) -> None:
    person, factor = ada
    before = sessions_of(target, person)
    requests = [
        post("/api/v1/sign-ins/backup-code", {"sign_in": token, "backup_code": factor.backup_code})
        for token in attempts(target, person, VOLLEY)
    ]
    shots = fire(target.server.url, requests)
    assert answers(shots) == {(200, None, None, None): 1, (401, "invalid_code", "used_backup_code", 5): VOLLEY - 1}
    assert sessions_of(target, person) == before + 1
    (successor,) = {str(body(shot)["new_backup_code"]) for shot in shots if shot.status == 200}
    (token,) = attempts(target, person, 1)
    outcome = target.people.give_code(token, successor, at=now(), channel="api", visitor=VISITOR)
    assert isinstance(outcome, SignedIn)
    with target.house.db.read() as connection:
        assert factors.show(connection, person.id).authenticators


def test_of_100_wrong_passwords_at_once_five_are_looked_at(target: Target, ada: Ada) -> None:
    person, _ = ada
    wrong = post("/api/v1/sign-ins", {"email": person.email, "password": "a wrong password"})
    shots = fire(target.server.url, [wrong] * 100)
    statuses = Counter(shot.status for shot in shots)
    # After five there is a wait of 1 second, then 2, then 4: a volley that takes longer gets another look after each.
    taken = max(shot.sent_at + shot.seconds for shot in shots) - min(shot.sent_at for shot in shots)
    further = sum(2**waits - 1 <= taken for waits in range(1, 8))
    assert 5 <= statuses[401] <= 5 + further
    assert statuses[401] + statuses[429] == 100
