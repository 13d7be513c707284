from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from tests.harness.clock import NOON, later
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, People
from twofold.directory.refusals import Refused
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.provisioning import flow
from twofold.provisioning.flow import UserChange
from twofold.recovery import flow as recovery
from twofold.recovery.tables import password_links
from twofold.resets import flow as resets
from twofold.resets.tables import reset_cases

OPERATOR = acting.Actor("operator", uuid4())


@pytest.fixture
def grace(people: People) -> User:
    """Another administrator, so that Ada is not the last one."""
    return people.user("grace@acme.example", role="admin")


def change(context: AppContext, user: User, *, within: UUID | None = None, **said: Any) -> User | Refused | None:
    return flow.change_user(
        context,
        origin=Origin(NOON, CLIENT_INFO, OPERATOR),
        subject_id=user.id,
        change=UserChange(**said),
        within=within,
    )


def changed(context: AppContext, user: User, **said: Any) -> User:
    outcome = change(context, user, **said)
    assert isinstance(outcome, User), outcome
    return outcome


def code(outcome: User | Refused | None) -> str:
    assert isinstance(outcome, Refused), outcome
    return outcome.code


# --- what ends sessions, and what does not


@pytest.mark.parametrize("said", [{"role": "admin"}, {"email": "new@acme.example"}, {"password": NEW_PASSWORD}])
def test_a_change_of_role_address_or_password_ends_every_session(
    people: People, context: AppContext, said: dict[str, str]
) -> None:
    ada = people.user()
    token = people.token(ada)
    changed(context, ada, **said)
    assert people.find_session(token) is None


@pytest.mark.parametrize(
    "said",
    [{"licensed": False}, {"name": "Ada King"}, {"exception_until": later(days=3)}, {"email": "ADA@acme.example"}],
)
def test_a_change_of_licence_name_exception_or_spelling_ends_none(
    people: People, context: AppContext, said: dict[str, Any]
) -> None:
    ada = people.user()
    token = people.token(ada)
    assert changed(context, ada, **said) != ada
    assert people.find_session(token) is not None


def test_who_is_deactivated_is_out_and_comes_in_again_when_active(people: People, context: AppContext) -> None:
    ada = people.user()
    token = people.token(ada)
    off = changed(context, ada, active=False)
    assert people.find_session(token) is None
    assert isinstance(people.begin(off), lockouts.WrongPassword)
    on = changed(context, off, active=True)
    people.sign_in(on)


def test_a_new_password_is_the_one_that_works(people: People, context: AppContext) -> None:
    ada = people.user()
    changed(context, ada, password=NEW_PASSWORD)
    assert isinstance(people.begin(ada, password=PASSWORD), lockouts.WrongPassword)
    people.sign_in(ada, at=later(minutes=1), password=NEW_PASSWORD)


# --- administrators


@pytest.mark.parametrize("said", [{"role": "member"}, {"active": False}])
def test_the_last_administrator_stays_one(people: People, context: AppContext, said: dict[str, Any]) -> None:
    ada = people.user(role="admin")
    assert code(change(context, ada, **said)) == "last_admin"
    assert people.look_up(ada) == ada


def test_somebody_frozen_or_inactive_does_not_count_as_an_administrator(
    people: People, context: AppContext, grace: User
) -> None:
    ada = people.user(role="admin")
    people.set_user(grace, frozen_at=NOON)
    assert code(change(context, ada, role="member")) == "last_admin"
    people.set_user(grace, frozen_at=None, active=False)
    assert code(change(context, ada, role="member")) == "last_admin"
    people.set_user(grace, active=True)
    assert changed(context, ada, role="member").role == "member"


def test_of_two_administrators_demoted_at_once_one_stays(people: People, context: AppContext, grace: User) -> None:
    ada = people.user(role="admin")
    outcomes = at_once(lambda: change(context, ada, role="member"), lambda: change(context, grace, active=False))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]


