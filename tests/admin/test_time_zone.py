"""Days of an account begin at midnight of its own time zone."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.admin.administrators import BOSS, Administrator, administrator
from tests.harness.people import People

# In New Zealand the clocks go back on 5 April 2026, in California forward on 8 March.
MIDNIGHTS = [
    ("Pacific/Auckland", "2026-04-05", datetime(2026, 4, 4, 11, tzinfo=UTC), "New Zealand Daylight Time"),
    ("Pacific/Auckland", "2026-04-06", datetime(2026, 4, 5, 12, tzinfo=UTC), "New Zealand Standard Time"),
    ("America/Los_Angeles", "2026-03-08", datetime(2026, 3, 8, 8, tzinfo=UTC), "Pacific Standard Time"),
    ("America/Los_Angeles", "2026-03-09", datetime(2026, 3, 9, 7, tzinfo=UTC), "Pacific Daylight Time"),
]
at_midnight = pytest.mark.parametrize(("zone", "day", "begins", "called"), MIDNIGHTS)


@pytest.fixture
def boss(people: People, http: httpx.Client) -> Administrator:
    return administrator(people, http, BOSS)


@at_midnight
def test_a_policy_begins_at_midnight_of_its_account(
    people: People, boss: Administrator, zone: str, day: str, begins: datetime, called: str
) -> None:
    people.set_account(people.acme, time_zone=zone)
    people.user("bob@acme.example")
    preview = boss.browser.submit(boss.open("/account/policy"), "Save", policy="required", required_from=day)
    assert f", 00:00 {called} on, 1 of 2 people" in preview.text
    saved = boss.browser.submit(preview, "Save")
    assert people.look_up(boss.user).required_from == begins
    assert saved.form("Save").fields["required_from"] == day


@at_midnight
def test_over_the_api_as_well(
    people: People, boss: Administrator, zone: str, day: str, begins: datetime, called: str
) -> None:
    people.set_account(people.acme, time_zone=zone)
    bob = people.user("bob@acme.example")
    boss.api.put("/account/policy", policy="required", required_from=day)
    assert people.look_up(boss.user).required_from == begins
    boss.api.patch(f"/users/{bob.id}", exception_until=day)
    assert people.look_up(bob).exception_until == begins


@at_midnight
def test_an_exception_ends_at_midnight(
    people: People, boss: Administrator, zone: str, day: str, begins: datetime, called: str
) -> None:
    people.set_account(people.acme, time_zone=zone)
    bob = people.user("bob@acme.example")
    page = boss.browser.submit(boss.open(f"/people/{bob.id}"), "Save", exception_until=day)
    assert people.look_up(bob).exception_until == begins
    assert page.form("Save").fields["exception_until"] == day


def test_a_date_that_was_shown_and_is_sent_back_stays_where_the_zone_has_changed(
    people: People, boss: Administrator
) -> None:
    people.user("bob@acme.example")
    at_nine = datetime(2026, 4, 10, 9, tzinfo=UTC)
    people.set_account(people.acme, policy="required", required_from=at_nine, time_zone="Pacific/Auckland")
    page = boss.browser.submit(boss.browser.submit(boss.open("/account/policy"), "Save"), "Save")
    assert page.form("Save").fields["required_from"] == "2026-04-10"
    assert people.look_up(boss.user).required_from == at_nine


@pytest.mark.parametrize("wrong", ["Mars/Olympus", "berlin", "UTC+2"])
def test_an_operator_is_told_how_to_write_a_time_zone(people: People, http: httpx.Client, wrong: str) -> None:
    key: Any = people.operator_key()
    headers = {"Authorization": f"Bearer {key}"}
    for refused in (
        http.patch(f"/api/v1/accounts/{people.acme}", headers=headers, json={"time_zone": wrong}),
        http.post("/api/v1/accounts", headers=headers, json={"name": "Globex", "time_zone": wrong}),
    ):
        assert refused.status_code == 400
        assert refused.json()["fields"] == ["time_zone"]
        assert refused.json()["detail"] == ("Give a time zone by its name, such as Europe/Berlin or Pacific/Auckland.")


def test_an_operator_sets_it_over_the_api_and_the_log_says_so(people: People, http: httpx.Client) -> None:
    headers = {"Authorization": f"Bearer {people.operator_key()}"}
    url = f"/api/v1/accounts/{people.acme}"
    assert http.get(url, headers=headers).json()["time_zone"] == "UTC"
    assert http.patch(url, headers=headers, json={"time_zone": "Asia/Tokyo"}).json()["time_zone"] == "Asia/Tokyo"
    assert http.get(url, headers=headers).json()["time_zone"] == "Asia/Tokyo"
    [changed] = people.events("account_changed")
    assert changed.details == '{"time_zone":{"before":"UTC","after":"Asia/Tokyo"}}'


def test_an_administrator_sets_it_on_a_page_and_the_log_says_so(people: People, boss: Administrator) -> None:
    policy = boss.open("/account/policy")
    assert "Days begin at midnight in the time zone Coordinated Universal Time." in policy.text
    assert '<option value="UTC" selected>' in boss.open("/account/time-zone").html
    page = boss.browser.submit(boss.open("/account/time-zone"), "Save", time_zone="Europe/Berlin")
    assert (page.path, page.notice) == ("/account/policy", "The time zone is saved.")
    assert "Days begin at midnight in the time zone Europe/Berlin." in page.text
    [changed] = people.events("account_changed")
    assert changed.actor_id == boss.user.id
    assert changed.details == '{"time_zone":{"before":"UTC","after":"Europe/Berlin"}}'
    assert "time zone: UTC → Europe/Berlin" in boss.open("/account/audit").text


def test_a_zone_that_is_none_is_refused_on_the_page(people: People, boss: Administrator) -> None:
    page = boss.browser.post("/account/time-zone", time_zone="Mars/Olympus")
    assert page.status == 400
    assert "Give a time zone by its name, such as Europe/Berlin or Pacific/Auckland." in page.text
    assert not people.events("account_changed")
