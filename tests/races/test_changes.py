"""What happens to a user, their account or a letter between the reading of it and the change that rests on it."""

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.interleaving import meanwhile
from tests.harness.people import CLIENT_INFO, NEW_PASSWORD, PASSWORD, People
from tests.resets.helpdesk import Helpdesk
from twofold.directory.refusals import Refused
from twofold.factors import removal_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import RequiredByPolicy
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.mail import outbox
from twofold.lockouts.tables import second_factor_budgets
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.resets.outcomes import ResetDone
from twofold.signin.outcomes import SignedIn


@pytest.mark.parametrize("with_backup_code", [False, True])
def test_a_factor_is_not_removed_once_a_policy_requires_it(
    people: People, other: AppContext, *, with_backup_code: bool
) -> None:
    """The policy came while the password was hashed; a backup code is not spent on what cannot be."""
    user, factor = people.protected()
    session = people.sign_in(user, factor.phone, at=later(minutes=-5))
    given = Proofs(PASSWORD, factor.backup_code if with_backup_code else factor.phone.code(NOON), None)
    with meanwhile(
        people.context.db,
        "INTO password_throttles",
        lambda: People(other).set_account(user.account_id, policy="required"),
    ):
        outcome = removal_flow.remove(people.context, session, given, origin=Origin(NOON, CLIENT_INFO))
    assert isinstance(outcome, RequiredByPolicy)
    assert people.look_up(user).has_second_factor
    sign_in = people.attempt(user, at=later(minutes=1), channel="api")
    assert isinstance(people.give_code(sign_in, factor.backup_code, at=later(minutes=1), channel="api"), SignedIn)


def test_no_lock_falls_between_the_question_for_it_and_the_reset(people: People, other: AppContext) -> None:
    """Else whoever typed the fifth wrong code just then would keep a password that is all that is asked for."""
    helpdesk = Helpdesk(people)
    token = helpdesk.sent()

    def is_held() -> None:
        held = sa.select(second_factor_budgets).with_for_update(nowait=True)
        with pytest.raises(sa.exc.OperationalError, match="could not obtain lock"), other.db.write() as connection:
            connection.execute(held)

    with meanwhile(people.context.db, r"(?s)SELECT second_factor_budgets\.wrong.*FOR UPDATE", is_held):
        assert isinstance(helpdesk.confirm(token), ResetDone)


def test_nobody_gets_a_password_once_their_account_signs_in_elsewhere(people: People, other: AppContext) -> None:
    user = people.user()
    sso = {"sso": True, "sso_url": "https://sso.acme.example/"}
    with meanwhile(
        people.context.db, "FROM users JOIN accounts", lambda: People(other).set_account(user.account_id, **sso)
    ):
        outcome = provisioning.change_user(
            people.context,
            origin=Origin(NOON, CLIENT_INFO, acting.CONSOLE),
            subject_id=user.id,
            change=UserChange(password=NEW_PASSWORD),
            within=None,
        )
    assert isinstance(outcome, Refused)
    assert outcome.field == "password"
    assert people.look_up(user).password_hash == user.password_hash


def test_a_letter_that_another_worker_has_sent_is_not_given_up(people: People, other: AppContext) -> None:
    people.protected()
    [entry] = people.letters("two_factor_set_up")
    at = later(days=4)
    with people.context.db.write() as connection:
        [mine, *_] = [one for one in outbox.claim(connection, at) if one.id == entry.id]
    with other.db.write() as connection:
        [theirs, *_] = [one for one in outbox.claim(connection, later(at=at, minutes=3)) if one.id == entry.id]
        outbox.settle(connection, theirs.id, "sent", later(at=at, minutes=3))
    with people.context.db.write() as connection:
        outbox.postpone(connection, mine, later(at=at, minutes=4), "it took too long")
        outcome = connection.execute(sa.select(outbox.outbox.c.outcome).where(outbox.outbox.c.id == entry.id)).scalar()
    assert outcome == "sent"
