from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.contexts import context_on
from tests.harness.plans import plans_of
from twofold.kit.context import AppContext
from twofold.kit.mail import outbox
from twofold.kit.mail.outbox import GIVE_UP_AFTER, KEPT, LEASE, MOST_DECOYS_WAITING, WAITS, Entry, Priority, Selection

ADA, ACME = uuid4(), uuid4()


def post(
    context: AppContext, kind: str = "locked", not_before: datetime | None = None, recipient: str = "ada@acme.example"
) -> UUID:
    with context.db.write() as connection:
        letter = context.outbox.post(
            connection, kind, user_id=ADA, account_id=ACME, recipient=recipient, at=NOON,
            facts={"operation": "sign_in"}, not_before=not_before,
        )  # fmt: skip
    assert letter is not None
    return letter


def claim(context: AppContext, at: datetime = NOON, **options: Any) -> list[Entry]:
    with context.db.write() as connection:
        return list(outbox.claim(connection, at, **options))


def row(context: AppContext, letter: UUID) -> Any:
    with context.db.read() as connection:
        return connection.execute(sa.select(outbox.outbox).where(outbox.outbox.c.id == letter)).one()


def test_a_letter_waits_with_its_facts_until_it_is_claimed(context: AppContext) -> None:
    letter = post(context)
    (entry,) = claim(context)
    assert entry == Entry(letter, "locked", ACME, ADA, "ada@acme.example", {"operation": "sign_in"}, NOON, 1)


def test_a_letter_is_lost_with_its_transaction(context: AppContext) -> None:
    with context.db.write() as connection:
        context.outbox.post(connection, "locked", user_id=ADA, account_id=ACME, recipient="a@b.example", at=NOON)
        connection.rollback()
    assert claim(context) == []


