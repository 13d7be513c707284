"""The language and the time zone that somebody chooses, and what they are told in them."""

import re
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest

from tests.admin.administrators import browser_of
from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.harness.people import CLIENT_INFO, Ada, People
from twofold.directory import notice_flow
from twofold.events import kinds
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.mail.letters import Letters
from twofold.operations.jobs import COMPOSERS


@pytest.fixture
def browser(people: People, http: httpx.Client, ada: Ada) -> WebClient:
    return browser_of(people, http, *ada)


def chosen(page: Page) -> list[str]:
    """Return what stands in the form: language and time zone."""
    return re.findall(r'<option value="([^"]*)" selected>', page.html)


def began(page: Page) -> str:
    """Return when the session of the page of sessions began, in its words."""
    return page.text.replace("\u202f", " ")


def test_moments_are_told_in_the_zone_that_was_chosen(browser: WebClient) -> None:
    page = browser.submit(browser.get("/profile/preferences"), "Save", time_zone="Pacific/Auckland")
    assert page.notice == "Saved."
    assert "like this: 4 March 2026, 01:00 New Zealand Daylight Time." in page.text
    assert chosen(page) == ["", "Pacific/Auckland"]
    assert " 01:00 " in browser.get("/profile/sessions").text


def test_and_in_the_form_of_the_language(browser: WebClient) -> None:
    browser.submit(browser.get("/profile/preferences"), "Save", language="en-US", time_zone="America/New_York")
    assert "7:00 AM" in began(browser.get("/profile/sessions"))


def test_without_a_choice_in_the_zone_and_language_that_the_browser_tells(browser: WebClient) -> None:
    browser.cookies.set("twofold_zone", "America%2FNew_York")
    assert " 07:00 " in browser.get("/profile/sessions").text
    browser.http.headers["Accept-Language"] = "en-US,en;q=0.9"
    assert " 7:00 AM " in began(browser.get("/profile/sessions"))


def test_without_a_script_in_the_zone_of_the_account_which_is_named(
    people: People, browser: WebClient, ada: Ada
) -> None:
    people.set_account(ada[0].account_id, time_zone="Europe/Berlin")
    for told in ("", "Mars%2FOlympus", "..%2F..%2Fetc%2Fpasswd"):
        browser.cookies.set("twofold_zone", told)
        assert "13:00 Central European Standard Time" in browser.get("/profile/sessions").text


def test_a_choice_goes_before_what_the_browser_tells(people: People, browser: WebClient, ada: Ada) -> None:
    browser.cookies.set("twofold_zone", "America%2FNew_York")
    people.choose(ada[0], zone="Asia/Tokyo")
    assert " 21:00 " in browser.get("/profile/sessions").text


def test_a_choice_is_taken_back(people: People, browser: WebClient, ada: Ada) -> None:
    people.choose(ada[0], "en-US", "Asia/Tokyo")
    page = browser.submit(browser.get("/profile/preferences"), "Save", language="", time_zone="")
    assert chosen(page) == ["", ""]
    assert "12:00 Coordinated Universal Time" in browser.get("/profile/sessions").text


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("time_zone", "Mars/Olympus", "Give a time zone by its name, such as Europe/Berlin or Pacific/Auckland."),
        ("language", "tlh", "Choose one of the languages of the list."),
    ],
)
def test_what_is_none_is_refused_and_changes_nothing(browser: WebClient, field: str, typed: str, told: str) -> None:
    page = browser.post("/profile/preferences", **{field: typed})
    assert page.status == 400
    assert told in page.text
    assert chosen(browser.get("/profile/preferences")) == ["", ""]


def test_deadlines_name_the_zone_even_where_it_is_the_readers(people: People, http: httpx.Client) -> None:
    max_ = people.user("max@acme.example")
    people.choose(max_, zone="Asia/Tokyo")
    people.set_account(max_.account_id, policy="required", required_from=NOON + timedelta(days=9))
    told = browser_of(people, http, max_).get("/profile").text
    assert "requires two-factor authentication from 12 March 2026, 21:00 Japan Standard Time on." in told


# --- mails


def letter_of(people: People) -> str:
    """Write the letter about a new password as it is delivered, and return its text in one line."""
    [entry] = people.letters("password_changed")
    with people.context.db.write() as connection:
        told = COMPOSERS[entry.kind](people.context, connection, entry, NOON)
    assert told is not None
    body = Letters(people.context.settings).write(entry, told, NOON).get_body(("plain",))
    assert body is not None
    return " ".join(str(body.get_content()).split()).replace("\u202f", " ")


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ((None, None), "3 March 2026, 13:00 Central European Standard Time"),
        ((None, "Pacific/Auckland"), "4 March 2026, 01:00 New Zealand Daylight Time"),
        (("en-US", "America/Los_Angeles"), "March 3, 2026, 4:00 AM Pacific Standard Time"),
    ],
)
def test_mails_are_in_the_zone_that_somebody_chose_else_in_their_accounts(
    people: People, ada: Ada, choice: Sequence[str | None], told: str
) -> None:
    user = ada[0]
    people.set_account(user.account_id, time_zone="Europe/Berlin")
    people.choose(user, *choice)
    origin = Origin(NOON, CLIENT_INFO, acting.user(user.id))
    with people.context.db.write() as connection:
        notice_flow.notify_of_event(people.context, connection, user, kinds.PasswordChanged(), origin)
    assert told in letter_of(people)