def test_nobody_becomes_a_support_agent_and_no_agent_is_changed(people: People, context: AppContext) -> None:
    ada, sue = people.user(), people.user("sue@operator.example", role="support")
    assert code(change(context, ada, role="support")) == "invalid_request"
    assert change(context, sue, name="Mallory") is None
    assert people.look_up(sue).name == sue.name


# --- licences


def test_no_more_licences_are_given_than_there_are_seats(people: People, context: AppContext) -> None:
    ada, bob = people.user(), people.user("bob@acme.example", licensed=False)
    people.set_account(people.acme, seats=1)
    assert code(change(context, bob, licensed=True)) == "no_seat_left"
    changed(context, ada, licensed=False)
    assert changed(context, bob, licensed=True).licensed


def test_coming_back_takes_a_seat(people: People, context: AppContext) -> None:
    ada = people.user()
    changed(context, ada, active=False)
    people.user("bob@acme.example")
    people.set_account(people.acme, seats=1)
    assert code(change(context, ada, active=True)) == "no_seat_left"
    assert changed(context, ada, active=True, licensed=False).active


def test_the_last_seat_goes_to_one_of_two_who_ask_at_once(people: People, context: AppContext) -> None:
    pair = [people.user(f"{name}@acme.example", licensed=False) for name in ("ada", "bob")]
    people.set_account(people.acme, seats=1)
    outcomes = at_once(*(lambda user=user: change(context, user, licensed=True) for user in pair))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]


# --- the address


def test_both_mailboxes_are_told_of_a_new_address(people: People, context: AppContext) -> None:
    ada = people.user()
    changed(context, ada, email="ada@lovelace.example")
    letters = people.letters("address_changed")
    assert sorted(letter.recipient for letter in letters) == ["ada@acme.example", "ada@lovelace.example"]
    assert {letter.facts["new"] for letter in letters} == {"ada@lovelace.example"}


@pytest.mark.parametrize("taken", ["bob@acme.example", " BOB@ACME.example "])
def test_an_address_that_somebody_has_is_refused(people: People, context: AppContext, taken: str) -> None:
    people.user("bob@acme.example", account=people.account("Elsewhere"))
    assert code(change(context, people.user(), email=taken)) == "email_taken"


def test_one_of_two_gets_an_address_that_both_want_at_once(people: People, context: AppContext) -> None:
    pair = [people.user(f"{name}@acme.example", account=people.account(name)) for name in ("ada", "bob")]
    outcomes = at_once(*(lambda user=user: change(context, user, email="x@acme.example") for user in pair))
    assert sorted(isinstance(outcome, Refused) for outcome in outcomes) == [False, True]
    assert next(code(outcome) for outcome in outcomes if isinstance(outcome, Refused)) == "email_taken"


def test_an_address_of_somebody_elses_single_sign_on_is_refused(people: People, context: AppContext) -> None:
    people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example")
    assert code(change(context, people.user(), email="ada@globex.example")) == "domain_taken"


def test_what_is_no_address_is_refused(people: People, context: AppContext) -> None:
    assert code(change(context, people.user(), email="ada at home")) == "invalid_request"


# --- links that lie in a mailbox


@pytest.mark.parametrize("said", [{"email": "new@acme.example"}, {"password": NEW_PASSWORD}, {"active": False}])
def test_open_password_links_are_void_afterwards(people: People, context: AppContext, said: dict[str, Any]) -> None:
    ada = people.user(password=None)
    with context.db.write() as connection:
        recovery.invite(context, connection, ada, Origin(NOON, actor=acting.CONSOLE))
    assert people.count(password_links) == 1
    changed(context, ada, **said)
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
    people: People, context: AppContext, grace: User, said: dict[str, Any], state: str
) -> None:
    ada, _factor = people.protected()
    resets.open_case(context, grace, ada, "Lost her phone.", origin=Origin(NOON, CLIENT_INFO))
    changed(context, ada, **said)
    assert people.count(reset_cases, reset_cases.c.state == state) == 1


# --- passwords


def test_the_user_is_told_of_a_password_that_was_set(people: People, context: AppContext) -> None:
    changed(context, people.user(), password=NEW_PASSWORD)
    assert [letter.recipient for letter in people.letters("password_changed")] == ["ada@acme.example"]


