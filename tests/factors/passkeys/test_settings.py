"""What an operator chooses about passkeys, as people and browsers meet it."""

from dataclasses import replace

import click
import msgspec
import pytest

from tests.factors.passkeys.conftest import Holder, begin, prove
from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import client_of
from tests.harness.pages import WebClient
from tests.harness.passkeys import ORIGIN
from tests.harness.people import PASSWORD, People
from twofold.commands import checks
from twofold.commands.checked import Health
from twofold.kit.context import AppContext
from twofold.settings import Settings


def chosen(context: AppContext, **settings: object) -> AppContext:
    """Serve the same application with other settings."""
    return replace(context, settings=msgspec.structs.replace(context.settings, **settings))


def test_off_leaves_them_as_a_second_factor(holder: Holder, context: AppContext) -> None:
    with client_of(chosen(context, passkey_sign_in=False)) as http:
        api = Api(http)
        assert api.post("/sign-ins/passkey/options").refusal == (404, "not_found")
        assert prove(api, begin(api, holder.user), holder.key).status == 200
        assert "Use a passkey" not in WebClient(http).get("/sign-in").text


def test_at_an_ip_address_there_are_none_and_pages_do_not_offer_them(people: People, context: AppContext) -> None:
    user = people.user()
    with client_of(chosen(context, passkey_domain=None)) as http:
        api, browser = Api(http), WebClient(http)
        api.sign_in(user.email, PASSWORD)
        assert api.post("/two-factor/passkeys/options", password=PASSWORD).refusal == (404, "not_found")
        assert api.post("/sign-ins/passkey/options").refusal == (404, "not_found")
        profile = browser.sign_in(user.email, PASSWORD)
        assert "Configure" in profile.text
        assert "Add a passkey" not in profile.text
        assert browser.get("/profile/two-factor/passkeys/add").heading == "Not available"


def test_other_origins_are_told_to_browsers_and_taken(holder: Holder, context: AppContext) -> None:
    other = "https://app.acme.example"
    with client_of(chosen(context, passkey_origins=(other,))) as http:
        assert http.get("/.well-known/webauthn").json() == {"origins": [ORIGIN, other]}
        api = Api(http)
        assert prove(api, api.post("/sign-ins/passkey/options"), holder.key, origin=other).status == 200
        refused = prove(api, api.post("/sign-ins/passkey/options"), holder.key, origin="https://evil.example")
        assert refused["why"] == "origin"


@pytest.mark.usefixtures("holder")
def test_the_doctor_counts_whom_another_domain_hits(context: AppContext) -> None:
    def findings(settings: Settings) -> list[str]:
        with click.Context(click.Command("doctor")):
            found = list(checks.all_checks(settings, {}, NOON))
        return [one.says for one in found if one.check == "passkeys" and one.health is Health.FINDING]

    assert findings(context.settings) == []
    [says] = findings(chosen(context, passkey_domain="login.acme.example").settings)
    assert says.startswith("1 passkeys are bound to another domain than login.acme.example")
