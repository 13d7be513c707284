from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import CLIENT_INFO, EARLIER, NEW_PASSWORD, People
from tests.recovery.conftest import Mailer
from twofold.directory import flow as directory
from twofold.directory.refusals import NoMail, NotYourself
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts.flow import WrongPassword
from twofold.recovery import flow as recovery
from twofold.recovery import password_flow
from twofold.recovery.outcomes import Invited, MayChoose, NotFrozen, NotInvited, PasswordSaved, Unfrozen
from twofold.recovery.password_link import Over
from twofold.signin.outcomes import Due, SignedIn


def unfreeze(context: AppContext, user: User, actor: acting.Actor = acting.CONSOLE, at: datetime = NOON) -> Any:
    with context.db.write() as connection:
        return recovery.unfreeze(
            context, connection, user, origin=Origin(at, CLIENT_INFO, actor), reason="spoke to her on the phone",
        )  # fmt: skip


def invite(context: AppContext, user: User, by: acting.Actor = acting.CONSOLE, at: datetime = NOON) -> Any:
    with context.db.write() as connection:
        return recovery.invite(context, connection, user, Origin(at, CLIENT_INFO, by))


def choose(context: AppContext, token: str, at: datetime = NOON) -> Any:
    return password_flow.choose(context, token, NEW_PASSWORD, origin=Origin(at, CLIENT_INFO))


@pytest.fixture
def boss(people: People) -> User:
    return people.user("boss@acme.example", role="admin")


# --- unfreezing


def test_a_frozen_user_comes_back_with_a_new_password_and_the_second_factor_they_had(
    context: AppContext, people: People, mailer: Mailer, boss: User
) -> None:
    ada, factor = people.protected()
    people.set_user(ada, frozen_at=EARLIER)
    assert unfreeze(context, ada, acting.user(boss.id)) == Unfrozen(mailed=True)
    assert people.look_up(ada).frozen_at is None
    assert isinstance(people.begin(ada), WrongPassword)  # the old one is void
    token = mailer.token("set-password")
    assert isinstance(password_flow.look(context, token, later(hours=23, minutes=59)), MayChoose)
    assert isinstance(choose(context, token), PasswordSaved)
    due = people.begin(ada, at=later(minutes=1), password=NEW_PASSWORD)
    assert isinstance(due, Due)
    assert isinstance(people.give_code(due.sign_in, factor.phone.code(later(minutes=1)), at=later(minutes=1)), SignedIn)


def test_unfreezing_ends_what_was_begun_under_the_old_password(context: AppContext, people: People) -> None:
    ada = people.user()
    session = people.token(ada)
    people.set_user(ada, frozen_at=NOON)
    unfreeze(context, ada)
    assert people.find_session(session) is None


def test_the_reason_is_written_down(context: AppContext, people: People, boss: User) -> None:
    ada = people.user(frozen_at=EARLIER)
    unfreeze(context, ada, acting.user(boss.id))
    (event,) = people.events("unfrozen")
    assert (event.actor_id, event.subject_id, event.reason) == (boss.id, ada.id, "spoke to her on the phone")


def test_administrators_are_told_unless_it_was_one_of_them(
    context: AppContext, people: People, mailer: Mailer, boss: User
) -> None:
    sam = people.user("sam@operator.example", name="Sam Support", role="support")
    ada = people.user(frozen_at=EARLIER)
    for actor, told in (
        (acting.user(boss.id), []),
        (acting.user(sam.id), ["Sam Support has unfrozen Ada"]),
        (acting.CONSOLE, ["The people who run Twofold have unfrozen Ada"]),
        (acting.Actor("operator", uuid4()), ["operator has unfrozen Ada"]),
    ):
        people.set_user(ada, frozen_at=EARLIER)
        mailer.smtp.clear()
        assert unfreeze(context, ada, actor) == Unfrozen(mailed=True)
        mailer.deliver()
        texts = [" ".join(letter.text.split()) for letter in mailer.smtp.sent_to(boss.email)]
        assert [said in text for said, text in zip(told, texts, strict=True)] == [True] * len(told)
        assert all("spoke to her on the phone" in text for text in texts)


def test_nobody_unfreezes_themselves(context: AppContext, people: People) -> None:
    ada = people.user(role="admin", frozen_at=EARLIER)
    assert isinstance(unfreeze(context, ada, acting.user(ada.id)), NotYourself)
    assert people.look_up(ada).frozen_at == EARLIER


def test_who_is_not_frozen_keeps_their_password(context: AppContext, people: People) -> None:
    ada = people.user()
    assert isinstance(unfreeze(context, ada), NotFrozen)
    assert isinstance(people.begin(ada), SignedIn)


def test_it_happens_once(context: AppContext, people: People) -> None:
    ada = people.user(frozen_at=EARLIER)
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: unfreeze(context, ada), range(4)))
    assert sum(isinstance(outcome, NotFrozen) for outcome in outcomes) == 3
    assert len(people.letters("unfrozen")) == 1


