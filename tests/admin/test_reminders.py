"""Whoever a policy will stop is told a week and a day before it, once each, and what the letter says is still true."""

from datetime import datetime, timedelta

import pytest

from tests.admin.administrators import BOSS, Administrator
from tests.harness.clock import NOON
from tests.harness.contexts import context_on
from tests.harness.parallel import at_once
from tests.harness.people import People
from tests.recovery.conftest import Mailer
from twofold.admin import reminder_flow
from twofold.admin.policy import Policy
from twofold.admin.reminder_flow import remind
from twofold.admin.tables import policy_reminders
from twofold.directory.user import User

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
IN_TEN_DAYS = NOON + 10 * DAY


def require(people: People, since: datetime | None = IN_TEN_DAYS) -> None:
    people.set_account(people.acme, policy="required", required_from=since)


def told(people: People, user: User) -> int:
    return len(people.letters("policy_reminder", to=user.email))


def test_everybody_without_a_factor_is_told_twice_and_nobody_else(people: People) -> None:
    ada, bob = people.user("ada@acme.example"), people.user("bob@acme.example")
    people.protected("on@acme.example")
    people.user("free@acme.example", licensed=False)
    people.user("gone@acme.example", active=False)
    people.user("cold@acme.example", frozen_at=NOON)
    people.user("invited@acme.example", password=None)
    people.user("excepted@acme.example", exception_until=NOON + 90 * DAY)
    people.user("else@other.example", account=people.account("Other"))
    require(people)
    schedule = [
        (NOON, 0),
        (NOON + 3 * DAY - HOUR, 0),
        (NOON + 3 * DAY, 2),
        (NOON + 3 * DAY + HOUR, 0),
        (NOON + 8 * DAY, 0),
        (NOON + 9 * DAY, 2),
        (NOON + 9 * DAY + HOUR, 0),
        (IN_TEN_DAYS, 0),
        (IN_TEN_DAYS + DAY, 0),
    ]
    assert [remind(people.context, at) for at, _ in schedule] == [count for _, count in schedule]
    assert {letter.recipient for letter in people.letters("policy_reminder")} == {ada.email, bob.email}


def test_a_date_that_is_near_brings_one_letter_now_and_one_the_day_before(people: People) -> None:
    people.user("ada@acme.example")
    require(people, NOON + 3 * DAY)
    assert [remind(people.context, at) for at in (NOON, NOON + DAY, NOON + 2 * DAY)] == [1, 0, 1]


def test_a_date_of_tomorrow_brings_one_letter(people: People) -> None:
    people.user("ada@acme.example")
    require(people, NOON + DAY)
    assert [remind(people.context, at) for at in (NOON, NOON + HOUR)] == [1, 0]


def test_whoever_has_an_exception_is_told_before_it_ends(people: People) -> None:
    ada = people.user("ada@acme.example", exception_until=NOON + 20 * DAY)
    require(people)
    assert [remind(people.context, NOON + days * DAY) for days in range(21)] == [
        1 if days in {13, 19} else 0 for days in range(21)
    ]
    assert told(people, ada) == 2


@pytest.mark.parametrize("since", [None, NOON - DAY])
def test_an_exception_from_a_policy_that_holds_already_ends_with_letters_too(
    people: People, since: datetime | None
) -> None:
    ada = people.user("ada@acme.example", exception_until=NOON + 2 * DAY)
    require(people, since)
    assert [remind(people.context, at) for at in (NOON, NOON + DAY)] == [1, 1]
    assert told(people, ada) == 2


@pytest.mark.parametrize("change", [{"policy": "optional"}, {"policy": "off"}, {"edition": "standard"}, {"sso": True}])
def test_nobody_is_told_of_what_will_not_be(people: People, change: dict[str, object]) -> None:
    people.user("ada@acme.example", exception_until=NOON + 2 * DAY)
    people.user("bob@acme.example")
    require(people, NOON + DAY)
    people.set_account(people.acme, **change)
    assert remind(people.context, NOON) == 0


def test_a_date_that_is_moved_is_told_anew(people: People) -> None:
    people.user("ada@acme.example")
    require(people, NOON + DAY)
    assert remind(people.context, NOON) == 1
    require(people, NOON + 8 * DAY)
    assert [remind(people.context, NOON + days * DAY) for days in (0, 1, 2)] == [0, 1, 0]


def test_two_nodes_at_once_tell_everybody_once(people: People) -> None:
    everybody = [people.user(f"p{number}@acme.example", password=None, password_hash="h") for number in range(30)]
    require(people, NOON + DAY)
    assert sum(at_once(*[lambda: remind(people.context, NOON)] * 4)) == 30
    assert all(told(people, user) == 1 for user in everybody)


