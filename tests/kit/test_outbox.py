from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.houses import house_on
from tests.harness.plans import plans_of
from twofold.kit import outbox
from twofold.kit.house import House
from twofold.kit.outbox import GIVE_UP_AFTER, KEPT, LEASE, MOST_FOR_NOBODY, WAITS, Due, Entry, Turn

ADA, ACME = uuid4(), uuid4()


def post(
    house: House, kind: str = "locked", not_before: datetime | None = None, recipient: str = "ada@acme.example"
) -> UUID:
    with house.db.write() as connection:
        letter = house.outbox.post(
            connection, kind, user_id=ADA, account_id=ACME, recipient=recipient, at=NOON,
            facts={"door": "sign_in"}, not_before=not_before,
        )  # fmt: skip
    assert letter is not None
    return letter


def claim(house: House, at: datetime = NOON, **options: Any) -> list[Entry]:
    with house.db.write() as connection:
        return list(outbox.claim(connection, at, **options))


def row(house: House, letter: UUID) -> Any:
    with house.db.read() as connection:
        return connection.execute(sa.select(outbox.outbox).where(outbox.outbox.c.id == letter)).one()


def test_a_letter_waits_with_its_facts_until_it_is_claimed(house: House) -> None:
    letter = post(house)
    (entry,) = claim(house)
    assert entry == Entry(letter, "locked", ACME, ADA, "ada@acme.example", {"door": "sign_in"}, NOON, 1)


def test_a_letter_is_lost_with_its_transaction(house: House) -> None:
    with house.db.write() as connection:
        house.outbox.post(connection, "locked", user_id=ADA, account_id=ACME, recipient="a@b.example", at=NOON)
        connection.rollback()
    assert claim(house) == []


def test_without_a_mail_server_nothing_is_dropped(database_url: str) -> None:
    with house_on(database_url, mail=False) as house:
        with house.db.write() as connection:
            posted = house.outbox.post(
                connection, "locked", user_id=ADA, account_id=ACME, recipient="a@b.example", at=NOON,
            )  # fmt: skip
        assert posted is None
        assert claim(house) == []


def test_a_claim_holds_for_two_minutes_and_no_longer(house: House) -> None:
    post(house)
    (first,) = claim(house)
    assert claim(house, later(seconds=119)) == []
    (again,) = claim(house, NOON + LEASE)
    assert (again.id, first.tries, again.tries) == (first.id, 1, 2)


def test_claims_take_the_longest_due_first_and_never_the_same_twice(house: House) -> None:
    letters = [post(house) for _ in range(3)]
    early = post(house)
    with house.db.write() as connection:
        connection.execute(outbox.outbox.update().where(outbox.outbox.c.id == early).values(due_at=later(minutes=-1)))
    (first,) = claim(house, most=1)
    rest = claim(house, most=10)
    assert first.id == early
    assert {entry.id for entry in rest} == set(letters)
    assert claim(house, most=10) == []


def test_a_letter_that_another_worker_is_claiming_is_passed_over(postgresql_url: str) -> None:
    with house_on(postgresql_url) as house:
        letters = {post(house), post(house)}
        with house.db.write() as one, house.db.write() as two:
            (first,) = outbox.claim(one, NOON, 1)
            (second,) = outbox.claim(two, NOON, 1)  # does not wait for the first
        assert {first.id, second.id} == letters


TURNS = [("policy_reminder", "ada"), ("password_link", ""), ("password_link", "ada"), ("sign_in_code", "ada")]
URGENT = Due(Turn.NOBODY)


def test_letters_are_claimed_in_their_turns(house: House) -> None:
    letters = [post(house, kind, recipient=recipient) for kind, recipient in TURNS]
    claimed = [entry.id for _ in letters for entry in claim(house, most=1)]
    assert claimed == letters[::-1]


def test_no_letter_waits_for_ever_behind_those_whose_turn_comes_first(house: House) -> None:
    letters = [
        post(house, kind, recipient=recipient, not_before=later(seconds=n)) for n, (kind, recipient) in enumerate(TURNS)
    ]
    claimed = [entry.id for _ in letters for entry in claim(house, later(minutes=1), most=1, oldest_first=True)]
    assert claimed == letters


def test_what_somebody_waits_for_can_be_claimed_alone(house: House) -> None:
    letters = [post(house, kind, recipient=recipient) for kind, recipient in TURNS]
    assert [entry.id for entry in claim(house, which=URGENT)] == letters[:0:-1]
    with house.db.read() as connection:
        assert outbox.is_due(connection, NOON)
        assert not outbox.is_due(connection, NOON, URGENT)