def test_within_24_hours_of_a_reset_the_letter_waits_until_they_are_over(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user(frozen_at=NOON, reset_confirmed_at=NOON)
    assert unfreeze(context, ada, at=later(hours=2)) == Unfrozen(mailed=True, not_before=later(hours=24))
    assert mailer.deliver(later(hours=23, minutes=59)) == []
    token = mailer.token("set-password", later(hours=24))
    assert isinstance(choose(context, token, later(hours=24)), PasswordSaved)


def test_without_a_mail_server_only_the_command_line_unfreezes(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        boss, ada = people.user("boss@acme.example", role="admin"), people.user(frozen_at=EARLIER)
        assert isinstance(unfreeze(context, ada, acting.user(boss.id)), NoMail)
        assert people.look_up(ada).frozen_at == EARLIER
        assert unfreeze(context, ada) == Unfrozen(mailed=False)
        assert people.look_up(ada).frozen_at is None
        assert people.look_up(ada).password_hash is None


def test_who_signs_in_elsewhere_is_led_there(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(frozen_at=EARLIER)
    people.set_account(ada.account_id, sso=True, sso_url="https://sso.acme.example")
    unfreeze(context, ada)
    (letter,) = mailer.deliver()
    assert "https://sso.acme.example" in letter.text
    assert "/set-password/" not in letter.text


def test_who_is_frozen_again_gets_no_link(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(frozen_at=EARLIER)
    unfreeze(context, ada)
    people.set_user(ada, frozen_at=NOON)
    assert mailer.deliver() == []


# --- inviting


def test_somebody_invited_chooses_a_password_and_signs_in(
    context: AppContext, people: People, mailer: Mailer, boss: User
) -> None:
    ada = people.user(password=None)
    assert isinstance(invite(context, ada, acting.user(boss.id)), Invited)
    token = mailer.token("set-password")
    (letter,) = mailer.smtp.sent_to(ada.email)
    assert letter.subject == "You are invited to Acme - Twofold"
    assert "Boss has made an account for you at Acme." in letter.text
    found = password_flow.look(context, token, later(minutes=59))
    assert isinstance(found, MayChoose)
    assert (found.invited, found.expires_at) == (True, later(days=7))
    assert isinstance(choose(context, token, later(minutes=59)), PasswordSaved)
    assert isinstance(people.begin(ada, at=later(hours=1), password=NEW_PASSWORD), SignedIn)
    assert [letter.subject for letter in mailer.deliver(later(hours=1))] == ["Your password is set - Twofold"]
    (event,) = people.events("invited")
    assert (event.actor_id, event.subject_id) == (boss.id, ada.id)


def test_an_invitation_by_nobody_in_particular_names_nobody(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    invite(context, people.user(password=None), acting.Actor("operator", uuid4()))
    (letter,) = mailer.deliver()
    assert "An account was made for you at Acme." in letter.text


def test_an_invitation_ends_after_seven_days_and_is_asked_for_anew(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada, monday = people.user(password=None), later(days=8)
    invite(context, ada)
    assert isinstance(choose(context, mailer.token("set-password"), later(days=7)), Over)
    password_flow.ask(context, ada.email, origin=Origin(monday, CLIENT_INFO))
    assert isinstance(choose(context, mailer.token("set-password", monday), monday), PasswordSaved)
    assert isinstance(people.begin(ada, at=monday, password=NEW_PASSWORD), SignedIn)


def test_a_newer_invitation_takes_the_place_of_an_older(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(password=None)
    invite(context, ada)
    older = mailer.token("set-password")
    invite(context, ada)
    newer = mailer.token("set-password")
    assert isinstance(choose(context, older), Over)
    assert isinstance(choose(context, newer), PasswordSaved)


@pytest.mark.parametrize(
    ("values", "account", "why"),
    [
        ({"password": "orchard kettle lantern"}, {"sso": False}, "has_password"),
        ({"password": None}, {"sso": True, "sso_url": "https://sso.acme.example"}, "sso"),
        ({"password": None, "active": False}, {"sso": False}, "inactive"),
        ({"password": None, "frozen_at": EARLIER}, {"sso": False}, "frozen"),
    ],
)
def test_who_cannot_choose_a_password_is_not_invited(
    context: AppContext, people: People, values: dict[str, Any], account: dict[str, Any], why: str
) -> None:
    ada = people.user(**values)
    people.set_account(ada.account_id, **account)
    assert invite(context, people.look_up(ada)) == NotInvited(why)
    assert people.letters() == []


def test_without_a_mail_server_nobody_is_invited(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        assert isinstance(invite(context, People(context).user(password=None)), NoMail)


def test_an_invitation_dies_when_a_password_is_set_otherwise(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user(password=None)
    invite(context, ada)
    token = mailer.token("set-password")
    with context.db.write() as connection:
        directory.set_password(connection, ada.id, "hash of the operator's", NOON, by_mail=False)
    assert isinstance(choose(context, token), Over)


def test_an_invitation_survives_another_role(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(password=None)
    invite(context, ada)
    token = mailer.token("set-password")
    with context.db.write() as connection:
        directory.change_user(connection, ada.id, {"role": "admin"}, ends_sessions=True)
    assert isinstance(choose(context, token), PasswordSaved)
