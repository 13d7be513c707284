"""The budget that every door shares, through the doors themselves."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, PASSWORD, VISITOR, Factor, People, phone_of
from twofold.audit import flow as audit
from twofold.directory.person import Person
from twofold.factors import change_flow, enrolment_flow
from twofold.factors import flow as factors
from twofold.factors.change_flow import Proofs
from twofold.factors.enrolment_flow import SetUp
from twofold.factors.outcomes import Locked, MalformedCode, Opened, SpentBackupCode, UsedCode, WrongCode
from twofold.kit.house import House
from twofold.lockouts import flow as lockouts
from twofold.lockouts.budget import Counts
from twofold.lockouts.flow import LockIsFinal, NotYourself, Unlocked
from twofold.profile import flow as profile
from twofold.profile.flow import NewPassword
from twofold.sessions.session import Session
from twofold.signin.outcomes import Due, LockedOut, SignedIn

UNKNOWN_BACKUP_CODE = "0000-0000-0000-0000-0000-0000"

Door = Callable[[House, Session, str, datetime], object]


def counts(people: People, person: Person) -> Counts:
    with people.house.db.read() as connection:
        return lockouts.counts(connection, person.id)


def unlock(people: People, person: Person, actor: Person | None = None, at: datetime = NOON) -> object:
    who = audit.CONSOLE if actor is None else audit.user(actor.id)
    with people.house.db.write() as connection:
        return lockouts.unlock(people.house, connection, person, actor=who, reason="called in", at=at)


def lock(people: People, person: Person, factor: Factor, *, at: datetime = NOON) -> None:
    wrong, sign_in = factor.phone.wrong_code(at), people.attempt(person, at=at)
    for _ in range(5):
        assert isinstance(people.give_code(sign_in, wrong, at=at), WrongCode)


def first_authenticator(house: House, session: Session) -> UUID:
    with house.db.read() as connection:
        return factors.show(connection, session.person.id).authenticators[0].id


def set_up(house: House, session: Session, code: str, at: datetime) -> object:
    return enrolment_flow.open_in_session(house, session, SetUp(PASSWORD, code, None), visitor=VISITOR, at=at)


def replace(house: House, session: Session, code: str, at: datetime) -> object:
    asked = SetUp(PASSWORD, code, None, replaces=first_authenticator(house, session))
    return enrolment_flow.open_in_session(house, session, asked, visitor=VISITOR, at=at)


def regenerate(house: House, session: Session, code: str, at: datetime) -> object:
    return change_flow.regenerate(house, session, Proofs(PASSWORD, code, None), visitor=VISITOR, at=at, seen=True)


def ask_removal(house: House, session: Session, code: str, at: datetime) -> object:
    return change_flow.ask_removal(house, session, Proofs(PASSWORD, code, None), visitor=VISITOR, at=at)


def remove(house: House, session: Session, code: str, at: datetime) -> object:
    return change_flow.remove(house, session, Proofs(PASSWORD, code, None), visitor=VISITOR, at=at)


def remove_one(house: House, session: Session, code: str, at: datetime) -> object:
    return change_flow.remove_one(
        house, session, first_authenticator(house, session), Proofs(PASSWORD, code, None), visitor=VISITOR, at=at,
    )  # fmt: skip


def change_password(house: House, session: Session, code: str, at: datetime) -> object:
    asked = NewPassword(PASSWORD, "marble ferry cinnamon", code, None)
    return profile.change_password(house, session, asked, visitor=VISITOR, at=at)


DOORS: dict[str, Door] = {
    "add": set_up,
    "replace": replace,
    "regenerate": regenerate,
    "ask removal": ask_removal,
    "remove": remove,
    "remove one": remove_one,
    "password": change_password,
}


def signed_in(people: People, *, authenticators: int = 1) -> tuple[Person, Factor, Session]:
    """Somebody who has been signed in for ten minutes, with as many authenticators."""
    person, factor = people.protected()
    for number in range(1, authenticators):
        at = later(minutes=-20 - number)
        session = people.sign_in(person, factor.phone, at=later(at=at, minutes=-1))
        opened = set_up(people.house, session, factor.phone.code(at), at)
        assert isinstance(opened, Opened), opened
        code = phone_of(opened).code(at)
        enrolment_flow.confirm_in_session(people.house, session, opened.id, code, visitor=VISITOR, at=at)
    return person, factor, people.sign_in(people.look_up(person), factor.phone, at=later(minutes=-10))


# --- five in a row, counted down


def test_the_fifth_wrong_code_is_answered_as_wrong_with_none_left_and_then_it_is_locked(people: People) -> None:
    person, factor = people.protected()
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(person)
    outcomes = [people.give_code(sign_in, wrong) for _ in range(7)]
    assert outcomes == [WrongCode(left) for left in (4, 3, 2, 1, 0)] + [Locked(final=False)] * 2
    assert counts(people, person) == Counts(5, 5)


def test_a_lock_shuts_out_the_right_code_and_the_backup_code_too(people: People) -> None:
    person, factor = people.protected()
    sign_in = people.attempt(person)
    lock(people, person, factor)
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=False)
    assert people.give_code(sign_in, factor.backup_code) == Locked(final=False)
    unlock(people, person)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)


def test_wrong_codes_count_across_sign_ins_and_a_new_one_starts_no_new_count(people: People) -> None:
    person, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    outcomes = [people.give_code(people.attempt(person, channel=channel), wrong, channel=channel)
                for channel in ("page", "api", "page", "api", "page")]  # fmt: skip
    assert outcomes == [WrongCode(left) for left in (4, 3, 2, 1, 0)]
    assert isinstance(people.begin(person), LockedOut)


def test_wrong_backup_codes_count_with_wrong_codes(people: People) -> None:
    person, factor = people.protected()
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(person)
    given = [wrong, UNKNOWN_BACKUP_CODE, wrong, UNKNOWN_BACKUP_CODE, UNKNOWN_BACKUP_CODE, wrong]
    assert [people.give_code(sign_in, code) for code in given] == [
        WrongCode(4),
        WrongCode(3, backup=True),
        WrongCode(2),
        WrongCode(1, backup=True),
        WrongCode(0, backup=True),
        Locked(final=False),
    ]


@pytest.mark.parametrize("door", DOORS)
def test_every_door_spends_the_same_budget(people: People, door: str) -> None:
    person, factor, session = signed_in(people, authenticators=2 if door == "remove one" else 1)
    wrong, sign_in = factor.phone.wrong_code(NOON), people.attempt(person)
    assert people.give_code(sign_in, wrong) == WrongCode(4)
    assert DOORS[door](people.house, session, wrong, NOON) == WrongCode(3)
    assert people.give_code(sign_in, wrong) == WrongCode(2)
    assert DOORS[door](people.house, session, wrong, NOON) == WrongCode(1)
    assert DOORS[door](people.house, session, wrong, NOON) == WrongCode(0)
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=False)


@pytest.mark.parametrize("door", DOORS)
def test_while_locked_no_factor_and_no_password_can_be_changed(people: People, door: str) -> None:
    person, factor, session = signed_in(people, authenticators=2 if door == "remove one" else 1)
    lock(people, person, factor)
    for code in (factor.phone.code(NOON), factor.backup_code):
        assert DOORS[door](people.house, session, code, NOON) == Locked(final=False)
    assert people.look_up(person).security_version == session.person.security_version


def test_a_lock_leaves_sessions_that_exist_alone(people: People) -> None:
    person, factor = people.protected()
    token = people.token(person, factor.phone, at=later(minutes=-10))
    lock(people, person, factor)
    assert people.find_session(token) is not None


def test_a_lock_does_not_run_out_by_itself(people: People) -> None:
    person, factor = people.protected()
    lock(people, person, factor)
    for at in (later(hours=1), later(days=1), later(days=400)):
        assert isinstance(people.begin(person, at=at), LockedOut)


def test_the_lock_shows_only_to_somebody_who_knows_the_password(people: People) -> None:
    person, factor = people.protected()
    lock(people, person, factor)
    assert people.begin(person, password="a wrong password") == lockouts.WrongPassword()


def test_another_person_keeps_a_budget_of_their_own(people: People) -> None:
    person, factor = people.protected()
    other, other_factor = people.protected("grace@acme.example")
    lock(people, person, factor)
    assert isinstance(people.give_code(people.attempt(other), other_factor.phone.code(NOON)), SignedIn)


# --- what clears the count, what gives a charge back, what is not charged


def test_a_right_code_clears_the_count(people: People) -> None:
    person, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    sign_in = people.attempt(person)
    for _ in range(4):
        people.give_code(sign_in, wrong)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)
    assert counts(people, person) == Counts(0, 0)
    assert people.give_code(people.attempt(person), wrong) == WrongCode(4)


def test_a_backup_code_clears_the_count(people: People) -> None:
    person, factor = people.protected()
    sign_in = people.attempt(person)
    for _ in range(4):
        people.give_code(sign_in, UNKNOWN_BACKUP_CODE)
    assert isinstance(people.give_code(sign_in, factor.backup_code), Due)
    assert counts(people, person) == Counts(0, 0)


def test_a_used_code_gives_its_charge_back_because_a_double_click_must_not_cost(people: People) -> None:
    person, factor = people.protected()
    code, one, other = factor.phone.code(NOON), people.attempt(person), people.attempt(person)
    people.give_code(other, factor.phone.wrong_code(NOON))
    assert isinstance(people.give_code(one, code), SignedIn)
    people.give_code(other, factor.phone.wrong_code(NOON))
    for _ in range(10):
        assert people.give_code(other, code) == UsedCode(4)
    assert counts(people, person) == Counts(1, 1)


def test_a_spent_backup_code_gives_its_charge_back(people: People) -> None:
    person, factor = people.protected()
    people.give_code(people.attempt(person), factor.backup_code)
    sign_in = people.attempt(person)
    for _ in range(10):
        assert people.give_code(sign_in, factor.backup_code) == SpentBackupCode(5)
    assert counts(people, person) == Counts(0, 0)


def test_what_is_no_code_is_refused_as_malformed_and_not_charged(people: People) -> None:
    person, factor, session = signed_in(people)
    for typed in ("", "12345", "1234567", "１２３４５６", "abcdef", "0000-0000", "1" * 200):  # noqa: RUF001
        assert people.give_code(people.attempt(person), typed) == MalformedCode()
        for name in ("add", "regenerate", "remove", "password"):
            assert DOORS[name](people.house, session, typed, NOON) == MalformedCode()
    assert counts(people, person) == Counts(0, 0)
    assert isinstance(people.give_code(people.attempt(person), factor.phone.code(NOON)), SignedIn)


@pytest.mark.parametrize("door", [door for door in DOORS if door != "password"])
def test_a_wrong_password_leaves_the_code_untouched(people: People, door: str, monkeypatch: pytest.MonkeyPatch) -> None:
    person, factor, session = signed_in(people, authenticators=2 if door == "remove one" else 1)
    monkeypatch.setitem(globals(), "PASSWORD", "a wrong password")
    assert DOORS[door](people.house, session, factor.phone.code(NOON), NOON) == lockouts.WrongPassword()
    assert counts(people, person) == Counts(0, 0)
    monkeypatch.undo()
    assert isinstance(people.give_code(people.attempt(person), factor.phone.code(NOON)), SignedIn)


# --- unlocking


def test_an_unlock_gives_five_new_tries_and_keeps_the_factor(people: People) -> None:
    person, factor = people.protected()
    admin = people.person("admin@acme.example", role="admin")
    lock(people, person, factor)
    assert unlock(people, person, admin) == Unlocked()
    assert counts(people, person) == Counts(0, 5)
    sign_in, wrong = people.attempt(person), factor.phone.wrong_code(NOON)
    assert people.give_code(sign_in, wrong) == WrongCode(4)
    assert isinstance(people.give_code(sign_in, factor.phone.code(NOON)), SignedIn)
    assert counts(people, person) == Counts(0, 0)


def test_nobody_unlocks_themselves(people: People) -> None:
    person, factor = people.protected(role="admin")
    lock(people, person, factor)
    assert unlock(people, person, person) == NotYourself()
    assert isinstance(people.begin(person), LockedOut)


def test_an_unlock_is_written_down_with_its_reason_and_told_to_the_user(people: People) -> None:
    person, factor = people.protected()
    admin = people.person("admin@acme.example", role="admin")
    lock(people, person, factor)
    unlock(people, person, admin)
    (event,) = people.events("unlocked")
    assert (event.actor_id, event.subject_id, event.account_id, event.reason) == (
        admin.id, person.id, person.account_id, "called in",
    )  # fmt: skip
    assert [letter.recipient for letter in people.letters("unlocked")] == [ADA]


def test_a_hundred_wrong_in_a_row_across_unlocks_lock_for_good(people: People) -> None:
    person, factor = people.protected()
    wrong = factor.phone.wrong_code(NOON)
    for _ in range(19):
        sign_in = people.attempt(person)
        assert [people.give_code(sign_in, wrong) for _ in range(5)][-1] == WrongCode(0)
        assert unlock(people, person) == Unlocked()
    sign_in = people.attempt(person)
    assert [people.give_code(sign_in, wrong) for _ in range(6)] == [
        *(WrongCode(left) for left in (4, 3, 2, 1, 0)), Locked(final=True),
    ]  # fmt: skip
    assert unlock(people, person) == LockIsFinal()
    assert people.give_code(sign_in, factor.phone.code(NOON)) == Locked(final=True)
    assert people.look_up(person).has_second_factor


def test_with_one_try_left_before_the_hundredth_there_is_one_try_left(people: People) -> None:
    person, factor = people.protected()
    people.set_counts(person, wrong=0, wrong_in_row=98)
    sign_in, wrong = people.attempt(person), factor.phone.wrong_code(NOON)
    assert [people.give_code(sign_in, wrong) for _ in range(3)] == [WrongCode(1), WrongCode(0), Locked(final=True)]


def test_a_reset_lifts_even_a_final_lock(people: People) -> None:
    person, _ = people.protected()
    people.set_counts(person, wrong=5, wrong_in_row=100)
    with people.house.db.write() as connection:
        lockouts.lift_after_reset(connection, person)
    assert counts(people, person) == Counts(0, 0)


# --- who is told, and who can help


def test_a_lock_is_written_down_and_told_to_the_user_and_the_administrators_who_can_act(people: People) -> None:
    person, factor = people.protected()
    people.person("admin@acme.example", role="admin")
    people.person("frozen@acme.example", role="admin", frozen_at=NOON)
    people.person("gone@acme.example", role="admin", active=False)
    people.person("admin@other.example", role="admin", account=people.account("Other"))
    lock(people, person, factor)
    assert [event.subject_id for event in people.events("locked")] == [person.id]
    assert len(people.events("second_factor_wrong")) == 5
    assert [letter.recipient for letter in people.letters("locked")] == [ADA]
    assert [letter.recipient for letter in people.letters("member_locked")] == ["admin@acme.example"]


def test_a_locked_administrator_is_not_told_twice(people: People) -> None:
    person, factor = people.protected(role="admin")
    lock(people, person, factor)
    assert people.letters("member_locked") == []


def test_help_comes_from_those_alone_who_can_give_it(people: People) -> None:
    person, _ = people.protected("locked@acme.example", role="admin")
    people.person("zoe@acme.example", role="admin", name="Zoe")
    people.person("adam@acme.example", role="admin", name="Adam")
    people.person("member@acme.example")
    people.person("invited@acme.example", role="admin", password=None)
    people.person("gone@acme.example", role="admin", active=False)
    people.person("frozen@acme.example", role="admin", frozen_at=NOON)
    locked, _ = people.protected("alsolocked@acme.example", role="admin")
    people.set_counts(locked, wrong=5)
    people.person("admin@other.example", role="admin", account=people.account("Other"))
    with people.house.db.read() as connection:
        helpers = lockouts.who_can_help(connection, person)
    assert [helper.email for helper in helpers] == ["adam@acme.example", "zoe@acme.example"]


def test_an_agent_is_helped_by_another_agent(people: People) -> None:
    agent = people.person("agent@operator.example", role="support")
    people.person("colleague@operator.example", role="support")
    people.person("admin@acme.example", role="admin")
    with people.house.db.read() as connection:
        helpers = lockouts.who_can_help(connection, agent)
    assert [helper.email for helper in helpers] == ["colleague@operator.example"]


@pytest.mark.parametrize(("password_age", "known"), [(-1, True), (0, True), (1, False)])
def test_who_was_locked_since_the_password_was_set_has_one_that_somebody_else_knows(
    people: People,
    password_age: int,
    known: bool,  # noqa: FBT001
) -> None:
    person, factor = people.protected()
    lock(people, person, factor)
    unlock(people, person)
    people.set_person(person, password_set_at=later(minutes=password_age))
    with people.house.db.read() as connection:
        assert lockouts.locked_since_password(connection, people.look_up(person)) is known
