from uuid import UUID, uuid4

import pytest

from tests.cli.program import Program

SSO = ("--sso", "--sso-domain", "globex.example", "--sso-url", "https://login.globex.example/")


def listed(twofold: Program) -> dict[str, dict[str, object]]:
    return {account["name"]: account for account in twofold.done("accounts", "list", "--json").json}


def test_what_is_made_is_printed_by_its_id(twofold: Program) -> None:
    made = twofold.done("accounts", "create", "--name", "Acme", "--edition", "standard", "--json").json
    assert list(made) == ["id"]
    assert UUID(made["id"]).version == 7
    assert listed(twofold)["Acme"]["edition"] == "standard"


def test_an_account_is_enterprise_without_limits_unless_told(twofold: Program) -> None:
    twofold.account()
    account = listed(twofold)["Acme"]
    assert (account["edition"], account["seats"], account["sso"], account["policy"]) == (
        "enterprise", None, False, "optional",
    )  # fmt: skip


def test_single_sign_on_comes_with_its_domains(twofold: Program) -> None:
    twofold.account("Globex", *SSO, "--sso-domain", "GLOBEX.test.example")
    assert listed(twofold)["Globex"]["sso_domains"] == ["globex.example", "globex.test.example"]
    assert "belongs to another account" in twofold.refused("accounts", "create", "--name", "Thief", *SSO)
    assert "needs at least one email domain" in twofold.refused(
        "accounts", "create", "--name", "Initech", "--sso", "--sso-url", "https://x.example"
    )


def test_what_is_not_named_stays(twofold: Program) -> None:
    account = twofold.account("Globex", "--seats", "5", *SSO)
    twofold.done("accounts", "set", account, "--edition", "standard")
    twofold.done("accounts", "set", account, "--no-sso")
    after = listed(twofold)["Globex"]
    assert (after["edition"], after["seats"], after["sso"], after["sso_domains"]) == (
        "standard", 5, False, ["globex.example"],
    )  # fmt: skip
    assert twofold.done("accounts", "set", account, "--seats", "unlimited", "--json").json["seats"] is None


def test_nothing_to_change_is_a_wrong_call(twofold: Program) -> None:
    assert "Say what to change" in twofold.called_wrongly("accounts", "set", str(uuid4()))
    assert "number of licences" in twofold.called_wrongly("accounts", "set", str(uuid4()), "--seats", "many")


@pytest.mark.parametrize("account", ["nonsense", "2f1e3c64-5b7a-4d19-9c3e-8a6b1d0f4e72"])
def test_an_unknown_account_is_named(twofold: Program, account: str) -> None:
    assert f"no account with the id {account}" in twofold.refused("accounts", "set", account, "--name", "X")


def test_people_read_a_table(twofold: Program) -> None:
    assert "no account yet" in twofold.done("accounts", "list").out
    account = twofold.account()
    assert f"Its id is {twofold.account('Globex')}" not in twofold.done("accounts", "list").out
    table = twofold.done("accounts", "list").out
    assert account in table  # whole, so that it can be copied
    assert "Globex" in table


def test_a_time_zone_is_set_by_its_name(twofold: Program) -> None:
    account = twofold.account("Acme", "--time-zone", "Pacific/Auckland")
    assert listed(twofold)["Acme"]["time_zone"] == "Pacific/Auckland"
    assert twofold.done("accounts", "set", account, "--time-zone", "UTC", "--json").json["time_zone"] == "UTC"
    for command in (("set", account), ("create", "--name", "Globex")):
        said = twofold.refused("accounts", *command, "--time-zone", "Mars/Olympus")
        assert "Give a time zone by its name, such as Europe/Berlin or Pacific/Auckland." in said
