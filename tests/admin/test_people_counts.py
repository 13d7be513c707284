from tests.admin.administrators import Administrator
from tests.harness.clock import later
from tests.harness.people import People


def seed(people: People) -> None:
    people.protected("ada@acme.example")
    people.user("bob@acme.example")
    people.user("carl@acme.example", licensed=False)
    people.user("eve@acme.example", exception_until=later(minutes=5))
    people.user("fay@acme.example", exception_until=later(minutes=-5))
    gone, _ = people.protected("gone@acme.example")
    people.set_user(gone, active=False)
    people.user("left@acme.example", active=False)
    people.user("other@other.example", account=people.account("Other"))


def test_people_are_counted_by_what_they_have(people: People, boss: Administrator) -> None:
    seed(people)
    page = boss.open("/people")
    assert "2 people have two-factor authentication. 4 people do not." in page.text, page.text
    assert "must set it up" not in page.text


def test_who_must_set_up_leaves_out_running_exceptions(people: People, boss: Administrator) -> None:
    seed(people)
    people.set_account(people.acme, policy="required")
    assert "4 people do not. 2 people must set it up." in boss.open("/people").text


def test_licences_in_use_are_told_of_the_seats(people: People, boss: Administrator) -> None:
    seed(people)
    people.set_account(people.acme, seats=8)
    assert "5 of 8 licences are in use." in boss.open("/people").text
    people.set_account(people.acme, seats=None)
    assert "5 licences are in use." in boss.open("/people").text


def test_counts_stay_when_the_list_is_narrowed(people: People, boss: Administrator) -> None:
    seed(people)
    assert "2 people have two-factor authentication." in boss.open("/people?q=ada").text
