from datetime import timedelta

from tests.harness.clock import NOON, later
from twofold.kit import leases
from twofold.kit.context import AppContext
from twofold.kit.leases import Held

LIFE = timedelta(minutes=2)


def test_only_one_holds_a_lease_until_it_is_over(context: AppContext) -> None:
    with context.db.write() as connection:
        assert leases.holder_of(connection, "clean-up") is None
        assert leases.take(connection, "clean-up", "one", NOON, LIFE)
        assert not leases.take(connection, "clean-up", "two", NOON, LIFE)
        assert not leases.take(connection, "clean-up", "two", later(seconds=119), LIFE)
        assert leases.holder_of(connection, "clean-up") == Held("one", later(minutes=2))
        assert leases.take(connection, "clean-up", "two", later(minutes=2), LIFE)
        assert leases.holder_of(connection, "clean-up") == Held("two", later(minutes=4))


def test_a_holder_prolongs_its_lease(context: AppContext) -> None:
    with context.db.write() as connection:
        assert leases.take(connection, "clean-up", "one", NOON, LIFE)
        assert leases.take(connection, "clean-up", "one", later(minutes=1), LIFE)
        assert not leases.take(connection, "clean-up", "two", later(minutes=2), LIFE)


def test_leases_of_different_names_do_not_know_each_other(context: AppContext) -> None:
    with context.db.write() as connection:
        assert leases.take(connection, "clean-up", "one", NOON, LIFE)
        assert leases.take(connection, "remind", "two", NOON, LIFE)


def test_a_lease_can_be_given_up_by_its_holder_alone(context: AppContext) -> None:
    with context.db.write() as connection:
        leases.take(connection, "clean-up", "one", NOON, LIFE)
        leases.give_up(connection, "clean-up", "two")
        assert not leases.take(connection, "clean-up", "two", NOON, LIFE)
        leases.give_up(connection, "clean-up", "one")
        assert leases.take(connection, "clean-up", "two", NOON, LIFE)
