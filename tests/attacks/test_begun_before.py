"""Sign-ins that were begun before a change, or by somebody else: whatever they wait for, they go no further.

What ends them on another node is in `attacks/test_stale.py`.
"""

from typing import Any, NamedTuple
from uuid import UUID

import pytest

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, People, phone_of
from tests.resets.helpdesk import meanwhile
from twofold.directory.user import User
from twofold.factors import flow as factors
from twofold.factors.outcomes import EnrolmentExpired
from twofold.kit.acting import Origin
from twofold.recovery.server_reset_flow import reset_on_server
from twofold.sessions.tables import sessions
from twofold.signin import set_up_flow
from twofold.signin.attempt import Expired
from twofold.signin.outcomes import Due, GoesOn, SignedIn, WrongMailedCode

AT = later(minutes=1)
CHANNELS = ("page", "api")


class SetUpBegun(NamedTuple):
    """A forced set-up as far as the QR code: its sign-in, the enrolment, and the phone that scanned it."""

    sign_in: str
    enrolment: UUID
    phone: Authenticator


# --- sign-ins that wait for a second factor


@pytest.mark.parametrize("change", ["switched on", "reset"])
def test_a_sign_in_begun_before_gives_nothing_after(people: People, change: str) -> None:
    """Stops: keeping a sign-in for the day on which it needs less, or another proof."""
    user = people.user(ADA)
    factor = people.protect(user)
    begun = [people.attempt(user, channel=channel) for channel in ("page", "api")]
    reset_on_server(people.context, user, "lost phone, seen in person", NOON)
    assert not people.look_up(user).has_second_factor
    again = people.protect(people.look_up(user), at=NOON) if change == "switched on" else factor
    at = later(minutes=1)
    for sign_in, channel in zip(begun, ("page", "api"), strict=True):
        for typed in (factor.phone.code(at), factor.backup_code, again.phone.code(at), again.backup_code):
            assert people.give_code(sign_in, typed, at=at, channel=channel) == Expired()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_sign_in_whose_password_was_hashed_during_a_reset_is_over(people: People, channel: str) -> None:
    """Stops: coming out of the hash with what was true before, and going on with the factor that is gone."""
    user, factor = people.protected(ADA)
    with meanwhile(people.context, lambda: reset_on_server(people.context, user, "lost phone, seen in person", NOON)):
        begun = people.attempt(user, channel=channel)
    for typed in (factor.phone.code(AT), factor.backup_code):
        assert people.give_code(begun, typed, at=AT, channel=channel) == Expired()
    assert people.count(sessions) == 0


def test_the_code_of_one_user_opens_no_sign_in_of_another(people: People) -> None:
    """Stops: proving the second factor of an account of one's own in somebody else's sign-in."""
    (ada, factor), (eve, own) = people.protected(ADA), people.protected("eve@acme.example")
    sign_in = people.attempt(ada)
    before = people.count(sessions, sessions.c.user_id == ada.id)
    for typed in (own.phone.code(NOON), own.backup_code):
        assert type(people.give_code(sign_in, typed)).__name__ == "WrongCode"
    assert people.count(sessions, sessions.c.user_id == ada.id) == before
    assert type(people.give_code(sign_in, factor.phone.code(NOON))).__name__ == "SignedIn"
    assert type(people.give_code(people.attempt(eve), own.backup_code)).__name__ != "SpentBackupCode"


# --- forced set-ups, which wait for a code from the mailbox or from a new app


@pytest.fixture
def strict(people: People) -> UUID:
    """An account whose people must have a second factor."""
    return people.account("Strict", policy="required", required_from=later(days=-1))


def give_mailed_code(people: People, sign_in: str, code: str, channel: str) -> Any:
    return set_up_flow.submit_mailed_code(
        people.context, sign_in, code, channel=channel, origin=Origin(NOON, CLIENT_INFO)
    )


