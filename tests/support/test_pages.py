import base64
from uuid import uuid4

import pytest

from tests.harness.clock import NOON, later
from tests.harness.pages import Page, WebClient
from tests.harness.people import EARLIER, PASSWORD
from tests.support.world import REASON, World
from twofold.directory import accounts_flow
from twofold.directory.accounts_flow import AccountChange
from twofold.factors.backup_code.tables import backup_codes
from twofold.factors.totp.tables import authenticators
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.support import flow

PAGES = ("/support", "/support/accounts/{account}", "/support/users/{user}", "/support/accounts/{account}/audit",
         "/support/accounts/{account}/audit.csv", "/support/accounts/{account}/audit.jsonl",
         "/support/users/{user}/reset", "/support/users/{user}/unlock", "/support/users/{user}/unfreeze")  # fmt: skip


def call(web_client: WebClient, path: str) -> Page:
    """Open a page; a copy of the log is asked for with a form, because the log says who took one."""
    return web_client.post(path) if path.endswith(("csv", "jsonl")) else web_client.get(path)


def paths(world: World) -> list[str]:
    return [path.format(account=world.people.acme, user=world.ada.id) for path in PAGES]


# --- who may come in


def test_an_agent_sees_every_page(world: World) -> None:
    sam = world.sam_enters()
    for path in paths(world):
        assert call(sam, path).status == 200, path


@pytest.mark.parametrize("who", ["member", "admin"])
def test_for_anybody_else_there_is_no_such_room(world: World, who: str) -> None:
    somebody = world.grace_enters() if who == "admin" else world.enter(world.ada, world.factor)
    for path in paths(world):
        assert (call(somebody, path).status, call(somebody, path).heading) == (404, "Not found"), path
        if path.endswith(("reset", "unlock", "unfreeze")):
            assert somebody.post(path, reason=REASON).status == 404, path
    assert not world.people.events("reset_asked", "unlocked", "unfrozen")


def test_nobody_signed_in_is_led_to_the_sign_in_page(world: World) -> None:
    stranger = WebClient(world.http)
    for path in paths(world):
        assert call(stranger, path).heading == "Sign in", path


def test_an_agent_without_a_second_factor_must_set_one_up_first(world: World) -> None:
    new = world.people.user("new@operator.example", role="support")
    web_client = WebClient(world.http)
    page = web_client.sign_in(new.email, PASSWORD)
    assert page.heading == "Confirm your e-mail"
    for path in paths(world):
        assert call(web_client, path).heading == "Sign in", path


def test_a_session_without_a_proved_second_factor_opens_nothing(world: World) -> None:
    """Such a session should not exist; if a flaw ever makes one, it is worth nothing here."""
    plain = world.people.user("later@acme.example")
    web_client = world.enter(plain)
    world.people.set_user(plain, role="support", account_id=world.operator(), second_factor_since=EARLIER)
    assert web_client.get("/profile").heading == "Profile"
    for path in paths(world):
        assert call(web_client, path).status == 404, path


def test_what_does_not_exist_is_not_found(world: World) -> None:
    sam = world.sam_enters()
    for row in (str(uuid4()), "1; DROP TABLE users", str(world.ada.id), str(world.people.acme)):
        if row != str(world.people.acme):
            for rest in ("", "/audit", "/audit.csv", "/audit.jsonl"):
                assert call(sam, f"/support/accounts/{row}{rest}").status == 404, (row, rest)
        if row != str(world.ada.id):
            for rest in ("", "/reset", "/unlock", "/unfreeze"):
                assert sam.get(f"/support/users/{row}{rest}").status == 404, (row, rest)


# --- search


def test_people_are_found_by_the_beginning_of_name_surname_or_address(world: World) -> None:
    sam = world.sam_enters()
    for text in ("ada", "ADA", "Ada Love", "love", "ada@acme.example", "ada@", "  ada "):
        page = sam.get(f"/support?q={text}")
        assert page.heading == "Support"
        assert page.link("Ada Lovelace") == f"/support/users/{world.ada.id}", text
        assert "ada@acme.example" in page.text
        assert not page.has_link("Grace Hopper"), text


