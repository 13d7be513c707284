"""An authorization request that waits for what is due first: a sign-in, a step-up, a set-up."""

from datetime import timedelta

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, Ada, People
from tests.oidc.relying_party import UNMET, RelyingParty, answer_of, browser_of, led_to, parameters_of, turned_away
from twofold.kit.context import AppContext
from twofold.oidc.grant_tables import authorization_codes
from twofold.sessions.methods import TWO_FACTORS

# --- after what is due


def test_whoever_is_not_signed_in_signs_in_and_is_led_on(ada: Ada, crm: RelyingParty, web_client: WebClient) -> None:
    page = web_client.get(crm.address())
    assert page.path == "/sign-in"
    page = web_client.submit(page, "Sign in", email=ADA, password=PASSWORD)
    page = web_client.submit(page, "Verify", code=ada[1].phone.code(NOON))
    assert page.heading == "Going on to CRM"
    answer = parameters_of(led_to(page))
    assert answer["state"] == "st&te=1"
    assert crm.exchange(answer["code"]).status_code == 200


@pytest.mark.parametrize(
    ("hint", "filled_in"),
    [(ADA, ADA), ("+44 20 7946 0000", ""), (f"{'a' * 250}@acme.example", ""), ("ada@acme.example\n", ""), (None, "")],
)
def test_an_address_that_the_application_knows_is_filled_in(
    crm: RelyingParty, web_client: WebClient, hint: str | None, filled_in: str
) -> None:
    page = web_client.get(crm.address(login_hint=hint))
    assert (page.path, page.form("Sign in").fields["email"]) == ("/sign-in", filled_in)


def test_a_request_gives_one_code(people: People, crm: RelyingParty, web_client: WebClient, session: str) -> None:
    web_client.get(crm.address())
    [path] = [path for _status, path in web_client.trail if path.startswith("/oidc/authorize/")]
    web_client.cookies.set("twofold_session", session)
    led_to(web_client.get(path))
    again = web_client.get(path)
    assert (again.status, again.heading) == (410, "This sign-in is over")
    assert people.count(authorization_codes) == 1


def test_another_browser_cannot_go_on_with_it(
    people: People, crm: RelyingParty, web_client: WebClient, http: httpx.Client, session: str
) -> None:
    """Stops: whoever sends a link into their own sign-in to somebody, to get a code for them (CVE-2026-7507)."""
    web_client.get(crm.address())
    [path] = [path for _status, path in web_client.trail if path.startswith("/oidc/authorize/")]
    another = browser_of(http, session)
    another.get("/profile/sessions")
    assert another.get(path).status == 410
    another.cookies.set("twofold_destinations", "tf_destinations_" + "x" * 43)
    assert another.get(path).status == 410
    assert people.count(authorization_codes) == 0


