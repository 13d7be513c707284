"""Attacks with what was valid a moment ago: sessions and sign-ins that began before a change and go on after it.

Two applications on one database are two nodes: what one changes must hold on the other at once.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import ADA, CLIENT_INFO, NEW_PASSWORD, PASSWORD, Factor, People, phone_of
from twofold.directory.user import User
from twofold.factors import change_flow, enrolment_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.change_flow import Proofs
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Changed, Opened
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.profile import flow as profile
from twofold.profile.flow import NewPassword, PasswordChanged
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.recovery.server_reset_flow import reset_on_server
from twofold.signin.attempt import Expired
from twofold.signin.outcomes import SignedIn

AT = later(minutes=2)


@pytest.fixture
def other_node(database_url: str) -> Iterator[People]:
    """Another node on the same database."""
    with context_on(database_url) as context:
        yield People(context)


def owner(people: People, user: User, factor: Factor) -> Any:
    """The session from which the owner makes a change."""
    return people.sign_in(user, factor.phone, at=NOON)


def add(people: People, user: User, factor: Factor, replaces: Any = None) -> None:
    session = owner(people, user, factor)
    asked = SetUp(PASSWORD, factor.phone.code(AT), None, "second", replaces)
    opened = enrolment_flow.open_in_session(people.context, session, asked, origin=Origin(AT, CLIENT_INFO))
    assert isinstance(opened, Opened), opened
    done = enrolment_flow.confirm_in_session(
        people.context, session, opened.id, phone_of(opened).code(AT), origin=Origin(AT, CLIENT_INFO),
    )  # fmt: skip
    assert isinstance(done, Changed), done


def replace(people: People, user: User, factor: Factor) -> None:
    with people.context.db.read() as connection:
        [only] = factors.show(connection, user.id).authenticators
    add(people, user, factor, only.id)


def regenerate(people: People, user: User, factor: Factor) -> None:
    given = Proofs(PASSWORD, factor.phone.code(AT), None)
    done = change_flow.regenerate(
        people.context, owner(people, user, factor), given, origin=Origin(AT, CLIENT_INFO), seen=True,
    )  # fmt: skip
    assert isinstance(done, Changed), done


def remove(people: People, user: User, factor: Factor) -> None:
    given = Proofs(PASSWORD, factor.phone.code(AT), None)
    done = removal_flow.remove(people.context, owner(people, user, factor), given, origin=Origin(AT, CLIENT_INFO))
    assert isinstance(done, Changed), done


def password(people: People, user: User, factor: Factor) -> None:
    asked = NewPassword(PASSWORD, NEW_PASSWORD, factor.phone.code(AT), None)
    done = profile.change_password(people.context, owner(people, user, factor), asked, origin=Origin(AT, CLIENT_INFO))
    assert isinstance(done, PasswordChanged), done


def reset(people: People, user: User, _factor: Factor) -> None:
    done = reset_on_server(people.context, user, "lost phone, seen in person", AT)
    assert type(done).__name__ == "ResetOnServer", done


def change(**values: Any) -> Callable[[People, User, Factor], None]:
    def changed(people: People, user: User, _factor: Factor) -> None:
        done = provisioning.change_user(
            people.context,
            origin=Origin(AT, CLIENT_INFO, acting.CONSOLE),
            subject_id=user.id,
            change=UserChange(**values),
            within=None,
        )
        assert "Refused" not in type(done).__name__, done
        assert done is not None

    changed.__name__ = "_".join(values)
    return changed


ENDS = [
    add, replace, regenerate, remove, password, reset, change(role="admin"), change(active=False),
    change(email="ada.new@acme.example"), change(password=NEW_PASSWORD),
]  # fmt: skip


@pytest.mark.parametrize("act", ENDS, ids=lambda act: act.__name__)
def test_what_changes_who_somebody_is_ends_their_sessions_and_sign_ins_on_every_node(
    people: People, other_node: People, act: Callable[[People, User, Factor], None]
) -> None:
    user, factor = people.protected(ADA)
    stolen = people.token(user, factor.phone, at=later(minutes=-2))
    begun = people.attempt(user, at=NOON)
    assert other_node.find_session(stolen, at=NOON) is not None
    act(people, user, factor)
    assert other_node.find_session(stolen, at=AT) is None
    answer = other_node.give_code(begun, factor.phone.code(later(at=AT, seconds=60)), at=later(at=AT, seconds=60))
    assert answer == Expired()


def lock(people: People, user: User, _factor: Factor) -> None:
    people.set_counts(user, wrong=5)


def edition(people: People, user: User, _factor: Factor) -> None:
    people.set_account(user.account_id, edition="standard")


ENDS_NOTHING = [lock, edition, change(licensed=False), change(name="Ada King")]


@pytest.mark.parametrize("act", ENDS_NOTHING, ids=lambda act: act.__name__)
def test_a_lock_a_licence_an_edition_end_nothing(
    people: People, other_node: People, act: Callable[[People, User, Factor], None]
) -> None:
    user, factor = people.protected(ADA)
    token = people.token(user, factor.phone, at=NOON)
    act(people, user, factor)
    assert other_node.find_session(token, at=AT) is not None


def test_an_attacker_with_the_password_cannot_throw_the_owner_out(people: People, other_node: People) -> None:
    user, factor = people.protected(ADA)
    token = people.token(user, factor.phone, at=NOON)
    attempt = other_node.attempt(user, at=AT)
    for _ in range(5):
        other_node.give_code(attempt, "000000", at=AT)
    with people.context.db.read() as connection:
        assert lockouts.counts(connection, user.id).locked
    assert people.find_session(token, at=AT) is not None


def test_a_right_code_that_comes_after_a_reset_opens_nothing(people: People, other_node: People) -> None:
    user, factor = people.protected(ADA)
    begun = people.attempt(user, at=NOON)
    reset(people, user, factor)
    answer = other_node.give_code(begun, factor.phone.code(AT), at=AT)
    assert not isinstance(answer, SignedIn)
