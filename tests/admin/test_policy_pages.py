"""The page and the call that set the policy."""

from datetime import timedelta
from typing import Any

import pytest

from tests.admin.administrators import BOSS, Administrator, administrator, api_of, browser_of
from tests.harness.clock import NOON, later
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.people import People

DAY = timedelta(days=1)


def test_whom_it_stops_is_shown_by_name_before_it_is_saved(people: People, boss: Administrator) -> None:
    people.user("bob@acme.example", name="Bob Builder")
    people.user("alma@acme.example", name="Alma Admin", role="admin")
    people.user("eve@acme.example", name="Eve Except", exception_until=NOON + 60 * DAY)
    page = boss.open("/account/policy")
    assert page.heading == "Two-factor policy"
    page = boss.browser.submit(page, "Save", policy="required", required_from="2026-03-20")
    assert page.heading == "Two-factor policy"
    assert (
        "From 20 March 2026, 00:00 Coordinated Universal Time on, 2 of 4 people will have to set up two-factor "
        "authentication before they can go on. 1 of them is an administrator." in page.text
    )
    assert "Alma Admin alma@acme.example Administrator" in page.text
    assert "Bob Builder bob@acme.example Member" in page.text
    assert "Eve Except" not in page.text
    assert "One more person has an exception and follows when it ends." in page.text
    assert "Nothing is saved yet." in page.text
    assert people.look_up(boss.user).policy == "optional"
    page = boss.browser.submit(page, "Save")
    assert page.notice.startswith("Saved.")
    assert "Required from 20 March 2026, 00:00 Coordinated Universal Time on." in page.text
    assert "Everybody without it is reminded by email on 13 March 2026 and on 19 March 2026." in page.text
    after = people.look_up(boss.user)
    assert (after.policy, after.required_from) == ("required", NOON.replace(day=20, hour=0))
    assert page.form("Save").fields["required_from"] == "2026-03-20"


def test_only_reminders_that_are_still_to_come_are_named(people: People, boss: Administrator) -> None:
    for days, said in ((8, "email on 4 March 2026 and on 10 March 2026."), (7, "email on 9 March 2026."), (1, "")):
        people.set_account(people.acme, policy="required", required_from=later(days=days))
        text = boss.open("/account/policy").text
        assert ("Everybody without it is reminded by email on" in text) == bool(said), days
        assert said in text, days
    people.set_account(people.acme, required_from=later(days=-1))
    assert "Required now:" in boss.open("/account/policy").text


def test_a_policy_that_stops_nobody_is_saved_at_once(people: People, boss: Administrator) -> None:
    page = boss.browser.submit(boss.open("/account/policy"), "Save", policy="off", required_from="2026-03-20")
    assert page.notice.startswith("Saved.")
    after = people.look_up(boss.user)
    assert (after.policy, after.required_from) == ("off", None)


def test_an_administrator_is_warned_when_they_stop_themselves(people: People, boss: Administrator) -> None:
    second = people.user("second@acme.example", role="admin")
    web_client = browser_of(people, boss.browser.http, second)
    page = web_client.submit(web_client.get("/account/policy"), "Save", policy="required")
    assert "You are one of them." in page.text
    assert "You are one of them." not in boss.browser.post("/account/policy", policy="required").text


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"policy": "", "required_from": ""}, "policy"),
        ({"policy": "nonsense", "required_from": ""}, "policy"),
        ({"policy": "required", "required_from": "soon"}, "required_from"),
        ({"policy": "required", "required_from": "2026-02-30"}, "required_from"),
    ],
)
def test_nonsense_names_the_field(people: People, boss: Administrator, fields: dict[str, str], field: str) -> None:
    page = boss.browser.post("/account/policy", **fields, confirm="yes")
    assert (page.status, set(page.errors)) == (400, {field})
    assert people.look_up(boss.user).policy == "optional"