def begin(people: People, user: User, channel: str) -> SetUpBegun:
    """Come as far as the QR code, with the code from the mailbox."""
    sign_in = people.attempt(user, channel=channel)
    assert isinstance(give_mailed_code(people, sign_in, people.mailed_code(user.email), channel), GoesOn)
    return open_again(people, sign_in, channel)


def open_again(people: People, sign_in: str, channel: str) -> SetUpBegun:
    """Show the QR code, a new one each time."""
    opened = set_up_flow.open_enrolment(people.context, sign_in, channel=channel, at=NOON)
    assert isinstance(opened, tuple), opened
    return SetUpBegun(sign_in, opened[1].id, phone_of(opened[1]))


def confirm(people: People, sign_in: str, begun: SetUpBegun, channel: str) -> Any:
    """Confirm an enrolment with a right code of the phone that scanned it."""
    return set_up_flow.confirm_enrolment(
        people.context,
        sign_in,
        begun.enrolment,
        begun.phone.code(AT),
        channel=channel,
        client=None,
        origin=Origin(AT, CLIENT_INFO),
    )


def apps_of(people: People, user: User) -> int:
    with people.context.db.read() as connection:
        return len(factors.show(connection, user.id).authenticators)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_set_up_begun_before_somebody_set_up_goes_no_further(people: People, strict: UUID, channel: str) -> None:
    """Stops: an attacker's phone that becomes the second one, or the only one, of somebody who has set up meanwhile."""
    user = people.user(ADA, account=strict)
    waiting = people.attempt(user, channel=channel)
    code = people.mailed_code(user.email)
    before = begin(people, user, channel)
    owner = begin(people, user, "api")  # the newest wins: whoever opens an enrolment ends the one before
    assert confirm(people, before.sign_in, before, channel) == EnrolmentExpired()
    assert isinstance(confirm(people, owner.sign_in, owner, "api"), SignedIn)
    held = people.count(sessions)
    assert give_mailed_code(people, waiting, code, channel) == Expired()
    assert set_up_flow.open_enrolment(people.context, before.sign_in, channel=channel, at=AT) == Expired()
    assert confirm(people, before.sign_in, before, channel) == Expired()
    assert confirm(people, before.sign_in, owner, channel) == Expired()
    assert (apps_of(people, user), people.count(sessions)) == (1, held)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_set_up_is_confirmed_in_the_sign_in_that_opened_it_and_in_no_other(
    people: People, strict: UUID, channel: str
) -> None:
    """Stops: confirming an enrolment that was seen over a shoulder, in a sign-in of one's own or of the same user."""
    ada, eve = people.user(ADA, account=strict), people.user("eve@strict.example", account=strict)
    begun, of_eve = begin(people, ada, channel), begin(people, eve, channel)
    again = people.attempt(ada, channel=channel)
    assert isinstance(give_mailed_code(people, again, people.mailed_code(ada.email), channel), GoesOn)
    if channel == "page":  # where the code from the mailbox opens an enrolment at once, which ends the one before
        begun = open_again(people, begun.sign_in, channel)
    for sign_in in (again, of_eve.sign_in):
        assert confirm(people, sign_in, begun, channel) == EnrolmentExpired()
    assert (apps_of(people, ada), apps_of(people, eve), people.count(sessions)) == (0, 0, 0)
    assert isinstance(confirm(people, begun.sign_in, begun, channel), SignedIn if channel == "api" else Due)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_mailed_code_proves_the_mailbox_in_its_own_sign_in_alone(people: People, strict: UUID, channel: str) -> None:
    """Stops: proving one's own mailbox in the sign-in of somebody else."""
    ada, eve = people.user(ADA, account=strict), people.user("eve@strict.example", account=strict)
    sign_in, _own = people.attempt(ada, channel=channel), people.attempt(eve, channel=channel)
    people.mailed_code(ada.email)
    assert isinstance(give_mailed_code(people, sign_in, people.mailed_code(eve.email), channel), WrongMailedCode)
    assert not isinstance(set_up_flow.open_enrolment(people.context, sign_in, channel=channel, at=NOON), tuple)
