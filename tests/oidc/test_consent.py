"""Applications of others: people say what these may see of them, once, and may say no."""

import httpx
import pytest

from tests.harness.contexts import FrozenClock
from tests.harness.people import PASSWORD, Ada, People
from tests.oidc.relying_party import RelyingParty, answer_of, browser_of, led_to, parameters_of
from twofold.kit.context import AppContext
from twofold.oidc.use_tables import application_uses


@pytest.fixture
def notes(context: AppContext, http: httpx.Client) -> RelyingParty:
    """Be an application of somebody else's."""
    return RelyingParty.of(context, http, name="Notes", first_party=False)


def test_people_are_told_what_an_application_will_see_and_of_whom(
    notes: RelyingParty, http: httpx.Client, session: str
) -> None:
    page = browser_of(http, session).get(notes.address(scope="openid email offline_access"))
    assert page.heading == "Let Notes use your account?"
    for words in ("ada@acme.example", "Acme", "your email address", "until you sign out here", "crm.example"):
        assert words in page.text
    assert "your role" not in page.text


def test_who_allows_it_is_led_on_and_not_asked_again(notes: RelyingParty, http: httpx.Client, session: str) -> None:
    browser = browser_of(http, session)
    page = browser.get(notes.address(scope="openid email"))
    answer = parameters_of(led_to(browser.submit(page, "Allow")))
    assert notes.exchange(answer["code"]).status_code == 200
    assert "code" in answer_of(notes.authorize(session, scope="openid"))
    assert "code" in answer_of(notes.authorize(session, scope="openid email", prompt="none"))


def test_who_refuses_is_led_back_with_the_refusal(
    people: People, notes: RelyingParty, http: httpx.Client, session: str
) -> None:
    """RFC 6749 section 4.1.2.1."""
    browser = browser_of(http, session)
    page = browser.submit(browser.get(notes.address()), "Do not allow")
    assert page.heading == "Going back to Notes"
    answer = parameters_of(led_to(page))
    assert (answer["error"], answer["state"]) == ("access_denied", "st&te=1")
    assert people.count(application_uses) == 0


def test_more_than_was_agreed_to_is_asked_for(notes: RelyingParty, http: httpx.Client, session: str) -> None:
    """Stops: an application that is let see an address, and later takes a role without a word."""
    browser = browser_of(http, session)
    led_to(browser.submit(browser.get(notes.address(scope="openid email")), "Allow"))
    page = browser.get(notes.address(scope="openid account"))
    assert page.heading == "Let Notes use your account?"
    led_to(browser.submit(page, "Allow"))
    assert "code" in answer_of(notes.authorize(session, scope="openid email account"))


def test_without_a_page_the_application_is_told_that_consent_is_due(notes: RelyingParty, session: str) -> None:
    """Core 3.1.2.6."""
    assert answer_of(notes.authorize(session, prompt="none"))["error"] == "consent_required"


def test_consent_that_is_asked_for_is_given_anew(notes: RelyingParty, http: httpx.Client, session: str) -> None:
    """Core 3.1.2.1, `prompt=consent`."""
    browser = browser_of(http, session)
    led_to(browser.submit(browser.get(notes.address()), "Allow"))
    page = browser.get(notes.address(prompt="consent"))
    assert page.heading == "Let Notes use your account?"
    assert "code" in parameters_of(led_to(browser.submit(page, "Allow")))


def test_of_an_application_of_the_operators_own_nobody_is_asked(crm: RelyingParty, session: str) -> None:
    assert "code" in answer_of(crm.authorize(session, prompt="consent", scope="openid account"))


def test_what_one_agrees_to_another_one_does_not(
    people: People, notes: RelyingParty, http: httpx.Client, session: str
) -> None:
    browser = browser_of(http, session)
    led_to(browser.submit(browser.get(notes.address()), "Allow"))
    grace = people.token(people.user("grace@acme.example"))
    assert answer_of(notes.authorize(grace, prompt="none"))["error"] == "consent_required"


def test_a_page_that_was_shown_to_another_one_agrees_to_nothing(
    people: People, notes: RelyingParty, http: httpx.Client, session: str
) -> None:
    """Stops: consent in the name of whoever signs in to the same browser in another tab."""
    browser = browser_of(http, session)
    page = browser.get(notes.address())
    browser.cookies.set("twofold_session", people.token(people.user("grace@acme.example")))
    page = browser.submit(page, "Allow")
    assert (page.heading, "grace@acme.example" in page.text) == ("Let Notes use your account?", True)
    assert people.count(application_uses) == 0


def test_another_browser_cannot_agree(people: People, notes: RelyingParty, http: httpx.Client, session: str) -> None:
    """Stops: somebody else's request that is agreed to in one's own browser."""
    page = browser_of(http, session).get(notes.address())
    another = browser_of(http, session)
    another.get("/profile")
    assert another.submit(page, "Allow").status == 410
    assert people.count(application_uses) == 0


def test_consent_comes_after_what_is_to_be_proved(
    ada: Ada, context: AppContext, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    notes = RelyingParty.of(context, http, name="Notes", first_party=False)
    browser = browser_of(http, session)
    page = browser.get(notes.address(max_age="0"))
    assert page.path == "/sign-in/step-up"
    frozen_clock.forward(seconds=5)
    page = browser.submit(page, "Continue", password=PASSWORD)
    assert page.heading == "Let Notes use your account?"


def test_who_agreed_and_to_what_is_in_the_log(
    people: People, ada: Ada, notes: RelyingParty, http: httpx.Client, session: str
) -> None:
    browser = browser_of(http, session)
    led_to(browser.submit(browser.get(notes.address(scope="openid email")), "Allow"))
    [event] = people.events("application_agreed")
    assert (event.subject_id, "Notes" in event.details, "openid email" in event.details) == (ada[0].id, True, True)


def test_a_request_that_was_refused_is_over(notes: RelyingParty, http: httpx.Client, session: str) -> None:
    """Stops: going back to the page, and allowing what the application was told is not allowed."""
    browser = browser_of(http, session)
    page = browser.get(notes.address())
    led_to(browser.submit(page, "Do not allow"))
    assert browser.submit(page, "Do not allow").status == 410
    assert browser.submit(page, "Allow").status == 410
