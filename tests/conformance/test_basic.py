"""Modules of oidcc-basic-certification-test-plan that no other test holds, by their ids."""

import pytest

from tests.oidc.relying_party import RelyingParty, answer_of

MODULES: dict[str, dict[str, str | None]] = {
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow": {"nonce": None},
    "oidcc-scope-address": {"scope": "openid address"},
    "oidcc-scope-phone": {"scope": "openid phone"},
    "oidcc-scope-all": {"scope": "openid profile email address phone"},
    "oidcc-ensure-other-scope-order-succeeds": {"scope": "email openid"},
    "oidcc-display-page": {"display": "page"},
    "oidcc-display-popup": {"display": "popup"},
    "oidcc-ensure-request-with-unknown-parameter-succeeds": {"extra": "foobar"},
    "oidcc-ui-locales": {"ui_locales": "se"},
    "oidcc-claims-locales": {"claims_locales": "se"},
    "oidcc-ensure-request-with-acr-values-succeeds": {"acr_values": "1 2"},
}


@pytest.mark.parametrize("module", MODULES)
def test_a_request_of_the_plan_gets_a_code(crm: RelyingParty, session: str, module: str) -> None:
    said = MODULES[module]
    body = crm.exchange(answer_of(crm.authorize(session, **said))["code"]).json()
    claims = crm.claims(body["id_token"])
    assert ("nonce" in claims) is (module != "oidcc-ensure-request-without-nonce-succeeds-for-code-flow")
    told = crm.userinfo(body["access_token"]).json()
    assert told["sub"] == claims["sub"]
    assert ("email" in told) is ("email" in (said.get("scope") or ""))
    assert not {"address", "phone_number"} & told.keys()


@pytest.mark.parametrize(
    "said", [{"prompt": "none"}, {"max_age": "10000"}], ids=["oidcc-prompt-none-logged-in", "oidcc-max-age-10000"]
)
def test_two_requests_of_one_session_tell_the_same_sign_in(
    crm: RelyingParty, session: str, said: dict[str, str | None]
) -> None:
    first, second = (crm.claims(crm.exchange(crm.code(session, **asked)).json()["id_token"]) for asked in ({}, said))
    assert [first[name] for name in ("sub", "auth_time", "sid")] == [
        second[name] for name in ("sub", "auth_time", "sid")
    ]
