"""What happens to a user, their account or a letter between the reading of it and the change that rests on it."""

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.interleaving import meanwhile
from tests.harness.people import NEW_PASSWORD, PASSWORD, VISITOR, People
from tests.resets.desk import Desk
from twofold.audit import flow as audit
from twofold.directory.flow import Refused
from twofold.factors import change_flow
from twofold.factors.change_flow import Proofs
from twofold.factors.outcomes import RequiredByPolicy
from twofold.kit import outbox
from twofold.kit.house import House
from twofold.lockouts.tables import second_factor_budgets
from twofold.provisioning import flow as provisioning
from twofold.provisioning.flow import UserChange
from twofold.resets.outcomes import ResetDone
from twofold.signin.outcomes import SignedIn


@pytest.mark.parametrize("with_backup_code", [False, True])
def test_a_factor_is_not_removed_once_a_policy_requires_it(
    people: People, other: House, *, with_backup_code: bool
) -> None:
    """The policy came while the password was hashed; a backup code is not spent on what cannot be."""
    person, factor = people.protected()
    session = people.sign_in(person, factor.phone, at=later(minutes=-5))
    given = Proofs(PASSWORD, factor.backup_code if with_backup_code else factor.phone.code(NOON), None)
    with meanwhile(
        people.house.db,
        "INTO password_throttles",
        lambda: People(other).set_account(person.account_id, policy="required"),
    ):
        outcome = change_flow.remove(people.house, session, given, visitor=VISITOR, at=NOON)
    assert isinstance(outcome, RequiredByPolicy)
    assert people.look_up(person).has_second_factor
    sign_in = people.attempt(person, at=later(minutes=1), channel="api")
    assert isinstance(people.give_code(sign_in, factor.backup_code, at=later(minutes=1), channel="api"), SignedIn)


def test_no_lock_falls_between_the_question_for_it_and_the_reset(people: People, other: House) -> None:
    """Else whoever typed the fifth wrong code just then would keep a password that is all that is asked for."""
    desk = Desk(people)
    token = desk.sent()

    def is_held() -> None:
        held = sa.select(second_factor_budgets).with_for_update(nowait=True)
        with pytest.raises(sa.exc.OperationalError, match="could not obtain lock"), other.db.write() as connection:
            connection.execute(held)

    with meanwhile(people.house.db, r"(?s)SELECT second_factor_budgets\.wrong.*FOR UPDATE", is_held):
        assert isinstance(desk.confirm(token), ResetDone)


def test_nobody_gets_a_password_once_their_account_signs_in_elsewhere(people: People, other: House) -> None:
    person = people.person()
    sso = {"sso": True, "sso_url": "https://sso.acme.example/"}
    with meanwhile(
        people.house.db, "FROM users JOIN accounts", lambda: People(other).set_account(person.account_id, **sso)
    ):
        outcome = provisioning.change_user(
            people.house, actor=audit.CONSOLE, subject_id=person.id, change=UserChange(password=NEW_PASSWORD),
            visitor=VISITOR, at=NOON, within=None,
        )  # fmt: skip
    assert isinstance(outcome, Refused)
    assert outcome.field == "password"
    assert people.look_up(person).password_hash == person.password_hash


def test_a_letter_that_another_worker_has_sent_is_not_given_up(people: People, other: House) -> None:
    people.protected()
    [entry] = people.letters("two_factor_set_up")
    at = later(days=4)
    with people.house.db.write() as connection:
        [mine, *_] = [one for one in outbox.claim(connection, at) if one.id == entry.id]
    with other.db.write() as connection:
        [theirs, *_] = [one for one in outbox.claim(connection, later(at=at, minutes=3)) if one.id == entry.id]
        outbox.settle(connection, theirs.id, "sent", later(at=at, minutes=3))
    with people.house.db.write() as connection:
        outbox.postpone(connection, mine, later(at=at, minutes=4), "it took too long")
        outcome = connection.execute(sa.select(outbox.outbox.c.outcome).where(outbox.outbox.c.id == entry.id)).scalar()
    assert outcome == "sent"
