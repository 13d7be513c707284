from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.harness.clock import NOON, later
from tests.harness.parallel import at_once
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, People
from twofold.audit import flow as audit
from twofold.directory.flow import Refused
from twofold.directory.person import Person
from twofold.kit.house import House
from twofold.lockouts import flow as lockouts
from twofold.provisioning import flow
from twofold.provisioning.flow import UserChange
from twofold.recovery import flow as recovery
from twofold.recovery.tables import password_links
from twofold.resets import flow as resets
from twofold.resets.tables import reset_cases

OPERATOR = audit.Actor("operator", uuid4())


@pytest.fixture
def grace(people: People) -> Person:
    """Another administrator, so that Ada is not the last one."""
    return people.person("grace@acme.example", role="admin")


def change(house: House, person: Person, *, within: UUID | None = None, **said: Any) -> Person | Refused | None:
    return flow.change_user(
        house, actor=OPERATOR, subject_id=person.id, change=UserChange(**said), visitor=VISITOR, at=NOON, within=within,
    )  # fmt: skip


def changed(house: House, person: Person, **said: Any) -> Person:
    outcome = change(house, person, **said)
    assert isinstance(outcome, Person), outcome
    return outcome


def code(outcome: Person | Refused | None) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


# --- what ends sessions, and what does not


@pytest.mark.parametrize("said", [{"role": "admin"}, {"email": "new@acme.example"}, {"password": NEW_PASSWORD}])
def test_a_change_of_role_address_or_password_ends_every_session(
    people: People, house: House, said: dict[str, str]
) -> None:
    ada = people.person()
    token = people.token(ada)
    changed(house, ada, **said)
    assert people.find_session(token) is None


@pytest.mark.parametrize(
    "said",
    [{"licensed": False}, {"name": "Ada King"}, {"exception_until": later(days=3)}, {"email": "ADA@acme.example"}],
)
def test_a_change_of_licence_name_exception_or_spelling_ends_none(
    people: People, house: House, said: dict[str, Any]
) -> None:
    ada = people.person()
    token = people.token(ada)
    assert changed(house, ada, **said) != ada
    assert people.find_session(token) is not None


def test_who_is_deactivated_is_out_and_comes_in_again_when_active(people: People, house: House) -> None:
    ada = people.person()
    token = people.token(ada)
    off = changed(house, ada, active=False)
    assert people.find_session(token) is None
    assert isinstance(people.begin(off), lockouts.WrongPassword)
    on = changed(house, off, active=True)
    people.sign_in(on)


def test_a_new_password_is_the_one_that_works(people: People, house: House) -> None:
    ada = people.person()
    changed(house, ada, password=NEW_PASSWORD)
    assert isinstance(people.begin(ada, password=PASSWORD), lockouts.WrongPassword)
    people.sign_in(ada, at=later(minutes=1), password=NEW_PASSWORD)


# --- administrators


@pytest.mark.parametrize("said", [{"role": "member"}, {"active": False}])
def test_the_last_administrator_stays_one(people: People, house: House, said: dict[str, Any]) -> None:
    ada = people.person(role="admin")
    assert code(change(house, ada, **said)) == "last_admin"
    assert people.look_up(ada) == ada


def test_somebody_frozen_or_inactive_does_not_count_as_an_administrator(
    people: People, house: House, grace: Person
) -> None:
    ada = people.person(role="admin")
    people.set_person(grace, frozen_at=NOON)
    assert code(change(house, ada, role="member")) == "last_admin"
    people.set_person(grace, frozen_at=None, active=False)
    assert code(change(house, ada, role="member")) == "last_admin"
    people.set_person(grace, active=True)
    assert changed(house, ada, role="member").role == "member"


def test_of_two_administrators_demoted_at_once_one_stays(people: People, house: House, grace: Person) -> None:
    ada = people.person(role="admin")
    outcomes = at_once(lambda: change(house, ada, role="member"), lambda: change(house, grace, active=False))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]


