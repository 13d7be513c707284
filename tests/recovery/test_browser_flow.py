"""Making a browser known by mail: it opens nothing, and needs the mailbox."""

from datetime import datetime

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import ADA, ANONYMOUS, CLIENT_INFO, PASSWORD, People
from tests.recovery.conftest import Mailer
from twofold.directory import notice_flow
from twofold.events.notices import Notice
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts.flow import Wait
from twofold.lockouts.tables import known_clients
from twofold.recovery import browser_flow, not_me_flow
from twofold.recovery.outcomes import KnownHere, Requested
from twofold.recovery.password_link import Elsewhere, Over
from twofold.signin.outcomes import Due, SignedIn

NOBODY = "nobody@acme.example"
LAPTOP = "tf_client_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"


def ask(context: AppContext, email: str = ADA, at: datetime = NOON) -> object:
    return browser_flow.ask(context, email, origin=Origin(at, ANONYMOUS))


def know(context: AppContext, token: str, client: str | None = LAPTOP, at: datetime = NOON) -> object:
    return browser_flow.know(context, token, client, origin=Origin(at, CLIENT_INFO))


def test_a_browser_becomes_known_for_the_user_and_for_nobody_else(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    ada, grace = people.user(), people.user("grace@acme.example")
    ask(context)
    assert know(context, mailer.token("known-browser")) == KnownHere(LAPTOP)
    for user in (ada, grace):
        for _ in range(5):
            people.begin(user, password="wrong")
    assert isinstance(people.begin(ada, client=LAPTOP), SignedIn)
    assert isinstance(people.begin(grace, client=LAPTOP), Wait)


def test_a_browser_without_a_token_gets_one(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    ask(context)
    known = know(context, mailer.token("known-browser"), None)
    assert isinstance(known, KnownHere)
    for _ in range(5):
        people.begin(ada, password="wrong")
    assert isinstance(people.begin(ada, client=known.client), SignedIn)


def test_it_skips_neither_password_nor_second_factor(context: AppContext, people: People, mailer: Mailer) -> None:
    ada, _ = people.protected()
    ask(context)
    know(context, mailer.token("known-browser"))
    begun = people.begin(ada, client=LAPTOP)
    assert isinstance(begun, Due)
    assert begun.next == "code"
    assert people.count(known_clients, known_clients.c.second_factor_at.is_not(None)) == 0


@pytest.mark.parametrize(("hours", "known"), [(23, True), (24, False)])
def test_without_a_sign_in_it_is_known_for_a_day(
    context: AppContext, people: People, mailer: Mailer, hours: int, *, known: bool
) -> None:
    ada, at = people.user(), later(hours=hours)
    ask(context)
    know(context, mailer.token("known-browser"))
    for _ in range(5):
        people.begin(ada, at=at, password="wrong")
    assert isinstance(people.begin(ada, at=at, client=LAPTOP), SignedIn) is known


def test_a_browser_that_is_known_for_longer_stays_so(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    people.begin(ada, client=LAPTOP, password=PASSWORD)
    ask(context)
    know(context, mailer.token("known-browser"))
    assert people.count(known_clients, known_clients.c.expires_at == later(days=90)) == 1


def test_the_letter_brings_the_link_and_says_who_asked(context: AppContext, people: People, mailer: Mailer) -> None:
    people.user()
    ask(context)
    [letter] = mailer.deliver(later(hours=3))
    said = " ".join(letter.text.split())
    for part in (
        "Hello Ada,",
        "it was not you",
        ANONYMOUS.address,
        "within 15 minutes (until 3 March 2026, 15:15 Coordinated Universal Time)",
    ):
        assert part in said, part
        assert part in " ".join(letter.html.split()), part
    assert letter.subject == "Sign in without waiting - Twofold"
    assert letter.link("/known-browser/tf_browser_") in letter.html


def test_asking_and_knowing_are_written_down(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    ask(context)
    ask(context, NOBODY)
    know(context, mailer.token("known-browser"))
    events = people.events("browser_link_asked", "browser_known_by_mail")
    assert [(event.kind, event.subject_id, event.actor_kind) for event in events] == [
        ("browser_link_asked", ada.id, "nobody"),
        ("browser_known_by_mail", ada.id, "user"),
    ]


def test_one_goes_out_in_twenty_minutes_to_known_and_unknown_addresses(
    context: AppContext, people: People, mailer: Mailer
) -> None:
    people.user()
    for email in (ADA, NOBODY):
        assert ask(context, email) == Requested()
        assert ask(context, email.upper()) == Wait(1200)
        assert ask(context, email, later(seconds=1199)) == Wait(1)
        assert ask(context, email, later(seconds=1200)) == Requested()
    assert [letter.recipients for letter in mailer.deliver(later(hours=1))] == [(ADA,)]


@pytest.mark.parametrize(
    "values",
    [{"active": False}, {"frozen_at": NOON}, {"password": None}],
    ids=["deactivated", "frozen", "invited"],
)
def test_nobody_gets_a_link_who_cannot_sign_in(
    context: AppContext, people: People, mailer: Mailer, values: dict[str, object]
) -> None:
    people.user(**values)  # type: ignore[arg-type]
    assert ask(context) == Requested()
    assert mailer.deliver() == []


def test_whoever_signs_in_elsewhere_is_led_there(context: AppContext, people: People) -> None:
    people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://sso.globex.example/in")
    assert ask(context, "gus@globex.example") == Elsewhere("https://sso.globex.example/in")


@pytest.mark.parametrize("values", [{"frozen_at": NOON}, {"active": False}, {"email_key": "countess@acme.example"}])
def test_a_link_is_of_no_use_to_who_is_not_as_they_were(
    context: AppContext, people: People, mailer: Mailer, values: dict[str, object]
) -> None:
    """Beside that whoever changes them voids it."""
    ada = people.user()
    ask(context)
    token = mailer.token("known-browser")
    people.set_user(ada, **values)
    assert know(context, token) == Over()


def test_this_was_not_me_voids_it(context: AppContext, people: People, mailer: Mailer) -> None:
    ada = people.user()
    ask(context)
    token = mailer.token("known-browser")
    with context.db.write() as connection:
        notice_flow.notify(context, connection, ada, Notice.PASSWORD_CHANGED, NOON, address="", browser="")
    not_me_flow.freeze(context, mailer.token("not-me"), origin=Origin(NOON, CLIENT_INFO))
    people.set_user(ada, frozen_at=None)
    assert know(context, token) == Over()