def test_a_user_found_in_several_ways_is_listed_once(world: World) -> None:
    world.people.user("lovelace@acme.example", name="Lovelace Lovelace")
    page = world.sam_enters().get("/support?q=love")
    assert [said for said, _url in page.links if "Lovelace" in said] == ["Lovelace Lovelace", "Ada Lovelace"]


def test_people_of_every_account_are_found_with_their_account(world: World) -> None:
    world.people.user("ada@umbrella.example", name="Ada Wong", account=world.other)
    page = world.sam_enters().get("/support?q=ada")
    assert page.has_link("Ada Wong")
    assert "Umbrella" in page.text
    assert "Acme" in page.text


def test_accounts_are_found_by_the_beginning_of_their_name(world: World) -> None:
    sam = world.sam_enters()
    for text in ("acm", "ACME", "Acme"):
        page = sam.get(f"/support?q={text}")
        assert page.link("Acme") == f"/support/accounts/{world.people.acme}"
        assert not page.has_link("Umbrella")


def test_an_account_is_found_by_its_new_name(world: World) -> None:
    changed = AccountChange(name="Zoë & Sons")
    accounts_flow.change_account(world.context.db, world.other, changed, origin=Origin(NOON, actor=acting.CONSOLE))
    sam = world.sam_enters()
    assert sam.get("/support?q=zoe").link("Zoë & Sons") == f"/support/accounts/{world.other}"
    assert not sam.get("/support?q=umbrella").has_link("Umbrella")


def test_without_a_search_accounts_are_listed(world: World) -> None:
    page = world.sam_enters().get("/support")
    assert page.has_link("Acme")
    assert page.has_link("Umbrella")
    assert "People" not in page.headings


def test_what_begins_with_nothing_known_is_said_to(world: World) -> None:
    page = world.sam_enters().get("/support?q=nobody")
    assert "No matching people." in page.text
    assert "No matching accounts." in page.text


def test_strange_searches_find_nothing_and_break_nothing(world: World) -> None:
    sam = world.sam_enters()
    for text in ("%25", "_", "'", "%00", "a%00b", "\\", "%F4%8F%BF%BF", "<script>"):
        page = sam.get(f"/support?q={text}")
        assert page.status == (400 if "%00" in text else 200), text
        assert not page.has_link("Ada Lovelace"), text
        assert "<script>" not in page.html


def test_a_list_shows_who_is_locked(world: World) -> None:
    sam = world.sam_enters()
    assert "Locked" not in sam.get("/support?q=ada").text
    world.lock(world.ada)
    assert "Locked" in sam.get("/support?q=ada").text


def test_a_long_list_of_people_goes_on_page_by_page_and_misses_nobody(world: World) -> None:
    names = [("zoe{n}", "Zoe Zz{n}"), ("q{n}", "Quentin Zoe{n}"), ("zoex{n}", "Other Name{n}")]
    for number in range(5):
        for email, name in names:
            world.people.user(email.format(n=number) + "@acme.example", name=name.format(n=number), password=None)
    seen: list[str] = []
    after = None
    while True:
        found = flow.find_people(world.context, "zoe", after, NOON, most=4)
        seen += [listed.user.email for listed in found.people]
        after = found.next
        if after is None:
            break
        assert len(found.people) == 4
    expected = [f"{email.format(n=number)}@acme.example" for email, _name in names for number in range(5)]
    assert seen == expected


def test_a_long_list_of_accounts_goes_on_page_by_page(world: World) -> None:
    made = {world.people.account(f"Company {number:02}") for number in range(25)}
    sam = world.sam_enters()
    page = sam.get("/support?q=company")
    first = {url for _said, url in page.links if url.startswith("/support/accounts/")}
    assert len(first) == 20
    page = sam.click(page, "Next")
    rest = {url for _said, url in page.links if url.startswith("/support/accounts/")}
    assert {f"/support/accounts/{row}" for row in made} == first | rest
    assert len(rest) == 5
    assert not page.has_link("Next")
    assert sam.click(page, "Previous").has_link("Company 00")


def test_a_cursor_that_is_none_of_ours_begins_anew(world: World) -> None:
    sam = world.sam_enters()
    made_up = [b"x", b"[]", b'[0,"a","none"]', b'[9,"a","00000000-0000-0000-0000-000000000000"]',
               b'[0,"\\u0000","00000000-0000-0000-0000-000000000000"]']  # fmt: skip
    for cursor in ("", "x", "=", *(base64.urlsafe_b64encode(text).decode() for text in made_up)):
        page = sam.get(f"/support?q=a&people={cursor}&accounts={cursor}")
        assert page.has_link("Ada Lovelace"), cursor


