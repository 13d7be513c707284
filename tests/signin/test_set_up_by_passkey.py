"""Where a policy forces the set-up, a passkey does as well as an app, after the same code from the mailbox."""

import json
import re

import pytest

from tests.harness.api import Api
from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.passkeys import SoftKey
from tests.harness.people import PASSWORD, People
from twofold.directory.user import User


@pytest.fixture
def key(people: People) -> SoftKey:
    """An authenticator that has no passkey yet."""
    return SoftKey(origin=people.context.settings.base_url)


@pytest.fixture
def grace(people: People) -> User:
    """Be somebody whose organisation requires a second factor, who has none."""
    user = people.user("grace@acme.example")
    people.set_account(user.account_id, policy="required")
    return user


def at_set_up(browser: WebClient, people: People, user: User) -> Page:
    """Prove the password and the mailbox."""
    page = browser.submit(browser.get("/sign-in"), "Sign in", email=user.email, password=PASSWORD)
    assert page.path == "/sign-in/verify-email"
    return browser.submit(page, "Continue", code=people.mailed_code(user.email))


def test_on_pages_it_stands_before_the_app_and_leads_on_to_the_backup_code(
    web_client: WebClient, people: People, grace: User, key: SoftKey
) -> None:
    page = at_set_up(web_client, people, grace)
    assert page.text.index("With a passkey") < page.text.index("With an authenticator app")
    [registration] = re.findall(r'name="registration" value="([^"]*)"', page.html)
    made = json.dumps(key.make(page.asked))
    page = web_client.post("/sign-in/set-up", registration=registration, credential=made)
    assert page.heading == "Your new backup code"
    page = web_client.submit(page, "Continue", saved="yes")
    assert page.heading == "Profile"
    assert people.look_up(grace).has_passkey


def test_one_that_is_not_right_is_refused_and_the_app_stays_a_way(
    web_client: WebClient, people: People, grace: User, key: SoftKey
) -> None:
    page = at_set_up(web_client, people, grace)
    [registration] = re.findall(r'name="registration" value="([^"]*)"', page.html)
    false = json.dumps(key.make(page.asked, origin="https://evil.example"))
    page = web_client.post("/sign-in/set-up", registration=registration, credential=false)
    assert (page.status, page.heading) == (400, "Set up two-factor authentication")
    assert "could not be added" in page.text
    assert page.key
    assert not people.look_up(grace).has_second_factor


def test_a_program_sets_it_up_and_gets_session_and_backup_code(
    api: Api, people: People, grace: User, key: SoftKey
) -> None:
    due = api.post("/sign-ins", email=grace.email, password=PASSWORD)
    assert due["next"] == "verify_email"
    early = api.post("/sign-ins/passkeys/options", sign_in=due["sign_in"])
    assert early.refusal == (409, "out_of_order"), "the password alone opens no set-up"
    assert api.post("/sign-ins/email-code", sign_in=due["sign_in"], code=people.mailed_code(grace.email)).status == 200
    opened = api.post("/sign-ins/passkeys/options", sign_in=due["sign_in"])
    made = {"registration": opened["registration"], "credential": key.make(opened["options"])}
    done = api.post("/sign-ins/passkeys", sign_in=due["sign_in"], **made)
    assert len(done["backup_code"].replace("-", "")) == 24
    api.keep(done)
    assert api.get("/session")["methods"] == ["pwd", "passkey"]


def test_the_registration_of_one_sign_in_is_not_that_of_another(
    api: Api, people: People, grace: User, key: SoftKey, frozen_clock: FrozenClock
) -> None:
    """Stops: a thief with the password who waits for its owner to prove the mailbox."""
    thief = api.post("/sign-ins", email=grace.email, password=PASSWORD)
    owner = api.post("/sign-ins", email=grace.email, password=PASSWORD)
    frozen_clock.forward(seconds=1)
    assert (
        api.post("/sign-ins/email-code", sign_in=owner["sign_in"], code=people.mailed_code(grace.email)).status == 200
    )
    opened = api.post("/sign-ins/passkeys/options", sign_in=owner["sign_in"])
    made = {"registration": opened["registration"], "credential": key.make(opened["options"])}
    assert api.post("/sign-ins/passkeys", sign_in=thief["sign_in"], **made).refusal == (409, "out_of_order")
    assert not people.look_up(grace).has_second_factor
