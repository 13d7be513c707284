from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import ANONYMOUS, CLIENT_INFO, NEW_PASSWORD, People
from tests.recovery.conftest import Mailer
from twofold.directory import flow as directory
from twofold.directory import notice_flow
from twofold.directory.user import User
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.recovery import flow as recovery
from twofold.recovery import not_me_flow, password_flow
from twofold.recovery.outcomes import Froze, Gone, Invited, NotMe
from twofold.recovery.password_link import Over
from twofold.resets import flow as resets
from twofold.resets.outcomes import CaseOpened
from twofold.resets.tables import reset_cases
from twofold.signin.outcomes import Frozen


def tell(context: AppContext, user: User, kind: str = "password_changed", at: datetime = NOON, **facts: Any) -> None:
    said = {"authenticator": "Pixel", "new": "new@acme.example", "address": "198.51.100.66", "browser": "curl/8"}
    with context.db.write() as connection:
        notice_flow.notify(context, connection, user, Notice(kind), at, **(said | facts))


def freeze(context: AppContext, token: str, at: datetime = NOON) -> Any:
    return not_me_flow.freeze(context, token, origin=Origin(at, ANONYMOUS))


def test_a_change_is_told_with_a_link_that_freezes(context: AppContext, people: People, mailer: Mailer) -> None:
    ada, factor = people.protected()
    session = people.token(ada, factor.phone)
    attempt = people.attempt(ada, at=later(seconds=30))
    tell(context, ada)
    token = mailer.token("not-me")
    found = not_me_flow.look(context, token, NOON)
    assert isinstance(found, NotMe)
    assert (found.user.id, found.about, found.happened_at) == (ada.id, "password_changed", NOON)
    assert isinstance(freeze(context, token, later(minutes=1)), Froze)
    frozen = people.look_up(ada)
    assert (frozen.frozen_at, frozen.security_version) == (later(minutes=1), ada.security_version + 1)
    assert people.find_session(session, at=later(minutes=1)) is None
    assert not_signed_in(people.give_code(attempt, factor.phone.code(later(minutes=1)), at=later(minutes=1)))
    assert isinstance(people.begin(ada, at=later(minutes=2)), Frozen)


def not_signed_in(outcome: Any) -> bool:
    return type(outcome).__name__ == "Expired"


