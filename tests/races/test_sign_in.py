"""What happens to a user between the reading of their sign-in attempt and its end."""

import pytest
import sqlalchemy as sa

from tests.harness.clock import later
from tests.harness.interleaving import meanwhile
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, Ada, People
from twofold.directory import flow as directory
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.profile import flow as profile
from twofold.recovery import password_flow
from twofold.recovery.outcomes import PasswordSaved
from twofold.sessions.flow import sign_out
from twofold.sessions.tables import sessions
from twofold.signin import flow, set_up_flow
from twofold.signin.attempt import Expired
from twofold.signin.outcomes import Due, SignedIn
from twofold.signin.tables import sign_in_attempts

READ = "FROM sign_in_attempts"
AT = later(minutes=5)
ANOTHER_PASSWORD = "copper willow sandal"


def set_by_mail(people: People, context: AppContext, password: str = NEW_PASSWORD) -> None:
    """Choose a password by a mailed link."""
    password_flow.ask(context, ADA, origin=Origin(AT, CLIENT_INFO))
    [*_, entry] = people.letters("password_link")
    with context.db.write() as connection:
        ada = directory.find_user_by_email(connection, ADA)
        assert ada is not None
        minted = password_flow.mint(connection, entry, ada, AT)
    assert minted is not None
    assert isinstance(password_flow.choose(context, minted[0], password, origin=Origin(AT, CLIENT_INFO)), PasswordSaved)


@pytest.fixture
def ada(people: People) -> Ada:
    """Make somebody whose password was set by mail and has not been used with the second factor."""
    user, factor = people.protected()
    set_by_mail(people, people.context, PASSWORD)
    return people.look_up(user), factor


def test_a_password_set_by_mail_while_a_code_is_taken_stays_unproven(
    people: People, other: AppContext, ada: Ada
) -> None:
    user, factor = ada
    sign_in, before = people.attempt(user, at=AT), people.count(sessions)
    with meanwhile(people.context.db, READ, lambda: set_by_mail(people, other)):
        outcome = people.give_code(sign_in, factor.phone.code(AT), at=AT)
    assert isinstance(outcome, Expired)
    assert people.look_up(user).password_unproven
    assert people.count(sessions) <= before


def test_a_password_set_by_mail_while_a_code_is_saved_stays_unproven(
    people: People, other: AppContext, ada: Ada
) -> None:
    user, factor = ada
    sign_in = people.attempt(user, at=AT)
    assert isinstance(people.give_code(sign_in, factor.backup_code, at=AT), Due)
    with meanwhile(people.context.db, READ, lambda: set_by_mail(people, other)):
        outcome = flow.submit_saved(people.context, sign_in, client=None, origin=Origin(AT, CLIENT_INFO))
    assert isinstance(outcome, Expired)
    assert people.look_up(user).password_unproven


def test_what_was_proved_is_compared_in_the_update_itself(people: People, ada: Ada) -> None:
    user, _factor = ada
    with people.context.db.write() as connection:
        assert not directory.password_proven(connection, user.id, user.security_version - 1)
    assert people.look_up(user).password_unproven
    with people.context.db.write() as connection:
        assert directory.password_proven(connection, user.id, user.security_version)
    assert not people.look_up(user).password_unproven


@pytest.mark.parametrize("channel", ["page", "api"])
def test_a_backup_code_is_not_spent_on_a_sign_in_that_has_ended(
    people: People, other: AppContext, channel: str
) -> None:
    """Its successor would be shown to nobody."""
    user, factor = people.protected()
    session = people.sign_in(user, factor.phone, at=later(minutes=1))
    sign_in = people.attempt(user, at=AT, channel=channel)
    asked = profile.NewPassword(PASSWORD, NEW_PASSWORD, factor.phone.code(AT), None)
    with meanwhile(
        people.context.db, READ, lambda: profile.change_password(other, session, asked, origin=Origin(AT, CLIENT_INFO))
    ):
        assert isinstance(people.give_code(sign_in, factor.backup_code, at=AT, channel=channel), Expired)
    again = people.attempt(user, at=AT, channel="api", password=NEW_PASSWORD)
    assert isinstance(people.give_code(again, factor.backup_code, at=AT, channel="api"), SignedIn)


def test_a_step_keeps_others_from_moving_the_attempt_on(people: People, other: AppContext) -> None:
    """Else an app code and the backup code, right both of them, could come at once, and the new code be lost."""
    user, factor = people.protected()
    sign_in = people.attempt(user, at=AT)

    def is_held() -> None:
        held = sa.select(sign_in_attempts).with_for_update(nowait=True)
        with pytest.raises(sa.exc.OperationalError, match="could not obtain lock"), other.db.write() as connection:
            connection.execute(held)

    with meanwhile(people.context.db, READ, is_held):
        assert isinstance(people.give_code(sign_in, factor.phone.code(AT), at=AT), SignedIn)


def test_a_session_that_is_signed_out_meanwhile_is_not_stepped_down(people: People, other: AppContext) -> None:
    user = people.user()
    session = people.sign_in(user)
    with meanwhile(
        people.context.db, "FOR UPDATE OF users", lambda: sign_out(other.db, session, origin=Origin(AT, CLIENT_INFO))
    ):
        assert isinstance(flow.step_down(people.context, session, origin=Origin(AT, CLIENT_INFO)), Expired)
    assert people.letters("sign_in_code") == []


def test_a_code_by_mail_is_not_sent_for_a_step_that_is_done(people: People, other: AppContext) -> None:
    rita = people.user("rita@bank.example", account=people.account("Bank", policy="required"))
    people.begin(rita, at=AT)
    [entry] = people.letters("sign_in_code")

    def move_on() -> None:
        with other.db.write() as connection:
            connection.execute(sign_in_attempts.update().values(step="set_up"))

    with meanwhile(people.context.db, READ, move_on), people.context.db.write() as connection:
        assert set_up_flow.mint_mailed_code(people.context, connection, entry, AT) is None