def test_what_stands_in_the_way_is_said(people: People, boss: Administrator) -> None:
    people.set_user(boss.user, second_factor_since=None)
    page = boss.browser.post("/account/policy", policy="required")
    assert page.status == 409
    assert page.errors["policy"].startswith("No administrator who can sign in has two-factor authentication yet.")
    assert "autofocus" in page.form("Save").inputs["policy"]
    page = boss.browser.click(page, "Set up two-factor authentication")
    assert (page.status, page.heading) == (200, "Confirm it's you")
    people.set_account(people.acme, policy="off")
    page = boss.browser.post("/account/policy", policy="required")
    assert page.errors["policy"].endswith("Make it optional, set it up for yourself, and require it then.")
    assert not page.has_link("Set up two-factor authentication")
    people.set_account(people.acme, edition="standard", policy="optional")
    for page in (boss.open("/account/policy"), boss.browser.post("/account/policy", policy="off")):
        assert "edition does not include two-factor authentication" in page.text
        assert "Save" not in page.buttons
    assert people.look_up(boss.user).policy == "optional"


# --- over the API


def test_a_dry_run_names_whom_it_stops_and_saves_nothing(people: People, boss: Administrator) -> None:
    bob = people.user("bob@acme.example", name="Bob Builder")
    assert boss.api.get("/account/policy").body == {"policy": "optional", "required_from": None}
    body = {"policy": "required", "required_from": "2026-03-20T08:00:00Z"}
    answer = boss.api.put("/account/policy", **body, dry_run=True)
    assert answer.status == 200
    assert answer["affected"] == [
        {"id": str(bob.id), "name": "Bob Builder", "email": "bob@acme.example", "role": "member"}
    ]
    assert (answer["affected_count"], answer["affected_admins"], answer["people"]) == (1, 0, 2)
    assert (answer["saved"], answer["required_from"]) == (False, "2026-03-20T08:00:00Z")
    assert boss.api.get("/account/policy")["policy"] == "optional"
    answer = boss.api.put("/account/policy", **body)
    assert (answer["saved"], len(answer["affected"])) == (True, 1)
    assert boss.api.get("/account/policy").body == body
    assert boss.api.put("/account/policy", policy="off")["affected"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "policy"),
        ({"policy": "nonsense"}, "policy"),
        ({"policy": "required", "required_from": "soon"}, "required_from"),
        ({"policy": "required", "required_from": "2026-03-20T08:00:00"}, "required_from"),
        ({"policy": "optional", "required_from": "2026-03-20"}, "required_from"),
        ({"policy": "off", "dry_run": "yes"}, "dry_run"),
        ({"policy": "off", "confirm": "yes"}, "confirm"),
    ],
)
def test_a_policy_that_cannot_be_names_the_field(people: People, boss: Administrator, body: Any, field: str) -> None:
    answer = boss.api.call("PUT", "/account/policy", body)
    assert answer.refusal == (400, "invalid_request")
    assert field in str(answer.body)
    assert people.look_up(boss.user).policy == "optional"


@pytest.mark.parametrize("dry_run", [True, False])
def test_the_api_refuses_what_the_page_refuses(people: People, boss: Administrator, dry_run: bool) -> None:  # noqa: FBT001
    people.set_user(boss.user, second_factor_since=None)
    required = boss.api.put("/account/policy", policy="required", dry_run=dry_run)
    assert required.refusal == (409, "would_lock_out_last_admin")
    people.set_account(people.acme, edition="standard")
    refused = boss.api.put("/account/policy", policy="off", dry_run=dry_run)
    assert (refused.refusal, refused["reason"]) == ((403, "not_offered"), "edition")
    assert people.events("policy_changed") == []


def test_without_a_mail_server_nothing_becomes_required(database_url: str) -> None:
    with context_on(database_url, mail=False) as context, standing_clock(), client_of(context) as http:
        people = People(context)
        boss = administrator(people, http, BOSS)
        assert boss.api.put("/account/policy", policy="required").refusal == (409, "no_mail")
        page = boss.browser.post("/account/policy", policy="required")
        assert page.status == 409
        assert "no mail server is set up" in page.errors["policy"]


def test_another_accounts_policy_is_nobodys_to_see(people: People, boss: Administrator) -> None:
    other = people.account("Other", policy="off")
    admin = people.user("admin@other.example", account=other, role="admin")
    api = api_of(people, boss.browser.http, admin)
    assert api.get("/account/policy")["policy"] == "off"
    api.put("/account/policy", policy="optional")
    boss.api.put("/account/policy", policy="off")
    assert api.get("/account/policy")["policy"] == "optional"
