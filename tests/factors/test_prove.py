"""Proving a second factor: hints about the clock, used codes, several phones, the backup code."""

from datetime import datetime

import pytest
import sqlalchemy as sa

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.people import ANONYMOUS, CLIENT_INFO, PASSWORD, Ada, Factor, People, phone_of
from twofold.directory.user import User
from twofold.events.kinds import Operation
from twofold.factors import change_flow, enrolment_flow, kinds_flow, removal_flow
from twofold.factors import flow as factors
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.kinds_flow import Proof
from twofold.factors.opening_flow import SetUp
from twofold.factors.outcomes import Changed, Opened, SessionOver, SpentBackupCode, UsedCode, WrongCode
from twofold.factors.totp import codes as totp
from twofold.factors.totp import records
from twofold.factors.totp.flow import MOST_DISCLOSED
from twofold.factors.totp.tables import authenticators
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.kit.crypto.tokens import digest
from twofold.lockouts import flow as lockouts
from twofold.sessions.tables import sessions
from twofold.signin.outcomes import Due, SignedIn


def add_a_phone(people: People, user: User, factor: Factor, hours_ago: int = 2) -> Authenticator:
    at = later(hours=-hours_ago)
    session = people.sign_in(user, factor.phone, at=later(at=at, minutes=-5))
    asked = SetUp(PASSWORD, factor.phone.code(at), None, "Work phone")
    opened = enrolment_flow.open_in_session(people.context, session, asked, origin=Origin(at, CLIENT_INFO))
    assert isinstance(opened, Opened)
    phone = phone_of(opened)
    changed = enrolment_flow.confirm_in_session(
        people.context, session, opened.id, phone.code(at), origin=Origin(at, CLIENT_INFO),
    )  # fmt: skip
    assert isinstance(changed, Changed)
    return phone


# --- a step is accepted once


def test_a_code_is_refused_the_second_time(people: People, ada: Ada) -> None:
    user, factor = ada
    code = factor.phone.code(NOON)
    assert isinstance(people.give_code(people.attempt(user), code), SignedIn)
    for typed in (code, f"{code[:3]} {code[3:]}", f" {code} ", "-".join(code)):
        assert people.give_code(people.attempt(user), typed) == UsedCode(5)
    assert people.count(sessions) == 2  # the one of yesterday's set-up, and one of today


def test_a_code_is_refused_the_second_time_after_a_restart_and_on_another_node(people: People, ada: Ada) -> None:
    user, factor = ada
    code = factor.phone.code(NOON)
    assert isinstance(people.give_code(people.attempt(user), code), SignedIn)
    with context_on(people.context.settings.database_url) as again:
        elsewhere = People(again)
        assert elsewhere.give_code(elsewhere.attempt(user), code) == UsedCode(5)


def test_the_code_before_an_accepted_one_is_refused_too(people: People, ada: Ada) -> None:
    user, factor = ada
    newer, older = factor.phone.code(later(seconds=30)), factor.phone.code(NOON)
    assert isinstance(people.give_code(people.attempt(user), newer), SignedIn)
    assert people.give_code(people.attempt(user), older) == UsedCode(5)
    assert people.give_code(people.attempt(user), newer) == UsedCode(5)


def test_a_step_is_accepted_once_even_by_whoever_has_not_seen_that_it_was(people: People, ada: Ada) -> None:
    """Behind the budget, which lines the tries of one user up, the statement itself holds the rule."""
    step = totp.step_of(NOON)
    with people.context.db.write() as connection:
        (only,) = factors.show(connection, ada[0].id).authenticators
        accepted = [records.accept_step(connection, only.id, tried, NOON) for tried in (step, step, step - 1, step + 1)]
    assert accepted == [True, False, False, True]


