"""Whatever is typed in whatever order, the budget keeps its numbers: a model of the rules runs beside the flows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.directory import accounts_flow
from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import flow as factors
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.kinds_flow import BACKUP_CODE, TOTP, Proof
from twofold.factors.outcomes import Locked, Passed, UsedCode, WrongCode
from twofold.factors.totp import codes as totp
from twofold.factors.totp import flow as totp_flow
from twofold.factors.totp import records
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.client_info import ClientInfo
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import new_id
from twofold.lockouts import flow as lockouts

SECRET = bytes(range(20))
CLIENT_INFO = ClientInfo("192.0.2.7", "Firefox")
FEW = settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None,
)  # fmt: skip

# What happens: some seconds pass, and then a code of so many steps from now is typed, or a wrong one, or an unlock.
acts = st.lists(
    st.tuples(
        st.integers(0, 70),
        st.one_of(st.integers(-3, 3), st.sampled_from(["wrong", "wrong", "wrong", "backup", "unlock"])),
    ),
    min_size=1,
    max_size=25,
)


class Model:
    """The rules, written out once more as plainly as can be."""

    def __init__(self) -> None:
        self.wrong = 0
        self.in_row = 0
        self.last_step = -1
        self.disclosed_steps: set[int] = set()
        self.accepted: list[int] = []

    def expect(self, act: int | str, at: datetime) -> object:
        if act == "unlock":
            self.wrong = 0 if self.wrong >= 5 else self.wrong
            return None
        if self.wrong >= 5:
            return Locked(final=False)
        now = totp.step_of(at)
        if isinstance(act, int):
            step = now + act
            if abs(act) <= 1 and step > self.last_step and step not in self.disclosed_steps:
                self.last_step, self.wrong, self.in_row = step, 0, 0
                self.accepted.append(step)
                return Passed("otp")
            if abs(act) <= 1 or step == self.last_step:
                return UsedCode(5 - self.wrong)
            self.wrong, self.in_row = self.wrong + 1, self.in_row + 1
            if act > 0:
                self.disclosed_steps.add(step)
            return WrongCode(5 - self.wrong, act * 30)
        self.wrong, self.in_row = self.wrong + 1, self.in_row + 1
        return WrongCode(5 - self.wrong, backup=act == "backup")


@contextmanager
def somebody(context: AppContext) -> Iterator[User]:
    """Give somebody new an authenticator with a secret that the test knows."""
    people = People(context)
    user = people.user(f"{new_id().hex}@acme.example", password=None, account=_account(context))
    authenticator = new_id()
    sealed = context.vault.seal(SECRET, totp_flow.identity("authenticators", authenticator))
    with context.db.write() as connection:
        lockouts.open_budget(connection, user)
        backup_code.issue(connection, user, NOON)
        records.insert_authenticator(
            connection,
            {
                "id": authenticator, "user_id": user.id, "account_id": user.account_id, "name": "App",
                "key_id": sealed.key_id, "box": sealed.ciphertext, "last_step": -1, "given_away": "",
                "created_at": NOON, "last_used_at": None,
            },
        )  # fmt: skip
    people.set_user(user, second_factor_since=NOON)
    yield people.look_up(user)


def _account(context: AppContext) -> UUID:
    with context.db.read() as connection:
        known = [row.id for row in accounts_flow.all_accounts(connection) if not row.is_operator]
    return known[0] if known else People(context).acme


def do(context: AppContext, user: User, act: int | str, at: datetime) -> object:
    with context.db.write() as connection:
        if act == "unlock":
            lockouts.unlock(context, connection, user, origin=Origin(at, actor=acting.CONSOLE), reason="r")
            return None
        if isinstance(act, int):
            typed = Proof(TOTP, totp.code_of(SECRET, totp.step_of(at) + act))
            return factors.prove(
                context, connection, user, typed, operation=Operation.SIGN_IN, origin=Origin(at, CLIENT_INFO)
            )
        proof = Proof(TOTP, never(at)) if act == "wrong" else Proof(BACKUP_CODE, "0" * 24)
        return factors.prove(
            context, connection, user, proof, operation=Operation.SIGN_IN, origin=Origin(at, CLIENT_INFO)
        )


def never(at: datetime) -> str:
    """Return six digits that the secret gives at no time near this one."""
    now = totp.step_of(at)
    near = {totp.code_of(SECRET, step) for step in range(now - 30, now + 31)}
    return next(code for code in ("000000", "111111", "222222") if code not in near)


@FEW
@given(acts)
def test_the_flows_do_what_the_model_says(context: AppContext, acts: list[tuple[int, int | str]]) -> None:
    model, at = Model(), NOON
    with somebody(context) as user:
        for seconds, act in acts:
            at = later(at=at, seconds=seconds)
            assert do(context, user, act, at) == model.expect(act, at), (acts, act)
        with context.db.read() as connection:
            assert lockouts.counts(connection, user.id) == (model.wrong, model.in_row)
    assert model.accepted == sorted(set(model.accepted))


@FEW
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(-2, 2)), min_size=1, max_size=30))
def test_no_step_is_accepted_twice_and_none_below_the_newest(context: AppContext, typed: list[tuple[int, int]]) -> None:
    accepted, at = [], NOON
    with somebody(context) as user:
        for seconds, distance in typed:
            at = later(at=at, seconds=seconds)
            if do(context, user, distance, at) == Passed("otp"):
                accepted.append(totp.step_of(at) + distance)
    assert accepted == sorted(set(accepted))


@FEW
@given(st.integers(5, 12))
def test_exactly_five_wrong_ones_are_looked_at(context: AppContext, tries: int) -> None:
    with somebody(context) as user:
        outcomes = [do(context, user, "wrong", NOON) for _ in range(tries)]
    assert outcomes[:5] == [WrongCode(left) for left in (4, 3, 2, 1, 0)]
    assert outcomes[5:] == [Locked(final=False)] * (tries - 5)