def test_letters_for_nobody_can_be_left_out(house: House) -> None:
    nobody = post(house, "password_link", recipient="")
    for which in (Due(Turn.NOBODY, nobody=False), Due(nobody=False)):
        with house.db.read() as connection:
            assert not outbox.is_due(connection, NOON, which)
        assert claim(house, which=which) == []
    (entry,) = claim(house, which=URGENT)
    assert (entry.id, entry.turn, entry.for_nobody) == (nobody, Turn.NOBODY, True)


def test_of_too_many_letters_for_nobody_the_oldest_are_dropped_and_of_others_none(house: House) -> None:
    for_ada = post(house)
    for second in range(MOST_FOR_NOBODY + 3):
        post(house, "password_link", recipient="", not_before=later(seconds=second))
    with house.db.write() as connection:
        assert outbox.has_surplus(connection)
        assert outbox.waiting(connection) == (1, NOON)
        assert len(outbox.drop_surplus(connection)) == 3
        assert not outbox.has_surplus(connection)
        assert outbox.drop_surplus(connection) == []
    left = claim(house, later(hours=1), most=100)
    assert [entry.id for entry in left if not entry.for_nobody] == [for_ada]
    assert next(entry.created_at for entry in left if entry.for_nobody) == later(seconds=3)


def test_a_look_and_a_claim_read_no_letter_that_is_not_due(house: House) -> None:
    with plans_of(house.db, where_possible=True) as plans:
        post(house)
        claim(house)
        claim(house, oldest_first=True)
        with house.db.write() as connection:
            outbox.is_due(connection, NOON)
            outbox.has_surplus(connection)
            outbox.drop_surplus(connection)
            outbox.waiting(connection)
    assert [plan for plan in plans if plan.read_through] == []


def test_a_letter_can_be_put_off(house: House) -> None:
    letter = post(house, not_before=later(hours=24))
    with house.db.read() as connection:
        assert not outbox.is_due(connection, later(hours=23))
        assert outbox.is_due(connection, later(hours=24))
    assert claim(house, later(hours=23)) == []
    assert [entry.id for entry in claim(house, later(hours=24))] == [letter]


def test_putting_off_into_the_past_delivers_at_once(house: House) -> None:
    post(house, not_before=later(hours=-1))
    assert len(claim(house)) == 1


@pytest.mark.parametrize("outcome", ["sent", "dropped", "rejected"])
def test_a_settled_letter_is_not_delivered_again(house: House, outcome: str) -> None:
    letter = post(house)
    claim(house)
    with house.db.write() as connection:
        outbox.settle(connection, letter, outcome, later(seconds=1), "why")
    assert claim(house, later(days=1)) == []
    settled = row(house, letter)
    assert (settled.outcome, settled.settled_at, settled.due_at) == (outcome, later(seconds=1), None)


def test_a_letter_that_cannot_go_out_waits_longer_and_longer_and_is_given_up_after_three_days(house: House) -> None:
    letter, at, waits = post(house), NOON, []
    while True:
        (entry,) = claim(house, at)
        with house.db.write() as connection:
            outbox.postpone(connection, entry, at, "451 Later")
        due = row(house, letter).due_at
        if due is None:
            break
        waits.append(due - at)
        at = due
    assert tuple(waits[: len(WAITS)]) == WAITS
    assert set(waits[len(WAITS) :]) == {WAITS[-1]}
    assert at > NOON + GIVE_UP_AFTER
    assert (row(house, letter).outcome, row(house, letter).last_error) == ("rejected", "451 Later")


def test_who_was_too_slow_does_not_put_off_what_another_has_in_hand(house: House) -> None:
    letter = post(house)
    (slow,) = claim(house)
    (fast,) = claim(house, later(minutes=3))
    with house.db.write() as connection:
        outbox.postpone(connection, slow, later(minutes=3, seconds=1), "timeout")
    assert row(house, letter).due_at == later(minutes=3) + LEASE
    with house.db.write() as connection:
        outbox.settle(connection, fast.id, "sent", later(minutes=4))
        outbox.postpone(connection, fast, later(minutes=4), "nothing")
    assert row(house, letter).due_at is None


def test_what_waits_is_counted_with_the_age_of_the_oldest(house: House) -> None:
    sent = post(house)
    post(house, not_before=later(minutes=5))
    with house.db.write() as connection:
        assert outbox.waiting(connection) == (2, NOON)
        outbox.settle(connection, sent, "sent", NOON)
        assert outbox.waiting(connection) == (1, later(minutes=5))


def test_settled_letters_are_forgotten_after_a_month_and_waiting_ones_never(house: House) -> None:
    settled, waiting = post(house), post(house)
    with house.db.write() as connection:
        outbox.settle(connection, settled, "sent", NOON)
        assert outbox.forget_settled(connection, later(seconds=-1) + KEPT) == 0
        assert outbox.forget_settled(connection, NOON + KEPT) == 1
        assert outbox.forget_settled(connection, later(days=400)) == 0
    assert row(house, waiting).outcome is None
