"""The budget of codes by mail: three mails an hour, five wrong ones close the door for a day."""

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.audit import flow as audit
from twofold.directory.person import Person
from twofold.lockouts import flow as lockouts
from twofold.lockouts.flow import Wait

DAY = 24 * 3600


@pytest.fixture
def person(people: People) -> Person:
    person = people.person()
    with people.house.db.write() as connection:
        assert lockouts.charge_mail(connection, person, NOON) is None
    return person


def guess(people: People, person: Person, hours: float = 0, minutes: float = 0, seconds: float = 0) -> int | Wait:
    with people.house.db.write() as connection:
        return lockouts.charge_mailed_code(connection, person, later(hours=hours, minutes=minutes, seconds=seconds))


def closed(people: People, person: Person, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Wait | None:
    with people.house.db.read() as connection:
        return lockouts.mailbox_closed(connection, person, later(hours=hours, minutes=minutes, seconds=seconds))


def mail(people: People, person: Person, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Wait | None:
    with people.house.db.write() as connection:
        return lockouts.charge_mail(connection, person, later(hours=hours, minutes=minutes, seconds=seconds))


def test_the_fifth_try_closes_the_door_for_24_hours(people: People, person: Person) -> None:
    assert [guess(people, person, minutes=minute) for minute in range(4)] == [4, 3, 2, 1]
    assert closed(people, person, minutes=4) is None
    assert guess(people, person, minutes=4) == 0
    assert closed(people, person, minutes=4) == Wait(DAY)
    assert guess(people, person, minutes=5) == Wait(DAY - 60)
    assert guess(people, person, hours=24, minutes=3, seconds=59) == Wait(1)
    assert guess(people, person, hours=24, minutes=4) == 4
    assert closed(people, person, hours=24, minutes=4) is None


def test_asking_at_a_closed_door_does_not_keep_it_closed(people: People, person: Person) -> None:
    for _ in range(5):
        guess(people, person)
    for hour in range(1, 24):
        assert isinstance(guess(people, person, hours=hour), Wait)
    assert guess(people, person, hours=24) == 4


def test_another_mail_gives_no_new_tries(people: People, person: Person) -> None:
    assert [guess(people, person) for _ in range(3)] == [4, 3, 2]
    assert mail(people, person, minutes=1) is None
    assert [guess(people, person, minutes=2) for _ in range(2)] == [1, 0]


def test_a_right_code_forgets_the_wrong_ones(people: People, person: Person) -> None:
    for _ in range(4):
        guess(people, person)
    with people.house.db.write() as connection:
        lockouts.mailed_code_right(connection, person)
    assert guess(people, person) == 4


def test_an_unlock_opens_the_door_again(people: People, person: Person) -> None:
    for _ in range(5):
        guess(people, person)
    with people.house.db.write() as connection:
        lockouts.unlock(people.house, connection, person, actor=audit.CONSOLE, reason="called in", at=NOON)
    assert closed(people, person) is None
    assert guess(people, person) == 4


def test_three_mails_go_out_an_hour(people: People, person: Person) -> None:
    assert mail(people, person, minutes=10) is None
    assert mail(people, person, minutes=20) is None
    assert mail(people, person, minutes=20) == Wait(2400)
    assert mail(people, person, minutes=59, seconds=59) == Wait(1)
    assert mail(people, person, hours=1) is None


def test_somebody_elses_mailbox_is_another(people: People, person: Person) -> None:
    other = people.person("grace@acme.example")
    for _ in range(5):
        guess(people, person)
    assert mail(people, other) is None
    assert guess(people, other) == 4
