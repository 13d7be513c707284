from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, PASSWORD, People
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.tables import users
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.provisioning import new_user_flow
from twofold.provisioning.new_user_flow import MadeUser


def create(context: AppContext, account: UUID | None, email: str = "ada@acme.example", **said: Any) -> Any:
    new = NewUser(email, "Ada Lovelace", **said)
    return new_user_flow.create_user(context, account, new, origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE))


def test_with_a_password_they_sign_in_at_once(people: People, context: AppContext) -> None:
    made = create(context, people.acme, password=PASSWORD)
    assert isinstance(made, MadeUser)
    assert not made.invited
    people.sign_in(made.user)
    assert not people.letters()


def test_without_a_password_they_are_invited(people: People, context: AppContext) -> None:
    made = create(context, people.acme)
    assert made.invited
    (letter,) = people.letters()
    assert (letter.kind, letter.recipient, letter.user_id) == ("invitation", "ada@acme.example", made.user.id)


def test_without_a_password_and_a_mail_server_nobody_is_made(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        outcome = create(context, people.acme)
        assert isinstance(outcome, Refused)
        assert outcome.code == "no_mail"
        assert people.count(users) == 0


@pytest.mark.parametrize("said", [{"active": False}, {"email": "gil@globex.example"}])
def test_who_needs_no_password_here_is_made_without_mail(database_url: str, said: dict[str, Any]) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        globex = people.account(
            "Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example/"
        )
        made = create(context, globex if "email" in said else people.acme, **said)
        assert isinstance(made, MadeUser)
        assert not made.invited


def test_a_support_agent_belongs_to_the_operators_account(people: People, context: AppContext) -> None:
    made = create(context, None, role="support", password=PASSWORD)
    assert made.user.is_operator
    assert create(context, people.acme, "eve@acme.example", role="support").code == "invalid_request"
    assert create(context, None, "mallory@acme.example", role="admin").code == "invalid_request"


def test_the_operators_account_takes_no_customers(people: People, context: AppContext) -> None:
    sue = create(context, None, role="support", password=PASSWORD)
    assert create(context, sue.user.account_id, "eve@acme.example", password=PASSWORD) is None


def test_there_is_no_user_in_an_account_that_is_not_there(context: AppContext) -> None:
    assert create(context, uuid4(), password=PASSWORD) is None


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"email": "ADA@acme.example"}, "email_taken"),
        ({"email": "eve@globex.example"}, "domain_taken"),
        ({"email": "eve"}, "invalid_request"),
        ({"email": "eve@acme.example", "role": "king"}, "invalid_request"),
        ({"email": "eve@acme.example", "password": "password1"}, "weak_password"),
        ({"email": "eve@acme.example"}, "no_seat_left"),
    ],
)
def test_what_stands_in_the_way_is_said(people: People, context: AppContext, said: dict[str, Any], code: str) -> None:
    people.user("ada@acme.example")
    people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example/")
    people.set_account(people.acme, seats=1)
    outcome = create(context, people.acme, **({"password": PASSWORD} | said))
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert people.count(users) == 1


def test_without_a_licence_no_seat_is_taken(people: People, context: AppContext) -> None:
    people.set_account(people.acme, seats=0)
    assert isinstance(create(context, people.acme, licensed=False, password=PASSWORD), MadeUser)
    assert isinstance(create(context, people.acme, "bob@acme.example", active=False, password=PASSWORD), MadeUser)


def test_the_last_seat_goes_to_one_of_two_made_at_once(people: People, context: AppContext) -> None:
    account = people.account("Small", seats=1)
    outcomes = at_once(*(lambda n=n: create(context, account, f"{n}@acme.example", password=PASSWORD) for n in "ab"))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]


def test_one_of_two_gets_an_address_that_both_ask_for_at_once(people: People, context: AppContext) -> None:
    accounts = [people.account("One"), people.account("Two")]
    outcomes = at_once(*(lambda account=account: create(context, account, password=PASSWORD) for account in accounts))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [outcome.code for outcome in refused] == ["email_taken"]
    assert people.count(users) == 1


def test_an_invitation_goes_out_with_its_user_or_not_at_all(people: People, context: AppContext) -> None:
    people.user("ada@acme.example")
    assert isinstance(create(context, people.acme), Refused)
    assert not people.letters()