def test_a_login_that_is_asked_for_is_proved_anew(
    crm: RelyingParty, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    """Core 3.1.2.1, `prompt=login`: the session that was there is not enough."""
    browser = browser_of(http, session)
    page = browser.get(crm.address(prompt="login"))
    assert page.path == "/sign-in/step-up"
    frozen_clock.forward(seconds=5)
    page = browser.submit(page, "Continue", password=PASSWORD)
    tokens = crm.exchange(parameters_of(led_to(page))["code"]).json()
    assert crm.claims(tokens["id_token"])["auth_time"] == int(later(seconds=5).timestamp())


def test_an_older_sign_in_than_the_application_takes_is_proved_anew(
    crm: RelyingParty, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    """Core 3.1.2.1, `max_age`; 0 asks for a new one however long that takes."""
    for seconds in ("59", "0"):
        browser = browser_of(http, session)
        page = browser.get(crm.address(max_age=seconds))
        assert page.path == "/sign-in/step-up"
        frozen_clock.forward(seconds=5)
        led_to(browser.submit(page, "Continue", password=PASSWORD))
        session = browser.cookies["twofold_session"]
        frozen_clock.forward(seconds=60)


def test_an_account_that_is_chosen_anew_signs_in_anew(
    people: People, crm: RelyingParty, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    people.user("grace@acme.example")
    browser = browser_of(http, session)
    page = browser.get(crm.address(prompt="select_account"))
    assert page.path == "/sign-in"
    frozen_clock.forward(seconds=5)
    led_to(browser.submit(page, "Sign in", email="grace@acme.example", password=PASSWORD))


def test_a_second_factor_older_than_the_application_takes_is_proved_anew(
    ada: Ada, context: AppContext, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    bank = RelyingParty.of(context, http, second_factor_age=timedelta(minutes=5))
    assert "code" in answer_of(bank.authorize(session))
    frozen_clock.forward(minutes=5)
    browser = browser_of(http, session)
    page = browser.get(bank.address())
    assert page.path == "/sign-in/step-up"
    page = browser.submit(page, "Continue", code=ada[1].phone.code(frozen_clock.at))
    assert "code" in parameters_of(led_to(page))


# --- what is reached


@pytest.mark.parametrize("values", ["phr", "phr urn:unheard-of"])
def test_an_assurance_that_cannot_be_reached_is_refused(crm: RelyingParty, session: str, values: str) -> None:
    """Core error `unmet_authentication_requirements`: never claimed, never silently less."""
    turned_away(crm.authorize(session, acr_values=values))
    assert answer_of(crm.authorize(session, acr_values=values, prompt="none"))["error"] == UNMET


@pytest.mark.parametrize("values", [f"phr {TWO_FACTORS}", f"{TWO_FACTORS} urn:twofold:1fa", "urn:unheard-of 1"])
def test_of_several_assurances_one_that_is_reached_is_enough(crm: RelyingParty, session: str, values: str) -> None:
    """Stops: looking at the first of them alone (Keycloak #31534)."""
    assert "code" in answer_of(crm.authorize(session, acr_values=values))


def test_who_can_have_no_second_factor_does_not_get_where_one_is_asked_for(
    people: People, context: AppContext, http: httpx.Client
) -> None:
    bank = RelyingParty.of(context, http, acr=TWO_FACTORS)
    people.set_account(people.acme, policy="off")
    grace = people.token(people.user("grace@acme.example"))
    for answer in (bank.authorize(grace), RelyingParty.of(context, http).authorize(grace, acr_values="phr")):
        page = turned_away(answer)
        assert "Ask an administrator of your organisation to switch it on." in page.text
        assert not page.has_link("Add a passkey in your profile")


def test_who_may_have_one_is_led_to_the_set_up_and_back(
    people: People, context: AppContext, http: httpx.Client
) -> None:
    bank = RelyingParty.of(context, http, name="Bank", acr=TWO_FACTORS)
    grace = people.user("grace@acme.example")
    browser = browser_of(http, people.token(grace))
    page = browser.get(bank.address())
    assert page.heading == "Set up two-factor authentication first"
    assert page.link("Set up two-factor") == "/profile/two-factor/configure"
    factor = people.protect(grace, at=NOON)
    browser.cookies.set("twofold_session", people.token(grace, factor.phone, at=later(seconds=30)))
    led_to(browser.click(page, "I have set it up"))


def test_a_session_that_a_policy_stepped_down_is_set_up_first_and_led_back(
    people: People, crm: RelyingParty, http: httpx.Client
) -> None:
    session = people.token(people.user("grace@acme.example"))
    people.set_account(people.acme, policy="required", required_from=NOON)
    assert answer_of(crm.authorize(session, prompt="none"))["error"] == "interaction_required"
    browser = browser_of(http, session)
    page = browser.get(crm.address())
    assert page.path == "/sign-in/set-up"
    assert page.form("Continue").fields["return_to"]
    assert browser.submit(page, "Continue").path == "/sign-in/verify-email"


def test_people_of_other_accounts_are_told_so(people: People, context: AppContext, http: httpx.Client) -> None:
    other = people.account("Other")
    crm = RelyingParty.of(context, http, accounts=frozenset({other}))
    session = people.token(people.user("grace@acme.example"))
    page = browser_of(http, session).get(crm.address())
    assert (page.status, page.heading) == (403, "You cannot use CRM")
    assert parameters_of(page.link("Back to CRM"))["error"] == "access_denied"
    assert answer_of(crm.authorize(session, prompt="none"))["error"] == "access_denied"