def test_without_a_mail_server_nothing_is_dropped(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        with context.db.write() as connection:
            posted = context.outbox.post(
                connection, "locked", user_id=ADA, account_id=ACME, recipient="a@b.example", at=NOON,
            )  # fmt: skip
        assert posted is None
        assert claim(context) == []


def test_a_claim_holds_for_two_minutes_and_no_longer(context: AppContext) -> None:
    post(context)
    (first,) = claim(context)
    assert claim(context, later(seconds=119)) == []
    (again,) = claim(context, NOON + LEASE)
    assert (again.id, first.tries, again.tries) == (first.id, 1, 2)


def test_claims_take_the_longest_due_first_and_never_the_same_twice(context: AppContext) -> None:
    letters = [post(context) for _ in range(3)]
    early = post(context)
    with context.db.write() as connection:
        connection.execute(outbox.outbox.update().where(outbox.outbox.c.id == early).values(due_at=later(minutes=-1)))
    (first,) = claim(context, most=1)
    rest = claim(context, most=10)
    assert first.id == early
    assert {entry.id for entry in rest} == set(letters)
    assert claim(context, most=10) == []


def test_a_letter_that_another_worker_is_claiming_is_passed_over(postgresql_url: str) -> None:
    with context_on(postgresql_url) as context:
        letters = {post(context), post(context)}
        with context.db.write() as one, context.db.write() as two:
            (first,) = outbox.claim(one, NOON, 1)
            (second,) = outbox.claim(two, NOON, 1)  # does not wait for the first
        assert {first.id, second.id} == letters


PRIORITIES = [("policy_reminder", "ada"), ("password_link", ""), ("password_link", "ada"), ("sign_in_code", "ada")]
URGENT = Selection(Priority.DECOY)


def test_letters_are_claimed_by_their_priority(context: AppContext) -> None:
    letters = [post(context, kind, recipient=recipient) for kind, recipient in PRIORITIES]
    claimed = [entry.id for _ in letters for entry in claim(context, most=1)]
    assert claimed == letters[::-1]


def test_no_letter_waits_for_ever_behind_those_of_a_higher_priority(context: AppContext) -> None:
    letters = [
        post(context, kind, recipient=recipient, not_before=later(seconds=n))
        for n, (kind, recipient) in enumerate(PRIORITIES)
    ]
    claimed = [entry.id for _ in letters for entry in claim(context, later(minutes=1), most=1, oldest_first=True)]
    assert claimed == letters


def test_what_somebody_waits_for_can_be_claimed_alone(context: AppContext) -> None:
    letters = [post(context, kind, recipient=recipient) for kind, recipient in PRIORITIES]
    assert [entry.id for entry in claim(context, which=URGENT)] == letters[:0:-1]
    with context.db.read() as connection:
        assert outbox.is_due(connection, NOON)
        assert not outbox.is_due(connection, NOON, URGENT)


def test_letters_for_nobody_can_be_left_out(context: AppContext) -> None:
    decoy = post(context, "password_link", recipient="")
    for which in (Selection(Priority.DECOY, decoys=False), Selection(decoys=False)):
        with context.db.read() as connection:
            assert not outbox.is_due(connection, NOON, which)
        assert claim(context, which=which) == []
    (entry,) = claim(context, which=URGENT)
    assert (entry.id, entry.turn, entry.is_decoy) == (decoy, Priority.DECOY, True)


def test_of_too_many_letters_for_nobody_the_oldest_are_dropped_and_of_others_none(context: AppContext) -> None:
    for_ada = post(context)
    for second in range(MOST_DECOYS_WAITING + 3):
        post(context, "password_link", recipient="", not_before=later(seconds=second))
    with context.db.write() as connection:
        assert outbox.has_surplus(connection)
        assert outbox.waiting(connection) == (1, NOON)
        assert len(outbox.drop_surplus(connection)) == 3
        assert not outbox.has_surplus(connection)
        assert outbox.drop_surplus(connection) == []
    left = claim(context, later(hours=1), most=100)
    assert [entry.id for entry in left if not entry.is_decoy] == [for_ada]
    assert next(entry.created_at for entry in left if entry.is_decoy) == later(seconds=3)


def test_a_look_and_a_claim_read_no_letter_that_is_not_due(context: AppContext) -> None:
    with plans_of(context.db, where_possible=True) as plans:
        post(context)
        claim(context)
        claim(context, oldest_first=True)
        with context.db.write() as connection:
            outbox.is_due(connection, NOON)
            outbox.has_surplus(connection)
            outbox.drop_surplus(connection)
            outbox.waiting(connection)
            outbox.is_late(connection, NOON)
    assert [plan for plan in plans if plan.read_through] == []


def test_a_letter_can_be_put_off(context: AppContext) -> None:
    letter = post(context, not_before=later(hours=24))
    with context.db.read() as connection:
        assert not outbox.is_due(connection, later(hours=23))
        assert outbox.is_due(connection, later(hours=24))
    assert claim(context, later(hours=23)) == []
    assert [entry.id for entry in claim(context, later(hours=24))] == [letter]


def test_putting_off_into_the_past_delivers_at_once(context: AppContext) -> None:
    post(context, not_before=later(hours=-1))
    assert len(claim(context)) == 1


@pytest.mark.parametrize("outcome", ["sent", "dropped", "rejected"])
def test_a_settled_letter_is_not_delivered_again(context: AppContext, outcome: str) -> None:
    letter = post(context)
    claim(context)
    with context.db.write() as connection:
        outbox.settle(connection, letter, outcome, later(seconds=1), "why")
    assert claim(context, later(days=1)) == []
    settled = row(context, letter)
    assert (settled.outcome, settled.settled_at, settled.due_at) == (outcome, later(seconds=1), None)


def test_a_letter_that_cannot_go_out_waits_ever_longer_and_is_given_up_in_three_days(
    context: AppContext,
) -> None:
    letter, at, waits = post(context), NOON, []
    while True:
        (entry,) = claim(context, at)
        with context.db.write() as connection:
            outbox.postpone(connection, entry, at, "451 Later")
        due = row(context, letter).due_at
        if due is None:
            break
        waits.append(due - at)
        at = due
    assert tuple(waits[: len(WAITS)]) == WAITS
    assert set(waits[len(WAITS) :]) == {WAITS[-1]}
    assert at > NOON + GIVE_UP_AFTER
    assert (row(context, letter).outcome, row(context, letter).last_error) == ("rejected", "451 Later")


def test_who_was_too_slow_does_not_put_off_what_another_has_in_hand(context: AppContext) -> None:
    letter = post(context)
    (slow,) = claim(context)
    (fast,) = claim(context, later(minutes=3))
    with context.db.write() as connection:
        outbox.postpone(connection, slow, later(minutes=3, seconds=1), "timeout")
    assert row(context, letter).due_at == later(minutes=3) + LEASE
    with context.db.write() as connection:
        outbox.settle(connection, fast.id, "sent", later(minutes=4))
        outbox.postpone(connection, fast, later(minutes=4), "nothing")
    assert row(context, letter).due_at is None


def test_what_waits_is_counted_with_the_age_of_the_oldest(context: AppContext) -> None:
    sent = post(context)
    post(context, not_before=later(minutes=5))
    with context.db.write() as connection:
        assert outbox.waiting(connection) == (2, NOON)
        outbox.settle(connection, sent, "sent", NOON)
        assert outbox.waiting(connection) == (1, later(minutes=5))


def test_settled_letters_are_forgotten_after_a_month_and_waiting_ones_never(context: AppContext) -> None:
    settled, waiting = post(context), post(context)
    with context.db.write() as connection:
        outbox.settle(connection, settled, "sent", NOON)
        assert outbox.forget_settled(connection, later(seconds=-1) + KEPT) == 0
        assert outbox.forget_settled(connection, NOON + KEPT) == 1
        assert outbox.forget_settled(connection, later(days=400)) == 0
    assert row(context, waiting).outcome is None
