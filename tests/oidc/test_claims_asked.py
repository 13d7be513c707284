"""The `claims` parameter, by the sections of OpenID Connect Core."""

import json
from typing import Any

import pytest

from tests.harness.people import Ada, People
from tests.oidc.relying_party import UNMET, RelyingParty, answer_of, turned_away
from twofold.sessions.methods import ONE_FACTOR, PHISHING_RESISTANT, TWO_FACTORS


def asking(**id_token: Any) -> dict[str, str | None]:
    return {"claims": json.dumps({"id_token": id_token}), "prompt": "none"}


@pytest.mark.parametrize(
    "acr",
    [
        None, {}, {"essential": True}, {"value": TWO_FACTORS}, {"essential": True, "value": TWO_FACTORS},
        {"essential": True, "values": [PHISHING_RESISTANT, TWO_FACTORS]}, {"values": ["urn:unheard:of"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_a_session_has_may_be_asked_for(crm: RelyingParty, session: str, acr: Any) -> None:
    """Sections 5.5.1 and 5.5.1.1."""
    assert "code" in answer_of(crm.authorize(session, **asking(acr=acr)))


@pytest.mark.parametrize(
    "acr",
    [
        {"essential": True, "value": PHISHING_RESISTANT}, {"value": PHISHING_RESISTANT},
        {"essential": True, "values": ["urn:unheard:of"]},
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_reached_is_refused(crm: RelyingParty, session: str, acr: Any) -> None:
    """Section 5.5.1.1: an essential value that is not met is a failed authentication."""
    assert answer_of(crm.authorize(session, **asking(acr=acr)))["error"] == UNMET
    page = turned_away(crm.authorize(session, **{**asking(acr=acr), "prompt": None}))
    unknown = "urn:unheard:of" in acr.get("values", ())
    assert ("asks for a kind of sign-in that does not exist here" in page.text) is unknown


def test_an_essential_assurance_is_asked_for_first(people: People, crm: RelyingParty) -> None:
    """Section 5.5.1.1."""
    alone = people.token(people.user("grace@acme.example"))
    for acr in ({"essential": True, "values": [TWO_FACTORS]}, {"values": [TWO_FACTORS]}):
        assert answer_of(crm.authorize(alone, **asking(acr=acr)))["error"] == "interaction_required"
    both = {"essential": True, "values": [ONE_FACTOR, TWO_FACTORS]}
    assert answer_of(crm.authorize(alone, **asking(acr=both)))["error"] == "interaction_required", "the best"
    assert "code" in answer_of(crm.authorize(alone, **asking(acr={"essential": True, "values": [ONE_FACTOR]})))


def test_the_time_of_a_sign_in_is_told_to_whoever_asks_and_anybody_else(crm: RelyingParty, session: str) -> None:
    """Section 2: auth_time, REQUIRED when it is requested as an Essential Claim."""
    for said in (asking(auth_time={"essential": True}), {}):
        claims = crm.claims(crm.exchange(crm.code(session, **said)).json()["id_token"])
        assert {"auth_time", "acr"} <= claims.keys()


def test_whom_claims_name_has_to_be_signed_in(ada: Ada, people: People, crm: RelyingParty, session: str) -> None:
    """Section 3.1.2.2. Stops: tokens of somebody else than was asked for."""
    hers = asking(sub={"value": str(ada[0].id)})
    assert "code" in answer_of(crm.authorize(session, **hers))
    grace = people.token(people.user("grace@acme.example"))
    assert answer_of(crm.authorize(grace, **hers))["error"] == "login_required"
    hint = crm.tokens(grace)["id_token"]
    assert answer_of(crm.authorize(session, **hers, id_token_hint=hint))["error"] == "invalid_request"


@pytest.mark.parametrize(
    "text",
    [
        "no", "[]", "1", "null", '{"id_token": 1}', '{"userinfo": []}', '{"id_token": {"acr": 1}}',
        '{"id_token": {"acr": {"essential": "yes"}}}', '{"id_token": {"acr": {"values": "x"}}}',
        '{"id_token": {"acr": {"value": "x", "values": []}}}', "[" * 2000,
    ],
)  # fmt: skip
def test_claims_that_are_none_are_refused(crm: RelyingParty, session: str, text: str) -> None:
    """Section 5.5: a JSON object of members that are null or objects."""
    assert answer_of(crm.authorize(session, claims=text))["error"] == "invalid_request"


def test_other_claims_ask_for_nothing(crm: RelyingParty, session: str) -> None:
    """Section 5.5.1: no error where a claim is not returned, essential or not."""
    asked = {"userinfo": {"name": {"essential": True}, "x": {"value": 7}}, "id_token": {"email": None}, "other": 1}
    assert "code" in answer_of(crm.authorize(session, claims=json.dumps(asked), ui_locales="de fr-CA"))
