"""Attacks with everything at the same moment, against four processes: counters that all read before any writes.

Real servers, real time. A test takes some seconds: the volleys are what the rules promise to stand, 200 and 1,000.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.attacks.nodes import Target, answers, body, now, statuses, target_on
from tests.attacks.typed import FORMS
from tests.faults.volley import post
from tests.harness import wire
from tests.harness.authenticator import Authenticator
from tests.harness.clock import later
from tests.harness.databases import BACKENDS, PostgresqlDatabases, SqliteDatabases
from tests.harness.people import CLIENT_INFO, PASSWORD, phone_of
from twofold.factors import enrolment_flow
from twofold.factors import flow as factors
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Opened
from twofold.kit.acting import Origin
from twofold.signin.attempt import Step
from twofold.signin.outcomes import SignedIn

VOLLEY = 200
REPETITIONS = 20


@pytest.fixture(params=[*BACKENDS, pytest.param("nginx", marks=pytest.mark.soak)], scope="module")
def target(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_databases: SqliteDatabases,
    postgresql_databases: PostgresqlDatabases,
) -> Iterator[Target]:
    """Start four processes, on PostgreSQL as two nodes; the tests run on each kind of database, and share them.

    For `make soak` the two nodes stand behind nginx as well, set up as we ship it.
    """
    folder = tmp_path_factory.mktemp("parallel")
    on_sqlite = request.param == "sqlite"
    url = sqlite_databases.fresh(folder) if on_sqlite else postgresql_databases.fresh()
    with target_on(url, folder, nodes=1 if on_sqlite else 2, behind_nginx=request.param == "nginx") as target:
        yield target


def from_elsewhere(number: int) -> str:
    """Return an address of its own for each request, as the trusted proxy would name it."""
    return f"203.0.{113 + number // 250}.{number % 250 + 1}"


# --- one code, many requests


def test_of_200_sign_ins_at_once_with_one_valid_code_one_gets_a_session(target: Target) -> None:
    user, factor = target.protected()
    code, before = factor.phone.code(now()), target.sessions_of(user)
    tokens = target.attempts(user, VOLLEY)
    shots = target.fire([post("/api/v1/sign-ins/code", {"sign_in": token, "code": code}) for token in tokens])
    assert answers(shots) == {(200, None, None, None): 1, (401, "invalid_code", "used", 5): VOLLEY - 1}
    assert target.sessions_of(user) == before + 1
    assert target.counts(user) == (0, 0)


def test_a_code_that_one_node_took_is_used_up_on_every_other_in_every_form(target: Target) -> None:
    """One after another, so that every process has had the time to know better; the operations are in test_replay."""
    user, factor = target.protected()
    at = now()
    before, code = factor.phone.code(later(at=at, seconds=-30)), factor.phone.code(at)
    (first, *tokens) = target.attempts(user, 1 + 2 * (len(FORMS) + 1))
    assert statuses(target.fire([post("/api/v1/sign-ins/code", {"sign_in": first, "code": code})])) == {200: 1}
    again = [typed for typed in (before, *(write(code) for write in FORMS.values())) for _ in range(2)]
    for token, typed in zip(tokens, again, strict=True):
        [node, *_] = target.nodes[::-1] if tokens.index(token) % 2 else target.nodes
        answer = wire.post(f"{node.url}/api/v1/sign-ins/code", json={"sign_in": token, "code": typed})
        assert (answer.status_code, answer.json()["hint"]) == (401, "used"), typed
    assert target.counts(user) == (0, 0)


def test_of_200_requests_at_once_in_one_sign_in_one_gets_a_session(target: Target) -> None:
    """Half of them give a code of the app, half the backup code: both are right, but a sign-in ends only once."""
    user, factor = target.protected()
    code, before = factor.phone.code(now()), target.sessions_of(user)
    (token,) = target.attempts(user, 1)
    proofs = [("code", code), ("backup_code", factor.backup_code)]
    requests = [post("/api/v1/sign-ins/code", {"sign_in": token, kind: typed}) for kind, typed in proofs]
    shots = target.fire(requests * (VOLLEY // 2))
    assert statuses(shots) == {200: 1, 401: VOLLEY - 1}
    assert target.sessions_of(user) == before + 1
    assert target.counts(user) == (0, 0)


def test_of_1000_wrong_codes_at_once_exactly_five_are_evaluated(target: Target) -> None:
    user, factor = target.protected()
    wrong, before = factor.phone.wrong_code(now()), target.sessions_of(user)
    requests = [
        post("/api/v1/sign-ins/code", {"sign_in": token, "code": wrong}, x_forwarded_for=from_elsewhere(number))
        for number, token in enumerate(target.attempts(user, 50) * 20)
    ]
    shots = [shot for start in range(0, 1000, 250) for shot in target.fire(requests[start : start + 250])]
    expected: Counter[tuple[object, ...]] = Counter((401, "invalid_code", None, left) for left in (4, 3, 2, 1, 0))
    expected[(423, "locked", None, None)] = 995
    assert answers(shots) == expected
    assert target.counts(user) == (5, 5)
    assert target.sessions_of(user) == before
    assert target.events_of(user, "second_factor_wrong", "locked") == {"second_factor_wrong": 5, "locked": 1}
    (token,) = target.attempts(user, 1)
    right = target.fire([post("/api/v1/sign-ins/code", {"sign_in": token, "code": factor.phone.code(now())})])
    assert answers(right) == {(423, "locked", None, None): 1}


def test_of_200_uses_of_one_backup_code_at_once_one_counts(target: Target) -> None:
    user, factor = target.protected()
    before = target.sessions_of(user)
    requests = [
        post("/api/v1/sign-ins/backup-code", {"sign_in": token, "backup_code": factor.backup_code})
        for token in target.attempts(user, VOLLEY)
    ]
    shots = target.fire(requests)
    assert answers(shots) == {(200, None, None, None): 1, (401, "invalid_code", "used_backup_code", 5): VOLLEY - 1}
    assert target.sessions_of(user) == before + 1
    (successor,) = {str(body(shot)["new_backup_code"]) for shot in shots if shot.status == 200}
    (token,) = target.attempts(user, 1)
    outcome = target.people.give_code(token, successor, at=now(), channel="api", client_info=CLIENT_INFO)
    assert isinstance(outcome, SignedIn)
    with target.context.db.read() as connection:
        assert factors.show(connection, user.id).authenticators


def test_of_100_wrong_passwords_at_once_five_are_looked_at(target: Target) -> None:
    user = target.user()
    wrong = {"email": user.email, "password": "a wrong password"}
    shots = target.fire(
        [post("/api/v1/sign-ins", wrong, x_forwarded_for=from_elsewhere(number)) for number in range(100)]
    )
    came = statuses(shots)
    # After five there is a wait of 1 second, then 2, then 4: a volley that takes longer gets another look after each.
    taken = max(shot.sent_at + shot.seconds for shot in shots) - min(shot.sent_at for shot in shots)
    further = sum(2**waits - 1 <= taken for waits in range(1, 8))
    assert 5 <= came[401] <= 5 + further
    assert came[401] + came[429] == 100


def test_of_100_wrong_mailed_codes_at_once_five_are_looked_at(target: Target) -> None:
    user = target.user(target.account(policy="required"))
    target.people.attempt(user, at=now(), channel="api")
    guesses = [
        post("/api/v1/sign-ins/email-code", {"sign_in": token, "code": f"{number:06}"})
        for number, token in enumerate(target.attempts(user, 100, Step.VERIFY_EMAIL))
    ]
    expected: Counter[tuple[object, ...]] = Counter((401, "invalid_code", None, left) for left in (4, 3, 2, 1, 0))
    expected[(429, "too_many_attempts", None, None)] = 95
    assert answers(target.fire(guesses)) == expected


# --- things at once, of which one may happen


def holds(target: Target, token: str) -> bool:
    return target.people.find_session(token, at=now()) is not None


def test_of_100_confirmations_of_one_reset_link_at_once_one_counts(target: Target) -> None:
    user, _ = target.protected()
    confirm = post("/api/v1/resets/confirmation", {"token": target.reset_link(user), "password": PASSWORD})
    shots = target.fire([confirm] * 100)
    assert answers(shots) == {(200, None, None, None): 1, (410, "link_expired", None, None): 99}
    assert not target.people.look_up(user).has_second_factor
    assert target.events_of(user, "reset_confirmed") == {"reset_confirmed": 1}


def test_of_confirming_and_refusing_a_case_at_once_one_counts(target: Target) -> None:
    user, _ = target.protected()
    token = target.reset_link(user)
    confirm = post("/api/v1/resets/confirmation", {"token": token, "password": PASSWORD})
    refuse = post("/api/v1/resets/refusal", {"token": token})
    shots = target.fire([confirm, confirm, refuse, refuse] * 5)  # both kinds reach each node
    assert answers(shots) == {(200, None, None, None): 1, (410, "link_expired", None, None): 19}
    [what] = [body(shot)["status"] for shot in shots if shot.status == 200]
    assert target.events_of(user, "reset_confirmed", "reset_refused") == {f"reset_{what}": 1}
    assert target.people.look_up(user).has_second_factor is (what == "refused")


def test_of_two_set_ups_confirmed_at_once_one_protects(target: Target) -> None:
    """Two browsers of one person, and who presses ten times: one phone, one backup code, one session are left."""
    user = target.user()
    opened = []
    for _ in range(2):
        token = target.people.token(user, at=now())
        session = target.people.session(token, at=now())
        asked = SetUp(PASSWORD, "", None)
        enrolment = enrolment_flow.open_in_session(target.context, session, asked, origin=Origin(now(), CLIENT_INFO))
        assert isinstance(enrolment, Opened)
        opened.append((token, enrolment))
    presses = [
        post(
            f"/api/v1/two-factor/enrolments/{enrolment.id}/confirmation",
            {"code": phone_of(enrolment).code(now())},
            authorization=f"Bearer {token}",
        )
        for token, enrolment in opened
    ]
    first, second = presses
    shots = target.fire([first, first, second, second] * 5)
    came = statuses(shots)
    assert came[200] == 1
    assert came[401] + came[410] == 19
    with target.context.db.read() as connection:
        assert len(factors.show(connection, user.id).authenticators) == 1
    assert target.events_of(user, "two_factor_set_up") == {"two_factor_set_up": 1}
    [renewed] = [str(body(shot)["session_token"]) for shot in shots if shot.status == 200]
    holding = [token for token in (renewed, *(token for token, _ in opened)) if holds(target, token)]
    assert holding == [renewed]


def test_of_two_forced_set_ups_confirmed_at_once_one_lets_in(target: Target) -> None:
    user = target.user(target.account(policy="required"))
    presses = []
    for sign_in in target.attempts(user, 2, Step.SET_UP):
        [shot] = target.fire([post("/api/v1/sign-ins/enrolments", {"sign_in": sign_in})])
        opened = body(shot)
        code = Authenticator.open(str(opened["otpauth_uri"])).code(now())
        path = f"/api/v1/sign-ins/enrolments/{opened['enrolment']}/confirmation"
        presses.append(post(path, {"sign_in": sign_in, "code": code}))
    first, second = presses
    shots = target.fire([first, first, second, second] * 5)
    came = statuses(shots)
    assert came[200] == 1
    assert came[401] + came[410] == 19
    assert target.sessions_of(user) == 1
    with target.context.db.read() as connection:
        assert len(factors.show(connection, user.id).authenticators) == 1


def test_of_100_wrong_confirmations_of_a_set_up_at_once_ten_are_looked_at(target: Target) -> None:
    user = target.user()
    token = target.people.token(user, at=now())
    session = target.people.session(token, at=now())
    opened = enrolment_flow.open_in_session(
        target.context, session, SetUp(PASSWORD, "", None), origin=Origin(now(), CLIENT_INFO)
    )
    assert isinstance(opened, Opened)
    path = f"/api/v1/two-factor/enrolments/{opened.id}/confirmation"
    wrong = post(path, {"code": phone_of(opened).wrong_code(now())}, authorization=f"Bearer {token}")
    shots = target.fire([wrong] * 100)
    expected: Counter[tuple[object, ...]] = Counter((401, "invalid_code", None, left) for left in range(10))
    expected[(410, "enrolment_expired", None, None)] = 90
    assert answers(shots) == expected


def test_of_removing_and_signing_in_at_once_no_session_outlives_the_factor(target: Target) -> None:
    """Whoever comes first: after the removal nobody is in but the one who made it."""
    user, factor = target.protected()
    mine = target.people.token(user, factor.phone, at=later(at=now(), minutes=-2))
    at = now()
    proofs = {"password": PASSWORD, "code": factor.phone.code(later(at=at, seconds=30))}
    code = factor.phone.code(at)
    sign_ins = [post("/api/v1/sign-ins/code", {"sign_in": token, "code": code}) for token in target.attempts(user, 20)]
    removal = post("/api/v1/two-factor/removal", proofs, authorization=f"Bearer {mine}")
    *entered, removed = target.fire([*sign_ins, removal])
    came = statuses(entered)
    assert came[200] <= 1
    assert came[200] + came[401] == 20, answers(entered)
    assert removed.status == 200
    tokens = [str(body(shot)["session_token"]) for shot in (*entered, removed) if shot.status == 200]
    assert [token for token in (mine, *tokens) if holds(target, token)] == tokens[-1:]
    with target.context.db.read() as connection:
        assert not factors.show(connection, user.id).authenticators


# --- and again


ATTACKS = [
    test_a_code_that_one_node_took_is_used_up_on_every_other_in_every_form,
    test_of_200_sign_ins_at_once_with_one_valid_code_one_gets_a_session,
    test_of_200_requests_at_once_in_one_sign_in_one_gets_a_session,
    test_of_1000_wrong_codes_at_once_exactly_five_are_evaluated,
    test_of_200_uses_of_one_backup_code_at_once_one_counts,
    test_of_100_wrong_passwords_at_once_five_are_looked_at,
    test_of_100_wrong_mailed_codes_at_once_five_are_looked_at,
    test_of_100_confirmations_of_one_reset_link_at_once_one_counts,
    test_of_confirming_and_refusing_a_case_at_once_one_counts,
    test_of_two_set_ups_confirmed_at_once_one_protects,
    test_of_two_forced_set_ups_confirmed_at_once_one_lets_in,
    test_of_100_wrong_confirmations_of_a_set_up_at_once_ten_are_looked_at,
    test_of_removing_and_signing_in_at_once_no_session_outlives_the_factor,
]


@pytest.mark.soak
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__.removeprefix("test_of_"))
def test_twenty_times_it_goes_the_same_way(target: Target, attack: Callable[[Target], None]) -> None:
    for _ in range(REPETITIONS):
        attack(target)
