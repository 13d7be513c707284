"""Changing the password: the old one first, then the code where a factor exists."""

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, WRONG, Factor, People, proved
from twofold.directory.password import Weakness
from twofold.directory.user import User
from twofold.factors.outcomes import MalformedCode, SessionOver, SpentBackupCode, UsedCode, WrongCode
from twofold.kit.acting import Origin
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.profile import flow
from twofold.profile.flow import NewPassword, NoPassword, PasswordChanged
from twofold.sessions.session import Session
from twofold.signin.attempt import Expired
from twofold.signin.outcomes import Due, SignedIn


def change(people: People, session: Session, *, old: str = PASSWORD, new: str = NEW_PASSWORD, code: str = "") -> object:
    asked = NewPassword(old, new, code, None)
    return flow.change_password(people.context, session, asked, origin=Origin(NOON, CLIENT_INFO))


@pytest.fixture
def ada(people: People) -> tuple[User, Factor, Session]:
    user, factor = people.protected()
    return user, factor, people.sign_in(user, factor.phone, at=later(minutes=-10))


Ada = tuple[User, Factor, Session]


def test_the_new_password_takes_the_place_of_the_old_one(people: People) -> None:
    user = people.user()
    changed = change(people, people.sign_in(user))
    assert isinstance(changed, PasswordChanged)
    assert changed.new_backup_code is None
    assert people.begin(user) == WrongPassword()
    assert isinstance(people.begin(user, password=NEW_PASSWORD), SignedIn)
    assert people.look_up(user).password_set_at == NOON
    assert not people.look_up(user).password_unproven


def test_all_other_sessions_and_sign_ins_end_and_this_one_goes_on(people: People, ada: Ada) -> None:
    user, factor, session = ada
    other = people.token(user, factor.phone, at=later(minutes=-5))
    attempt = people.attempt(user)
    changed = change(people, session, code=factor.phone.code(NOON))
    assert isinstance(changed, PasswordChanged)
    assert people.find_session(other) is None
    renewed = people.session(changed.session_token)
    assert (renewed.id, renewed.expires_at) == (session.id, session.expires_at)
    assert renewed.methods == proved("pwd", "otp")
    at = later(minutes=1)
    assert people.give_code(attempt, factor.phone.code(at), at=at) == Expired()
    assert isinstance(people.begin(people.look_up(user), password=NEW_PASSWORD), Due)


def test_it_is_written_down_and_mailed_without_either_password(people: People) -> None:
    user = people.user()
    change(people, people.sign_in(user))
    (event,) = people.events("password_changed")
    assert (event.actor_id, event.subject_id, event.address) == (user.id, user.id, CLIENT_INFO.address)
    assert [letter.recipient for letter in people.letters("password_changed")] == [ADA]
    written = str([*people.events(), *people.letters()])
    assert PASSWORD not in written
    assert NEW_PASSWORD not in written


@pytest.mark.parametrize(
    ("new", "why"),
    [
        ("short 1", Weakness.TOO_SHORT),
        ("x y" * 86, Weakness.TOO_LONG),
        ("Password1", Weakness.COMMON),
        ("aaaaaaaaaa", Weakness.COMMON),
        (ADA, Weakness.PERSONAL),
        ("orchard\nkettle", Weakness.UNREADABLE),
    ],
)
def test_a_weak_one_is_not_taken_and_says_why(people: People, new: str, why: Weakness) -> None:
    user = people.user()
    assert change(people, people.sign_in(user), new=new) is why
    assert isinstance(people.begin(user), SignedIn)


def test_who_has_a_factor_proves_it(people: People, ada: Ada) -> None:
    user, factor, session = ada
    used = factor.phone.code(later(minutes=-10))
    assert change(people, session) == MalformedCode()
    assert change(people, session, code=factor.phone.wrong_code(NOON)) == WrongCode(4)
    assert change(people, session, code=used) == UsedCode(4)
    assert change(people, session, old=WRONG, code=factor.phone.code(NOON)) == WrongPassword()
    assert isinstance(people.begin(user), Due)
    assert isinstance(change(people, session, code=factor.phone.code(NOON)), PasswordChanged)


def test_the_backup_code_may_prove_it_and_brings_its_successor(people: People, ada: Ada) -> None:
    user, factor, session = ada
    changed = change(people, session, code=factor.backup_code)
    assert isinstance(changed, PasswordChanged)
    again = people.session(changed.session_token)
    assert change(people, again, old=NEW_PASSWORD, new=PASSWORD, code=factor.backup_code) == SpentBackupCode(5)
    assert changed.new_backup_code is not None
    outcome = change(people, again, old=NEW_PASSWORD, new=PASSWORD, code=changed.new_backup_code)
    assert isinstance(outcome, PasswordChanged)
    assert people.look_up(user).has_second_factor


def test_wrong_passwords_wait_there_too(people: People) -> None:
    session = people.sign_in(people.user())
    for _ in range(5):
        assert change(people, session, old=WRONG) == WrongPassword()
    assert change(people, session) == Wait(1)


def test_a_session_that_ended_meanwhile_changes_nothing(people: People) -> None:
    user = people.user()
    session = people.sign_in(user)
    people.set_user(user, security_version=9)
    assert change(people, session) == SessionOver()
    assert isinstance(people.begin(people.look_up(user)), SignedIn)


def test_an_organisation_with_single_sign_on_has_no_passwords_to_change(people: People) -> None:
    user = people.user()
    token = people.token(user)
    before, elsewhere = people.session(token), "https://sso.acme.example"
    people.set_account(user.account_id, sso=True, sso_url=elsewhere)
    for session in (before, people.session(token)):  # also where it moves there while the password is proved
        assert change(people, session) == NoPassword(elsewhere)
    assert people.look_up(user).password_set_at == user.password_set_at
    assert people.events("password_changed") == []
