"""Passkeys beside the other factors: set up, shown, used in every place that takes a code, removed, reset."""

import json
from datetime import timedelta

from tests.factors.passkeys.conftest import Holder, begin, complete, open_registration, prove, register
from tests.harness.api import Api
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.passkeys import SoftKey
from tests.harness.people import PASSWORD, Ada, People
from twofold.factors import flow as factors
from twofold.factors.passkeys.tables import passkey_users, passkeys, spent_challenges
from twofold.recovery import server_reset_flow
from twofold.sessions import methods

ICLOUD = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")


def test_the_first_factor_of_this_kind_brings_the_backup_code_and_is_mailed(api: Api, people: People) -> None:
    user = people.user()
    api.sign_in(user.email, PASSWORD)
    added = register(api, SoftKey(model=ICLOUD, synced=True, transports=("internal", "hybrid")))
    assert len(added["backup_code"].replace("-", "")) == 24
    assert added["passkey"]["name"] == "iCloud Keychain"
    shown = api.get("/two-factor")
    assert (shown["enabled"], shown["authenticators"]) == (True, [])
    assert [(one["kind"], one["name"]) for one in shown["factors"]] == [("passkey", "iCloud Keychain")]
    assert people.look_up(user).passkey_since == NOON
    [event] = people.events("two_factor_set_up")
    assert json.loads(event.details)["authenticator"] == "iCloud Keychain"
    assert len(people.letters("two_factor_set_up")) == 1


def test_it_is_the_second_factor_behind_a_password(api: Api, holder: Holder) -> None:
    api.keep(prove(api, begin(api, holder.user), holder.key))
    session = api.get("/session")
    assert (session["methods"], session["acr"]) == (["pwd", "passkey"], methods.PHISHING_RESISTANT)
    assert session["second_factor_at"] == session["authenticated_at"]


def test_without_verification_it_is_a_second_factor_and_no_more(api: Api, holder: Holder) -> None:
    holder.key.verifies = False
    api.keep(prove(api, begin(api, holder.user), holder.key))
    assert api.get("/session")["acr"] == methods.TWO_FACTORS


def test_one_that_verifies_its_user_signs_in_alone(api: Api, holder: Holder) -> None:
    asked = api.post("/sign-ins/passkey/options")
    assert (asked["options"]["allowCredentials"], asked["options"]["userVerification"]) == ([], "required")
    api.keep(prove(api, asked, holder.key))
    session = api.get("/session")
    assert (session["methods"], session["acr"]) == (["passkey"], methods.PHISHING_RESISTANT)
    assert session["user"]["email"] == holder.user.email


def test_what_an_application_is_told_of_it_is_as_rfc_8176_names_it() -> None:
    alone = (methods.Method("passkey", NOON, True, ("swk", "user")),)
    assert methods.amr(alone) == ["swk", "user", "mfa"]
    assert methods.authenticated_at(alone) == NOON
    touched = (methods.Method("pwd", NOON), methods.Method("passkey", NOON + timedelta(hours=1), True, ("hwk",)))
    assert (methods.amr(touched), methods.acr(touched)) == (["pwd", "hwk", "mfa"], methods.TWO_FACTORS)
    assert methods.authenticated_at(touched) == NOON


def test_whoever_has_an_app_proves_it_before_adding_one(api: Api, ada: Ada, frozen_clock: FrozenClock) -> None:
    """Stops: a thief with a password and an old session who adds a passkey of their own."""
    user, factor = ada
    api.sign_in(user.email, PASSWORD, factor.phone.code(NOON))
    frozen_clock.forward(minutes=20)
    refused = api.post("/two-factor/passkeys/options", password=PASSWORD)
    assert refused.status == 400
    opened = open_registration(api, code=factor.phone.code(frozen_clock()))
    added = complete(api, opened)
    assert added["backup_code"] is None, "the one that there is stays"


def test_a_passkey_proves_what_a_code_proves(api: Api, holder: Holder, frozen_clock: FrozenClock) -> None:
    api.keep(prove(api, api.post("/sign-ins/passkey/options"), holder.key))
    frozen_clock.forward(minutes=20)
    asked = api.post("/session/passkey/options")
    stepped = api.post("/session/step-up", credential=holder.key.sign(asked["options"]))
    assert (stepped.status, stepped["acr"]) == (200, methods.PHISHING_RESISTANT)
    api.keep(stepped)
    asked = api.post("/session/passkey/options")
    regenerated = api.post("/two-factor/backup-code", password=PASSWORD, credential=holder.key.sign(asked["options"]))
    assert regenerated["backup_code"] != holder.backup_code
    api.keep(regenerated)
    asked = api.post("/session/passkey/options")
    removed = api.post("/two-factor/removal", password=PASSWORD, credential=holder.key.sign(asked["options"]))
    assert removed.status == 200, removed
    api.keep(removed)
    assert api.get("/two-factor")["enabled"] is False