@pytest.mark.parametrize("with_backup_code", [False, True])
def test_who_waited_while_their_factor_was_removed_is_charged_nothing(
    people: People, ada: Ada, *, with_backup_code: bool
) -> None:
    """Their sign-in was read before the removal and comes to be compared after it: five of them must lock nobody."""
    user, factor = ada
    session = people.sign_in(user, factor.phone, at=later(minutes=-10))
    proofs = change_flow.Proofs(PASSWORD, factor.phone.code(NOON), None)
    removal_flow.remove(people.context, session, proofs, origin=Origin(NOON, CLIENT_INFO))
    typed = kinds_flow.parse(factor.backup_code if with_backup_code else factor.phone.code(later(seconds=30)))
    assert isinstance(typed, Proof)
    for _ in range(5):
        with people.context.db.write() as connection:
            outcome = factors.prove(
                people.context, connection, user, typed, operation=Operation.SIGN_IN, origin=Origin(NOON, CLIENT_INFO)
            )
            assert outcome == SessionOver()
            assert lockouts.counts(connection, user.id) == (0, 0)
    assert not people.events("second_factor_wrong", "locked")


def test_the_next_code_is_accepted(people: People, ada: Ada) -> None:
    user, factor = ada
    for seconds in (0, 30, 60):
        at = later(seconds=seconds)
        assert isinstance(people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at), SignedIn)


def test_a_code_of_one_operation_is_used_in_every_other(people: People, ada: Ada) -> None:
    user, factor = ada
    session = people.sign_in(user, factor.phone, at=later(minutes=-10))
    proofs = change_flow.Proofs(PASSWORD, factor.phone.code(NOON), None)
    assert isinstance(people.give_code(people.attempt(user), proofs.code), SignedIn)
    outcome = change_flow.regenerate(people.context, session, proofs, origin=Origin(NOON, CLIENT_INFO), seen=True)
    assert outcome == UsedCode(5)


# --- hints about the clock


@pytest.mark.parametrize(("minutes", "drift"), [(-10, -600), (-3, -180), (-1, -60), (1, 60), (3, 180), (10, 600)])
def test_a_wrong_code_of_another_time_tells_how_far_the_clock_is_off(
    people: People, ada: Ada, minutes: int, drift: int
) -> None:
    user, factor = ada
    code = factor.phone.code(later(minutes=minutes))
    assert people.give_code(people.attempt(user), code) == WrongCode(4, drift)


def test_a_future_code_that_was_hinted_at_is_refused_when_it_comes(people: People, ada: Ada) -> None:
    user, factor = ada
    at = later(minutes=3)
    code = factor.phone.code(at)
    assert people.give_code(people.attempt(user), code) == WrongCode(4, 180)
    for moment in (later(at=at, seconds=-30), at, later(at=at, seconds=30)):
        attempt = people.attempt(user, at=moment)
        assert people.give_code(attempt, code, at=moment) == UsedCode(4)
    at = later(at=at, seconds=60)
    assert isinstance(people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at), SignedIn)


def test_several_future_codes_are_remembered(people: People, ada: Ada) -> None:
    user, factor = ada
    ahead = [later(minutes=minutes) for minutes in (2, 4, 3)]
    codes = [factor.phone.code(at) for at in ahead]
    for code in codes:
        people.give_code(people.attempt(user), code)
    for at, code in sorted(zip(ahead, codes, strict=True)):
        assert people.give_code(people.attempt(user, at=at), code, at=at) == UsedCode(2)
    assert len(disclosed_steps(people)) == 3


def disclosed_steps(people: People) -> list[int]:
    with people.context.db.read() as connection:
        return [int(step) for step in connection.execute(sa.select(authenticators.c.given_away)).scalar_one().split()]


def hint_at(people: People, ada: Ada, at: datetime, *, minutes: float) -> WrongCode | UsedCode:
    """Type a code that belongs to a later moment."""
    user, factor = ada
    outcome = people.give_code(people.attempt(user, at=at), factor.phone.code(later(at=at, minutes=minutes)), at=at)
    assert isinstance(outcome, WrongCode | UsedCode), outcome
    return outcome


@pytest.mark.parametrize("ahead", [0.2, 1, 23])
def test_what_was_disclosed_is_refused_also_when_a_clock_that_was_wrong_is_set_back(
    people: People, ada: Ada, ahead: float
) -> None:
    """Stops: a code that was hinted at, kept until its time comes a second time."""
    user, factor = ada
    assert hint_at(people, ada, NOON, minutes=3) == WrongCode(4, 180)
    wrong = later(hours=ahead)
    assert hint_at(people, ada, wrong, minutes=5) == WrongCode(3, 300)  # the clock is off, and another is remembered
    at = later(minutes=3)
    assert people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at) == UsedCode(3)


