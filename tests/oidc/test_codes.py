"""Codes: exchanged once, by whoever they were made for, with all that they were made with."""

from typing import Any

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, Ada, People
from tests.oidc.applications import CALLBACK
from tests.oidc.relying_party import CHALLENGE, ISSUER, VERIFIER, RelyingParty, refused
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import registration_flow, token_flow
from twofold.oidc.application_flow import Caller, authenticate_with_code
from twofold.oidc.grant_tables import grants
from twofold.oidc.token_flow import Code, Tokens
from twofold.sessions import flow as sessions
from twofold.sessions.methods import TWO_FACTORS

MOMENT = Origin(NOON, CLIENT_INFO)


def test_a_code_is_exchanged_for_tokens(ada: Ada, people: People, crm: RelyingParty, session: str) -> None:
    answer = crm.exchange(crm.code(session, scope="openid email offline_access unheard_of"))
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope", "id_token", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 900, "openid email offline_access")
    claims = crm.claims(body["id_token"])
    found = people.session(session)
    assert claims.pop("at_hash")
    assert claims == {
        "iss": ISSUER, "sub": str(ada[0].id), "aud": crm.client_id, "azp": crm.client_id, "nonce": "n-1",
        "iat": int(NOON.timestamp()), "exp": int(later(minutes=10).timestamp()), "sid": str(found.id),
        "auth_time": int(later(minutes=-1).timestamp()), "acr": TWO_FACTORS, "amr": ["pwd", "otp", "mfa"],
    }  # fmt: skip
    [event] = people.events("application_signed_in")
    assert (event.account_id, event.actor_id, event.subject_id) == (ada[0].account_id, ada[0].id, ada[0].id)
    assert "CRM" in event.details


def test_without_offline_access_there_is_no_refresh_token(crm: RelyingParty, session: str) -> None:
    assert "refresh_token" not in crm.tokens(session, scope="openid")


def test_a_token_says_what_was_proved_and_no_more(people: People, crm: RelyingParty) -> None:
    alone = people.token(people.user("grace@acme.example"))
    claims = crm.claims(crm.tokens(alone)["id_token"])
    assert (claims["acr"], claims["amr"]) == ("urn:twofold:1fa", ["pwd"])


@pytest.mark.parametrize(
    "said",
    [
        {"code": "tf_code_" + "x" * 43}, {"redirect_uri": f"{CALLBACK}/"}, {"code_verifier": None},
        {"code_verifier": "x" * 43}, {"code_verifier": CHALLENGE},
    ],
    ids=str,
)  # fmt: skip
def test_a_code_with_anything_else_than_it_was_made_for_is_refused(
    crm: RelyingParty, session: str, said: dict[str, Any]
) -> None:
    """RFC 6749 section 5.2, RFC 7636 section 4.6: invalid_grant; and the code is still good for its own."""
    code = crm.code(session)
    given = {"code": code, **said}
    assert refused(crm.exchange(given.pop("code"), **given)) == (400, "invalid_grant")
    assert crm.exchange(code).status_code == 200


def test_a_verifier_for_a_code_without_a_challenge_is_refused(
    context: AppContext, http: httpx.Client, session: str
) -> None:
    """RFC 9700 section 4.8.2. Stops: a request whose challenge was taken out on the way."""
    crm = RelyingParty.of(context, http, pkce=False)
    code = crm.code(session, code_challenge=None, code_challenge_method=None)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.exchange(code, code_verifier=None).status_code == 200


def test_another_application_cannot_use_a_code(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    """Stops: CVE-2026-16089."""
    other, code = RelyingParty.of(context, http, name="Other"), crm.code(session)
    assert refused(other.exchange(code)) == (400, "invalid_grant")
    assert crm.exchange(code).status_code == 200
    assert refused(other.exchange(code)) == (400, "invalid_grant")
    assert crm.userinfo(crm.tokens(session)["access_token"]).status_code == 200


def test_a_code_lives_for_a_minute(crm: RelyingParty, session: str, frozen_clock: FrozenClock) -> None:
    code = crm.code(session)
    frozen_clock.forward(seconds=60)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")


def test_a_second_use_of_a_code_ends_what_the_first_gave(people: People, crm: RelyingParty, session: str) -> None:
    """RFC 6749 section 4.1.2. Stops: a stolen code that was used before or after its owner used it."""
    code = crm.code(session, scope="openid offline_access")
    body = crm.exchange(code).json()
    assert crm.userinfo(body["access_token"]).status_code == 200
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    [event] = people.events("application_grant_ended")
    assert "code_reused" in event.details


def test_a_code_that_is_used_twenty_times_at_once_is_used_once(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: fosite #778."""
    code = Code(crm.code(session), CALLBACK, VERIFIER)
    application = crm.registered.application

    def use() -> object:
        return token_flow.exchange(people.context, application, code, origin=MOMENT)

    outcomes = at_once(*[use] * 20)
    assert sum(isinstance(outcome, Tokens) for outcome in outcomes) == 1
    assert people.count(grants) == 1
    assert people.count(grants, grants.c.revoked_at.is_(None)) == 0


def test_a_code_of_a_session_that_has_ended_is_refused(people: People, crm: RelyingParty, session: str) -> None:
    code = crm.code(session)
    sessions.sign_out(people.context.db, people.session(session), origin=MOMENT)
    assert refused(crm.exchange(code)) == (400, "invalid_grant")


def test_a_code_for_an_account_that_was_taken_out_since_is_refused(
    people: People, crm: RelyingParty, context: AppContext, session: str
) -> None:
    code, body = crm.code(session), crm.tokens(session)
    other = frozenset({people.account("Other")})
    by_console = MOMENT.by(acting.CONSOLE)
    changed = registration_flow.change(
        context.db, crm.registered.application.id, {"accounts": other}, origin=by_console
    )
    assert changed is not None
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")


def test_a_session_that_ends_meanwhile_gives_nothing(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: a grant that is stored after its session has ended, so that its application is never told."""
    code, found = crm.code(session), people.session(session)
    sessions.sign_out(people.context.db, found, origin=MOMENT)
    given = Code(code, CALLBACK, VERIFIER)
    outcome = token_flow.exchange(people.context, crm.registered.application, given, origin=MOMENT, session=found)
    assert not isinstance(outcome, Tokens)
    assert people.count(grants) == 0


def test_a_code_brings_no_session_to_another_application(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    other = RelyingParty.of(context, http, name="Other").registered
    found = authenticate_with_code(context.db, str(other.application.id), other.secret, crm.code(session))
    assert found == Caller(other.application)
