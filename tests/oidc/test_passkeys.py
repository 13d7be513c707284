"""An application that asks for a phishing-resistant sign-in gets one, or is told that it cannot be reached."""

import json

import httpx
import pytest

from tests.harness.api import Api
from tests.harness.contexts import FrozenClock
from tests.harness.passkeys import SoftKey
from tests.harness.people import PASSWORD, Ada
from tests.oidc.relying_party import UNMET, RelyingParty, answer_of, browser_of, led_to, parameters_of, turned_away
from twofold.kit.context import AppContext
from twofold.sessions.methods import PHISHING_RESISTANT

pytestmark = pytest.mark.parametrize("asked", [{"acr_values": PHISHING_RESISTANT}])


@pytest.fixture
def key(http: httpx.Client, context: AppContext, session: str) -> tuple[SoftKey, str]:
    """Give Ada a passkey beside her app; return the token under which her session goes on as well."""
    key, api = SoftKey(origin=context.settings.base_url), Api(http, session)
    opened = api.post("/two-factor/passkeys/options", password=PASSWORD)
    made = {"registration": opened["registration"], "credential": key.make(opened["options"])}
    api.keep(api.post("/two-factor/passkeys", **made))
    return key, str(api.token)


def test_who_signed_in_by_a_code_steps_up_by_their_passkey(
    ada: Ada, http: httpx.Client, crm: RelyingParty, key: tuple[SoftKey, str], asked: dict[str, str],
    frozen_clock: FrozenClock,
) -> None:  # fmt: skip
    frozen_clock.forward(seconds=30)
    token = Api(http).sign_in(ada[0].email, PASSWORD, ada[1].phone.code(frozen_clock.at))["session_token"]
    browser = browser_of(http, token)
    page = browser.get(crm.address(**asked))
    assert (page.path, "Code" in page.text) == ("/sign-in/step-up", False)
    options = page.asked
    assert options["userVerification"] == "required"
    frozen_clock.forward(seconds=1)
    page = browser.submit(page, credential=json.dumps(key[0].sign(options)))
    claims = crm.claims(crm.exchange(parameters_of(led_to(page))["code"]).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == (PHISHING_RESISTANT, ["pwd", "otp", "hwk", "user", "mfa"])


def test_one_that_verifies_nobody_is_not_enough(
    ada: Ada, http: httpx.Client, crm: RelyingParty, key: tuple[SoftKey, str], asked: dict[str, str],
    frozen_clock: FrozenClock,
) -> None:  # fmt: skip
    """Stops: a touch of a stolen security key that counts as its owner's finger."""
    frozen_clock.forward(seconds=30)
    token = Api(http).sign_in(ada[0].email, PASSWORD, ada[1].phone.code(frozen_clock.at))["session_token"]
    browser = browser_of(http, token)
    page = browser.get(crm.address(**asked))
    key[0].verifies = False
    page = browser.submit(page, credential=json.dumps(key[0].sign(page.asked)))
    assert (page.status, page.path) == (401, "/sign-in/step-up")
    assert "did not check that it was you" in page.text


def test_who_signed_in_by_their_passkey_is_let_through(
    crm: RelyingParty, key: tuple[SoftKey, str], asked: dict[str, str]
) -> None:
    assert "code" in answer_of(crm.authorize(key[1], **asked))


def test_who_has_none_is_refused_and_not_led_in_a_circle(
    crm: RelyingParty, session: str, asked: dict[str, str]
) -> None:
    page = turned_away(crm.authorize(session, **asked))
    assert "asks for a passkey that checks your fingerprint, face or PIN, and you have none." in page.text
    assert page.link("Add a passkey in your profile") == "/profile"
    assert answer_of(crm.authorize(session, **asked, prompt="none"))["error"] == UNMET


def test_nothing_is_asked_of_somebody_who_is_not_to_be_asked(
    ada: Ada, http: httpx.Client, crm: RelyingParty, key: tuple[SoftKey, str], asked: dict[str, str],
    frozen_clock: FrozenClock,
) -> None:  # fmt: skip
    del key
    frozen_clock.forward(seconds=30)
    token = Api(http).sign_in(ada[0].email, PASSWORD, ada[1].phone.code(frozen_clock.at))["session_token"]
    assert answer_of(crm.authorize(str(token), **asked, prompt="none"))["error"] == "interaction_required"