def test_what_was_disclosed_is_forgotten_after_a_day(people: People, ada: Ada) -> None:
    first = totp.step_of(later(minutes=2))
    hint_at(people, ada, NOON, minutes=2)
    hint_at(people, ada, later(days=1, minutes=1, seconds=30), minutes=2)
    assert disclosed_steps(people) == [first, first + 2880 + 3]
    hint_at(people, ada, later(days=1, minutes=2), minutes=2)
    assert disclosed_steps(people) == [first + 2880 + 3, first + 2880 + 4]


def test_what_was_disclosed_is_forgotten_once_it_could_not_be_accepted_anyway(people: People, ada: Ada) -> None:
    user, factor = ada
    hint_at(people, ada, NOON, minutes=2)
    at = later(minutes=2, seconds=30)
    assert isinstance(people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at), SignedIn)
    hint_at(people, ada, at, minutes=2)
    assert disclosed_steps(people) == [totp.step_of(later(at=at, minutes=2))]
    at = later(minutes=2)  # the clock is set back
    assert people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at) == UsedCode(4)


def test_who_was_told_of_so_many_steps_is_told_of_no_more(people: People, ada: Ada) -> None:
    """What cannot be remembered is not disclosed."""
    user, factor = ada
    now = totp.step_of(NOON)
    full = [*range(now - MOST_DISCLOSED + 3, now + 3)]
    with people.context.db.write() as connection:
        connection.execute(authenticators.update().values(given_away=" ".join(map(str, full))))
    assert hint_at(people, ada, NOON, minutes=2) == WrongCode(4, None)
    assert disclosed_steps(people) == full
    assert hint_at(people, ada, NOON, minutes=1) == WrongCode(3, 60)  # has been told before
    assert hint_at(people, ada, NOON, minutes=-2) == WrongCode(2, -120)  # nothing to remember
    at = later(minutes=2)
    assert isinstance(people.give_code(people.attempt(user, at=at), factor.phone.code(at), at=at), SignedIn)


def test_a_code_of_the_past_is_hinted_at_and_leaves_the_present_alone(people: People, ada: Ada) -> None:
    user, factor = ada
    people.give_code(people.attempt(user), factor.phone.code(later(minutes=-2)))
    assert isinstance(people.give_code(people.attempt(user), factor.phone.code(NOON)), SignedIn)


# --- several phones


def test_a_code_of_any_phone_lets_its_owner_in(people: People, ada: Ada) -> None:
    user, factor = ada
    other = add_a_phone(people, user, factor)
    for phone in (other, factor.phone):
        assert isinstance(people.give_code(people.attempt(user), phone.code(NOON)), SignedIn)
        assert people.give_code(people.attempt(user), phone.code(NOON)) == UsedCode(5)


def test_a_phone_with_its_clock_off_is_hinted_at_whichever_it_is(people: People, ada: Ada) -> None:
    user, factor = ada
    other = add_a_phone(people, user, factor)
    for left, phone in ((4, other), (3, factor.phone)):
        code = phone.code(later(minutes=-4))
        assert people.give_code(people.attempt(user), code) == WrongCode(left, -240)


def test_only_the_phone_that_was_used_is_marked_as_used(people: People, ada: Ada) -> None:
    user, factor = ada
    other = add_a_phone(people, user, factor)
    people.give_code(people.attempt(user), other.code(NOON))
    query = sa.select(authenticators.c.name, authenticators.c.last_used_at)
    with people.context.db.read() as connection:
        used: dict[str, object] = {row.name: row.last_used_at for row in connection.execute(query)}
    assert used["Work phone"] == NOON
    assert used["Authenticator app"] != NOON


def test_a_code_of_somebody_else_is_wrong(people: People, ada: Ada) -> None:
    user, _ = ada
    _, other = people.protected("grace@acme.example")
    assert people.give_code(people.attempt(user), other.phone.code(NOON)) == WrongCode(4)
    outcome = people.give_code(people.attempt(user), other.backup_code)
    assert outcome == WrongCode(3, backup=True)


