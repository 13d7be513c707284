"""Changing factors that exist: a new backup code, another name, one phone less, everything off."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, Factor, People, phone_of, proved
from twofold.directory.user import User
from twofold.factors import change_flow, enrolment_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code import flow as backup_code
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.change_flow import Proofs
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import (
    AwaitsLastQuestion,
    Changed,
    LastAuthenticator,
    MalformedCode,
    NoSuchAuthenticator,
    NotEnabled,
    Opened,
    RequiredByPolicy,
    SessionOver,
    SpentBackupCode,
    UsedCode,
    WrongCode,
)
from twofold.factors.tables import removals
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import new_id
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session
from twofold.signin.attempt import Expired
from twofold.signin.outcomes import SignedIn

Ada = tuple[User, Factor, Session]


@pytest.fixture
def ada(people: People) -> Ada:
    """Somebody with a phone, signed in ten minutes ago."""
    user, factor = people.protected()
    return user, factor, people.sign_in(user, factor.phone, at=later(minutes=-10))


def given(code: str, password: str = PASSWORD) -> Proofs:
    return Proofs(password, code, None)


def regenerate(people: People, session: Session, proofs: Proofs, at: datetime = NOON) -> object:
    return change_flow.regenerate(people.context, session, proofs, origin=Origin(at, CLIENT_INFO), seen=False)


def ask(people: People, session: Session, proofs: Proofs, at: datetime = NOON) -> object:
    return removal_flow.ask_removal(people.context, session, proofs, origin=Origin(at, CLIENT_INFO))


def answer(people: People, session: Session, confirmation: str, at: datetime = NOON) -> object:
    return removal_flow.answer_removal(people.context, session, confirmation, origin=Origin(at, CLIENT_INFO))


def remove(people: People, session: Session, proofs: Proofs, at: datetime = NOON) -> object:
    return removal_flow.remove(people.context, session, proofs, origin=Origin(at, CLIENT_INFO))


def remove_one(people: People, session: Session, authenticator: UUID, proofs: Proofs, at: datetime = NOON) -> object:
    return removal_flow.remove_one(people.context, session, authenticator, proofs, origin=Origin(at, CLIENT_INFO))


def rename(people: People, session: Session, authenticator: UUID, name: str) -> object:
    return change_flow.rename(people.context, session, authenticator, name, origin=Origin(NOON, CLIENT_INFO))


def shown(people: People, user: User) -> factors.Factors:
    with people.context.db.read() as connection:
        return factors.show(connection, user.id)


def add_a_phone(people: People, ada: Ada, at: datetime) -> Session:
    """Add "Work phone"; return the session that goes on."""
    _, factor, session = ada
    asked = SetUp(PASSWORD, factor.phone.code(at), None, "Work phone")
    opened = enrolment_flow.open_in_session(people.context, session, asked, origin=Origin(at, CLIENT_INFO))
    assert isinstance(opened, Opened)
    changed = enrolment_flow.confirm_in_session(
        people.context, session, opened.id, phone_of(opened).code(at), origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip
    assert isinstance(changed, Changed)
    return people.session(changed.session_token, at=at)


# --- what every change refuses


CHANGES: dict[str, Callable[[People, Session, Proofs], object]] = {
    "regenerate": regenerate,
    "ask removal": ask,
    "remove": remove,
    "remove one": lambda people, session, proofs: remove_one(
        people, session, shown(people, session.user).authenticators[0].id, proofs
    ),
}


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> Callable[[People, Session, Proofs], object]:
    return CHANGES[request.param]


Change = Callable[[People, Session, Proofs], object]


@pytest.fixture
def two_phones(people: People, ada: Ada) -> Ada:
    user, factor, _ = ada
    return people.look_up(user), factor, add_a_phone(people, ada, later(minutes=-5))


def test_a_change_takes_password_and_code(people: People, two_phones: Ada, change: Change) -> None:
    user, factor, session = two_phones
    before = shown(people, user)
    assert change(people, session, given("")) == MalformedCode()
    assert change(people, session, given(factor.phone.wrong_code(NOON))) == WrongCode(4)
    assert change(people, session, given("0" * 24)) == WrongCode(3, backup=True)
    assert change(people, session, given(factor.phone.code(later(minutes=-5)))) == UsedCode(3)
    assert change(people, session, given(factor.phone.code(NOON), "a wrong password")) == WrongPassword()
    assert shown(people, user) == before
    assert people.look_up(user).security_version == session.user.security_version
    assert isinstance(change(people, session, given(factor.phone.code(NOON))), Changed | AwaitsLastQuestion)


def test_passwords_are_throttled_at_every_change(people: People, two_phones: Ada, change: Change) -> None:
    _, factor, session = two_phones
    code = factor.phone.code(NOON)
    for _ in range(5):
        assert change(people, session, given(code, "a wrong password")) == WrongPassword()
    assert change(people, session, given(code)) == Wait(1)


def test_a_change_of_a_session_that_ended_meanwhile_is_refused_and_charges_nothing(
    people: People, two_phones: Ada, change: Change
) -> None:
    user, factor, session = two_phones
    people.set_user(user, security_version=99)
    assert change(people, session, given(factor.phone.code(NOON))) == SessionOver()
    assert isinstance(people.give_code(people.attempt(people.look_up(user)), factor.phone.code(NOON)), SignedIn)


def test_who_has_no_factor_has_nothing_to_change(people: People) -> None:
    session = people.sign_in(people.user())
    for change in (regenerate, ask, remove):
        assert change(people, session, given("123456")) == NotEnabled()
    assert remove_one(people, session, new_id(), given("123456")) == NoSuchAuthenticator()


def test_a_change_ends_all_sessions_but_the_one_that_made_it(people: People, two_phones: Ada, change: Change) -> None:
    user, factor, session = two_phones
    other = people.token(user, factor.phone, at=later(minutes=-1))
    attempt = people.attempt(user)
    outcome = change(people, session, given(factor.phone.code(NOON)))
    if isinstance(outcome, AwaitsLastQuestion):
        assert people.find_session(other) is not None
        outcome = answer(people, session, outcome.confirmation)
    assert isinstance(outcome, Changed)
    assert people.find_session(other) is None
    renewed = people.session(outcome.session_token)
    assert (renewed.id, renewed.expires_at) == (session.id, session.expires_at)
    at = later(minutes=1)
    assert people.give_code(attempt, factor.phone.code(at), at=at) == Expired()


# --- regenerate


def test_a_new_backup_code_takes_the_place_of_the_old_one(people: People, ada: Ada) -> None:
    user, factor, session = ada
    changed = regenerate(people, session, given(factor.phone.code(NOON)))
    assert isinstance(changed, Changed)
    assert changed.backup_code not in (None, factor.backup_code)
    attempt = people.attempt(people.look_up(user), channel="api")
    assert people.give_code(attempt, factor.backup_code, channel="api") == WrongCode(4, backup=True)
    assert isinstance(people.give_code(attempt, changed.backup_code or "", channel="api"), SignedIn)


def test_regenerating_is_written_down_and_mailed(people: People, ada: Ada) -> None:
    user, factor, session = ada
    regenerate(people, session, given(factor.phone.code(NOON)))
    (event,) = people.events("backup_code_regenerated")
    assert (event.actor_id, event.subject_id, event.at) == (user.id, user.id, NOON)
    assert [letter.recipient for letter in people.letters("backup_code_regenerated")] == [ADA]


def test_the_backup_code_itself_may_prove_it(people: People, ada: Ada) -> None:
    user, factor, session = ada
    changed = regenerate(people, session, given(factor.backup_code))
    assert isinstance(changed, Changed)
    attempt = people.attempt(people.look_up(user), channel="api")
    assert isinstance(people.give_code(attempt, changed.backup_code or "", channel="api"), SignedIn)


def test_until_it_is_said_to_be_saved_the_profile_warns(people: People, ada: Ada) -> None:
    user, factor, session = ada
    changed = regenerate(people, session, given(factor.phone.code(NOON)))
    assert isinstance(changed, Changed)
    with people.context.db.write() as connection:
        backup_code.note_saved(connection, user.id, factor.backup_code)  # the page of the code before
    assert shown(people, user).backup_code_unseen
    with people.context.db.write() as connection:
        backup_code.note_saved(connection, user.id, changed.backup_code or "")
    assert not shown(people, user).backup_code_unseen
    assert shown(people, user).backup_code_created_at == NOON


# --- remove


def test_remove_asks_once_more_before_it_acts(people: People, ada: Ada) -> None:
    user, factor, session = ada
    asked = ask(people, session, given(factor.phone.code(NOON)))
    assert isinstance(asked, AwaitsLastQuestion)
    assert asked.new_backup_code is None
    assert people.look_up(user).has_second_factor
    changed = answer(people, session, asked.confirmation)
    assert isinstance(changed, Changed)
    assert changed.change == "removed"
    assert not people.look_up(user).has_second_factor
    assert people.session(changed.session_token).user.id == user.id
    assert isinstance(people.begin(people.look_up(user)), SignedIn)


def test_after_remove_nothing_of_the_factor_is_left(people: People, ada: Ada) -> None:
    user, factor, session = ada
    remove(people, session, given(factor.phone.code(NOON)))
    for table in (authenticators, backup_codes, enrolments, removals):
        assert people.count(table) == 0
    assert people.look_up(user).second_factor_since is None
    (event,) = people.events("two_factor_removed")
    assert event.subject_id == user.id
    assert [letter.recipient for letter in people.letters("two_factor_removed")] == [ADA]


def test_the_last_question_is_answered_once_in_ten_minutes_and_by_the_session_asked(people: People, ada: Ada) -> None:
    user, factor, session = ada
    other = people.sign_in(user, factor.phone, at=later(minutes=-5))
    asked = ask(people, session, given(factor.phone.code(NOON)))
    assert isinstance(asked, AwaitsLastQuestion)
    assert answer(people, other, asked.confirmation) == SessionOver()
    assert answer(people, session, "tf_remove_something_else_altogether_0123456789") == SessionOver()
    assert answer(people, session, "") == SessionOver()
    assert answer(people, session, asked.confirmation, later(minutes=10)) == SessionOver()
    assert people.look_up(user).has_second_factor
    changed = answer(people, session, asked.confirmation, later(minutes=9, seconds=59))
    assert isinstance(changed, Changed)
    assert answer(people, session, asked.confirmation) == SessionOver()


def test_a_newer_question_takes_the_place_of_an_older_one(people: People, ada: Ada) -> None:
    _, factor, session = ada
    old = ask(people, session, given(factor.phone.code(NOON)))
    at = later(minutes=1)
    new = ask(people, session, given(factor.phone.code(at)), at)
    assert isinstance(old, AwaitsLastQuestion)
    assert isinstance(new, AwaitsLastQuestion)
    assert answer(people, session, old.confirmation, at) == SessionOver()
    assert isinstance(answer(people, session, new.confirmation, at), Changed)


def test_a_lock_between_question_and_answer_keeps_the_factor(people: People, ada: Ada) -> None:
    user, factor, session = ada
    asked = ask(people, session, given(factor.phone.code(NOON)))
    assert isinstance(asked, AwaitsLastQuestion)
    people.set_counts(user, wrong=5)
    assert not isinstance(answer(people, session, asked.confirmation), Changed)
    assert people.look_up(user).has_second_factor


def test_the_backup_code_may_prove_a_removal_and_is_void_after_it(people: People, ada: Ada) -> None:
    _, factor, session = ada
    asked = ask(people, session, given(factor.backup_code))
    assert isinstance(asked, AwaitsLastQuestion)
    assert asked.new_backup_code is not None
    assert ask(people, session, given(factor.backup_code)) == SpentBackupCode(5)
    assert isinstance(answer(people, session, asked.confirmation), Changed)
    assert people.count(backup_codes) == 0


def test_a_factor_that_is_required_is_not_removed(people: People, ada: Ada) -> None:
    user, factor, session = ada
    people.set_account(user.account_id, policy="required", required_from=None)
    session = session._replace(user=people.look_up(user))
    code = factor.phone.code(NOON)
    assert ask(people, session, given(code)) == RequiredByPolicy()
    assert remove(people, session, given(code)) == RequiredByPolicy()
    assert people.look_up(user).has_second_factor
    assert isinstance(people.give_code(people.attempt(user), code), SignedIn)  # the code was left untouched


def test_a_policy_that_comes_before_the_last_answer_keeps_the_factor(people: People, ada: Ada) -> None:
    user, factor, session = ada
    asked = ask(people, session, given(factor.phone.code(NOON)))
    assert isinstance(asked, AwaitsLastQuestion)
    people.set_account(user.account_id, policy="required", required_from=later(minutes=1))
    assert answer(people, session, asked.confirmation, later(minutes=2)) == RequiredByPolicy()
    assert people.look_up(user).has_second_factor


def test_a_policy_with_a_date_ahead_or_an_exception_still_lets_remove(people: People, ada: Ada) -> None:
    user, factor, session = ada
    people.set_account(user.account_id, policy="required", required_from=later(days=1))
    assert isinstance(remove(people, session, given(factor.phone.code(NOON))), Changed)


def test_an_agent_never_removes_their_own(people: People) -> None:
    agent = people.user("agent@operator.example", role="support")
    people.set_user(agent, second_factor_since=NOON)
    agent = people.look_up(agent)
    with people.context.db.write() as connection:
        started = sessions.start(
            people.context, connection, agent, security_version=1, methods=proved("pwd", "otp"), channel="page",
            origin=Origin(NOON, CLIENT_INFO),
        )  # fmt: skip
    assert started is not None
    assert remove(people, people.session(started.token), given("123456")) == RequiredByPolicy()


# --- one phone less


def test_one_of_two_phones_is_removed_and_the_other_goes_on(people: People, two_phones: Ada) -> None:
    user, factor, session = two_phones
    first, second = shown(people, user).authenticators
    changed = remove_one(people, session, second.id, given(factor.phone.code(NOON)))
    assert isinstance(changed, Changed)
    assert (changed.change, changed.backup_code) == ("removed_one", None)
    assert shown(people, user).authenticators[0].id == first.id
    assert people.look_up(user).second_factor_since == user.second_factor_since
    assert people.look_up(user).factors_changed_at == NOON
    assert len(people.events("authenticator_removed")) == 1
    assert len(people.letters("authenticator_removed")) == 1


def test_the_phone_that_was_removed_lets_nobody_in(people: People, two_phones: Ada) -> None:
    user, factor, session = two_phones
    first, _ = shown(people, user).authenticators
    remove_one(people, session, first.id, given(factor.phone.code(NOON)))
    at = later(minutes=1)
    attempt = people.attempt(people.look_up(user), at=at)
    assert people.give_code(attempt, factor.phone.code(at), at=at) == WrongCode(4)


def test_the_last_phone_goes_only_with_two_factor_authentication_itself(people: People, ada: Ada) -> None:
    user, factor, session = ada
    (only,) = shown(people, user).authenticators
    assert remove_one(people, session, only.id, given(factor.phone.code(NOON))) == LastAuthenticator()
    assert isinstance(people.give_code(people.attempt(user), factor.phone.code(NOON)), SignedIn)


def test_somebody_elses_phone_is_no_phone_of_ones_own(people: People, two_phones: Ada) -> None:
    _, factor, session = two_phones
    other, _ = people.protected("grace@acme.example")
    (theirs,) = shown(people, other).authenticators
    for foreign in (theirs.id, new_id()):
        assert remove_one(people, session, foreign, given(factor.phone.code(NOON))) == NoSuchAuthenticator()
        assert rename(people, session, foreign, "Mine now") == NoSuchAuthenticator()
    assert shown(people, other).authenticators == [theirs]


def test_a_backup_code_spent_to_remove_a_phone_brings_its_successor(people: People, two_phones: Ada) -> None:
    user, factor, session = two_phones
    _, second = shown(people, user).authenticators
    changed = remove_one(people, session, second.id, given(factor.backup_code))
    assert isinstance(changed, Changed)
    attempt = people.attempt(people.look_up(user), channel="api")
    assert isinstance(people.give_code(attempt, changed.backup_code or "", channel="api"), SignedIn)


# --- another name


def test_a_phone_gets_another_name_and_nothing_else_changes(people: People, ada: Ada) -> None:
    user, _, session = ada
    (only,) = shown(people, user).authenticators
    assert rename(people, session, only.id, "  My old phone  ") is True
    assert shown(people, user).authenticators == [only._replace(name="My old phone")]
    assert people.look_up(user) == user
    (event,) = people.events("authenticator_renamed")
    assert (event.subject_id, "My old phone" in event.details) == (user.id, True)


@pytest.mark.parametrize("name", ["", "   ", "n" * 41, "two\nlines", "nul\0", "\u202edrow"])
def test_a_name_can_be_read_and_is_not_too_long(people: People, ada: Ada, name: str) -> None:
    user, _, session = ada
    (only,) = shown(people, user).authenticators
    assert rename(people, session, only.id, name) is False
    assert shown(people, user).authenticators == [only]


def test_the_clean_up_forgets_questions_and_set_ups_whose_time_is_over(people: People, ada: Ada) -> None:
    _, factor, session = ada
    ask(people, session, given(factor.phone.code(NOON)))
    with people.context.db.write() as connection:
        assert factors.forget_over(connection, later(minutes=9)) == 0
        assert factors.forget_over(connection, later(minutes=10)) == 1
    with people.context.db.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(removals)).scalar() == 0
