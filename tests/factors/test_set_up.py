"""Setting an authenticator up, from the profile: opened, shown again, confirmed or not."""

from datetime import datetime
from uuid import UUID

import pytest
import sqlalchemy as sa

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, PASSWORD, Factor, People, phone_of
from twofold.directory.eligibility import Reason
from twofold.directory.user import User
from twofold.factors import change_flow, enrolment_flow, opening_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import (
    Changed,
    EnrolmentExpired,
    Locked,
    MalformedCode,
    NoSuchAuthenticator,
    NotOffered,
    Opened,
    SessionOver,
    SpentBackupCode,
    TooMany,
    UsedCode,
    WrongCode,
    WrongConfirmation,
)
from twofold.factors.totp import codes as totp
from twofold.factors.totp.tables import authenticators, enrolments
from twofold.kit.acting import Origin
from twofold.kit.crypto.tokens import new_id
from twofold.lockouts.flow import WrongPassword
from twofold.sessions import methods
from twofold.sessions.session import Session
from twofold.signin.outcomes import SignedIn


def open_(
    people: People,
    session: Session,
    code: str = "",
    *,
    at: datetime = NOON,
    password: str = PASSWORD,
    name: str = "",
    replaces: UUID | None = None,
) -> object:
    asked = SetUp(password, code, None, name, replaces)
    return enrolment_flow.open_in_session(people.context, session, asked, origin=Origin(at, CLIENT_INFO))


def opened_by(
    people: People,
    session: Session,
    code: str = "",
    *,
    at: datetime = NOON,
    name: str = "",
    replaces: UUID | None = None,
) -> Opened:
    opened = open_(people, session, code, at=at, name=name, replaces=replaces)
    assert isinstance(opened, Opened), opened
    return opened


def confirm(people: People, session: Session, opened: Opened | UUID, code: str, *, at: datetime = NOON) -> object:
    enrolment = opened if isinstance(opened, UUID) else opened.id
    return enrolment_flow.confirm_in_session(people.context, session, enrolment, code, origin=Origin(at, CLIENT_INFO))


def changed_by(people: People, session: Session, opened: Opened, *, at: datetime = NOON) -> Changed:
    changed = confirm(people, session, opened, phone_of(opened).code(at), at=at)
    assert isinstance(changed, Changed), changed
    return changed


def shown_again(people: People, session: Session, at: datetime = NOON) -> Opened | None:
    with people.context.db.read() as connection:
        return enrolment_flow.find(people.context, connection, session.user, opening_flow.opener_of(session), at)


def names(people: People, user: User) -> list[str]:
    with people.context.db.read() as connection:
        return [authenticator.name for authenticator in factors.show(connection, user.id).authenticators]


def first(people: People, user: User) -> UUID:
    with people.context.db.read() as connection:
        return factors.show(connection, user.id).authenticators[0].id


@pytest.fixture
def user(people: People) -> User:
    return people.user()


@pytest.fixture
def protected(people: People) -> tuple[User, Factor, Session]:
    """Somebody with a phone, signed in ten minutes ago."""
    user, factor = people.protected()
    return user, factor, people.sign_in(user, factor.phone, at=later(minutes=-10))


Protected = tuple[User, Factor, Session]


# --- the first one