def test_opening_the_link_changes_nothing(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    session = people.token(ada)
    tell(context, ada)
    token = mailer.token("not-me")
    assert not_me_flow.look(context, token, NOON) == not_me_flow.look(context, token, NOON)
    assert people.look_up(ada).frozen_at is None
    assert people.session(session)


def test_open_links_and_invitations_die_with_the_freezing(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    password_flow.ask(context, ada.email, origin=Origin(NOON, CLIENT_INFO))
    link = mailer.token("set-password")
    tell(context, ada)
    assert isinstance(freeze(context, mailer.token("not-me")), Froze)
    with context.db.write() as connection:
        directory.change_user(connection, ada.id, {"frozen_at": None}, ends_sessions=False)
    assert isinstance(password_flow.choose(context, link, NEW_PASSWORD, origin=Origin(NOON, CLIENT_INFO)), Over)


def test_a_link_that_waits_to_be_sent_dies_as_well(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(password=None)
    tell(context, ada)
    token = mailer.token("not-me")
    with context.db.write() as connection:
        assert isinstance(recovery.invite(context, connection, ada, Origin(NOON, actor=acting.CONSOLE)), Invited)
    freeze(context, token)
    assert not [letter for letter in mailer.deliver() if "/set-password/" in letter.text]


def test_open_cases_are_closed_by_it(context: AppContext, people: People, mailer: Mailer) -> None:
    ada, _ = people.protected()
    boss = people.user("boss@acme.example", role="admin")
    opened = resets.open_case(context, boss, ada, "lost her phone", origin=Origin(NOON, CLIENT_INFO))
    assert isinstance(opened, CaseOpened)
    tell(context, ada)
    assert isinstance(freeze(context, mailer.token("not-me")), Froze)
    with context.db.read() as connection:
        case = connection.execute(sa.select(reset_cases.c.state, reset_cases.c.ended_why)).one()
    assert tuple(case) == ("closed", "frozen")


def test_the_administrators_and_the_user_are_told(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(role="admin")
    people.user("boss@acme.example", role="admin")
    people.user("bob@acme.example")
    other = people.account("Globex")
    people.user("else@globex.example", account=other, role="admin")
    tell(context, ada)
    freeze(context, mailer.token("not-me"), later(minutes=1))
    letters = mailer.deliver(later(minutes=1))
    assert {(letter.recipients[0], letter.subject) for letter in letters} == {
        ("ada@acme.example", "Your account is frozen - Twofold"),
        ("boss@acme.example", "Ada has frozen their account - Twofold"),
    }
    told = mailer.smtp.sent_to("boss@acme.example")[-1]
    assert told.link("/people/").endswith(str(ada.id))
    assert "the password was changed on 3 March 2026, 12:00 Coordinated Universal Time" in " ".join(told.text.split())
    (event,) = people.events("frozen")
    assert (event.subject_id, event.actor_id, event.address) == (ada.id, ada.id, ANONYMOUS.address)


def test_support_agents_are_told_of_each_other(context: AppContext, people: People, mailer: Mailer) -> None:
    sam = people.user("sam@operator.example", role="support")
    people.user("kim@operator.example", role="support")
    tell(context, sam)
    freeze(context, mailer.token("not-me", to="sam@operator.example"))
    mailer.deliver()
    (told,) = mailer.smtp.sent_to("kim@operator.example")
    assert told.link("/support/users/").endswith(str(sam.id))


def test_it_works_once(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    tell(context, ada)
    token = mailer.token("not-me")
    assert isinstance(freeze(context, token), Froze)
    assert freeze(context, token) == Gone(frozen=True)
    people.set_user(ada, frozen_at=None)
    assert freeze(context, token) == Gone(frozen=False)
    assert people.look_up(ada).frozen_at is None


def test_of_several_presses_at_once_one_counts(context: AppContext, people: People, mailer: Mailer) -> None:
    tell(context, people.user())
    token = mailer.token("not-me")
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: freeze(context, token), range(4)))
    assert sum(isinstance(outcome, Froze) for outcome in outcomes) == 1
    assert outcomes.count(Gone(frozen=True)) == 3
    assert len(people.events("frozen")) == 1


def test_it_lives_seven_days_from_its_letter(context: AppContext, people: People, mailer: Mailer) -> None:
    tell(context, people.user())
    token = mailer.token("not-me", later(days=1))
    assert isinstance(not_me_flow.look(context, token, later(days=7, hours=23, minutes=59)), NotMe)
    assert not_me_flow.look(context, token, later(days=8)) == Gone(frozen=False)
    assert freeze(context, token, later(days=8)) == Gone(frozen=False)


def test_one_press_uses_up_the_links_of_every_letter_so_far(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada, bob = people.user(), people.user("bob@acme.example")
    for user in (ada, bob):
        tell(context, user)
    tell(context, ada, "backup_code_used")
    mailer.deliver()
    first, second = (letter.link("/not-me/").rpartition("/")[2] for letter in mailer.smtp.sent_to(ada.email))
    freeze(context, first)
    people.set_user(ada, frozen_at=None)
    assert freeze(context, second) == Gone(frozen=False)
    assert isinstance(freeze(context, mailer.token("not-me", to="bob@acme.example")), Froze)


def test_a_letter_that_was_sent_twice_brings_one_link_that_works(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    tell(context, people.user())
    first = mailer.token("not-me")
    with context.db.write() as connection:  # as after a crash between the server's 250 and writing it down
        connection.execute(sa.text("UPDATE outbox SET due_at = created_at, outcome = NULL, settled_at = NULL"))
    second = mailer.token("not-me")
    assert len({letter.message["Message-ID"] for letter in mailer.smtp.letters}) == 1
    assert freeze(context, first) == Gone(frozen=False)
    assert isinstance(freeze(context, second), Froze)


@pytest.mark.parametrize("token", ["", "tf_notme_", "tf_notme_" + "x" * 43, "x" * 5000, "\ud800"])
def test_a_forged_link_freezes_nobody(context: AppContext, people: People, mailer: Mailer, token: str) -> None:
    ada = people.user()
    tell(context, ada)
    mailer.deliver()
    assert freeze(context, token) == Gone(frozen=False)
    assert people.look_up(ada).frozen_at is None


def test_a_password_link_is_no_link_to_freeze_and_the_other_way_round(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user()
    password_flow.ask(context, ada.email, origin=Origin(NOON, CLIENT_INFO))
    tell(context, ada)
    mailer.deliver()
    assert freeze(context, mailer.token("set-password")) == Gone(frozen=False)
    assert isinstance(password_flow.look(context, mailer.token("not-me"), NOON), Over)


def test_only_the_hash_of_a_token_is_stored(context: AppContext, people: People, mailer: Mailer) -> None:
    tell(context, people.user())
    token = mailer.token("not-me")
    with context.db.read() as connection:
        stored = repr(connection.execute(sa.text("SELECT * FROM not_me_links")).all())
        stored += repr(connection.execute(sa.text("SELECT * FROM outbox")).all())
    assert token.removeprefix("tf_notme_") not in stored


def test_links_that_are_over_are_forgotten_and_used_ones_kept_till_then(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    tell(context, people.user())
    freeze(context, mailer.token("not-me"))
    with context.db.write() as connection:
        assert recovery.forget_over(connection, later(days=6)) == 0
        assert recovery.forget_over(connection, later(days=7)) == 1
