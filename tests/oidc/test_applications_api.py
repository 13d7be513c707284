from typing import Any
from uuid import UUID

import pytest
from joserfc.jwk import ECKey, KeySet

from tests.harness.api import Api
from tests.harness.people import People
from twofold.kit.context import AppContext
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient, authenticate

CRM: dict[str, Any] = {"name": "CRM", "redirect_uris": ["https://crm.example/callback"]}


@pytest.fixture
def operator(people: People, api: Api) -> Api:
    api.token = people.operator_key()
    return api


def test_an_application_is_registered_and_its_secret_shown_once(context: AppContext, operator: Api) -> None:
    made = operator.post("/applications", **CRM, second_factor_age=15, acr="urn:twofold:2fa")
    assert made.status == 201
    assert isinstance(authenticate(context.db, made["client_id"], made["client_secret"]), Application)
    shown = operator.get(f"/applications/{made['client_id']}")
    assert "client_secret" not in shown.body
    assert {**shown.body, "client_secret": made["client_secret"]} == made.body
    assert (shown["second_factor_age"], shown["pkce"], shown["algorithm"]) == (15, True, "RS256")
    assert shown["secrets"] == [shown["created_at"]]
    assert operator.get("/applications")["applications"] == [shown.body]


def test_what_is_sent_is_changed_and_null_takes_away(people: People, operator: Api) -> None:
    made = operator.post("/applications", **CRM, home_url="https://crm.example/", second_factor_age=15)
    account = str(people.user().account_id)
    change: dict[str, Any] = {"home_url": None, "second_factor_age": None, "algorithm": "ES256", "accounts": [account]}
    changed = operator.patch(f"/applications/{made['client_id']}", **change)
    assert changed.status == 200
    assert {name: changed[name] for name in change} == change
    assert changed["redirect_uris"] == CRM["redirect_uris"]
    assert operator.get(f"/applications/{made['client_id']}").body == changed.body


def test_an_application_with_keys_has_no_secret(operator: Api) -> None:
    keys = KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)
    made = operator.post("/applications", **CRM, jwks=keys, assertion_algorithm="ES256")
    assert (made.status, made["client_secret"], made["jwks"], made["secrets"]) == (201, None, keys, [])
    assert operator.post(f"/applications/{made['client_id']}/secrets").refusal == (400, "invalid_request")


WRONG: list[tuple[str, Any]] = [
    ("redirect_uris", []), ("redirect_uris", ["http://crm.example/"]), ("home_url", "javascript:alert(1)"),
    ("acr", "2fa"), ("algorithm", "none"), ("name", " "), ("accounts", [str(UUID(int=7))]), ("second_factor_age", 0),
    ("second_factor_age", 43_201), ("jwks", {}), ("jwks_uri", "http://crm.example/"), ("assertion_algorithm", "none"),
]  # fmt: skip


def test_a_refusal_names_its_field(operator: Api) -> None:
    made = operator.post("/applications", **CRM)
    for field, value in WRONG:
        for refused in (
            operator.post("/applications", **{**CRM, field: value}),
            operator.patch(f"/applications/{made['client_id']}", **{field: value}),
        ):
            assert (refused.refusal, refused["fields"]) == ((400, "invalid_request"), [field]), value


def test_whether_it_is_public_is_decided_once(operator: Api) -> None:
    made = operator.post("/applications", **CRM, public=True)
    assert (made["client_secret"], made["secrets"]) == (None, [])
    assert operator.patch(f"/applications/{made['client_id']}", public=False).refusal == (400, "invalid_request")
    refused = operator.post(f"/applications/{made['client_id']}/secrets")
    assert (refused.refusal, refused["fields"]) == ((400, "invalid_request"), ["public"])


def test_a_new_secret_leaves_the_one_before_it_valid(context: AppContext, operator: Api) -> None:
    made = operator.post("/applications", **CRM)
    new = operator.post(f"/applications/{made['client_id']}/secrets")
    assert new.status == 201
    for secret in (made["client_secret"], new["client_secret"]):
        assert isinstance(authenticate(context.db, made["client_id"], secret), Application)
    assert len(operator.get(f"/applications/{made['client_id']}")["secrets"]) == 2


def test_a_deleted_application_is_gone(context: AppContext, operator: Api) -> None:
    made = operator.post("/applications", **CRM)
    path = f"/applications/{made['client_id']}"
    assert operator.delete(path).status == 204
    assert authenticate(context.db, made["client_id"], made["client_secret"]) == BadClient()
    for method, body in (("DELETE", None), ("GET", None), ("PATCH", {"name": "X"})):
        assert operator.call(method, path, body).refusal == (404, "not_found")
    assert operator.post(f"{path}/secrets").refusal == (404, "not_found")


def test_the_operator_key_stands_in_the_log(people: People, operator: Api) -> None:
    operator.post("/applications", **CRM)
    assert [(event.kind, event.actor_kind) for event in people.events()][-1] == ("application_created", "operator")