@pytest.mark.parametrize(
    ("weak", "why"), [("short", "too_short"), ("password1", "common"), ("ada@acme.example", "personal")]
)
def test_a_weak_password_is_refused_with_the_reason(people: People, context: AppContext, weak: str, why: str) -> None:
    assert change(context, people.user(), password=weak) == Refused("weak_password", "password", why)


def test_where_single_sign_on_is_no_password_can_be_set(people: People, context: AppContext) -> None:
    account = people.account("Globex", sso=True, sso_domains=["globex.example"], sso_url="https://login.globex.example")
    gil = people.user("gil@globex.example", account=account, password=None)
    assert code(change(context, gil, password=NEW_PASSWORD)) == "invalid_request"
    assert people.look_up(gil).password_hash is None


# --- exceptions


def test_an_exception_is_given_and_taken_back(people: People, context: AppContext) -> None:
    ada = people.user()
    until = later(days=7)
    assert changed(context, ada, exception_until=until).exception_until == until
    assert changed(context, ada, name="Ada King").exception_until == until
    assert changed(context, ada, exception_until=None).exception_until is None


def test_an_exception_lies_ahead(people: People, context: AppContext) -> None:
    assert code(change(context, people.user(), exception_until=NOON)) == "invalid_request"
    assert changed(context, people.user("bob@acme.example"), exception_until=NOON + timedelta(seconds=1))


# --- who may


def test_an_administrator_changes_what_is_theirs_in_their_own_account(people: People, context: AppContext) -> None:
    ada = people.user()
    assert changed(context, ada, within=people.acme, licensed=False, name="Ada King").name == "Ada King"
    elsewhere = people.account("Elsewhere")
    assert change(context, ada, within=elsewhere, licensed=True) is None
    assert not people.look_up(ada).licensed


@pytest.mark.parametrize("said", [{"email": "mine@acme.example"}, {"password": NEW_PASSWORD}])
def test_an_administrator_takes_nobodys_address_or_password(
    people: People, context: AppContext, said: dict[str, Any]
) -> None:
    ada = people.user()
    assert code(change(context, ada, within=people.acme, **said)) == "not_allowed"
    assert people.look_up(ada) == ada


def test_there_is_nobody_by_an_unknown_id(people: People, context: AppContext) -> None:
    unknown = people.user()._replace(id=uuid4())
    assert change(context, unknown, licensed=False) is None


# --- what is written down


def test_the_log_says_what_was_before_and_is_after(people: People, context: AppContext) -> None:
    ada = people.user()
    changed(context, ada, licensed=False, email="ada@lovelace.example")
    (event,) = people.events("user_changed")
    assert (event.actor_kind, event.actor_id, event.subject_id) == ("operator", OPERATOR.id, ada.id)
    assert msgspec.json.decode(event.details) == {
        "licensed": {"before": True, "after": False},
        "email": {"before": "ada@acme.example", "after": "ada@lovelace.example"},
    }


def test_the_log_never_holds_a_password_or_its_hash(people: People, context: AppContext) -> None:
    after = changed(context, people.user(), password=NEW_PASSWORD)
    (event,) = people.events("user_changed")
    assert msgspec.json.decode(event.details) == {"password": "set"}
    assert after.password_hash is not None
    assert after.password_hash not in event.details


def test_what_changes_nothing_leaves_no_trace(people: People, context: AppContext) -> None:
    ada = people.user()
    token = people.token(ada)
    ada = people.look_up(ada)
    assert changed(context, ada, role="member", licensed=True, name=ada.name, email=ada.email) == ada
    assert people.find_session(token) is not None
    assert not people.events("user_changed")


def test_a_refused_change_changes_nothing_at_all(people: People, context: AppContext) -> None:
    ada = people.user(role="admin")
    assert code(change(context, ada, role="member", name="Mallory", email="m@acme.example")) == "last_admin"
    assert people.look_up(ada) == ada
    assert not people.letters()
