"""Refresh tokens: replaced each time, never twice; and no token outlives its session."""

from typing import Any

import httpx
import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, Ada, People
from tests.oidc.relying_party import RelyingParty, refused
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.oidc import grant_flow, registration_flow, token_flow
from twofold.oidc.grant_tables import access_tokens, authorization_codes, grants, refresh_tokens
from twofold.oidc.token_flow import Tokens
from twofold.operations import jobs
from twofold.sessions import flow as sessions

MOMENT = Origin(NOON, CLIENT_INFO)


# --- refresh tokens


def test_a_refresh_token_gives_the_next_one(crm: RelyingParty, session: str) -> None:
    first = crm.tokens(session)
    answer = crm.refresh(first["refresh_token"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["refresh_token"] != first["refresh_token"]
    assert crm.userinfo(body["access_token"]).status_code == 200
    claims = crm.claims(body["id_token"])
    assert "nonce" not in claims
    assert claims["auth_time"] == crm.claims(first["id_token"])["auth_time"], "Core section 12.2"


def test_two_tabs_that_refresh_get_the_same_next_one(
    crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    """Stops: people who lose their session because two tabs refresh (league/oauth2-server #1506)."""
    token = crm.tokens(session)["refresh_token"]
    one = crm.refresh(token).json()
    frozen_clock.forward(seconds=10)
    other = crm.refresh(token).json()
    assert other["refresh_token"] == one["refresh_token"]
    assert crm.refresh(one["refresh_token"]).status_code == 200


def test_a_refresh_token_that_was_replaced_ends_its_family(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    """RFC 9700 section 4.14.2. Stops: a stolen refresh token, whoever uses it first."""
    token = crm.tokens(session)["refresh_token"]
    body = crm.refresh(token).json()
    frozen_clock.forward(seconds=11)
    assert refused(crm.refresh(token)) == (400, "invalid_grant")
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert crm.userinfo(body["access_token"]).status_code == 401
    [event] = people.events("application_grant_ended")
    assert "refresh_token_reused" in event.details


def test_twenty_refreshes_at_once_replace_a_token_once(people: People, crm: RelyingParty, session: str) -> None:
    """Stops: CVE-2026-1035, where the detection of reuse raced."""
    token = crm.tokens(session)["refresh_token"]
    application = crm.registered.application

    def use() -> object:
        return token_flow.refresh(people.context, application, token, None, origin=MOMENT)

    outcomes = [outcome for outcome in at_once(*[use] * 20) if isinstance(outcome, Tokens)]
    assert len(outcomes) == 20
    assert len({outcome.issued.refresh_token for outcome in outcomes}) == 1
    assert people.count(refresh_tokens) == 2
    assert people.count(grants, grants.c.revoked_at.is_(None)) == 1


def test_another_application_cannot_refresh(
    crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    token = crm.tokens(session)["refresh_token"]
    assert refused(RelyingParty.of(context, http, name="Other").refresh(token)) == (400, "invalid_grant")
    assert crm.refresh(token).status_code == 200


def test_less_may_be_asked_for_and_never_more(crm: RelyingParty, session: str) -> None:
    """RFC 6749 section 6."""
    token = crm.tokens(session, scope="openid email offline_access")["refresh_token"]
    assert refused(crm.refresh(token, scope="openid profile")) == (400, "invalid_scope")
    less = crm.refresh(token, scope="openid").json()
    assert less["scope"] == "openid"
    assert crm.userinfo(less["access_token"]).json().keys() == {"sub"}
    none = crm.refresh(less["refresh_token"], scope="email").json()
    assert crm.userinfo(none["access_token"]).status_code == 403
    again = crm.refresh(none["refresh_token"]).json()
    assert again["scope"] == "openid email offline_access"


def test_who_works_in_an_application_is_not_idle(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    token = crm.tokens(session)["refresh_token"]
    for _ in range(3):
        frozen_clock.forward(minutes=45)
        answer = crm.refresh(token)
        assert answer.status_code == 200, answer.text
        token = answer.json()["refresh_token"]
    assert people.find_session(session, at=frozen_clock.at) is not None
    frozen_clock.forward(minutes=60)
    assert refused(crm.refresh(token)) == (400, "invalid_grant"), "idle for an hour"


def test_a_token_never_outlives_its_session(
    people: People, crm: RelyingParty, session: str, frozen_clock: FrozenClock
) -> None:
    token = crm.tokens(session)["refresh_token"]
    while frozen_clock.at < later(hours=23, minutes=20):
        frozen_clock.forward(minutes=40)
        token = crm.refresh(token).json()["refresh_token"]
    frozen_clock.forward(minutes=29)
    body = crm.refresh(token).json()
    assert body["expires_in"] == 600, "the session ends in ten minutes"
    frozen_clock.forward(minutes=10)
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    with people.context.db.write() as connection:
        grant_flow.forget_over(connection, later(at=frozen_clock.at, days=1))
    for table in (authorization_codes, grants, access_tokens, refresh_tokens):
        assert people.count(table) == 0, table.name


# --- everything ends together


def sign_out(people: People, _ada: Ada, token: str) -> None:
    sessions.sign_out(people.context.db, people.session(token), origin=MOMENT)


def frozen(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], frozen_at=NOON)


def deactivated(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], active=False)


def outdated(people: People, ada: Ada, _token: str) -> None:
    people.set_user(ada[0], security_version=99)


def deleted(people: People, _ada: Ada, _token: str) -> None:
    with people.context.db.read() as connection:
        [application] = {row.application_id for row in connection.execute(grants.select())}
    assert registration_flow.delete(people.context.db, application, origin=MOMENT.by(acting.CONSOLE))


@pytest.mark.parametrize("end", [sign_out, frozen, deactivated, outdated, deleted])
def test_what_ends_the_session_ends_every_token(
    ada: Ada, people: People, crm: RelyingParty, session: str, end: Any
) -> None:
    body = crm.tokens(session)
    assert crm.userinfo(body["access_token"]).status_code == 200
    end(people, ada, session)
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert crm.refresh(body["refresh_token"]).status_code in (400, 401)


def test_who_must_set_a_second_factor_up_first_has_no_token_until_then(people: People, crm: RelyingParty) -> None:
    """Stops: an application in which a policy that stops somebody everywhere else does not."""
    user = people.user("grace@acme.example")
    alone = people.token(user)
    body, code = crm.tokens(alone, scope="openid offline_access"), crm.code(alone)
    people.set_account(user.account_id, policy="required")
    assert crm.userinfo(body["access_token"]).status_code == 401
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert refused(crm.exchange(code)) == (400, "invalid_grant")
    assert crm.call("/oidc/introspect", {"token": body["access_token"]}).json() == {"active": False}
    assert crm.call("/oidc/introspect", {"token": body["refresh_token"]}).json() == {"active": False}
    people.set_account(user.account_id, policy="optional")
    assert crm.userinfo(body["access_token"]).status_code == 200
    assert crm.refresh(body["refresh_token"]).status_code == 200


def test_what_is_taken_back_while_somebody_must_set_a_factor_up_stays_dead(people: People, crm: RelyingParty) -> None:
    """Stops: a token that an application has revoked, and that lives again once the policy is changed back."""
    user = people.user("grace@acme.example")
    body = crm.tokens(people.token(user), scope="openid offline_access")
    people.set_account(user.account_id, policy="required")
    assert crm.call("/oidc/revoke", {"token": body["refresh_token"]}).status_code == 200
    people.set_account(user.account_id, policy="optional")
    assert refused(crm.refresh(body["refresh_token"])) == (400, "invalid_grant")
    assert crm.userinfo(body["access_token"]).status_code == 401


def test_the_clean_up_deletes_what_is_over() -> None:
    assert grant_flow.forget_over in jobs.FORGET