def test_one_of_two_is_removed_and_lets_nobody_in(api: Api, holder: Holder, people: People) -> None:
    api.keep(prove(api, api.post("/sign-ins/passkey/options"), holder.key))
    spare = SoftKey()
    register(api, spare, "In the safe")
    listed = api.get("/two-factor/passkeys")["passkeys"]
    assert [one["name"] for one in listed][1] == "In the safe"
    renamed = api.patch(f"/two-factor/passkeys/{listed[1]['id']}", name="In the drawer")
    assert renamed["name"] == "In the drawer"
    asked = api.post("/session/passkey/options")
    credential = spare.sign(asked["options"])
    removed = api.delete(f"/two-factor/passkeys/{listed[0]['id']}", password=PASSWORD, credential=credential)
    assert removed.status == 200, removed
    gone = prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert (gone.refusal, gone["why"]) == ((401, "invalid_credential"), "unknown")
    assert len(people.letters("passkey_removed")) == 1
    api.keep(removed)
    asked = api.post("/session/passkey/options")
    last = api.delete(
        f"/two-factor/passkeys/{listed[1]['id']}", password=PASSWORD, credential=spare.sign(asked["options"])
    )
    assert last.refusal == (409, "last_authenticator")


def test_the_lock_of_wrong_codes_leaves_a_verified_passkey(api: Api, holder: Holder, people: People) -> None:
    """Stops: a stranger with the password who locks the owner of a passkey out by typing codes."""
    people.set_counts(holder.user, wrong=5)
    assert api.post("/sign-ins", email=holder.user.email, password=PASSWORD).refusal == (423, "locked")
    api.keep(prove(api, api.post("/sign-ins/passkey/options"), holder.key))
    asked = api.post("/session/passkey/options")
    refused = api.post("/two-factor/backup-code", password=PASSWORD, credential=holder.key.sign(asked["options"]))
    assert refused.refusal == (423, "locked"), "no factor changes while it lasts"


def test_the_final_lock_holds_for_passkeys_as_well(api: Api, holder: Holder, people: People) -> None:
    people.set_counts(holder.user, wrong=5, wrong_in_row=100)
    refused = prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert (refused.refusal, refused["final"]) == ((423, "locked"), True)
    false = prove(api, api.post("/sign-ins/passkey/options"), holder.key, signature=b"")
    assert false.refusal == (401, "invalid_credential"), "a stranger does not learn of it"


def test_whoever_may_not_sign_in_is_not_let_in_by_a_passkey(api: Api, holder: Holder, people: People) -> None:
    people.set_user(holder.user, frozen_at=NOON)
    assert prove(api, api.post("/sign-ins/passkey/options"), holder.key).refusal == (403, "frozen")
    false = prove(api, api.post("/sign-ins/passkey/options"), holder.key, signature=b"")
    assert false.refusal == (401, "invalid_credential")
    people.set_user(holder.user, frozen_at=None, active=False)
    gone = prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert (gone.refusal, gone["why"]) == ((401, "invalid_credential"), "unknown")
    people.set_user(holder.user, active=True)
    people.set_account(holder.user.account_id, sso=True, sso_url="https://sso.acme.example")
    gone = prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert (gone.refusal, gone["why"]) == ((401, "invalid_credential"), "unknown")


def test_a_browser_is_told_to_forget_a_passkey_only_where_nobody_has_it(
    holder: Holder, people: People, web_client: WebClient
) -> None:
    """Stops: a password manager that deletes the passkey of somebody who is deactivated for a week."""
    people.set_user(holder.user, active=False)

    def sent(key: SoftKey) -> Page:
        credential = json.dumps(key.sign(web_client.get("/sign-in").asked))
        return web_client.post("/sign-in/passkey", alone="yes", credential=credential)

    theirs, nobodys = sent(holder.key), sent(SoftKey())
    assert (theirs.status, theirs.alert) == (nobodys.status, nobodys.alert)
    assert "data-unknown-passkey" not in theirs.html
    assert "data-unknown-passkey" in nobodys.html


def test_a_reset_takes_every_passkey_and_leaves_how_devices_know_somebody(holder: Holder, people: People) -> None:
    done = server_reset_flow.reset_on_server(people.context, holder.user, "Lost the key.", NOON)
    assert isinstance(done, server_reset_flow.ResetOnServer), done
    user = people.look_up(holder.user)
    assert (user.has_second_factor, user.has_passkey) == (False, False)
    assert (people.count(passkeys), people.count(passkey_users)) == (0, 1)


def test_spent_challenges_are_forgotten_once_they_are_over(api: Api, holder: Holder, people: People) -> None:
    prove(api, api.post("/sign-ins/passkey/options"), holder.key)
    assert people.count(spent_challenges) == 1
    with people.context.db.write() as connection:
        factors.forget_over(connection, NOON + timedelta(minutes=9))
    assert people.count(spent_challenges) == 1
    with people.context.db.write() as connection:
        factors.forget_over(connection, NOON + timedelta(minutes=10))
    assert people.count(spent_challenges) == 0


def test_who_asks_for_a_passkey_stores_nothing(api: Api, holder: Holder, people: People) -> None:
    """Stops: a flood of looks at the sign-in page that fills the database."""
    del holder
    for _ in range(3):
        assert api.post("/sign-ins/passkey/options").status == 200
    assert people.count(spent_challenges) == 0