# --- an account


def test_an_account_shows_its_facts_and_its_people(world: World) -> None:
    world.people.set_account(world.people.acme, policy="required", required_from=later(days=30), seats=10)
    page = world.sam_enters().get(f"/support/accounts/{world.people.acme}")
    assert (page.heading, page.title.partition(" - ")[0]) == ("Support", "Acme")
    for words in ("enterprise", "Required", "2 of 10", "1 of 2", "Ada Lovelace", "Grace Hopper", "Administrator"):
        assert words in page.text, words
    assert page.link("Audit log") == f"/support/accounts/{world.people.acme}/audit"
    assert page.link("Ada Lovelace") == f"/support/users/{world.ada.id}"
    assert not page.has_link("Sam Vimes")


def test_people_of_an_account_are_narrowed_by_name_and_state(world: World) -> None:
    sam, path = world.sam_enters(), f"/support/accounts/{world.people.acme}"
    assert not sam.get(f"{path}?q=ada").has_link("Grace Hopper")
    assert not sam.get(f"{path}?state=without").has_link("Ada Lovelace")
    assert "No matching people." in sam.get(f"{path}?state=frozen").text
    assert sam.get(f"{path}?state=nonsense&cursor=nonsense").has_link("Ada Lovelace")


def test_open_cases_stand_on_the_page_of_their_account(world: World) -> None:
    sam = world.sam_enters()
    sam.post(f"/support/users/{world.ada.id}/reset", reason=REASON)
    page = sam.get(f"/support/accounts/{world.people.acme}")
    assert page.link("Ada Lovelace").startswith("/resets/case/")
    assert sam.click(page, "Ada Lovelace").heading == "Resets"
    assert "Nobody has asked for one." in sam.get(f"/support/accounts/{world.other}").text


# --- a person


def test_a_user_shows_how_they_are_protected(world: World) -> None:
    page = world.sam_enters().get(f"/support/users/{world.ada.id}")
    assert (page.heading, page.title.partition(" - ")[0]) == ("Support", "Ada Lovelace")
    assert "On" in page.text
    assert page.has_link("Reset 2FA")
    assert not page.has_link("Unlock")
    assert not page.has_link("Unfreeze")
    assert "Ada Lovelace set up two-factor authentication" in page.text
    assert page.link("All activity, in the audit log").endswith(f"audit?person={world.ada.id}")


def test_no_secret_stands_on_any_page(world: World) -> None:
    secrets = [world.factor.phone.secret, world.factor.backup_code, world.factor.backup_code.replace("-", "")]
    with world.context.db.read() as connection:
        row = connection.execute(authenticators.select()).first()
        code = connection.execute(backup_codes.select()).first()
    assert row is not None
    assert code is not None
    secrets += [row.box.hex(), code.code_hash.hex(), world.ada.password_hash or ""]
    sam = world.sam_enters()
    for path in paths(world):
        html = sam.get(path).html
        assert not [secret for secret in secrets if secret in html], path


def test_somebody_without_a_second_factor_offers_nothing_to_do(world: World) -> None:
    page = world.sam_enters().get(f"/support/users/{world.grace.id}")
    assert not [words for words in ("Reset 2FA", "Unlock", "Unfreeze") if page.has_link(words)]


def test_a_locked_user_can_be_unlocked_and_a_frozen_one_unfrozen(world: World) -> None:
    world.lock(world.ada)
    sam = world.sam_enters()
    assert sam.get(f"/support/users/{world.ada.id}").has_link("Unlock")
    world.freeze(world.ada)
    page = sam.get(f"/support/users/{world.ada.id}")
    assert page.has_link("Unfreeze")
    assert not page.has_link("Reset 2FA")
    assert "Frozen since" in page.text


def test_ones_own_page_offers_nothing_to_do(world: World) -> None:
    sam = world.sam_enters()
    world.lock(world.sam)
    page = sam.get(f"/support/users/{world.sam.id}")
    assert not [words for words in ("Reset 2FA", "Unlock", "Unfreeze") if page.has_link(words)]
    assert "Another support agent can act for you" in page.text
