"""An account keeps an administrator who can act: one who has signed in before, is at work and is not locked out."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.admin.administrators import administrator
from tests.harness.api import Api
from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, People
from twofold.admin import policy_flow
from twofold.admin.policy import Policy
from twofold.directory.refusals import Refused
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.lockouts import flow as lockouts
from twofold.lockouts.helper import Helper
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.recovery import not_me_flow

STEPS_DOWN: list[dict[str, Any]] = [{"role": "member"}, {"active": False}]


@pytest.fixture
def second_node(database_url: str, context: AppContext) -> Iterator[AppContext]:
    with context_on(database_url) as node:
        yield node


def change(context: AppContext, user: User, **said: Any) -> Any:
    return provisioning.change_user(
        context, origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE), subject_id=user.id, change=UserChange(**said),
        within=None,
    )  # fmt: skip


def came(people: People, email: str, **values: Any) -> User:
    """Make an administrator who has signed in before."""
    user = people.user(email, role="admin", came=False, **values)
    people.sign_in(user, at=later(days=-1))
    return people.look_up(user)


def refused(outcome: Any) -> bool:
    return isinstance(outcome, Refused) and outcome.code == "last_admin"


@pytest.mark.parametrize("said", STEPS_DOWN)
def test_the_last_administrator_who_came_cannot_leave_it_to_one_who_never_did(
    people: People, context: AppContext, said: dict[str, Any]
) -> None:
    ada = came(people, "ada@acme.example")
    invited = people.user("new@acme.example", role="admin", password=None)
    chose = people.user("chose@acme.example", role="admin", came=False)  # has a password and never used it
    assert refused(change(context, ada, **said))
    assert isinstance(change(context, invited, **said), User)
    people.sign_in(chose)
    assert isinstance(change(context, ada, **said), User)


def unable(people: People, user: User, how: str) -> None:
    if how == "frozen":
        people.set_user(user, frozen_at=NOON)
    elif how == "inactive":
        people.set_user(user, active=False)
    elif how == "without password":
        people.set_user(user, password_hash=None)
    else:
        people.set_counts(user, wrong=5 if how == "locked" else 0, wrong_in_row=100 if how == "for good" else 5)


@pytest.mark.parametrize("how", ["frozen", "inactive", "without password", "locked", "for good"])
def test_nobody_who_cannot_act_is_left_in_charge(people: People, context: AppContext, how: str) -> None:
    ada, (grace, _) = came(people, "ada@acme.example"), people.protected("grace@acme.example", role="admin")
    unable(people, grace, how)
    assert refused(change(context, ada, role="member"))
    people.set_user(grace, frozen_at=None, active=True, password_hash=people.look_up(ada).password_hash)
    people.set_counts(grace, wrong=0)
    assert isinstance(change(context, ada, role="member"), User)


def test_administrators_of_whom_none_ever_came_can_be_exchanged(people: People, context: AppContext) -> None:
    one, two = (people.user(f"{name}@acme.example", role="admin", password=None) for name in ("one", "two"))
    assert isinstance(change(context, one, role="member"), User)
    assert refused(change(context, two, role="member"))


def test_who_has_been_signed_out_everywhere_has_come_all_the_same(people: People, context: AppContext) -> None:
    ada, grace = came(people, "ada@acme.example"), came(people, "grace@acme.example")
    change(context, grace, password=NEW_PASSWORD)  # ends every session, the clean-up takes the rows
    assert isinstance(change(context, ada, role="member"), User)


def test_a_session_that_a_node_of_the_version_before_made_counts(people: People, context: AppContext) -> None:
    ada, grace = came(people, "ada@acme.example"), came(people, "grace@acme.example")
    people.set_user(grace, first_signed_in_at=None)
    assert isinstance(change(context, ada, role="member"), User)


def test_the_first_sign_in_is_written_down_once(people: People) -> None:
    ada = people.user()
    assert ada.first_signed_in_at is None
    people.attempt(people.protected("bob@acme.example")[0])
    people.sign_in(ada, at=later(hours=-2))
    people.sign_in(ada)
    assert people.look_up(ada).first_signed_in_at == later(hours=-2)


def test_two_administrators_who_came_and_demote_each_other_leave_one(people: People, second_node: AppContext) -> None:
    one, two = came(people, "one@acme.example"), came(people, "two@acme.example")
    people.user("new@acme.example", role="admin", password=None)
    outcomes = at_once(
        lambda: change(people.context, one, role="member"), lambda: change(second_node, two, active=False)
    )
    assert sorted(refused(outcome) for outcome in outcomes) == [False, True]


def test_an_account_with_single_sign_on_keeps_one_whose_sign_ins_we_never_see(
    people: People, context: AppContext
) -> None:
    globex = people.account("Globex")
    one, two = (
        people.user(f"{name}@globex.example", account=globex, role="admin", password=None) for name in ("one", "two")
    )
    people.set_account(globex, sso=True, sso_url="https://login.globex.example/")
    assert isinstance(change(context, one, role="member"), User)
    assert refused(change(context, two, active=False))


# --- whoever asks


def test_on_pages_and_over_the_api_the_last_one_who_came_stays(people: People, http: httpx.Client) -> None:
    boss = administrator(people, http, "boss@acme.example")
    people.user("new@acme.example", role="admin", password=None)
    page = boss.browser.submit(boss.open(f"/people/{boss.user.id}"), "Save", role="member", licensed="yes")
    assert page.status == 409
    assert "who has signed in before" in page.errors["role"]
    page = boss.browser.post(f"/people/{boss.user.id}/deactivate")
    assert (page.status, "who has signed in before" in page.alert) == (409, True)
    for api in (boss.api, Api(http, people.operator_key())):
        for said in STEPS_DOWN:
            assert api.patch(f"/users/{boss.user.id}", **said).refusal == (409, "last_admin")
    assert people.look_up(boss.user).role == "admin"


# --- who is counted or named elsewhere


def test_nobody_who_never_came_is_named_as_help(people: People, context: AppContext) -> None:
    ada = people.user()
    people.user("chose@acme.example", role="admin", came=False)
    grace = came(people, "grace@acme.example")
    with context.db.read() as connection:
        assert lockouts.who_can_help(connection, ada) == [Helper(grace.name, grace.email)]


def test_a_policy_counts_on_administrators_who_can_act(people: People, context: AppContext) -> None:
    boss, factor = people.protected("boss@acme.example", role="admin")
    session = people.sign_in(boss, factor.phone)
    required = Policy("required")

    def preview() -> Any:
        return policy_flow.preview(context, session, required, NOON, 5)

    assert isinstance(preview(), policy_flow.Preview)
    for how in ("frozen", "without password", "locked", "for good"):
        unable(people, boss, how)
        assert isinstance(preview(), policy_flow.WouldLockOutLastAdmin), how
        people.set_user(boss, frozen_at=None, password_hash=boss.password_hash)
        people.set_counts(boss, wrong=0)


def test_freezing_goes_before_the_last_administrator_and_then_support_helps(
    people: People, context: AppContext
) -> None:
    ada, grace = came(people, "ada@acme.example"), came(people, "grace@acme.example")
    people.set_user(grace, frozen_at=NOON)
    assert refused(change(context, ada, role="member"))
    with context.db.read() as connection:
        assert lockouts.who_can_help(connection, grace) == [Helper(ada.name, ada.email)]
    assert not_me_flow.whom_to_ask(context, ada) == []
