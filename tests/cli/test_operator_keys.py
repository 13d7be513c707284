from uuid import uuid4

import httpx

from tests.cli.program import Program
from tests.harness.api import Api
from tests.harness.contexts import client_of, context_on
from twofold.kit.http.requests import is_token


def test_a_key_is_shown_once_and_opens_the_api(twofold: Program, database_url: str) -> None:
    made = twofold.done("operator-keys", "create", "--name", "Shop", "--json").json
    assert list(made) == ["id", "key"]
    with context_on(database_url) as context, client_of(context) as http:
        assert Api(http, token=made["key"]).get("/accounts").status == 200
    (listed,) = twofold.done("operator-keys", "list", "--json").json
    assert (listed["id"], listed["name"], listed["revoked_at"]) == (made["id"], "Shop", None)
    assert listed["last_used_at"] is not None
    assert made["key"] not in twofold.done("operator-keys", "list").out


def test_who_asks_for_no_json_gets_the_key_alone_and_is_told_to_keep_it(twofold: Program) -> None:
    """So that `twofold operator-keys create --name Shop > key` makes a file that a program can read."""
    ran = twofold.done("operator-keys", "create", "--name", "Shop")
    assert is_token(ran.out.removesuffix("\n"))
    (listed,) = twofold.done("operator-keys", "list", "--json").json
    assert f"Its id is {listed['id']}. Keep the key now: it is not shown again." in ran.err


def test_a_revoked_key_opens_nothing(twofold: Program, database_url: str) -> None:
    made = twofold.done("operator-keys", "create", "--name", "Shop", "--json").json
    twofold.done("operator-keys", "revoke", made["id"])
    with context_on(database_url) as context, client_of(context) as http:
        refused: httpx.Client = http
        assert Api(refused, token=made["key"]).get("/accounts").refusal == (401, "not_signed_in")
    assert "no operator key in force" in twofold.refused("operator-keys", "revoke", made["id"])
    assert "no operator key" in twofold.refused("operator-keys", "revoke", str(uuid4()))


def test_a_key_has_a_name(twofold: Program) -> None:
    assert "Give a name" in twofold.refused("operator-keys", "create", "--name", " ")