def test_nobody_becomes_a_support_agent_and_no_agent_is_changed(people: People, house: House) -> None:
    ada, sue = people.person(), people.person("sue@operator.example", role="support")
    assert code(change(house, ada, role="support")) == "invalid_request"
    assert change(house, sue, name="Mallory") is None
    assert people.look_up(sue).name == sue.name


# --- licences


def test_no_more_licences_are_given_than_there_are_seats(people: People, house: House) -> None:
    ada, bob = people.person(), people.person("bob@acme.example", licensed=False)
    people.set_account(people.acme, seats=1)
    assert code(change(house, bob, licensed=True)) == "no_seat_left"
    changed(house, ada, licensed=False)
    assert changed(house, bob, licensed=True).licensed


def test_coming_back_takes_a_seat(people: People, house: House) -> None:
    ada = people.person()
    changed(house, ada, active=False)
    people.person("bob@acme.example")
    people.set_account(people.acme, seats=1)
    assert code(change(house, ada, active=True)) == "no_seat_left"
    assert changed(house, ada, active=True, licensed=False).active


def test_the_last_seat_goes_to_one_of_two_who_ask_at_once(people: People, house: House) -> None:
    pair = [people.person(f"{name}@acme.example", licensed=False) for name in ("ada", "bob")]
    people.set_account(people.acme, seats=1)
    outcomes = at_once(*(lambda person=person: change(house, person, licensed=True) for person in pair))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]


# --- the address


def test_both_mailboxes_are_told_of_a_new_address(people: People, house: House) -> None:
    ada = people.person()
    changed(house, ada, email="ada@lovelace.example")
    letters = people.letters("address_changed")
    assert sorted(letter.recipient for letter in letters) == ["ada@acme.example", "ada@lovelace.example"]
    assert {letter.facts["new"] for letter in letters} == {"ada@lovelace.example"}


@pytest.mark.parametrize("taken", ["bob@acme.example", " BOB@ACME.example "])
def test_an_address_that_somebody_has_is_refused(people: People, house: House, taken: str) -> None:
    people.person("bob@acme.example", account=people.account("Elsewhere"))
    assert code(change(house, people.person(), email=taken)) == "email_taken"


def test_one_of_two_gets_an_address_that_both_want_at_once(people: People, house: House) -> None:
    pair = [people.person(f"{name}@acme.example", account=people.account(name)) for name in ("ada", "bob")]
    outcomes = at_once(*(lambda person=person: change(house, person, email="x@acme.example") for person in pair))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]
    assert next(code(outcome) for outcome in outcomes if isinstance(outcome, Refused)) == "email_taken"


def test_an_address_of_somebody_elses_single_sign_on_is_refused(people: People, house: House) -> None:
    people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example")
    assert code(change(house, people.person(), email="ada@globex.example")) == "domain_taken"


def test_what_is_no_address_is_refused(people: People, house: House) -> None:
    assert code(change(house, people.person(), email="ada at home")) == "invalid_request"


# --- links that lie in a mailbox


@pytest.mark.parametrize("said", [{"email": "new@acme.example"}, {"password": NEW_PASSWORD}, {"active": False}])
def test_open_password_links_are_void_afterwards(people: People, house: House, said: dict[str, Any]) -> None:
    ada = people.person(password=None)
    with house.db.write() as connection:
        recovery.invite(house, connection, ada, NOON, audit.CONSOLE)
    assert people.count(password_links) == 1
    changed(house, ada, **said)
    assert people.count(password_links) == 0


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"email": "new@acme.example"}, "closed"),
        ({"active": False}, "closed"),
        ({"licensed": False}, "requested"),
    ],
)
def test_a_reset_case_ends_where_its_letter_would_reach_somebody_else(
    people: People, house: House, grace: Person, said: dict[str, Any], state: str
) -> None:
    ada, _factor = people.protected()
    resets.open_case(house, grace, ada, "Lost her phone.", visitor=VISITOR, at=NOON)
    changed(house, ada, **said)
    assert people.count(reset_cases, reset_cases.c.state == state) == 1