def test_more_people_than_a_batch_are_all_told(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminder_flow, "BATCH", 4)
    for number in range(9):
        excepted = NOON + DAY - HOUR if number % 2 else None
        people.user(f"p{number}@acme.example", exception_until=excepted)
    require(people, NOON - DAY)
    assert remind(people.context, NOON) == 4
    require(people, NOON + DAY)
    assert remind(people.context, NOON) == 9


def test_without_a_mail_server_nothing_is_noted_so_that_nothing_is_lost(database_url: str) -> None:
    with context_on(database_url, mail=False) as context:
        people = People(context)
        people.user("ada@acme.example")
        require(people, NOON + DAY)
        assert remind(context, NOON) == 0
        assert people.count(policy_reminders) == 0
    with context_on(database_url) as context:
        assert remind(context, NOON) == 1


def test_what_was_noted_is_forgotten_a_month_after_its_date(people: People) -> None:
    people.user("ada@acme.example")
    require(people, NOON + DAY)
    remind(people.context, NOON)
    with people.context.db.write() as connection:
        assert reminder_flow.forget_over(connection, NOON + 31 * DAY) == 0
        assert reminder_flow.forget_over(connection, NOON + 32 * DAY) == 1


# --- what the letters say


def test_the_reminder_says_from_when_and_what_to_do(people: People, mailer: Mailer) -> None:
    people.user("ada@acme.example", name="Ada Lovelace")
    require(people, NOON + 7 * DAY)
    remind(people.context, NOON)
    (letter,) = mailer.deliver(NOON)
    assert letter.subject == "Set up two-factor authentication within 7 days - Twofold"
    for text in (" ".join(letter.text.split()), " ".join(letter.html.split())):
        assert (
            "Acme requires two-factor authentication from 10 March 2026, 12:00 Coordinated Universal Time on." in text
        )
        assert "Programs that ask only for an email address and a password will stop working for you." in text
    assert letter.link("/profile/two-factor/configure") in letter.html
    remind(people.context, NOON + 6 * DAY)
    (letter,) = mailer.deliver(NOON + 6 * DAY)
    assert letter.subject == "Set up two-factor authentication by tomorrow - Twofold"


def test_a_reminder_that_is_out_of_date_is_not_sent(people: People, mailer: Mailer) -> None:
    kinds = ("set up", "gone", "frozen", "no licence", "excepted")
    everybody = {kind: people.user(f"{kind.replace(' ', '')}@acme.example") for kind in kinds}
    still = people.user("still@acme.example")
    require(people, NOON + DAY)
    assert remind(people.context, NOON) == 6
    people.set_user(everybody["set up"], second_factor_since=NOON)
    people.set_user(everybody["gone"], active=False)
    people.set_user(everybody["frozen"], frozen_at=NOON)
    people.set_user(everybody["no licence"], licensed=False)
    people.set_user(everybody["excepted"], exception_until=NOON + 9 * DAY)
    assert [letter.recipients for letter in mailer.deliver(NOON)] == [(still.email,)]


def test_a_reminder_that_comes_after_its_date_or_its_policy_is_not_sent(people: People, mailer: Mailer) -> None:
    people.user("ada@acme.example")
    require(people, NOON + DAY)
    remind(people.context, NOON)
    assert mailer.deliver(NOON + DAY) == []
    require(people, NOON + 3 * DAY)
    remind(people.context, NOON + DAY)
    require(people, NOON + 4 * DAY)
    assert mailer.deliver(NOON + DAY) == []


def test_administrators_read_who_changed_the_policy_and_to_what(
    people: People, boss: Administrator, mailer: Mailer
) -> None:
    second, _ = people.protected("second@acme.example", role="admin", name="Second")
    mailer.deliver()
    boss.api.put("/account/policy", **Policy("required")._asdict() | {"required_from": "2026-03-20"})
    letters = mailer.deliver()
    assert {letter.recipients[0] for letter in letters} == {BOSS, second.email}
    for text in (" ".join(letters[0].text.split()), " ".join(letters[0].html.replace("<br>", " ").split())):
        assert "Berta Administrator changed the two-factor policy of Acme." in text
        assert "Before: Optional Now: Required, from 20 March 2026, 00:00 Coordinated Universal Time on" in text
    assert letters[0].link("/account/policy")
    boss.api.put("/account/policy", policy="off")
    people.set_user(second, role="member")
    assert [letter.recipients[0] for letter in mailer.deliver()] == [BOSS]
