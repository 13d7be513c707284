"""Rules that count others in the account hold when two ask at the same moment, on one node or several."""

from collections.abc import Iterator

import pytest

from tests.harness.clock import NOON
from tests.harness.houses import house_on
from tests.harness.parallel import at_once
from tests.harness.people import VISITOR, People
from twofold.admin import act_flow
from twofold.admin.act_flow import Made
from twofold.audit import flow as audit
from twofold.directory.flow import NewUser, Refused
from twofold.directory.person import Person
from twofold.directory.tables import users
from twofold.kit.house import House
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange


@pytest.fixture
def second_node(database_url: str, house: House) -> Iterator[House]:
    """Open the same database once more, as another node does."""
    with house_on(database_url) as node:
        yield node


def change(house: House, actor: Person, subject: Person, **said: object) -> object:
    return provisioning.change_user(
        house, actor=audit.user(actor.id), subject_id=subject.id, change=UserChange(**said),  # type: ignore[arg-type]
        visitor=VISITOR, at=NOON, within=actor.account_id,
    )  # fmt: skip


@pytest.mark.parametrize("said", [{"role": "member"}, {"active": False}])
def test_two_administrators_who_demote_each_other_leave_one(
    people: People, second_node: House, said: dict[str, object]
) -> None:
    for _ in range(5):
        one, two = (people.person(f"{name}@acme.example", role="admin") for name in ("one", "two"))
        outcomes = at_once(
            lambda: change(people.house, one, two, **said),  # noqa: B023
            lambda: change(second_node, two, one, **said),  # noqa: B023
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert [refusal.code for refusal in refused] == ["last_admin"], outcomes
        at_work = users.c.account_id == people.acme, users.c.role == "admin", users.c.active
        assert people.count(users, *at_work) == 1
        with people.house.db.write() as connection:
            connection.execute(users.delete())


def test_invitations_at_once_never_take_more_licences_than_there_are(people: People, second_node: House) -> None:
    boss = people.person("boss@acme.example", role="admin", password=None)
    people.set_account(people.acme, seats=4)

    def invite(house: House, number: int) -> object:
        new = NewUser(f"new{number}@acme.example", f"New {number}")
        return act_flow.invite(house, boss, new, visitor=VISITOR, at=NOON)

    houses = (people.house, second_node)
    outcomes = at_once(*[lambda number=number: invite(houses[number % 2], number) for number in range(8)])
    assert sum(isinstance(outcome, Made) for outcome in outcomes) == 3
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"no_seat_left"}
    assert people.count(users, users.c.account_id == people.acme) == 4
    assert len(people.letters("invitation")) == 3


def test_one_address_is_invited_once(people: People, second_node: House) -> None:
    boss = people.person("boss@acme.example", role="admin", password=None)
    new = NewUser("new@acme.example", "Nora New")
    outcomes = at_once(
        *[
            lambda house=house: act_flow.invite(house, boss, new, visitor=VISITOR, at=NOON)
            for house in (people.house, second_node) * 2
        ]
    )
    assert sum(isinstance(outcome, Made) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refused)} == {"email_taken"}


def test_a_lock_is_lifted_once_however_many_lift_it(people: People, second_node: House) -> None:
    one, two = (people.person(f"{name}@acme.example", role="admin", password=None) for name in ("one", "two"))
    ada, _ = people.protected()
    people.set_counts(ada, wrong=5)
    outcomes = at_once(
        lambda: act_flow.unlock(people.house, one, ada.id, "Called me", visitor=VISITOR, at=NOON),
        lambda: act_flow.unlock(second_node, two, ada.id, "Called me", visitor=VISITOR, at=NOON),
    )
    assert {type(outcome).__name__ for outcome in outcomes} == {"Unlocked", "NotLocked"}
    assert len(people.events("unlocked")) == 1
