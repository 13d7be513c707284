from typing import Any
from uuid import uuid4

import msgspec
import pytest

from tests.harness.clock import NOON
from tests.harness.parallel import at_once
from tests.harness.people import People
from tests.provisioning.accounts import GLOBEX, URL, change, create
from twofold.directory import records
from twofold.directory.refusals import Refused
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.provisioning import account_flow
from twofold.provisioning.account_flow import CustomerAccount
from twofold.recovery import flow as recovery
from twofold.recovery.tables import password_links


def test_two_factor_authentication_is_on_offer_from_the_first_day(context: AppContext) -> None:
    made = account_flow.find_account(context.db, create(context))
    assert made is not None
    assert (made.edition, made.policy, made.seats, made.sso_domains) == ("enterprise", "optional", None, [])


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "n" * 121}, "name"),
        ({"name": "Glo\nbex"}, "name"),
        ({"edition": ""}, "edition"),
        ({"seats": -1}, "seats"),
        ({"sso": True, "sso_domains": ["globex.example"]}, "sso_url"),
        ({"sso": True, "sso_url": URL}, "sso_domains"),
        (GLOBEX | {"sso_url": "http://login.globex.example"}, "sso_url"),
        (GLOBEX | {"sso_url": "javascript:alert(1)"}, "sso_url"),
        (GLOBEX | {"sso_url": "https://"}, "sso_url"),
        (GLOBEX | {"sso_url": "https://[::1"}, "sso_url"),
        (GLOBEX | {"sso_domains": ["@globex.example"]}, "sso_domains"),
        (GLOBEX | {"sso_domains": ["globex"]}, "sso_domains"),
    ],
)
def test_what_cannot_be_an_account_is_refused_by_field(context: AppContext, said: dict[str, Any], field: str) -> None:
    outcome = create(context, **({"name": "Globex"} | said))
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.field) == ("invalid_request", field)
    with context.db.read() as connection:
        assert records.account_page(connection, None, 10) == []


def test_a_domain_belongs_to_one_account(people: People, context: AppContext) -> None:
    create(context, **GLOBEX)
    assert create(context, "Thief", **GLOBEX).code == "domain_taken"
    assert change(context, people.acme, **(GLOBEX | {"sso_domains": ["GLOBEX.example"]})).code == "domain_taken"


def test_one_of_two_gets_a_domain_that_both_claim_at_once(context: AppContext) -> None:
    outcomes = at_once(*(lambda name=name: create(context, name, **GLOBEX) for name in ("One", "Two")))
    assert [outcome.code for outcome in outcomes if isinstance(outcome, Refused)] == ["domain_taken"]


def test_what_is_not_named_stays(people: People, context: AppContext) -> None:
    account = create(context, seats=3, **GLOBEX)
    after = change(context, account, edition="standard")
    assert (after.edition, after.seats, after.sso, after.sso_domains, after.sso_url) == (
        "standard", 3, True, ["globex.example"], URL,
    )  # fmt: skip


def test_the_number_of_seats_can_be_taken_away(context: AppContext) -> None:
    account = create(context, seats=3)
    assert change(context, account, seats=0).seats == 0
    assert change(context, account, unlimited_seats=True).seats is None


def test_single_sign_on_cannot_be_left_without_a_domain(context: AppContext) -> None:
    account = create(context, **GLOBEX)
    assert change(context, account, sso_domains=[]).field == "sso_domains"
    assert change(context, account, sso=False, sso_domains=[]).sso_domains == []


def test_where_single_sign_on_begins_links_to_choose_a_password_end(people: People, context: AppContext) -> None:
    ada = people.user(password=None)
    with context.db.write() as connection:
        recovery.invite(context, connection, ada, Origin(NOON, actor=acting.CONSOLE))
    change(context, people.acme, edition="standard")
    assert people.count(password_links) == 1
    change(context, people.acme, **GLOBEX)
    assert people.count(password_links) == 0


def test_a_factor_keeps_protecting_whatever_changes(people: People, context: AppContext) -> None:
    ada, _factor = people.protected()
    change(context, people.acme, edition="standard", seats=0)
    assert people.look_up(ada).has_second_factor


def test_the_operators_own_account_is_not_to_be_changed(context: AppContext) -> None:
    with context.db.read() as connection:
        own = records.operator_account(connection)
    assert change(context, own.id, **GLOBEX) is None
    assert account_flow.find_account(context.db, own.id) is None
    with context.db.read() as connection:
        assert records.operator_account(connection) == own


def test_there_is_nothing_to_change_by_an_unknown_id(context: AppContext) -> None:
    assert change(context, uuid4(), name="Nobody") is None


def test_the_log_says_what_was_before_and_is_after(people: People, context: AppContext) -> None:
    change(context, people.acme, edition="standard", name="Acme")
    (event,) = people.events("account_changed")
    assert msgspec.json.decode(event.details) == {"edition": {"before": "enterprise", "after": "standard"}}
    change(context, people.acme, edition="standard")
    assert len(people.events("account_changed")) == 1


def test_pages_lead_through_every_account_once(context: AppContext) -> None:
    made = [create(context, f"Account {number}", sso_domains=[f"d{number}.example"]) for number in range(7)]
    found: list[CustomerAccount] = []
    after = None
    for _ in range(3):
        page = account_flow.list_accounts(context.db, after, 3)
        found += page.accounts
        after = page.next
    assert after is None
    assert {account.id for account in found} == set(made)
    assert len(found) == 7
    assert all(account.sso_domains == [f"d{account.name[-1]}.example"] for account in found)


def test_a_page_after_an_account_that_is_not_there_is_empty(context: AppContext) -> None:
    create(context)
    assert account_flow.list_accounts(context.db, uuid4(), 3).accounts == []
