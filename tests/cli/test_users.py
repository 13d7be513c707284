from uuid import uuid4

import pytest

from tests.cli.program import Program
from tests.harness.people import People

PASSWORD = "orchard kettle lantern"
SUE = ("users", "create", "--role", "support", "--email", "sue@operator.example", "--name", "Sue")


def listed(twofold: Program, *options: str) -> dict[str, dict[str, object]]:
    return {user["email"]: user for user in twofold.done("users", "list", *options, "--json").json}


def test_a_user_is_made_with_a_password_from_standard_input(twofold: Program) -> None:
    account = twofold.account()
    made = twofold.user(account, "ada@acme.example", "--role", "admin")
    ada = listed(twofold)["ada@acme.example"]
    assert (ada["id"], ada["role"], ada["licensed"], ada["state"], ada["two_factor"]) == (
        made, "admin", True, "active", False,
    )  # fmt: skip


def test_a_line_end_is_no_part_of_a_password_and_blanks_are(twofold: Program) -> None:
    account = twofold.account()
    twofold.user(account, "ada@acme.example", password=f" {PASSWORD} \r\n")
    assert "too short" in twofold.refused(
        "users", "create", "--account", account, "--email", "bob@acme.example", "--name", "Bob", "--password-stdin",
        stdin="seven77\nrest of a long file",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("short", "too short"),
        ("password1", "anybody would guess"),
        ("Bob Builder", "own name"),
        ("", "no password on standard input"),
        ("bell\x07bell\x07", "control characters"),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(twofold: Program, password: str, said: str) -> None:
    account = twofold.account()
    assert said in twofold.refused(
        "users", "create", "--account", account, "--email", "bob@acme.example", "--name", "Bob Builder",
        "--password-stdin", stdin=password,
    )  # fmt: skip


def test_without_a_password_and_a_mail_server_it_says_so(twofold: Program) -> None:
    account = twofold.account()
    said = twofold.refused("users", "create", "--account", account, "--email", "bob@acme.example", "--name", "Bob")
    assert "TWOFOLD_SMTP_URL" in said
    assert listed(twofold) == {}


def test_without_a_password_they_are_invited_by_mail(twofold_mailing: Program) -> None:
    account = twofold_mailing.account()
    said = twofold_mailing.done(
        "users", "create", "--account", account, "--email", "bob@acme.example", "--name", "Bob"
    ).out
    assert "invitation" in said
    assert listed(twofold_mailing)["bob@acme.example"]["state"] == "without password"


def test_support_agents_belong_to_no_customers_account(twofold: Program) -> None:
    twofold.done(*SUE, "--password-stdin", stdin=PASSWORD)
    assert list(listed(twofold, "--role", "support")) == ["sue@operator.example"]
    assert "leave --account away" in twofold.called_wrongly(*SUE, "--account", str(uuid4()))
    assert "--account is missing" in twofold.called_wrongly("users", "create", "--email", "e@x.example", "--name", "E")


def test_what_stands_in_the_way_is_said(twofold: Program) -> None:
    account = twofold.account("Acme", "--seats", "1")
    twofold.user(account, "ada@acme.example")
    create = ("users", "create", "--account", account, "--name", "Bob", "--password-stdin")
    assert "exists already" in twofold.refused(*create, "--email", "ADA@acme.example", stdin=PASSWORD)
    assert "All 1 licences" in twofold.refused(*create, "--email", "bob@acme.example", stdin=PASSWORD)
    assert "like name@example.com" in twofold.refused(*create, "--email", "bob", stdin=PASSWORD)
    twofold.user(account, "bob@acme.example", "--unlicensed")
    assert listed(twofold)["bob@acme.example"]["licensed"] is False


@pytest.mark.parametrize("account", ["nonsense", "2f1e3c64-5b7a-4d19-9c3e-8a6b1d0f4e72"])
def test_an_unknown_account_is_named(twofold: Program, account: str) -> None:
    create = ("users", "create", "--account", account, "--email", "e@x.example", "--name", "E", "--password-stdin")
    assert f"no account with the id {account}" in twofold.refused(*create, stdin=PASSWORD)
    assert f"no account with the id {account}" in twofold.refused("users", "list", "--account", account)


def test_a_list_can_be_of_one_account(twofold: Program) -> None:
    acme, globex = twofold.account("Acme"), twofold.account("Globex")
    twofold.user(acme, "ada@acme.example")
    twofold.user(globex, "gil@globex.example")
    assert list(listed(twofold, "--account", acme)) == ["ada@acme.example"]
    assert "There is nobody" in twofold.done("users", "list", "--account", acme, "--role", "admin").out


def test_a_user_is_changed_by_address_or_id(twofold: Program) -> None:
    ada = twofold.user(twofold.account(), "ada@acme.example")
    twofold.done("users", "set", "ada@acme.example", "--role", "admin", "--name", "Ada Lovelace")
    changed = twofold.done("users", "set", ada, "--email", "ada@lovelace.example", "--unlicensed", "--json").json
    assert (changed["name"], changed["email"], changed["role"], changed["licensed"]) == (
        "Ada Lovelace", "ada@lovelace.example", "admin", False,
    )  # fmt: skip
    assert "the last one" in twofold.refused("users", "set", ada, "--inactive")


def test_a_password_can_be_set_where_nothing_else_helps(twofold: Program) -> None:
    ada = twofold.user(twofold.account(), "ada@acme.example")
    twofold.done("users", "set", ada, "--password-stdin", stdin="marble ferry cinnamon\n")
    assert "too short" in twofold.refused("users", "set", ada, "--password-stdin", stdin="short")


def test_who_is_unknown_or_an_agent_is_not_changed(twofold: Program) -> None:
    twofold.done(*SUE, "--password-stdin", stdin=PASSWORD)
    assert "nobody" in twofold.refused("users", "set", "sue@operator.example", "--name", "Mallory")
    assert "nobody" in twofold.refused("users", "set", "nobody@x.example", "--name", "Mallory")
    assert "nobody" in twofold.refused("users", "set", str(uuid4()), "--name", "Mallory")
    assert "Say what to change" in twofold.called_wrongly("users", "set", "sue@operator.example")


def test_the_last_administrator_who_came_is_neither_demoted_nor_deactivated(twofold: Program, people: People) -> None:
    people.sign_in(people.user("ada@acme.example", role="admin"))
    people.user("new@acme.example", role="admin", password=None)
    for option in (["--role", "member"], ["--inactive"]):
        assert "signed in" in twofold.refused("users", "set", "ada@acme.example", *option)