# --- passwords


def test_the_user_is_told_of_a_password_that_was_set(people: People, house: House) -> None:
    changed(house, people.person(), password=NEW_PASSWORD)
    assert [letter.recipient for letter in people.letters("password_changed")] == ["ada@acme.example"]


@pytest.mark.parametrize(
    ("weak", "why"), [("short", "too_short"), ("password1", "common"), ("ada@acme.example", "personal")]
)
def test_a_weak_password_is_refused_with_the_reason(people: People, house: House, weak: str, why: str) -> None:
    assert change(house, people.person(), password=weak) == Refused("weak_password", "password", why)


def test_where_single_sign_on_is_no_password_can_be_set(people: People, house: House) -> None:
    account = people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example")
    gil = people.person("gil@globex.example", account=account, password=None)
    assert code(change(house, gil, password=NEW_PASSWORD)) == "invalid_request"
    assert people.look_up(gil).password_hash is None


# --- exceptions


def test_an_exception_is_given_and_taken_back(people: People, house: House) -> None:
    ada = people.person()
    until = later(days=7)
    assert changed(house, ada, exception_until=until).exception_until == until
    assert changed(house, ada, name="Ada King").exception_until == until
    assert changed(house, ada, exception_until=None).exception_until is None


def test_an_exception_lies_ahead(people: People, house: House) -> None:
    assert code(change(house, people.person(), exception_until=NOON)) == "invalid_request"
    assert changed(house, people.person("bob@acme.example"), exception_until=NOON + timedelta(seconds=1))


# --- who may


def test_an_administrator_changes_what_is_theirs_in_their_own_account(people: People, house: House) -> None:
    ada = people.person()
    assert changed(house, ada, within=people.acme, licensed=False, name="Ada King").name == "Ada King"
    elsewhere = people.account("Elsewhere")
    assert change(house, ada, within=elsewhere, licensed=True) is None
    assert not people.look_up(ada).licensed


@pytest.mark.parametrize("said", [{"email": "mine@acme.example"}, {"password": NEW_PASSWORD}])
def test_an_administrator_takes_nobodys_address_or_password(people: People, house: House, said: dict[str, Any]) -> None:
    ada = people.person()
    assert code(change(house, ada, within=people.acme, **said)) == "not_allowed"
    assert people.look_up(ada) == ada


def test_there_is_nobody_by_an_unknown_id(people: People, house: House) -> None:
    unknown = people.person()._replace(id=uuid4())
    assert change(house, unknown, licensed=False) is None


# --- what is written down


def test_the_log_says_what_was_before_and_is_after(people: People, house: House) -> None:
    ada = people.person()
    changed(house, ada, licensed=False, email="ada@lovelace.example")
    (event,) = people.events("user_changed")
    assert (event.actor_kind, event.actor_id, event.subject_id) == ("operator", OPERATOR.id, ada.id)
    assert msgspec.json.decode(event.details) == {
        "licensed": {"before": True, "after": False},
        "email": {"before": "ada@acme.example", "after": "ada@lovelace.example"},
    }


def test_the_log_never_holds_a_password_or_its_hash(people: People, house: House) -> None:
    after = changed(house, people.person(), password=NEW_PASSWORD)
    (event,) = people.events("user_changed")
    assert msgspec.json.decode(event.details) == {"password": "set"}
    assert after.password_hash is not None
    assert after.password_hash not in event.details


def test_what_changes_nothing_leaves_no_trace(people: People, house: House) -> None:
    ada = people.person()
    token = people.token(ada)
    ada = people.look_up(ada)
    assert changed(house, ada, role="member", licensed=True, name=ada.name, email=ada.email) == ada
    assert people.find_session(token) is not None
    assert not people.events("user_changed")


def test_a_refused_change_changes_nothing_at_all(people: People, house: House) -> None:
    ada = people.person(role="admin")
    assert code(change(house, ada, role="member", name="Mallory", email="m@acme.example")) == "last_admin"
    assert people.look_up(ada) == ada
    assert not people.letters()
