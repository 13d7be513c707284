"""The budget of codes by mail: three mails an hour, five wrong ones block more for a day."""

import pytest

from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.directory.user import User
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.lockouts import flow as lockouts
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.lockouts.flow import Wait

DAY = 24 * 3600


@pytest.fixture
def user(people: People) -> User:
    user = people.user()
    with people.context.db.write() as connection:
        assert mail_limits.charge_mail(connection, user, NOON) is None
    return user


def guess(people: People, user: User, hours: float = 0, minutes: float = 0, seconds: float = 0) -> int | Wait:
    with people.context.db.write() as connection:
        return mail_limits.charge_mailed_code(connection, user, later(hours=hours, minutes=minutes, seconds=seconds))


def closed(people: People, user: User, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Wait | None:
    with people.context.db.read() as connection:
        return mail_limits.mailbox_closed(connection, user, later(hours=hours, minutes=minutes, seconds=seconds))


def mail(people: People, user: User, hours: float = 0, minutes: float = 0, seconds: float = 0) -> Wait | None:
    with people.context.db.write() as connection:
        return mail_limits.charge_mail(connection, user, later(hours=hours, minutes=minutes, seconds=seconds))


def test_the_fifth_try_blocks_more_for_24_hours(people: People, user: User) -> None:
    assert [guess(people, user, minutes=minute) for minute in range(4)] == [4, 3, 2, 1]
    assert closed(people, user, minutes=4) is None
    assert guess(people, user, minutes=4) == 0
    assert closed(people, user, minutes=4) == Wait(DAY)
    assert guess(people, user, minutes=5) == Wait(DAY - 60)
    assert guess(people, user, hours=24, minutes=3, seconds=59) == Wait(1)
    assert guess(people, user, hours=24, minutes=4) == 4
    assert closed(people, user, hours=24, minutes=4) is None


def test_asking_while_they_are_blocked_does_not_prolong_it(people: People, user: User) -> None:
    for _ in range(5):
        guess(people, user)
    for hour in range(1, 24):
        assert isinstance(guess(people, user, hours=hour), Wait)
    assert guess(people, user, hours=24) == 4


def test_another_mail_gives_no_new_tries(people: People, user: User) -> None:
    assert [guess(people, user) for _ in range(3)] == [4, 3, 2]
    assert mail(people, user, minutes=1) is None
    assert [guess(people, user, minutes=2) for _ in range(2)] == [1, 0]


def test_a_right_code_forgets_the_wrong_ones(people: People, user: User) -> None:
    for _ in range(4):
        guess(people, user)
    with people.context.db.write() as connection:
        mail_limits.mailed_code_right(connection, user)
    assert guess(people, user) == 4


def test_an_unlock_allows_codes_again(people: People, user: User) -> None:
    for _ in range(5):
        guess(people, user)
    with people.context.db.write() as connection:
        lockouts.unlock(people.context, connection, user, origin=Origin(NOON, actor=acting.CONSOLE), reason="called in")
    assert closed(people, user) is None
    assert guess(people, user) == 4


def test_three_mails_go_out_an_hour(people: People, user: User) -> None:
    assert mail(people, user, minutes=10) is None
    assert mail(people, user, minutes=20) is None
    assert mail(people, user, minutes=20) == Wait(2400)
    assert mail(people, user, minutes=59, seconds=59) == Wait(1)
    assert mail(people, user, hours=1) is None


def test_somebody_elses_mailbox_is_another(people: People, user: User) -> None:
    other = people.user("grace@acme.example")
    for _ in range(5):
        guess(people, user)
    assert mail(people, other) is None
    assert guess(people, other) == 4
