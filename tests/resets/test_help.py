"""Whoever proved the password and comes no further asks their administrators for a reset, with one button."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of, context_on, standing_clock
from tests.harness.pages import Page, WebClient
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.smtp import SmtpServer
from tests.recovery.conftest import Mailer
from tests.resets.helpdesk import REASON, Helpdesk
from twofold.directory.user import User
from twofold.kit.context import AppContext
from twofold.operations.jobs import FORGET
from twofold.resets.tables import help_requests, reset_cases

ASK = "Ask Grace Hopper for a reset"


@pytest.fixture
def stuck(helpdesk: Helpdesk, web_client: WebClient) -> Page:
    """The page of Ada, who has given her password and has neither phone nor backup code."""
    web_client.sign_in(ADA, PASSWORD)
    return web_client.get("/sign-in/lost-access")


def resets_page(http: httpx.Client, user: User, code: str = "") -> Page:
    """Open the list of resets, as somebody who oversees people."""
    web_client = WebClient(http)
    web_client.sign_in(user.email, PASSWORD, code)
    return web_client.get("/resets")


# --- asking


def test_one_button_asks_and_changes_nothing(helpdesk: Helpdesk, stuck: Page, web_client: WebClient) -> None:
    before = helpdesk.ada_now()
    page = web_client.submit(stuck, ASK)
    assert (page.status, page.path) == (200, "/sign-in/lost-access")
    assert page.notice.startswith(
        "A reset was asked for at 12:00 Coordinated Universal Time. Grace Hopper is told by email."
    )
    assert ASK not in page.buttons
    assert [letter.recipient for letter in helpdesk.people.letters("member_asks_for_help")] == [helpdesk.grace.email]
    (event,) = helpdesk.people.events("help_asked")
    assert (event.subject_id, event.actor_kind, event.result) == (before.id, "nobody", "done")
    assert helpdesk.ada_now() == before
    assert helpdesk.people.count(reset_cases) == 0
    assert web_client.submit(web_client.get("/sign-in/code"), code=helpdesk.factor.phone.code(NOON)).path == "/profile"


def test_who_is_locked_asks_from_the_page_of_the_lock(helpdesk: Helpdesk, web_client: WebClient) -> None:
    helpdesk.people.set_counts(helpdesk.ada, wrong=5)
    page = web_client.submit(web_client.sign_in(ADA, PASSWORD), ASK)
    assert (page.status, page.path) == (423, "/sign-in/locked")
    assert page.notice.startswith("A reset was asked for at 12:00 Coordinated Universal Time.")
    assert web_client.get("/sign-in/locked").notice == page.notice


def test_it_is_asked_once_an_hour(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    """Stops: a thief with the password who drowns the administrators in letters."""
    for minutes in (0, 1, 9):
        frozen_clock.at = later(minutes=minutes)
        web_client.submit(stuck, ASK)
    frozen_clock.at = later(minutes=59, seconds=59)
    web_client.sign_in(ADA, PASSWORD)
    assert ASK not in web_client.get("/sign-in/lost-access").buttons
    assert len(helpdesk.people.letters("member_asks_for_help")) == 1
    frozen_clock.at = later(minutes=60)
    web_client.submit(web_client.get("/sign-in/lost-access"), ASK)
    assert len(helpdesk.people.letters("member_asks_for_help")) == 2
    assert len(helpdesk.people.events("help_asked")) == 2


def test_several_are_asked_as_administrators_and_nobody_who_cannot_act_by_name(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient
) -> None:
    helpdesk.people.user("alan@acme.example", role="admin", name="Alan Turing")
    page = web_client.submit(web_client.get("/sign-in/lost-access"), "Ask your administrators for a reset")
    assert "Your administrators are told by email." in page.notice
    assert {letter.recipient for letter in helpdesk.people.letters("member_asks_for_help")} == {
        helpdesk.grace.email, "alan@acme.example",
    }  # fmt: skip


def test_there_is_no_button_where_nobody_could_answer(helpdesk: Helpdesk, stuck: Page, web_client: WebClient) -> None:
    helpdesk.people.set_user(helpdesk.grace, frozen_at=NOON)
    page = web_client.get("/sign-in/lost-access")
    assert page.buttons == []
    assert "Ask the people who run Twofold for you." in page.text
    assert web_client.post("/sign-in/ask").path == "/sign-in/lost-access"
    assert helpdesk.people.count(help_requests) == 0


def test_without_a_mail_server_there_is_no_button(database_url: str) -> None:
    with context_on(database_url, mail=False) as context, standing_clock(), client_of(context) as http:
        helpdesk, web_client = Helpdesk(People(context)), WebClient(http)
        web_client.sign_in(ADA, PASSWORD)
        assert web_client.get("/sign-in/lost-access").buttons == []
        assert web_client.post("/sign-in/ask").path == "/sign-in/lost-access"
        assert helpdesk.people.count(help_requests) == 0


def test_nobody_asks_without_the_password(helpdesk: Helpdesk, web_client: WebClient) -> None:
    assert web_client.post("/sign-in/ask").path == "/sign-in"
    assert helpdesk.people.count(help_requests) == 0


# --- what administrators see of it


def test_it_stands_under_resets_and_a_case_is_opened_from_it(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient, http: httpx.Client, frozen_clock: FrozenClock
) -> None:
    web_client.submit(stuck, ASK)
    frozen_clock.forward(minutes=1)
    grace = WebClient(http)
    grace.sign_in(helpdesk.grace.email, PASSWORD)
    listed = grace.get("/resets")
    assert "Ada Lovelace Phone and backup code lost 12:00 Coordinated Universal Time" in listed.text
    assert "Speak to them before you start a reset" in listed.text
    page = grace.click(listed, "Start the reset")
    assert page.path == f"/people/{helpdesk.ada.id}/reset"
    assert grace.submit(page, "Send reset e-mail", reason=REASON).notice.startswith("The email is on its way.")
    assert "Asked for by people themselves" not in grace.get("/resets").text


def test_support_sees_of_which_account_it_is_and_others_see_none(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient, http: httpx.Client
) -> None:
    web_client.submit(stuck, ASK)
    elsewhere = helpdesk.people.user("boss@other.example", role="admin", account=helpdesk.people.account("Other"))
    sam, factor = helpdesk.people.agent()
    assert "Ada Lovelace" not in resets_page(http, elsewhere).text
    seen = resets_page(http, sam, factor.phone.code(NOON))
    assert "Ada Lovelace Acme Phone and backup code lost" in seen.text
    assert seen.link("Start the reset") == f"/support/users/{helpdesk.ada.id}/reset"


def test_an_administrator_does_not_start_their_own(helpdesk: Helpdesk, http: httpx.Client) -> None:
    boss, factor = helpdesk.people.protected("boss@acme.example", role="admin", name="Berta Boss")
    own = WebClient(http)
    own.cookies.set("twofold_session", helpdesk.people.token(boss, factor.phone, at=later(minutes=-1)))
    stuck = WebClient(http)
    stuck.sign_in(boss.email, PASSWORD)
    stuck.submit(stuck.get("/sign-in/lost-access"), ASK)
    page = own.get("/resets")
    assert "Berta Boss Phone and backup code lost" in page.text
    assert not page.has_link("Start the reset")


@pytest.mark.parametrize("how", ["got in", "backup code", "frozen", "deactivated", "switched off", "a week later"])
def test_what_is_answered_or_over_is_not_listed(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient, http: httpx.Client, frozen_clock: FrozenClock, how: str
) -> None:
    web_client.submit(stuck, ASK)
    assert "Ada Lovelace" in resets_page(http, helpdesk.grace).text
    at = frozen_clock.forward(minutes=1)
    people, ada = helpdesk.people, helpdesk.ada
    if how == "got in":
        people.token(ada, helpdesk.factor.phone, at=at)
    elif how == "backup code":
        people.give_code(people.attempt(ada, at=at), helpdesk.factor.backup_code, at=at)
    elif how == "a week later":
        frozen_clock.forward(days=7)
    else:
        values: dict[str, dict[str, Any]] = {
            "frozen": {"frozen_at": at},
            "deactivated": {"active": False},
            "switched off": {"second_factor_since": None},
        }
        people.set_user(ada, **values[how])
    assert "Ada Lovelace" not in resets_page(http, helpdesk.grace).text


def test_the_clean_up_forgets_what_is_over(helpdesk: Helpdesk, stuck: Page, web_client: WebClient) -> None:
    web_client.submit(stuck, ASK)
    for days, left in ((7, 1), (8, 0)):
        with helpdesk.context.db.write() as connection:
            for forget in FORGET:
                forget(connection, NOON + timedelta(days=days))
        assert helpdesk.people.count(help_requests) == left


# --- the letter


@pytest.fixture
def post_office(context: AppContext, smtp: SmtpServer, frozen_clock: FrozenClock) -> Mailer:
    """Deliver letters at noon, over a real mail server."""
    return Mailer(context, smtp, frozen_clock)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/sign-in/locked", "is locked after too many wrong codes"),
        ("/sign-in/lost-access", "has lost their phone and their backup code"),
    ],
)
def test_the_letter_says_who_asks_why_from_where_and_where_to_start(
    helpdesk: Helpdesk, web_client: WebClient, post_office: Mailer, path: str, why: str
) -> None:
    helpdesk.people.set_counts(helpdesk.ada, wrong=5 if path.endswith("locked") else 0)
    web_client.sign_in(ADA, PASSWORD)
    web_client.submit(web_client.get(path), ASK)
    post_office.deliver()
    (letter,) = [one for one in post_office.smtp.sent_to(helpdesk.grace.email) if "asks you" in one.subject]
    assert letter.subject == "Ada Lovelace asks you for a reset - Twofold"
    text = " ".join(letter.text.split())
    assert f"Ada Lovelace (ada@acme.example) {why} and asks for a reset" in text
    assert "Speak to them first: whoever asked knows their password, and that could be somebody else." in text
    assert f"/people/{helpdesk.ada.id}/reset" in text
    assert "Internet address:" in text


def test_whoever_lost_the_right_gets_no_letter(
    helpdesk: Helpdesk, stuck: Page, web_client: WebClient, post_office: Mailer
) -> None:
    web_client.submit(stuck, ASK)
    helpdesk.people.set_user(helpdesk.grace, role="member")
    post_office.deliver()
    assert post_office.smtp.sent_to(helpdesk.grace.email) == []
