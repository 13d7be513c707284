"""A letter that was promised for later comes, whatever is asked for meanwhile, and whoever asks."""

from datetime import datetime
from typing import Any

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, People
from tests.recovery.conftest import Mailer
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.recovery import flow as recovery
from twofold.recovery import password_flow
from twofold.recovery.outcomes import Invited, MayChoose, PasswordSaved, Requested, Unfrozen
from twofold.recovery.password_link import Over

RESET = NOON
QUIET_UNTIL = later(hours=24)


def unfrozen_after_a_reset(context: AppContext, people: People) -> User:
    """Let somebody be reset at noon, frozen after that and unfrozen at one: their letter waits for the next noon."""
    ada = people.user(reset_confirmed_at=RESET, frozen_at=later(minutes=30))
    with context.db.write() as connection:
        outcome = recovery.unfreeze(
            context, connection, ada, origin=Origin(later(hours=1), actor=acting.CONSOLE), reason="Talked to her."
        )
    assert outcome == Unfrozen(mailed=True, not_before=QUIET_UNTIL)
    return people.look_up(ada)


def ask(context: AppContext, at: datetime) -> None:
    assert isinstance(password_flow.ask(context, ADA, origin=Origin(at, CLIENT_INFO)), Requested)


def invite(context: AppContext, user: User, at: datetime) -> Any:
    with context.db.write() as connection:
        return recovery.invite(context, connection, user, Origin(at, actor=acting.CONSOLE))


def links(letters: list[Any]) -> list[str]:
    return [letter.subject for letter in letters if "/set-password/" in letter.text]


def test_a_promised_letter_comes_though_anybody_asked_for_another(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    unfrozen_after_a_reset(context, people)
    ask(context, later(hours=2))
    [answer] = [letter for letter in mailer.deliver(later(hours=2)) if "link you asked" in letter.subject]
    assert "/set-password/" not in answer.text
    assert links(mailer.deliver(QUIET_UNTIL)) == ["Your account is unfrozen - Twofold"]
    token = mailer.token("set-password", QUIET_UNTIL)
    chosen = password_flow.choose(context, token, NEW_PASSWORD, origin=Origin(later(hours=47), CLIENT_INFO))
    assert isinstance(chosen, PasswordSaved)
    assert "A link comes by itself then" in " ".join(answer.text.split())


def test_inviting_again_keeps_the_promise_and_says_when(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = unfrozen_after_a_reset(context, people)
    assert invite(context, ada, later(hours=3)) == Invited(QUIET_UNTIL)
    assert links(mailer.deliver(later(hours=3))) == []
    assert links(mailer.deliver(QUIET_UNTIL)) == ["Your account is unfrozen - Twofold"]


def test_an_invitation_soon_after_a_reset_waits_like_any_password_by_mail(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    """Its link would answer "not yet" for hours, and its owner would not try it again."""
    ada = people.user(password=None, reset_confirmed_at=RESET)
    assert invite(context, ada, later(hours=1)) == Invited(QUIET_UNTIL)
    assert links(mailer.deliver(later(hours=23))) == []
    ask(context, later(hours=23))
    token = mailer.token("set-password", QUIET_UNTIL)
    assert isinstance(password_flow.look(context, token, later(days=8, seconds=-1)), MayChoose)
    assert isinstance(password_flow.look(context, token, later(days=8)), Over)


def test_an_invitation_that_anybody_replaces_still_lives_seven_days(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user(password=None)
    assert invite(context, ada, NOON) == Invited()
    first = mailer.token("set-password")
    ask(context, later(hours=5))
    [letter] = mailer.deliver(later(hours=5))
    assert "within 7 days" in " ".join(letter.text.split())
    second = mailer.token("set-password")
    assert isinstance(password_flow.look(context, first, later(hours=6)), Over)
    found = password_flow.look(context, second, later(days=6))
    assert isinstance(found, MayChoose)
    assert (found.invited, found.expires_at) == (True, later(days=7, hours=5))


def test_an_invitation_that_is_over_bequeaths_nothing(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(password=None)
    invite(context, ada, NOON)
    mailer.deliver()
    ask(context, later(days=7))
    [letter] = mailer.deliver(later(days=7))
    assert "within 1 hour" in " ".join(letter.text.split())


def test_a_link_that_is_asked_for_by_somebody_with_a_password_lives_an_hour(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    people.user()
    ask(context, NOON)
    ask(context, later(minutes=1))
    token = mailer.token("set-password", later(minutes=1))
    assert isinstance(password_flow.look(context, token, later(minutes=61)), Over)


def test_no_letter_and_no_page_says_an_hour_of_an_invitation(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user(password=None)
    invite(context, ada, NOON)
    [letter] = mailer.deliver()
    assert "hour" not in letter.text
    assert "within 7 days" in " ".join(letter.text.split())
