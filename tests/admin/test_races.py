"""Rules that count others in the account hold when two ask at the same moment, on one node or several."""

from collections.abc import Iterator

import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import CLIENT_INFO, People
from twofold.admin import act_flow
from twofold.admin.act_flow import Made
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import Refused
from twofold.directory.tables import users
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange


@pytest.fixture
def second_node(database_url: str, context: AppContext) -> Iterator[AppContext]:
    """Open the same database once more, as another node does."""
    with context_on(database_url) as node:
        yield node


def change(context: AppContext, actor: User, subject: User, **said: object) -> object:
    return provisioning.change_user(
        context,
        origin=Origin(NOON, CLIENT_INFO, acting.user(actor.id)),
        subject_id=subject.id,
        change=UserChange(**said),  # type: ignore[arg-type]
        within=actor.account_id,
    )


@pytest.mark.parametrize("said", [{"role": "member"}, {"active": False}])
def test_two_administrators_who_demote_each_other_leave_one(
    people: People, second_node: AppContext, said: dict[str, object]
) -> None:
    for _ in range(5):
        one, two = (people.user(f"{name}@acme.example", role="admin") for name in ("one", "two"))
        outcomes = at_once(
            lambda: change(people.context, one, two, **said),  # noqa: B023
            lambda: change(second_node, two, one, **said),  # noqa: B023
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert [refusal.code for refusal in refused] == ["last_admin"], outcomes
        at_work = users.c.account_id == people.acme, users.c.role == "admin", users.c.active
        assert people.count(users, *at_work) == 1
        with people.context.db.write() as connection:
            connection.execute(users.delete())


def test_invitations_at_once_never_take_more_licences_than_there_are(people: People, second_node: AppContext) -> None:
    boss = people.user("boss@acme.example", role="admin", password=None)
    people.set_account(people.acme, seats=4)

    def invite(context: AppContext, number: int) -> object:
        new = NewUser(f"new{number}@acme.example", f"New {number}")
        return act_flow.invite(context, boss, new, origin=Origin(NOON, CLIENT_INFO))

    contexts = (people.context, second_node)
    outcomes = at_once(*[lambda number=number: invite(contexts[number % 2], number) for number in range(8)])
    assert sum(isinstance(outcome, Made) for outcome in outcomes) == 3
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"no_seat_left"}
    assert people.count(users, users.c.account_id == people.acme) == 4
    assert len(people.letters("invitation")) == 3


def test_one_address_is_invited_once(people: People, second_node: AppContext) -> None:
    boss = people.user("boss@acme.example", role="admin", password=None)
    new = NewUser("new@acme.example", "Nora New")
    outcomes = at_once(
        *[
            lambda context=context: act_flow.invite(context, boss, new, origin=Origin(NOON, CLIENT_INFO))
            for context in (people.context, second_node) * 2
        ]
    )
    assert sum(isinstance(outcome, Made) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"email_taken"}


def test_a_lock_is_lifted_once_however_many_lift_it(people: People, second_node: AppContext) -> None:
    one, two = (people.user(f"{name}@acme.example", role="admin", password=None) for name in ("one", "two"))
    ada, _ = people.protected()
    people.set_counts(ada, wrong=5)
    outcomes = at_once(
        lambda: act_flow.unlock(people.context, one, ada.id, "Called me", origin=Origin(NOON, CLIENT_INFO)),
        lambda: act_flow.unlock(second_node, two, ada.id, "Called me", origin=Origin(NOON, CLIENT_INFO)),
    )
    assert {type(outcome).__name__ for outcome in outcomes} == {"Unlocked", "NotLocked"}
    assert len(people.events("unlocked")) == 1
