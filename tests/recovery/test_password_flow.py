from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, People
from tests.harness.statements import noted
from tests.recovery.conftest import Mailer
from twofold.directory import add_user_flow
from twofold.directory.password import Weakness
from twofold.directory.refusals import NoMail
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.hashing import Hasher
from twofold.lockouts.flow import Wait, WrongPassword
from twofold.profile import flow as profile
from twofold.recovery import flow as recovery
from twofold.recovery import password_flow
from twofold.recovery.outcomes import MayChoose, PasswordSaved, Requested
from twofold.recovery.password_link import Elsewhere, Over, TooSoon
from twofold.recovery.tables import password_links
from twofold.signin.outcomes import Due, SignedIn


def ask(context: AppContext, email: str = ADA, at: datetime = NOON) -> Any:
    return password_flow.ask(context, email, origin=Origin(at, CLIENT_INFO))


def choose(context: AppContext, token: str, password: str = NEW_PASSWORD, at: datetime = NOON) -> Any:
    return password_flow.choose(context, token, password, origin=Origin(at, CLIENT_INFO))


# --- a password is chosen


def test_a_forgotten_password_is_replaced_by_link(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    assert isinstance(ask(context), Requested)
    token = mailer.token("set-password")
    found = password_flow.look(context, token, NOON)
    assert isinstance(found, MayChoose)
    assert (found.user.id, found.invited, found.expires_at) == (ada.id, False, later(hours=1))
    assert isinstance(choose(context, token), PasswordSaved)
    assert isinstance(people.begin(ada, at=later(minutes=1)), WrongPassword)
    assert isinstance(people.begin(ada, at=later(minutes=1), password=NEW_PASSWORD), SignedIn)


def test_choosing_ends_every_session_and_sign_in_and_makes_none(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada, factor = people.protected()
    session, attempt = people.token(ada, factor.phone), people.attempt(ada, at=later(seconds=30))
    ask(context)
    assert isinstance(choose(context, mailer.token("set-password"), at=later(minutes=1)), PasswordSaved)
    assert people.find_session(session, at=later(minutes=1)) is None
    code = factor.phone.code(later(minutes=1))
    assert not isinstance(people.give_code(attempt, code, at=later(minutes=1)), SignedIn)


def test_it_never_skips_the_second_factor_and_stays_unproven_until_used_with_it(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada, factor = people.protected()
    ask(context)
    choose(context, mailer.token("set-password"))
    assert people.look_up(ada).password_unproven
    due = people.begin(ada, at=later(minutes=1), password=NEW_PASSWORD)
    assert isinstance(due, Due)
    assert due.next == "code"
    assert people.look_up(ada).password_unproven
    assert isinstance(people.give_code(due.sign_in, factor.phone.code(later(minutes=1)), at=later(minutes=1)), SignedIn)
    assert not people.look_up(ada).password_unproven


def test_it_is_told_and_written_down(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    ask(context)
    choose(context, mailer.token("set-password"))
    assert [letter.subject for letter in mailer.deliver()] == ["Your password was changed - Twofold"]
    events = people.events("password_link_asked", "password_link_sent", "password_set_by_mail")
    assert [event.kind for event in events] == ["password_link_asked", "password_link_sent", "password_set_by_mail"]
    assert {event.subject_id for event in events} == {ada.id}
    assert [event.actor_kind for event in events] == ["nobody", "system", "user"]


def test_waits_for_wrong_passwords_end_with_the_password_they_were_for(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user()
    for second in range(5):
        people.begin(ada, at=later(seconds=second), password="wrong")
    assert isinstance(people.begin(ada, at=later(seconds=4), password="wrong"), Wait)
    ask(context)
    choose(context, mailer.token("set-password", later(seconds=4)), at=later(seconds=4))
    assert isinstance(people.begin(ada, at=later(seconds=4), password=NEW_PASSWORD), SignedIn)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("short", Weakness.TOO_SHORT),
        ("x" * 257, Weakness.TOO_LONG),
        ("password123", Weakness.COMMON),
        ("ada@acme.example", Weakness.PERSONAL),
    ],
)
def test_a_weak_password_is_refused_and_the_link_goes_on(
    context: AppContext, people: People, mailer: Mailer, typed: str, why: Weakness
) -> None:
    people.user()
    ask(context)
    token = mailer.token("set-password")
    assert choose(context, token, typed) == why
    assert isinstance(choose(context, token), PasswordSaved)


# --- the life and death of a link


def test_a_link_works_once(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    ask(context)
    token = mailer.token("set-password")
    assert isinstance(choose(context, token), PasswordSaved)
    assert isinstance(choose(context, token, "something else entirely"), Over)
    assert isinstance(password_flow.look(context, token, NOON), Over)
    assert isinstance(people.begin(ada, at=later(minutes=1), password=NEW_PASSWORD), SignedIn)


def test_of_two_at_once_one_counts(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    token = mailer.token("set-password")
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda n: choose(context, token, f"{NEW_PASSWORD} {n}"), range(4)))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Over", "Over", "Over", "PasswordSaved"]
    assert len(people.events("password_set_by_mail")) == 1


def test_who_is_frozen_while_the_password_is_hashed_gets_none(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user()
    ask(context)
    token = mailer.token("set-password")

    class Meanwhile(Hasher):
        def hash(self, password: str) -> str:
            if password == NEW_PASSWORD:
                people.set_user(ada, frozen_at=NOON)
            return super().hash(password)

    slow = replace(context, hasher=Meanwhile(7168, 1))
    assert isinstance(choose(slow, token), Over)
    assert people.look_up(ada).password_hash == ada.password_hash


def test_its_hour_begins_when_the_letter_goes_out(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    token = mailer.token("set-password", later(hours=5))
    assert isinstance(password_flow.look(context, token, later(hours=5, minutes=59, seconds=59)), MayChoose)
    assert isinstance(choose(context, token, at=later(hours=6)), Over)


def test_a_newer_link_takes_the_place_of_an_older(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    older = mailer.token("set-password")
    ask(context)
    newer = mailer.token("set-password")
    assert isinstance(choose(context, older), Over)
    assert isinstance(choose(context, newer), PasswordSaved)


def test_a_letter_that_waits_is_dropped_when_a_newer_was_asked_for(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    people.user()
    ask(context)
    ask(context, at=later(seconds=1))
    assert len(mailer.deliver(later(seconds=2))) == 1
    assert isinstance(choose(context, mailer.token("set-password"), at=later(seconds=2)), PasswordSaved)


def test_a_letter_that_was_sent_twice_brings_one_link_that_works(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    people.user()
    ask(context)
    first = mailer.token("set-password")
    with context.db.write() as connection:  # as after a crash between the server's 250 and writing it down
        connection.execute(sa.text("UPDATE outbox SET due_at = created_at, outcome = NULL, settled_at = NULL"))
    second = mailer.token("set-password")
    assert len({letter.message["Message-ID"] for letter in mailer.smtp.letters}) == 1
    assert isinstance(choose(context, first), Over)
    assert isinstance(choose(context, second), PasswordSaved)


def change_password(context: AppContext, people: People, ada: User) -> None:
    session = people.sign_in(ada)
    asked = profile.NewPassword(PASSWORD, "another long password", "", None)
    profile.change_password(context, session, asked, origin=Origin(NOON, CLIENT_INFO))


def change_address(context: AppContext, people: People, ada: User) -> None:
    people.set_user(ada, email="countess@acme.example", email_key="countess@acme.example")


def freeze(context: AppContext, people: People, ada: User) -> None:
    people.set_user(ada, frozen_at=NOON)


def deactivate(context: AppContext, people: People, ada: User) -> None:
    people.set_user(ada, active=False)


def turn_to_sso(context: AppContext, people: People, ada: User) -> None:
    people.set_account(ada.account_id, sso=True, sso_url="https://sso.acme.example")


def void(context: AppContext, people: People, ada: User) -> None:
    with context.db.write() as connection:
        recovery.void_links(connection, ada.id)


def void_account(context: AppContext, people: People, ada: User) -> None:
    with context.db.write() as connection:
        recovery.void_links_of_account(connection, ada.account_id)


CLOSE_REASONS = [change_password, change_address, freeze, deactivate, turn_to_sso, void, void_account]


@pytest.mark.parametrize("happens", CLOSE_REASONS)
def test_a_link_dies_of(
    context: AppContext, people: People, mailer: Mailer, happens: Callable[[AppContext, People, User], None]
) -> None:
    ada = people.user()
    ask(context)
    token = mailer.token("set-password")
    happens(context, people, ada)
    before = people.look_up(ada).password_hash
    assert isinstance(password_flow.look(context, token, NOON), Over)
    assert isinstance(choose(context, token), Over)
    assert people.look_up(ada).password_hash == before


@pytest.mark.parametrize("happens", [change_password, change_address, deactivate, void, void_account])
def test_a_letter_that_waits_is_dropped_by(
    context: AppContext, people: People, mailer: Mailer, happens: Callable[[AppContext, People, User], None]
) -> None:
    ada = people.user()
    ask(context)
    happens(context, people, ada)
    assert not [letter for letter in mailer.deliver() if "/set-password/" in letter.text]


def test_links_of_others_live_on(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    people.user("bob@acme.example")
    ask(context, "bob@acme.example")
    void(context, people, ada)
    assert isinstance(choose(context, mailer.token("set-password", to="bob@acme.example")), PasswordSaved)


@pytest.mark.parametrize("token", ["", "tf_password_", "tf_password_" + "x" * 43, "x" * 5000, "\ud800"])
def test_a_forged_link_sets_nothing(context: AppContext, people: People, mailer: Mailer, token: str) -> None:
    people.user()
    ask(context)
    mailer.deliver()
    assert isinstance(choose(context, token), Over)


def test_only_the_hash_of_a_token_is_stored(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    token = mailer.token("set-password")
    with context.db.read() as connection:
        stored = repr(connection.execute(sa.text("SELECT * FROM password_links")).all())
        stored += repr(connection.execute(sa.text("SELECT * FROM outbox")).all())
    assert token.removeprefix("tf_password_") not in stored


def test_links_that_are_over_are_forgotten(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    mailer.deliver()
    with context.db.write() as connection:
        assert recovery.forget_over(connection, later(minutes=59)) == 0
        assert recovery.forget_over(connection, later(minutes=60)) == 1


# --- after a reset


def test_within_24_hours_of_a_reset_the_letter_says_so_and_brings_no_link(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    people.user(reset_confirmed_at=NOON)
    assert isinstance(ask(context, at=later(hours=1)), Requested)
    (letter,) = mailer.deliver(later(hours=1))
    assert "/set-password/" not in letter.text
    assert "Ask again after 4 March 2026, 12:00 Coordinated Universal Time." in " ".join(letter.text.split())
    ask(context, at=later(hours=24))
    assert isinstance(choose(context, mailer.token("set-password", later(hours=24)), at=later(hours=24)), PasswordSaved)


def test_a_link_from_before_a_reset_is_told_to_wait_and_never_works(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada = people.user()
    ask(context)
    token = mailer.token("set-password")
    people.set_user(ada, reset_confirmed_at=later(minutes=5))
    assert choose(context, token, at=later(minutes=6)) == TooSoon(later(hours=24, minutes=5))


# --- what a stranger learns


def test_only_somebody_who_is_there_gets_a_letter(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user(active=False)
    assert isinstance(ask(context), Requested)
    assert isinstance(ask(context, "nobody@acme.example"), Requested)
    assert mailer.deliver() == []


@pytest.mark.parametrize(
    ("values", "account", "says"),
    [
        ({"frozen_at": NOON}, {"sso": False}, "your account is frozen"),
        (
            {"licensed": True},
            {"sso": True, "sso_url": "https://sso.acme.example/start"},
            "https://sso.acme.example/start",
        ),
    ],
)
def test_who_has_no_password_to_choose_is_told_so_by_mail_alone(
    context: AppContext,
    people: People,
    mailer: Mailer,
    values: dict[str, Any],
    account: dict[str, Any],
    says: str,
) -> None:
    ada = people.user(**values)
    people.set_account(ada.account_id, **account)
    assert isinstance(ask(context), Requested)
    (letter,) = mailer.deliver()
    assert says in " ".join(letter.text.split())
    assert "/set-password/" not in letter.text


@pytest.mark.parametrize("happens", [change_address, deactivate])
def test_what_is_told_by_mail_alone_is_not_told_to_who_left_or_to_an_old_address(
    context: AppContext, people: People, mailer: Mailer, happens: Callable[[AppContext, People, User], None]
) -> None:
    ada = people.user(frozen_at=NOON)
    ask(context)
    happens(context, people, ada)
    assert mailer.deliver() == []


def test_an_address_of_single_sign_on_leads_there_known_or_not(context: AppContext, people: People) -> None:
    sso = people.account("Sso", sso=True, sso_url="https://sso.globex.example", sso_domains=["globex.example"])
    people.user("ada@globex.example", account=sso, password=None)
    there = Elsewhere("https://sso.globex.example")
    assert ask(context, "ada@globex.example") == ask(context, "nobody@Globex.example") == there
    assert people.letters() == []


def test_every_address_costs_the_same_statements(context: AppContext, people: People) -> None:
    people.user()
    people.user("frozen@acme.example", frozen_at=NOON)
    people.user("gone@acme.example", active=False)
    people.user("new@acme.example", password=None)
    costs = {}
    for email in (ADA, "frozen@acme.example", "gone@acme.example", "new@acme.example", "nobody@acme.example"):
        costs[email] = statements_of(context, email)
    for part in ("password_throttles", "FROM users", "INTO outbox", "INTO password_links", "INTO audit_events"):
        assert [part in statement for statement in costs[ADA]].count(True) == 1, part
    assert len(set(map(tuple, costs.values()))) == 1, costs


def statements_of(context: AppContext, email: str) -> list[str]:
    with noted(context.db) as seen:
        assert isinstance(ask(context, email), Requested)
    return seen


def test_three_letters_an_hour_go_out_known_or_not(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    for email in (ADA, "nobody@acme.example"):
        assert [type(ask(context, email, later(minutes=n))) for n in range(3)] == [Requested] * 3
        assert ask(context, f" {email.upper()} ", later(minutes=3)) == Wait(57 * 60)
        assert ask(context, email, later(minutes=59, seconds=59)) == Wait(1)
        assert isinstance(ask(context, email, later(minutes=60)), Requested)
    assert isinstance(ask(context, "another@acme.example", later(minutes=3)), Requested)


def test_parallel_requests_are_counted_one_by_one(context: AppContext, people: People) -> None:
    people.user()
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: ask(context), range(8)))
    assert sum(isinstance(outcome, Requested) for outcome in outcomes) == 3
    assert len(people.letters("password_link")) == 3


def test_without_a_mail_server_it_is_refused_known_or_not(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        People(context).user()
        assert isinstance(ask(context), NoMail)
        assert isinstance(ask(context, "nobody@acme.example"), NoMail)
        with context.db.read() as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(password_links)).scalar_one() == 0


def test_somebody_invited_can_ask_as_well(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user(password=None)
    with context.db.write() as connection:
        recovery.invite(context, connection, ada, Origin(NOON, actor=acting.CONSOLE))
    invitation = mailer.token("set-password")
    ask(context)
    assert isinstance(choose(context, mailer.token("set-password")), PasswordSaved)
    assert isinstance(choose(context, invitation), Over)
    assert add_user_flow.weak_password(NEW_PASSWORD) is None
