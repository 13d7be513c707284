"""Remind all: an email to everybody who could set up a second factor, and at most one in 24 hours."""

from datetime import timedelta

import pytest

from tests.admin.administrators import Administrator
from tests.harness.clock import NOON, later
from tests.harness.people import People
from twofold.admin import letters, remind_all_flow
from twofold.admin.remind_all_flow import Reminded
from twofold.kit.acting import Origin


def reminded(people: People) -> list[str]:
    return sorted(letter.recipient for letter in people.letters("policy_reminder"))


def seed(people: People) -> None:
    people.protected("ada@acme.example")
    people.user("bob@acme.example")
    people.user("carl@acme.example", exception_until=later(minutes=5))
    people.user("free@acme.example", licensed=False)
    people.user("new@acme.example", password=None)
    people.user("gone@acme.example", active=False)
    people.set_user(people.user("ice@acme.example"), frozen_at=NOON)
    people.user("other@other.example", account=people.account("Other"))


def test_everybody_who_lacks_a_second_factor_is_reminded_once(people: People, boss: Administrator) -> None:
    seed(people)
    page = boss.browser.click(boss.open("/account/adoption"), "Remind all")
    assert "2 people can set up two-factor authentication and do not have it." in page.text
    done = boss.browser.submit(page, "Send reminders")
    assert (done.heading, "The reminders are on their way." in done.text) == ("Adoption", True)
    assert reminded(people) == ["bob@acme.example", "carl@acme.example"]
    assert "Remind all" not in done.text
    assert "nothing was sent" in boss.browser.post("/account/adoption/remind").text
    assert len(reminded(people)) == 2
    assert people.events()[-1].kind == "reminders_sent"


def test_nobody_is_reminded_twice_within_a_day(people: People, boss: Administrator) -> None:
    bob = people.user("bob@acme.example")
    for hours, letters_by_now in ((11, 1), (13, 1), (34, 1), (36, 2)):
        remind_all_flow.remind_all(people.context, boss.user, origin=Origin(NOON + timedelta(hours=hours)))
        assert reminded(people) == [bob.email] * letters_by_now, hours


def test_a_thousand_are_reminded_at_once(people: People, boss: Administrator, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        people.user(f"p{number}@acme.example")
    monkeypatch.setattr(remind_all_flow, "MOST", 4)
    monkeypatch.setattr(remind_all_flow, "BATCH", 2)
    answers = [remind_all_flow.remind_all(people.context, boss.user, origin=Origin(NOON)) for _ in range(3)]
    assert answers == [Reminded(4), Reminded(1), Reminded(0)]
    assert len(set(reminded(people))) == 5


@pytest.mark.parametrize("account", [{"policy": "off"}, {"edition": "basic"}, {"sso": True}], ids=str)
def test_nobody_is_reminded_of_what_is_not_offered(
    people: People, boss: Administrator, account: dict[str, object]
) -> None:
    people.user("bob@acme.example")
    people.set_account(people.acme, **account)
    viewer = people.look_up(boss.user)
    assert remind_all_flow.count_waiting(people.context, viewer, NOON) == 0
    assert remind_all_flow.remind_all(people.context, viewer, origin=Origin(NOON)) == Reminded(0)


@pytest.mark.parametrize(
    ("account", "due", "required"),
    [
        ({"policy": "optional"}, None, False),
        ({"policy": "required"}, None, True),
        ({"policy": "required", "required_from": later(minutes=600)}, later(minutes=600), False),
        ({"policy": "off"}, "dropped", None),
    ],
    ids=str,
)
def test_the_letter_says_what_holds_when_it_is_delivered(
    people: People, boss: Administrator, account: dict[str, object], due: object, *, required: bool | None
) -> None:
    people.user("bob@acme.example")
    remind_all_flow.remind_all(people.context, boss.user, origin=Origin(NOON))
    people.set_account(people.acme, **account)
    (entry,) = people.letters("policy_reminder")
    with people.context.db.read() as connection:
        told = letters.policy_reminder(people.context, connection, entry, NOON)
    if due == "dropped":
        assert told is None
    else:
        assert told is not None
        assert (told["due"], told["required"]) == (due, required)
