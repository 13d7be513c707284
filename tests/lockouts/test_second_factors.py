"""The budget that every operation shares, through the operations themselves."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, Factor, People, phone_of
from twofold.directory.refusals import NotYourself
from twofold.directory.user import User
from twofold.factors import change_flow, enrolment_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.change_flow import Proofs
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Locked, MalformedCode, Opened, SpentBackupCode, UsedCode, WrongCode
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts
from twofold.lockouts.flow import LockIsFinal, Unlocked
from twofold.profile import flow as profile
from twofold.profile.flow import NewPassword
from twofold.sessions.session import Session
from twofold.signin.outcomes import Due, LockedOut, SignedIn

UNKNOWN_BACKUP_CODE = "0000-0000-0000-0000-0000-0000"

Operation = Callable[[AppContext, Session, str, datetime], object]


def counts(people: People, user: User) -> Counts:
    with people.context.db.read() as connection:
        return lockouts.counts(connection, user.id)


def unlock(people: People, user: User, actor: User | None = None, at: datetime = NOON) -> object:
    who = acting.CONSOLE if actor is None else acting.user(actor.id)
    with people.context.db.write() as connection:
        return lockouts.unlock(people.context, connection, user, origin=Origin(at, actor=who), reason="called in")


def lock(people: People, user: User, factor: Factor, *, at: datetime = NOON) -> None:
    wrong, sign_in = factor.phone.wrong_code(at), people.attempt(user, at=at)
    for _ in range(5):
        assert isinstance(people.give_code(sign_in, wrong, at=at), WrongCode)


def first_authenticator(context: AppContext, session: Session) -> UUID:
    with context.db.read() as connection:
        return factors.show(connection, session.user.id).authenticators[0].id


def set_up(context: AppContext, session: Session, code: str, at: datetime) -> object:
    return enrolment_flow.open_in_session(context, session, SetUp(PASSWORD, code, None), origin=Origin(at, CLIENT_INFO))


def replace(context: AppContext, session: Session, code: str, at: datetime) -> object:
    asked = SetUp(PASSWORD, code, None, replaces=first_authenticator(context, session))
    return enrolment_flow.open_in_session(context, session, asked, origin=Origin(at, CLIENT_INFO))


def regenerate(context: AppContext, session: Session, code: str, at: datetime) -> object:
    return change_flow.regenerate(
        context, session, Proofs(PASSWORD, code, None), origin=Origin(at, CLIENT_INFO), seen=True
    )


def ask_removal(context: AppContext, session: Session, code: str, at: datetime) -> object:
    return removal_flow.ask_removal(context, session, Proofs(PASSWORD, code, None), origin=Origin(at, CLIENT_INFO))


def remove(context: AppContext, session: Session, code: str, at: datetime) -> object:
    return removal_flow.remove(context, session, Proofs(PASSWORD, code, None), origin=Origin(at, CLIENT_INFO))


def remove_one(context: AppContext, session: Session, code: str, at: datetime) -> object:
    return removal_flow.remove_one(
        context,
        session,
        first_authenticator(context, session),
        Proofs(PASSWORD, code, None),
        origin=Origin(at, CLIENT_INFO),
    )


def change_password(context: AppContext, session: Session, code: str, at: datetime) -> object:
    asked = NewPassword(PASSWORD, "marble ferry cinnamon", code, None)
    return profile.change_password(context, session, asked, origin=Origin(at, CLIENT_INFO))


OPERATIONS: dict[str, Operation] = {
    "add": set_up,
    "replace": replace,
    "regenerate": regenerate,
    "ask removal": ask_removal,
    "remove": remove,
    "remove one": remove_one,
    "password": change_password,
}


def signed_in(people: People, *, authenticators: int = 1) -> tuple[User, Factor, Session]:
    """Somebody who has been signed in for ten minutes, with as many authenticators."""
    user, factor = people.protected()
    for number in range(1, authenticators):
        at = later(minutes=-20 - number)
        session = people.sign_in(user, factor.phone, at=later(at=at, minutes=-1))
        opened = set_up(people.context, session, factor.phone.code(at), at)
        assert isinstance(opened, Opened), opened
        code = phone_of(opened).code(at)
        enrolment_flow.confirm_in_session(people.context, session, opened.id, code, origin=Origin(at, CLIENT_INFO))
    return user, factor, people.sign_in(people.look_up(user), factor.phone, at=later(minutes=-10))


# --- five in a row, counted down


def test_the_fifth_wrong_code_is_answered_with_none_left_and_the_next_with_the_lock(people: People) -> None:
    user, factor = people.protected()
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(user)
    outcomes = [people.give_code(sign_in, wrong) for _ in range(7)]
    assert outcomes == [WrongCode(left) for left in (4, 3, 2, 1, 0)] + [Locked(final=False)] * 2
    assert counts(people, user) == Counts(5, 5)


def test_a_lock_shuts_out_the_right_code_and_the_backup_code_too(people: People) -> None:
    user, factor = people.protected()
    sign_in = people.attempt(user)
    lock(people, user, factor)
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=False)
    assert people.give_code(sign_in, factor.backup_code) == Locked(final=False)
    unlock(people, user)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)


def test_wrong_codes_count_across_sign_ins_and_a_new_one_starts_no_new_count(people: People) -> None:
    user, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    outcomes = [people.give_code(people.attempt(user, channel=channel), wrong, channel=channel)
                for channel in ("page", "api", "page", "api", "page")]  # fmt: skip
    assert outcomes == [WrongCode(left) for left in (4, 3, 2, 1, 0)]
    assert isinstance(people.begin(user), LockedOut)


def test_wrong_backup_codes_count_with_wrong_codes(people: People) -> None:
    user, factor = people.protected()
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(user)
    given = [wrong, UNKNOWN_BACKUP_CODE, wrong, UNKNOWN_BACKUP_CODE, UNKNOWN_BACKUP_CODE, wrong]
    assert [people.give_code(sign_in, code) for code in given] == [
        WrongCode(4),
        WrongCode(3, backup=True),
        WrongCode(2),
        WrongCode(1, backup=True),
        WrongCode(0, backup=True),
        Locked(final=False),
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_spends_the_same_budget(people: People, operation: str) -> None:
    user, factor, session = signed_in(people, authenticators=2 if operation == "remove one" else 1)
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(user)
    assert people.give_code(sign_in, wrong) == WrongCode(4)
    assert OPERATIONS[operation](people.context, session, wrong, NOON) == WrongCode(3)
    assert people.give_code(sign_in, wrong) == WrongCode(2)
    assert OPERATIONS[operation](people.context, session, wrong, NOON) == WrongCode(1)
    assert OPERATIONS[operation](people.context, session, wrong, NOON) == WrongCode(0)
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=False)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_while_locked_no_factor_and_no_password_can_be_changed(people: People, operation: str) -> None:
    user, factor, session = signed_in(people, authenticators=2 if operation == "remove one" else 1)
    lock(people, user, factor)
    for code in (factor.phone.code(NOON), factor.backup_code):
        assert OPERATIONS[operation](people.context, session, code, NOON) == Locked(final=False)
    assert people.look_up(user).security_version == session.user.security_version


def test_a_lock_leaves_sessions_that_exist_alone(people: People) -> None:
    user, factor = people.protected()
    token = people.token(user, factor.phone, at=later(minutes=-10))
    lock(people, user, factor)
    assert people.find_session(token) is not None


def test_a_lock_does_not_run_out_by_itself(people: People) -> None:
    user, factor = people.protected()
    lock(people, user, factor)
    for at in (later(hours=1), later(days=1), later(days=400)):
        assert isinstance(people.begin(user, at=at), LockedOut)


def test_the_lock_shows_only_to_somebody_who_knows_the_password(people: People) -> None:
    user, factor = people.protected()
    lock(people, user, factor)
    assert people.begin(user, password="a wrong password") == lockouts.WrongPassword()


def test_another_user_keeps_a_budget_of_their_own(people: People) -> None:
    user, factor = people.protected()
    other, other_factor = people.protected("grace@acme.example")
    lock(people, user, factor)
    assert isinstance(people.give_code(people.attempt(other), other_factor.phone.code(NOON)), SignedIn)


# --- what clears the count, what gives a charge back, what is not charged


def test_a_right_code_clears_the_count(people: People) -> None:
    user, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    sign_in = people.attempt(user)
    for _ in range(4):
        people.give_code(sign_in, wrong)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)
    assert counts(people, user) == Counts(0, 0)
    assert people.give_code(people.attempt(user), wrong) == WrongCode(4)


def test_a_backup_code_clears_the_count(people: People) -> None:
    user, factor = people.protected()
    sign_in = people.attempt(user)
    for _ in range(4):
        people.give_code(sign_in, UNKNOWN_BACKUP_CODE)
    assert isinstance(people.give_code(sign_in, factor.backup_code), Due)
    assert counts(people, user) == Counts(0, 0)


def test_a_used_code_gives_its_charge_back_because_a_double_click_must_not_cost(people: People) -> None:
    user, factor = people.protected()
    code, one, other = factor.phone.code(NOON), people.attempt(user), people.attempt(user)
    people.give_code(other, factor.phone.wrong_code(NOON))
    assert isinstance(people.give_code(one, code), SignedIn)
    people.give_code(other, factor.phone.wrong_code(NOON))
    for _ in range(10):
        assert people.give_code(other, code) == UsedCode(4)
    assert counts(people, user) == Counts(1, 1)


def test_a_spent_backup_code_gives_its_charge_back(people: People) -> None:
    user, factor = people.protected()
    people.give_code(people.attempt(user), factor.backup_code)
    sign_in = people.attempt(user)
    for _ in range(10):
        assert people.give_code(sign_in, factor.backup_code) == SpentBackupCode(5)
    assert counts(people, user) == Counts(0, 0)


def test_what_is_no_code_is_refused_as_malformed_and_not_charged(people: People) -> None:
    user, factor, session = signed_in(people)
    for typed in ("", "12345", "1234567", "１２３４５６", "abcdef", "0000-0000", "1" * 200):  # noqa: RUF001
        assert people.give_code(people.attempt(user), typed) == MalformedCode()
        for name in ("add", "regenerate", "remove", "password"):
            assert OPERATIONS[name](people.context, session, typed, NOON) == MalformedCode()
    assert counts(people, user) == Counts(0, 0)
    assert isinstance(people.give_code(people.attempt(user), factor.phone.code(NOON)), SignedIn)


@pytest.mark.parametrize("operation", [operation for operation in OPERATIONS if operation != "password"])
def test_a_wrong_password_leaves_the_code_untouched(
    people: People, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    user, factor, session = signed_in(people, authenticators=2 if operation == "remove one" else 1)
    monkeypatch.setitem(globals(), "PASSWORD", "a wrong password")
    assert OPERATIONS[operation](people.context, session, factor.phone.code(NOON), NOON) == lockouts.WrongPassword()
    assert counts(people, user) == Counts(0, 0)
    monkeypatch.undo()
    assert isinstance(people.give_code(people.attempt(user), factor.phone.code(NOON)), SignedIn)


# --- unlocking


def test_an_unlock_gives_five_new_tries_and_keeps_the_factor(people: People) -> None:
    user, factor = people.protected()
    admin = people.user("admin@acme.example", role="admin")
    lock(people, user, factor)
    assert unlock(people, user, admin) == Unlocked()
    assert counts(people, user) == Counts(0, 5)
    sign_in, wrong = people.attempt(user), factor.phone.wrong_code(NOON)
    assert people.give_code(sign_in, wrong) == WrongCode(4)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)
    assert counts(people, user) == Counts(0, 0)


def test_nobody_unlocks_themselves(people: People) -> None:
    user, factor = people.protected(role="admin")
    lock(people, user, factor)
    assert unlock(people, user, user) == NotYourself()
    assert isinstance(people.begin(user), LockedOut)


def test_an_unlock_is_written_down_with_its_reason_and_told_to_the_user(people: People) -> None:
    user, factor = people.protected()
    admin = people.user("admin@acme.example", role="admin")
    lock(people, user, factor)
    unlock(people, user, admin)
    (event,) = people.events("unlocked")
    assert (event.actor_id, event.subject_id, event.account_id, event.reason) == (
        admin.id, user.id, user.account_id, "called in",
    )  # fmt: skip
    assert [letter.recipient for letter in people.letters("unlocked")] == [ADA]


def test_a_hundred_wrong_in_a_row_across_unlocks_lock_for_good(people: People) -> None:
    user, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    for _ in range(19):
        sign_in = people.attempt(user)
        assert [people.give_code(sign_in, wrong) for _ in range(5)][-1] == WrongCode(0)
        assert unlock(people, user) == Unlocked()
    sign_in = people.attempt(user)
    assert [people.give_code(sign_in, wrong) for _ in range(6)] == [
        *(WrongCode(left) for left in (4, 3, 2, 1, 0)), Locked(final=True),
    ]  # fmt: skip
    assert unlock(people, user) == LockIsFinal()
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=True)
    assert people.look_up(user).has_second_factor


def test_with_one_try_left_before_the_hundredth_there_is_one_try_left(people: People) -> None:
    user, factor = people.protected()
    people.set_counts(user, wrong=0, wrong_in_row=98)
    sign_in, wrong = people.attempt(user), factor.phone.wrong_code(NOON)
    assert [people.give_code(sign_in, wrong) for _ in range(3)] == [WrongCode(1), WrongCode(0), Locked(final=True)]


def test_a_reset_lifts_even_a_final_lock(people: People) -> None:
    user, _ = people.protected()
    people.set_counts(user, wrong=5, wrong_in_row=100)
    with people.context.db.write() as connection:
        lockouts.lift_after_reset(connection, user)
    assert counts(people, user) == Counts(0, 0)


# --- who is told, and who can help


def test_a_lock_is_recorded_and_told_to_the_user_and_the_administrators_who_can_act(people: People) -> None:
    user, factor = people.protected()
    people.user("admin@acme.example", role="admin")
    people.user("frozen@acme.example", role="admin", frozen_at=NOON)
    people.user("gone@acme.example", role="admin", active=False)
    people.user("admin@other.example", role="admin", account=people.account("Other"))
    lock(people, user, factor)
    assert [event.subject_id for event in people.events("locked")] == [user.id]
    assert len(people.events("second_factor_wrong")) == 5
    assert [letter.recipient for letter in people.letters("locked")] == [ADA]
    assert [letter.recipient for letter in people.letters("member_locked")] == ["admin@acme.example"]


def test_a_locked_administrator_is_not_told_twice(people: People) -> None:
    user, factor = people.protected(role="admin")
    lock(people, user, factor)
    assert people.letters("member_locked") == []


def test_help_comes_from_those_alone_who_can_give_it(people: People) -> None:
    user, _ = people.protected("locked@acme.example", role="admin")
    people.user("zoe@acme.example", role="admin", name="Zoe")
    people.user("adam@acme.example", role="admin", name="Adam")
    people.user("member@acme.example")
    people.user("invited@acme.example", role="admin", password=None)
    people.user("gone@acme.example", role="admin", active=False)
    people.user("frozen@acme.example", role="admin", frozen_at=NOON)
    locked, _ = people.protected("alsolocked@acme.example", role="admin")
    people.set_counts(locked, wrong=5)
    people.user("admin@other.example", role="admin", account=people.account("Other"))
    with people.context.db.read() as connection:
        helpers = lockouts.who_can_help(connection, user)
    assert [helper.email for helper in helpers] == ["adam@acme.example", "zoe@acme.example"]


def test_an_agent_is_helped_by_another_agent(people: People) -> None:
    agent = people.user("agent@operator.example", role="support")
    people.user("colleague@operator.example", role="support")
    people.user("admin@acme.example", role="admin")
    with people.context.db.read() as connection:
        helpers = lockouts.who_can_help(connection, agent)
    assert [helper.email for helper in helpers] == ["colleague@operator.example"]


@pytest.mark.parametrize(("password_age", "known"), [(-1, True), (0, True), (1, False)])
def test_who_was_locked_since_the_password_was_set_has_one_that_somebody_else_knows(
    people: People,
    password_age: int,
    known: bool,  # noqa: FBT001
) -> None:
    user, factor = people.protected()
    lock(people, user, factor)
    unlock(people, user)
    people.set_user(user, password_set_at=later(minutes=password_age))
    with people.context.db.read() as connection:
        assert lockouts.locked_since_password(connection, people.look_up(user)) is known
