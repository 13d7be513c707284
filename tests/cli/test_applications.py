import json
from pathlib import Path
from typing import Any
from uuid import uuid4

from joserfc.jwk import ECKey, KeySet

from tests.cli.program import Program
from tests.harness.contexts import context_on
from twofold.oidc.application import Application
from twofold.oidc.application_flow import BadClient, authenticate

CALLBACK = "https://crm.example/callback"


def create(twofold: Program, *options: str) -> dict[str, Any]:
    made = twofold.done("applications", "create", "--name", "CRM", "--redirect-uri", CALLBACK, *options, "--json").json
    assert list(made) == ["client_id", "client_secret"]
    return dict(made)


def test_an_application_is_registered_shown_and_listed(twofold: Program, database_url: str) -> None:
    account = twofold.account()
    made = create(
        twofold, "--redirect-uri", f"{CALLBACK}2", "--post-logout-redirect-uri", "https://crm.example/",
        "--backchannel-logout-uri", "https://crm.example/logout", "--home-url", "https://crm.example/",
        "--acr", "2fa", "--second-factor-age", "15", "--account", account, "--algorithm", "ES256", "--no-pkce",
    )  # fmt: skip
    with context_on(database_url) as context:
        assert isinstance(authenticate(context.db, made["client_id"], made["client_secret"]), Application)
    shown = twofold.done("applications", "show", made["client_id"], "--json").json
    assert shown | {"created_at": "", "secrets": []} == {
        "client_id": made["client_id"], "name": "CRM", "public": False, "redirect_uris": [CALLBACK, f"{CALLBACK}2"],
        "post_logout_redirect_uris": ["https://crm.example/"], "backchannel_logout_uri": "https://crm.example/logout",
        "home_url": "https://crm.example/", "algorithm": "ES256", "acr": "urn:twofold:2fa", "second_factor_age": 15,
        "pkce": False, "accounts": [account], "first_party": True, "created_at": "", "secrets": [],
        "jwks": None, "jwks_uri": None, "assertion_algorithm": "RS256", "jwt_access_tokens": False,
    }  # fmt: skip
    assert shown["secrets"] == [shown["created_at"]]
    assert twofold.done("applications", "list", "--json").json == [shown]
    for command in (["list"], ["show", made["client_id"]]):
        printed = twofold.done("applications", *command).out
        assert made["client_id"] in printed
        assert made["client_secret"] not in printed


def test_people_get_the_secret_as_json_too_and_are_told_to_keep_it(twofold: Program) -> None:
    ran = twofold.done("applications", "create", "--name", "CRM", "--redirect-uri", CALLBACK)
    assert ran.json["client_secret"].startswith("tf_app_")
    assert "not shown again" in ran.err


def test_an_application_with_keys_has_no_secret(twofold: Program, tmp_path: Path) -> None:
    keys = KeySet([ECKey.generate_key("P-256")]).as_dict(private=False)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(keys))
    made = create(twofold, "--jwks", str(file), "--assertion-algorithm", "ES256")
    assert made["client_secret"] is None
    assert json.loads(twofold.done("applications", "show", made["client_id"], "--json").json["jwks"]) == keys
    twofold.done(
        "applications", "set", made["client_id"], "--without", "jwks", "--jwks-uri", "https://crm.example/keys"
    )
    file.write_text("{}")
    assert "JWK Set" in twofold.refused(
        "applications", "set", made["client_id"], "--without", "jwks-uri", "--jwks", str(file)
    )


def test_a_public_application_has_no_secret(twofold: Program) -> None:
    made = create(twofold, "--public")
    assert made["client_secret"] is None
    assert "no secret" in twofold.refused("applications", "rotate-secret", made["client_id"])


def test_what_is_not_named_stays_and_what_is_taken_away_goes(twofold: Program) -> None:
    client_id = create(twofold, "--home-url", "https://crm.example/", "--second-factor-age", "5")["client_id"]
    before = twofold.done("applications", "show", client_id, "--json").json
    changed = twofold.done(
        "applications", "set", client_id, "--name", "CRM 2", "--without", "second-factor-age", "--json"
    ).json
    assert changed == before | {"name": "CRM 2", "second_factor_age": None}
    assert "Say what to change" in twofold.called_wrongly("applications", "set", client_id)
    assert "https://" in twofold.refused("applications", "set", client_id, "--redirect-uri", "http://crm.example/")


def test_rotating_twice_makes_every_secret_before_void(twofold: Program, database_url: str) -> None:
    made = create(twofold)
    once = twofold.done("applications", "rotate-secret", made["client_id"], "--json").json
    with context_on(database_url) as context:
        assert isinstance(authenticate(context.db, made["client_id"], made["client_secret"]), Application)
    twofold.done("applications", "rotate-secret", made["client_id"])
    with context_on(database_url) as context:
        assert authenticate(context.db, made["client_id"], made["client_secret"]) == BadClient()
        assert isinstance(authenticate(context.db, made["client_id"], once["client_secret"]), Application)


def test_a_deleted_application_is_gone(twofold: Program) -> None:
    client_id = create(twofold)["client_id"]
    twofold.done("applications", "delete", client_id)
    for command in ("delete", "show", "rotate-secret"):
        assert "no application" in twofold.refused("applications", command, client_id)
    assert "no application" in twofold.refused("applications", "set", client_id, "--name", "X")
    assert "no application yet" in twofold.done("applications", "list").out


def test_a_fault_is_a_sentence(twofold: Program) -> None:
    wrong = ("applications", "create", "--name", "CRM", "--redirect-uri")
    assert "http only for this machine" in twofold.refused(*wrong, "http://crm.example/")
    assert "no account with the id" in twofold.refused(*wrong, CALLBACK, "--account", str(uuid4()))
    assert "no account with the id" in twofold.refused(*wrong, CALLBACK, "--account", "x")
    assert "--acr" in twofold.called_wrongly(*wrong, CALLBACK, "--acr", "3fa")


def test_keys_are_listed_and_rotated(twofold: Program) -> None:
    first = twofold.done("oidc-keys", "list", "--json").json
    assert sorted((key["algorithm"], key["state"]) for key in first) == [("ES256", "active"), ("RS256", "active")]
    rotated = twofold.done("oidc-keys", "rotate", "--json").json
    states = {key["kid"]: key["state"] for key in twofold.done("oidc-keys", "list", "--json").json}
    assert states == dict.fromkeys(rotated["kids"], "next") | {key["kid"]: "active" for key in first}
    assert "published already" in twofold.refused("oidc-keys", "rotate")
    at_once = twofold.done("oidc-keys", "rotate", "--at-once", "--json").json
    left = twofold.done("oidc-keys", "list", "--json").json
    assert {key["kid"]: key["state"] for key in left} == dict.fromkeys(at_once["kids"], "active")
    assert '"d"' not in twofold.done("oidc-keys", "list", "--json").out