# --- the backup code


def test_a_backup_code_is_used_up_and_replaced(people: People, ada: Ada) -> None:
    user, factor = ada
    outcome = people.give_code(people.attempt(user, channel="api"), factor.backup_code, channel="api")
    assert isinstance(outcome, SignedIn)
    assert outcome.new_backup_code is not None
    attempt = people.attempt(user, channel="api")
    assert people.give_code(attempt, factor.backup_code, channel="api") == SpentBackupCode(5)
    assert isinstance(people.give_code(attempt, outcome.new_backup_code, channel="api"), SignedIn)


@pytest.mark.parametrize(
    "how", [str.lower, str.upper, lambda code: code.replace("-", ""), lambda code: code.replace("-", " ")]
)
def test_a_backup_code_may_be_typed_in_any_way(people: People, ada: Ada, how: object) -> None:
    user, factor = ada
    typed = how(factor.backup_code)  # type: ignore[operator]
    assert isinstance(people.give_code(people.attempt(user), typed), Due)


def test_only_the_hashes_of_backup_codes_rest(people: People, ada: Ada) -> None:
    user, factor = ada
    people.give_code(people.attempt(user, channel="api"), factor.backup_code, channel="api")
    with people.context.db.read() as connection:
        row = connection.execute(sa.select(backup_codes)).one()
    assert row.spent_hash == digest(factor.backup_code.replace("-", ""))
    assert (len(row.code_hash), row.code_hash == row.spent_hash) == (32, False)


def test_only_the_backup_code_that_was_spent_last_is_answered_as_used(people: People, ada: Ada) -> None:
    user, factor = ada
    code = factor.backup_code
    for _ in range(2):
        outcome = people.give_code(people.attempt(user, channel="api"), code, channel="api")
        code = outcome.new_backup_code
    assert people.give_code(people.attempt(user), factor.backup_code) == WrongCode(4, backup=True)


def test_using_it_is_written_down_and_mailed_with_where_it_came_from(people: People, ada: Ada) -> None:
    user, factor = ada
    people.give_code(people.attempt(user), factor.backup_code, client_info=ANONYMOUS)
    (event,) = people.events("backup_code_used")
    assert (event.actor_id, event.subject_id, event.address) == (user.id, user.id, ANONYMOUS.address)
    assert "sign_in" in event.details
    (letter,) = people.letters("backup_code_used")
    assert letter.facts == {"address": ANONYMOUS.address, "browser": ANONYMOUS.browser}
    assert factor.backup_code not in str(people.events())


def test_using_it_ends_no_session(people: People, ada: Ada) -> None:
    user, factor = ada
    token = people.token(user, factor.phone)
    people.give_code(people.attempt(user, channel="api"), factor.backup_code, channel="api")
    assert people.find_session(token) is not None


def test_a_wrong_code_is_written_down_as_nobodys(people: People, ada: Ada) -> None:
    user, factor = ada
    people.give_code(people.attempt(user), factor.phone.wrong_code(NOON), client_info=ANONYMOUS)
    (event,) = people.events("second_factor_wrong")
    assert (event.actor_kind, event.subject_id, event.result, event.address) == (
        "nobody", user.id, "refused", ANONYMOUS.address,
    )  # fmt: skip


# --- what rests is bound to its row


def test_a_secret_moved_to_another_user_lets_nobody_in(people: People, ada: Ada, context: AppContext) -> None:
    user, _ = ada
    mallory, theirs = people.protected("mallory@acme.example")
    with context.db.write() as connection:
        box = connection.execute(
            sa.select(authenticators.c.box).where(authenticators.c.user_id == mallory.id)
        ).scalar_one()
        connection.execute(authenticators.update().where(authenticators.c.user_id == user.id).values(box=box))
    outcome = people.give_code(people.attempt(user), theirs.phone.code(NOON))
    assert outcome == WrongCode(5, unreadable=True)
    assert [event.subject_id for event in people.events("secret_unreadable")] == [user.id]
