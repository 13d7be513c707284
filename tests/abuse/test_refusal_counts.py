"""Refusals are counted by the hour and the network, however many there are."""

from datetime import timedelta

import sqlalchemy as sa

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.abuse import flow as abuse
from twofold.abuse.tables import refusal_counts


def counted(people: People) -> list[tuple[str, str, int]]:
    columns = (refusal_counts.c.network, refusal_counts.c.kind, refusal_counts.c.refused)
    with people.context.db.read() as connection:
        rows = connection.execute(sa.select(*columns).order_by(refusal_counts.c.hour, *columns)).all()
    return [(network, kind, refused) for network, kind, refused in rows]


def refuse(people: People, kind: str, address: str, minutes: float = 0, times: int = 1) -> None:
    with people.context.db.write() as connection:
        abuse.count_refusal(connection, kind, address, later(minutes=minutes), times=times)


def test_neighbours_within_an_hour_share_a_row(people: People) -> None:
    refuse(people, "unknown_address", "192.0.2.7")
    refuse(people, "unknown_address", "192.0.2.200", minutes=59)
    refuse(people, "limited", "192.0.2.200", times=5)
    refuse(people, "unknown_address", "198.51.100.1")
    assert counted(people) == [
        ("192.0.2.0/24", "limited", 5),
        ("192.0.2.0/24", "unknown_address", 2),
        ("198.51.100.0/24", "unknown_address", 1),
    ]


def test_the_next_hour_has_a_row_of_its_own(people: People) -> None:
    refuse(people, "limited", "192.0.2.7", minutes=59)
    refuse(people, "limited", "192.0.2.7", minutes=60)
    assert counted(people) == [("192.0.2.0/24", "limited", 1)] * 2


def test_after_30_days_an_hour_is_forgotten(people: People) -> None:
    refuse(people, "limited", "192.0.2.7")
    for days, left in ((30, 1), (30.05, 0)):
        with people.context.db.write() as connection:
            abuse.forget_old(connection, NOON + timedelta(days=days))
        assert len(counted(people)) == left
