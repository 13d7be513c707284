"""Administrators and the applications of their account: who uses which, and what a sign-in to one has to prove."""

from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import People
from tests.oidc.applications import registration
from tests.oidc.relying_party import RelyingParty, answer_of, browser_of
from twofold.kit.context import AppContext
from twofold.oidc.application import Application
from twofold.oidc.authorization import KNOWN
from twofold.oidc.rule import Rule, stricter
from twofold.sessions.methods import TWO_FACTORS

APPLICATION = Application(UUID(int=1), *registration(), created_at=NOON)
LIST = "/account/applications"
ages = st.none() | st.integers(1, 43_200).map(lambda minutes: timedelta(minutes=minutes))
levels = st.none() | st.sampled_from([TWO_FACTORS, "phr"])


@pytest.fixture
def boss(people: People, http: httpx.Client) -> WebClient:
    """Be an administrator of Acme."""
    return browser_of(http, people.token(people.user("boss@acme.example", role="admin")))


def ask(boss: WebClient, crm: RelyingParty, *, acr: str = "", minutes: str = "") -> None:
    """Set a rule of Acme's."""
    page = boss.submit(boss.get(f"{LIST}/{crm.client_id}"), "Save", acr=acr, minutes=minutes)
    assert page.path == LIST, page.text


def test_administrators_see_who_uses_what_and_with_how_many_factors(
    people: People, boss: WebClient, crm: RelyingParty, session: str
) -> None:
    assert "not used yet" in boss.get(LIST).text
    crm.tokens(session)
    crm.tokens(people.token(people.user("grace@acme.example")))
    elsewhere = people.user("eve@other.example", account=people.account("Other"))
    crm.tokens(people.token(elsewhere))
    page = boss.get(LIST)
    assert page.text.partition("Has to prove")[2].split()[:6] == ["CRM", "2", "one", "with", "two", "factors"], (
        page.text
    )
    assert "not used yet" not in page.text


def test_an_application_that_is_not_for_the_account_is_not_found(
    people: People, boss: WebClient, context: AppContext, http: httpx.Client
) -> None:
    theirs = RelyingParty.of(context, http, name="Theirs", accounts=frozenset({people.account("Other")}))
    assert "Theirs" not in boss.get(LIST).text
    assert boss.get(f"{LIST}/{theirs.client_id}").status == 404
    assert boss.post(f"{LIST}/{theirs.client_id}", acr=TWO_FACTORS).status == 404


def test_two_factors_can_be_asked_of_ones_own_people(people: People, boss: WebClient, crm: RelyingParty) -> None:
    grace = people.token(people.user("grace@acme.example"))
    eve = people.token(people.user("eve@other.example", account=people.account("Other")))
    assert "code" in answer_of(crm.authorize(grace))
    ask(boss, crm, acr=TWO_FACTORS)
    assert answer_of(crm.authorize(grace, prompt="none"))["error"] == "interaction_required"
    assert "code" in answer_of(crm.authorize(eve, prompt="none"))


def test_a_second_factor_of_late_can_be_asked_for(
    boss: WebClient, crm: RelyingParty, http: httpx.Client, session: str, frozen_clock: FrozenClock
) -> None:
    ask(boss, crm, minutes="5")
    assert "code" in answer_of(crm.authorize(session))
    frozen_clock.forward(minutes=5)
    assert browser_of(http, session).get(crm.address()).path == "/sign-in/step-up"


def test_a_rule_asks_for_less_than_the_application_to_no_effect(
    people: People, boss: WebClient, context: AppContext, http: httpx.Client
) -> None:
    bank = RelyingParty.of(context, http, acr=TWO_FACTORS)
    ask(boss, bank, acr="")
    grace = people.token(people.user("grace@acme.example"))
    assert answer_of(bank.authorize(grace, prompt="none"))["error"] == "interaction_required"


@given(levels, ages, levels, ages)
def test_of_two_demands_the_stricter_one_counts(
    own: str | None, own_age: timedelta | None, acr: str | None, age: timedelta | None
) -> None:
    asked = stricter(APPLICATION._replace(acr=own, second_factor_age=own_age), Rule(acr, age))
    for level in filter(None, (own, acr)):
        assert asked.acr is not None
        assert KNOWN.index(asked.acr) >= KNOWN.index(level)
    for limit in filter(None, (own_age, age)):
        assert asked.second_factor_age is not None
        assert asked.second_factor_age <= limit
    assert asked.acr in (own, acr)
    assert asked.second_factor_age in (own_age, age)


@pytest.mark.parametrize("minutes", ["0", "x", "-5", "43201", "99999", "1.5", "٣"])
def test_what_is_no_number_of_minutes_is_refused_at_its_field(boss: WebClient, crm: RelyingParty, minutes: str) -> None:
    page = boss.submit(boss.get(f"{LIST}/{crm.client_id}"), "Save", minutes=minutes)
    assert (page.status, list(page.errors)) == (400, ["minutes"])


def test_what_was_changed_is_in_the_log_of_the_account(people: People, boss: WebClient, crm: RelyingParty) -> None:
    ask(boss, crm, acr=TWO_FACTORS, minutes="15")
    ask(boss, crm, acr=TWO_FACTORS, minutes="15")
    [event] = people.events("application_rule_changed")
    assert event.account_id == people.acme
    assert "age of the second factor" in boss.get("/account/audit").text


def test_a_sign_in_to_an_application_names_it_in_the_log(
    boss: WebClient, context: AppContext, http: httpx.Client, session: str
) -> None:
    RelyingParty.of(context, http, name="Ledger").tokens(session)
    text = boss.get("/account/audit").text
    assert "signed in to an application" in text, text
    assert '"Ledger"' in text


def test_members_do_not_see_the_page(people: People, http: httpx.Client, crm: RelyingParty) -> None:
    assert browser_of(http, people.token(people.user("grace@acme.example"))).get(LIST).status == 404