def test_a_code_of_the_new_app_switches_two_factor_authentication_on(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    assert not people.look_up(user).has_second_factor
    changed = changed_by(people, session, opened)
    assert changed.change == "set_up"
    assert people.look_up(user).second_factor_since == NOON
    assert names(people, user) == ["Authenticator app"]
    assert people.count(enrolments) == 0


def test_nothing_protects_before_the_code_confirms(people: People, user: User) -> None:
    opened_by(people, people.sign_in(user))
    assert isinstance(people.begin(user), SignedIn)


def test_the_secret_has_160_random_bits_and_rests_encrypted(people: People, user: User) -> None:
    session = people.sign_in(user)
    first_secret, second_secret = opened_by(people, session).secret, opened_by(people, session).secret
    assert len(first_secret) == 20
    assert first_secret != second_secret
    changed_by(people, session, opened_by(people, session))
    with people.context.db.read() as connection:
        (row,) = connection.execute(sa.select(authenticators)).all()
        (code,) = connection.execute(sa.select(backup_codes)).all()
    assert row.key_id == "test"
    assert len(row.box) == 12 + 20 + 16
    assert len(code.code_hash) == 32


def test_the_backup_code_that_is_shown_lets_its_owner_in(people: People, user: User) -> None:
    session = people.sign_in(user)
    changed = changed_by(people, session, opened_by(people, session))
    assert changed.backup_code is not None
    assert len(changed.backup_code.split("-")) == 6
    outcome = people.give_code(people.attempt(user, channel="api"), changed.backup_code, channel="api")
    assert isinstance(outcome, SignedIn)


def test_the_session_that_set_it_up_goes_on_under_a_new_token_and_all_others_end(people: People, user: User) -> None:
    mine, other = people.token(user), people.token(user)
    session = people.session(mine)
    changed = changed_by(people, session, opened_by(people, session))
    assert [people.find_session(token) for token in (mine, other)] == [None, None]
    renewed = people.session(changed.session_token)
    assert methods.names(renewed.methods) == ["pwd", "otp"]
    assert renewed.expires_at == session.expires_at


def test_the_code_that_confirmed_counts_as_used(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    changed_by(people, session, opened)
    assert people.give_code(people.attempt(user), phone_of(opened).code(NOON)) == UsedCode(5)
    at = later(seconds=30)
    assert isinstance(people.give_code(people.attempt(user, at=at), phone_of(opened).code(at), at=at), SignedIn)


def test_set_up_is_written_down_and_mailed(people: People, user: User) -> None:
    session = people.sign_in(user)
    changed_by(people, session, opened_by(people, session))
    (event,) = people.events("two_factor_set_up")
    assert (event.actor_id, event.subject_id, event.account_id) == (user.id, user.id, user.account_id)
    assert (event.address, event.browser, event.result) == (CLIENT_INFO.address, CLIENT_INFO.browser, "done")
    (letter,) = people.letters("two_factor_set_up")
    assert letter.recipient == ADA


def test_no_secret_and_no_code_is_in_the_log_or_the_outbox(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    changed = changed_by(people, session, opened)
    written = str([*people.events(), *people.letters()])
    for secret in (totp.base32(opened.secret), changed.backup_code, changed.session_token, PASSWORD):
        assert secret is not None
        assert secret not in written


# --- what refuses it


def test_a_wrong_password_opens_nothing(people: People, user: User) -> None:
    session = people.sign_in(user)
    assert open_(people, session, password="a wrong password") == WrongPassword()
    assert people.count(enrolments) == 0


@pytest.mark.parametrize(
    ("account", "change", "reason"),
    [
        ({"edition": "standard"}, {}, Reason.EDITION),
        ({"policy": "off"}, {}, Reason.SWITCHED_OFF),
        ({}, {"licensed": False}, Reason.UNLICENSED),
    ],
)
def test_a_first_set_up_needs_eligibility(
    people: People, user: User, account: dict[str, object], change: dict[str, object], reason: Reason
) -> None:
    session = people.sign_in(user)
    people.set_account(user.account_id, **account) if account else people.set_user(user, **change)
    outcome = open_(people, session)
    assert isinstance(outcome, NotOffered)
    assert outcome.eligibility.reason is reason
    assert people.count(enrolments) == 0


@pytest.mark.parametrize("change", [{"edition": "standard"}, {"policy": "off"}])
def test_a_factor_that_exists_can_be_replaced_whatever_changes_later(
    people: People, protected: Protected, change: dict[str, object]
) -> None:
    user, factor, session = protected
    people.set_account(user.account_id, **change)
    people.set_user(user, licensed=False)
    opened = opened_by(people, session, factor.phone.code(NOON), replaces=first(people, user))
    assert changed_by(people, session, opened).change == "replaced"


def test_a_session_that_ended_meanwhile_opens_and_confirms_nothing(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    people.set_user(user, security_version=2)
    assert open_(people, session) == SessionOver()
    assert confirm(people, session, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()
    assert not people.look_up(user).has_second_factor


# --- open for fifteen minutes, to the one who opened it


def test_it_is_shown_again_on_reload(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session, name="Work phone")
    assert shown_again(people, session) == opened
    assert opened.expires_at == later(minutes=15)
    assert shown_again(people, session, later(minutes=14, seconds=59)) == opened


def test_after_fifteen_minutes_it_is_gone(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    at = later(minutes=15)
    assert shown_again(people, session, at) is None
    assert confirm(people, session, opened, phone_of(opened).code(at), at=at) == EnrolmentExpired()
    at = later(minutes=14, seconds=59)
    assert isinstance(confirm(people, session, opened, phone_of(opened).code(at), at=at), Changed)


def test_the_newest_one_wins(people: People, user: User) -> None:
    session = people.sign_in(user)
    old, new = opened_by(people, session), opened_by(people, session)
    assert shown_again(people, session) == new
    assert confirm(people, session, old, phone_of(old).code(NOON)) == EnrolmentExpired()
    assert isinstance(confirm(people, session, new, phone_of(new).code(NOON)), Changed)


def test_nobody_but_the_session_that_opened_it_sees_or_confirms_it(people: People, user: User) -> None:
    session, same_user = people.sign_in(user), people.sign_in(user)
    stranger = people.sign_in(people.user("grace@acme.example"))
    opened = opened_by(people, session)
    for other in (same_user, stranger):
        assert shown_again(people, other) is None
        assert confirm(people, other, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()
    assert isinstance(confirm(people, session, opened, phone_of(opened).code(NOON)), Changed)


def test_a_set_up_in_another_session_takes_the_place_of_the_first(people: People, user: User) -> None:
    session, other = people.sign_in(user), people.sign_in(user)
    opened = opened_by(people, session)
    opened_by(people, other)
    assert shown_again(people, session) is None
    assert confirm(people, session, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()


def test_an_enrolment_that_does_not_exist_is_over(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    assert confirm(people, session, new_id(), phone_of(opened).code(NOON)) == EnrolmentExpired()


def test_a_box_moved_from_another_enrolment_does_not_open(people: People, user: User) -> None:
    """Somebody who can write to the database cannot give a user the secret of a set-up of their own."""
    other = people.user("mallory@acme.example")
    mine, theirs = people.sign_in(user), people.sign_in(other)
    opened, stolen = opened_by(people, mine), opened_by(people, theirs)
    with people.context.db.write() as connection:
        box = connection.execute(sa.select(enrolments.c.box).where(enrolments.c.user_id == other.id)).scalar_one()
        connection.execute(enrolments.update().where(enrolments.c.user_id == user.id).values(box=box))
    assert shown_again(people, mine) is None, "it has ended, and its user begins anew"
    assert confirm(people, mine, opened, phone_of(opened).code(NOON)) == EnrolmentExpired()
    assert confirm(people, mine, opened, phone_of(stolen).code(NOON)) == EnrolmentExpired()
    assert isinstance(opened_by(people, mine), Opened)


# --- wrong confirmations


def test_ten_wrong_confirmations_void_it_and_never_charge_the_lock(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    phone = phone_of(opened)
    wrong = phone.wrong_code(NOON)
    assert [confirm(people, session, opened, wrong) for _ in range(11)] == [
        *(WrongConfirmation(left) for left in range(9, -1, -1)), EnrolmentExpired(),
    ]  # fmt: skip
    assert confirm(people, session, opened, phone.code(NOON)) == EnrolmentExpired()
    assert shown_again(people, session) is None
    again = opened_by(people, session)
    assert isinstance(confirm(people, session, again, phone_of(again).code(NOON)), Changed)


def test_the_tenth_may_still_be_right(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    phone = phone_of(opened)
    for _ in range(9):
        confirm(people, session, opened, phone.wrong_code(NOON))
    assert isinstance(confirm(people, session, opened, phone.code(NOON)), Changed)


def test_wrong_confirmations_of_a_second_phone_leave_the_budget_of_the_first_alone(
    people: People, protected: Protected
) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.phone.code(NOON))
    for _ in range(9):
        confirm(people, session, opened, phone_of(opened).wrong_code(NOON))
    at = later(seconds=30)
    wrong = factor.phone.wrong_code(at)
    assert people.give_code(people.attempt(user, at=at), wrong, at=at) == WrongCode(4)


def test_what_is_no_code_is_malformed_and_costs_no_try(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    for typed in ("", "12345", "1234567", "１２３４５６", "7K3M-Q9XW-B2CD-4E5F-6G8H-JNPR") * 3:  # noqa: RUF001
        assert confirm(people, session, opened, typed) == MalformedCode()
    assert confirm(people, session, opened, phone_of(opened).wrong_code(NOON)) == WrongConfirmation(9)


@pytest.mark.parametrize(("minutes", "drift"), [(-3, -180), (5, 300)])
def test_a_clock_that_is_off_is_told_at_the_confirmation(people: People, user: User, minutes: int, drift: int) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    code = phone_of(opened).code(later(minutes=minutes))
    assert confirm(people, session, opened, code) == WrongConfirmation(9, drift)


# --- who has a factor proves it before another one


def test_the_password_alone_never_adds_an_authenticator(people: People, protected: Protected) -> None:
    user, factor, session = protected
    assert open_(people, session) == MalformedCode()
    assert open_(people, session, factor.phone.wrong_code(NOON)) == WrongCode(4)
    assert people.count(enrolments) == 0
    assert names(people, user) == ["Authenticator app"]


def test_adding_one_keeps_the_first_and_the_backup_code(people: People, protected: Protected) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.phone.code(NOON), name="  Work phone ")
    changed = changed_by(people, session, opened)
    assert (changed.change, changed.backup_code) == ("added", None)
    assert names(people, user) == ["Authenticator app", "Work phone"]
    at = later(minutes=1)
    for phone in (factor.phone, phone_of(opened)):
        assert isinstance(people.give_code(people.attempt(user, at=at), phone.code(at), at=at), SignedIn)
    kept = people.give_code(people.attempt(user, at=at, channel="api"), factor.backup_code, at=at, channel="api")
    assert isinstance(kept, SignedIn)
    assert [event.subject_id for event in people.events("two_factor_added")] == [user.id]
    assert len(people.letters("two_factor_added")) == 1


def test_a_code_that_opened_a_set_up_is_used(people: People, protected: Protected) -> None:
    user, factor, session = protected
    opened_by(people, session, factor.phone.code(NOON))
    assert people.give_code(people.attempt(user), factor.phone.code(NOON)) == UsedCode(5)


def test_five_are_the_most(people: People, protected: Protected) -> None:
    user, factor, session = protected
    at = NOON
    for number in range(2, 6):
        at = later(at=at, minutes=1)
        opened = opened_by(people, session, factor.phone.code(at), at=at, name=f"Phone {number}")
        session = people.session(changed_by(people, session, opened, at=at).session_token, at=at)
    assert len(names(people, user)) == 5
    at = later(at=at, minutes=1)
    assert open_(people, session, factor.phone.code(at), at=at) == TooMany()
    opened = opened_by(people, session, factor.phone.code(at), at=at, replaces=first(people, user))
    changed_by(people, session, opened, at=at)
    assert len(names(people, user)) == 5


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("n" * 60, "n" * 40),
        (" Work phone ", "Work phone"),
        ("nul\0\n\u202ephone", "nulphone"),
        ("  ", "Authenticator app"),
    ],
)
def test_a_name_is_kept_short_and_readable(people: People, protected: Protected, typed: str, kept: str) -> None:
    user, factor, session = protected
    changed_by(people, session, opened_by(people, session, factor.phone.code(NOON), name=typed))
    assert names(people, user)[1] == kept


# --- replace my phone


def test_a_replacement_proves_the_new_phone_before_the_old_one_goes(people: People, protected: Protected) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.phone.code(NOON), replaces=first(people, user))
    at = later(minutes=1)
    assert isinstance(people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at), SignedIn)
    changed = changed_by(people, session, opened, at=at)
    assert changed.change == "replaced"
    at = later(minutes=2)
    attempt = people.attempt(user, at=at)
    assert people.give_code(attempt, factor.phone.code(at), at=at) == WrongCode(4)
    assert isinstance(people.give_code(attempt, phone_of(opened).code(at), at=at), SignedIn)
    assert len(people.letters("two_factor_replaced")) == 1
    assert len(people.events("two_factor_replaced")) == 1


def test_a_replacement_issues_a_new_backup_code(people: People, protected: Protected) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.phone.code(NOON), replaces=first(people, user))
    changed = changed_by(people, session, opened)
    assert changed.backup_code not in (None, factor.backup_code)
    attempt = people.attempt(user, channel="api")
    assert people.give_code(attempt, factor.backup_code, channel="api") == WrongCode(4, backup=True)
    assert isinstance(people.give_code(attempt, changed.backup_code or "", channel="api"), SignedIn)


def test_a_replacement_keeps_the_name_unless_it_is_given_another(people: People, protected: Protected) -> None:
    user, factor, session = protected
    change_flow.rename(people.context, session, first(people, user), "Work phone", origin=Origin(NOON, CLIENT_INFO))
    opened = opened_by(people, session, factor.phone.code(NOON), replaces=first(people, user))
    assert opened.name == "Work phone"
    at = later(minutes=1)
    other = opened_by(people, session, factor.phone.code(at), at=at, name="Tablet", replaces=first(people, user))
    changed_by(people, session, other, at=at)
    assert names(people, user) == ["Tablet"]


def test_a_replacement_keeps_since_when_somebody_is_protected(people: People, protected: Protected) -> None:
    user, factor, session = protected
    since = people.look_up(user).second_factor_since
    opened = opened_by(people, session, factor.phone.code(NOON), replaces=first(people, user))
    changed_by(people, session, opened)
    assert people.look_up(user).second_factor_since == since
    assert people.look_up(user).factors_changed_at == NOON


def test_somebody_elses_authenticator_cannot_be_replaced(people: People, protected: Protected) -> None:
    _, factor, session = protected
    other, _ = people.protected("grace@acme.example")
    for foreign in (first(people, other), new_id()):
        code = factor.phone.code(NOON)
        assert open_(people, session, code, replaces=foreign) == NoSuchAuthenticator()
    assert len(names(people, other)) == 1


def test_who_came_in_by_backup_code_can_replace_the_phone_at_once_by_backup_code(
    people: People, protected: Protected
) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.backup_code, replaces=first(people, user))
    assert opened.new_backup_code is not None
    assert open_(people, session, factor.backup_code) == SpentBackupCode(5)
    opened = opened_by(people, session, opened.new_backup_code, replaces=first(people, user))
    changed = changed_by(people, session, opened)
    attempt = people.attempt(user, channel="api")
    assert isinstance(people.give_code(attempt, changed.backup_code or "", channel="api"), SignedIn)


def test_a_backup_code_spent_to_add_a_phone_is_replaced_by_one_that_is_shown(
    people: People, protected: Protected
) -> None:
    user, factor, session = protected
    changed = changed_by(people, session, opened_by(people, session, factor.backup_code))
    assert changed.change == "added"
    assert changed.backup_code is not None
    attempt = people.attempt(user, channel="api")
    assert isinstance(people.give_code(attempt, changed.backup_code, channel="api"), SignedIn)


# --- the lock


def test_while_locked_a_set_up_that_was_opened_before_is_not_confirmed(people: People, protected: Protected) -> None:
    user, factor, session = protected
    opened = opened_by(people, session, factor.phone.code(NOON))
    people.set_counts(user, wrong=5)
    assert confirm(people, session, opened, phone_of(opened).code(NOON)) == Locked(final=False)
    assert len(names(people, user)) == 1
    people.set_counts(user, wrong=0)
    assert isinstance(confirm(people, session, opened, phone_of(opened).code(NOON)), Changed)


def test_what_an_authenticator_is_set_up_with_is_what_oathtool_reads(people: People, user: User) -> None:
    session = people.sign_in(user)
    opened = opened_by(people, session)
    scanned = Authenticator.open(totp.otpauth_uri("Twofold", ADA, opened.secret))
    assert isinstance(confirm(people, session, opened, scanned.code(NOON)), Changed)
