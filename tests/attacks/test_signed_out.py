"""A session that was signed out while a change of it was under way: nothing is changed, and it does not come back.

Stops: whoever holds a stolen session and sends a change at the very moment at which its owner ends it; they would go on
under a new token, and end the owner's sessions instead.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.interleaving import meanwhile
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, Factor, People, phone_of
from twofold.admin import policy_flow
from twofold.admin.policy import Policy
from twofold.factors import change_flow, enrolment_flow, removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import EnrolmentExpired, Opened, SessionOver
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.profile import flow as profile
from twofold.profile.flow import NewPassword
from twofold.sessions import flow as sessions
from twofold.sessions.session import Session

AT = Origin(NOON, CLIENT_INFO)
Change = Callable[[AppContext, Session, Factor], Any]


def _regenerate(context: AppContext, session: Session, factor: Factor) -> Any:
    given = Proofs(PASSWORD, factor.phone.code(NOON), None)
    return change_flow.regenerate(context, session, given, origin=AT, seen=False)


def _remove(context: AppContext, session: Session, factor: Factor) -> Any:
    return removal_flow.remove(context, session, Proofs(PASSWORD, factor.phone.code(NOON), None), origin=AT)


def _set_up(context: AppContext, session: Session, factor: Factor) -> Any:
    return enrolment_flow.open_in_session(
        context, session, SetUp(PASSWORD, factor.phone.code(NOON), None), origin=AT,
    )  # fmt: skip


def _new_password(context: AppContext, session: Session, factor: Factor) -> Any:
    asked = NewPassword(PASSWORD, NEW_PASSWORD, factor.phone.code(NOON), None)
    return profile.change_password(context, session, asked, origin=AT)


CHANGES: dict[str, Change] = {
    "regenerate": _regenerate,
    "remove": _remove,
    "set up": _set_up,
    "password": _new_password,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_session_that_was_signed_out_changes_nothing(people: People, name: str) -> None:
    user, factor = people.protected()
    session = people.sign_in(user, factor.phone, at=later(minutes=-5))
    sessions.sign_out(people.context.db, session, origin=AT)
    before = people.look_up(user)
    assert isinstance(CHANGES[name](people.context, session, factor), SessionOver)
    assert people.look_up(user) == before
    assert list(sessions.list_own(people.context, session, NOON)) == []


def test_a_session_that_was_signed_out_confirms_no_set_up(people: People) -> None:
    user = people.user()
    session = people.sign_in(user, at=later(minutes=-5))
    opened = enrolment_flow.open_in_session(people.context, session, SetUp(PASSWORD, "", None), origin=AT)
    assert isinstance(opened, Opened)
    sessions.sign_out(people.context.db, session, origin=AT)
    outcome = enrolment_flow.confirm_in_session(
        people.context, session, opened.id, phone_of(opened).code(NOON), origin=AT,
    )  # fmt: skip
    assert isinstance(outcome, EnrolmentExpired)
    assert not people.look_up(user).has_second_factor


def test_a_session_that_was_signed_out_changes_no_policy(people: People) -> None:
    boss, factor = people.protected(role="admin")
    session = people.sign_in(boss, factor.phone, at=later(minutes=-5))
    sessions.sign_out(people.context.db, session, origin=AT)
    outcome = policy_flow.change_policy(people.context, session, Policy("required", None), origin=AT, most=10)
    assert isinstance(outcome, policy_flow.NoLongerAdmin)


@pytest.mark.parametrize("name", [name for name in CHANGES if name != "set up"])  # that one leaves the session as it is
def test_signed_out_in_the_midst_of_a_change_takes_it_back(postgresql_url: str, name: str) -> None:
    with context_on(postgresql_url) as here, context_on(postgresql_url) as there:
        people = People(here)
        user, factor = people.protected()
        session = people.sign_in(user, factor.phone, at=later(minutes=-5))
        before = people.look_up(user)

        def sign_out() -> None:
            sessions.sign_out(there.db, session, origin=AT)

        with (
            meanwhile(here.db, r"(?s)SELECT sessions\.id.*WHERE sessions\.token_hash", sign_out),
            pytest.raises(sessions.SessionEnded),
        ):
            CHANGES[name](here, session, factor)
        assert people.look_up(user) == before
        assert list(sessions.list_own(here, session, NOON)) == []
