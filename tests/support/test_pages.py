import base64
from uuid import uuid4

import pytest

from tests.harness.clock import NOON, later
from tests.harness.pages import Page, WebClient
from tests.harness.people import EARLIER, PASSWORD
from tests.support.room import REASON, Room
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


def paths(room: Room) -> list[str]:
    return [path.format(account=room.people.acme, user=room.ada.id) for path in PAGES]


# --- who may come in


def test_an_agent_sees_every_page(room: Room) -> None:
    sam = room.sam_enters()
    for path in paths(room):
        assert call(sam, path).status == 200, path


@pytest.mark.parametrize("who", ["member", "admin"])
def test_for_anybody_else_there_is_no_such_room(room: Room, who: str) -> None:
    somebody = room.grace_enters() if who == "admin" else room.enter(room.ada, room.factor)
    for path in paths(room):
        assert (call(somebody, path).status, call(somebody, path).heading) == (404, "Not found"), path
        if path.endswith(("reset", "unlock", "unfreeze")):
            assert somebody.post(path, reason=REASON).status == 404, path
    assert not room.people.events("reset_asked", "unlocked", "unfrozen")


def test_nobody_signed_in_is_led_to_the_sign_in_page(room: Room) -> None:
    stranger = WebClient(room.http)
    for path in paths(room):
        assert call(stranger, path).heading == "Sign in", path


def test_an_agent_without_a_second_factor_must_set_one_up_first(room: Room) -> None:
    new = room.people.user("new@operator.example", role="support")
    web_client = WebClient(room.http)
    page = web_client.sign_in(new.email, PASSWORD)
    assert page.heading == "Confirm your e-mail"
    for path in paths(room):
        assert call(web_client, path).heading == "Sign in", path


def test_a_session_without_a_proved_second_factor_opens_nothing(room: Room) -> None:
    """Such a session should not exist; if a flaw ever makes one, it is worth nothing here."""
    plain = room.people.user("later@acme.example")
    web_client = room.enter(plain)
    room.people.set_user(plain, role="support", account_id=room.operator(), second_factor_since=EARLIER)
    assert web_client.get("/profile").heading == "Profile"
    for path in paths(room):
        assert call(web_client, path).status == 404, path


def test_what_does_not_exist_is_not_found(room: Room) -> None:
    sam = room.sam_enters()
    for row in (str(uuid4()), "1; DROP TABLE users", str(room.ada.id), str(room.people.acme)):
        if row != str(room.people.acme):
            for rest in ("", "/audit", "/audit.csv", "/audit.jsonl"):
                assert call(sam, f"/support/accounts/{row}{rest}").status == 404, (row, rest)
        if row != str(room.ada.id):
            for rest in ("", "/reset", "/unlock", "/unfreeze"):
                assert sam.get(f"/support/users/{row}{rest}").status == 404, (row, rest)


# --- search


def test_people_are_found_by_the_beginning_of_name_surname_or_address(room: Room) -> None:
    sam = room.sam_enters()
    for text in ("ada", "ADA", "Ada Love", "love", "ada@acme.example", "ada@", "  ada "):
        page = sam.get(f"/support?q={text}")
        assert page.heading == "Support"
        assert page.link("Ada Lovelace") == f"/support/users/{room.ada.id}", text
        assert "ada@acme.example" in page.text
        assert not page.has_link("Grace Hopper"), text


def test_a_user_found_in_several_ways_is_listed_once(room: Room) -> None:
    room.people.user("lovelace@acme.example", name="Lovelace Lovelace")
    page = room.sam_enters().get("/support?q=love")
    assert [said for said, _url in page.links if "Lovelace" in said] == ["Lovelace Lovelace", "Ada Lovelace"]


def test_people_of_every_account_are_found_with_their_account(room: Room) -> None:
    room.people.user("ada@umbrella.example", name="Ada Wong", account=room.other)
    page = room.sam_enters().get("/support?q=ada")
    assert page.has_link("Ada Wong")
    assert "Umbrella" in page.text
    assert "Acme" in page.text


def test_accounts_are_found_by_the_beginning_of_their_name(room: Room) -> None:
    sam = room.sam_enters()
    for text in ("acm", "ACME", "Acme"):
        page = sam.get(f"/support?q={text}")
        assert page.link("Acme") == f"/support/accounts/{room.people.acme}"
        assert not page.has_link("Umbrella")


def test_an_account_is_found_by_its_new_name(room: Room) -> None:
    changed = AccountChange(name="Zoë & Sons")
    accounts_flow.change_account(room.context.db, room.other, changed, origin=Origin(NOON, actor=acting.CONSOLE))
    sam = room.sam_enters()
    assert sam.get("/support?q=zoe").link("Zoë & Sons") == f"/support/accounts/{room.other}"
    assert not sam.get("/support?q=umbrella").has_link("Umbrella")


def test_without_a_search_accounts_are_listed(room: Room) -> None:
    page = room.sam_enters().get("/support")
    assert page.has_link("Acme")
    assert page.has_link("Umbrella")
    assert "People" not in page.headings


def test_what_begins_with_nothing_known_is_said_to(room: Room) -> None:
    page = room.sam_enters().get("/support?q=nobody")
    assert "Nobody's name or address begins so." in page.text
    assert "No account's name begins so." in page.text


def test_strange_searches_find_nothing_and_break_nothing(room: Room) -> None:
    sam = room.sam_enters()
    for text in ("%25", "_", "'", "%00", "a%00b", "\\", "%F4%8F%BF%BF", "<script>"):
        page = sam.get(f"/support?q={text}")
        assert page.status == (400 if "%00" in text else 200), text
        assert not page.has_link("Ada Lovelace"), text
        assert "<script>" not in page.html


def test_a_list_shows_who_is_locked(room: Room) -> None:
    sam = room.sam_enters()
    assert "Locked" not in sam.get("/support?q=ada").text
    room.lock(room.ada)
    assert "Locked" in sam.get("/support?q=ada").text


def test_a_long_list_of_people_goes_on_page_by_page_and_misses_nobody(room: Room) -> None:
    names = [("zoe{n}", "Zoe Zz{n}"), ("q{n}", "Quentin Zoe{n}"), ("zoex{n}", "Other Name{n}")]
    for number in range(5):
        for email, name in names:
            room.people.user(email.format(n=number) + "@acme.example", name=name.format(n=number), password=None)
    seen: list[str] = []
    after = None
    while True:
        found = flow.find_people(room.context, "zoe", after, NOON, most=4)
        seen += [listed.user.email for listed in found.people]
        after = found.next
        if after is None:
            break
        assert len(found.people) == 4
    expected = [f"{email.format(n=number)}@acme.example" for email, _name in names for number in range(5)]
    assert seen == expected


def test_a_long_list_of_accounts_goes_on_page_by_page(room: Room) -> None:
    made = {room.people.account(f"Company {number:02}") for number in range(25)}
    sam = room.sam_enters()
    page = sam.get("/support?q=company")
    first = {url for _said, url in page.links if url.startswith("/support/accounts/")}
    assert len(first) == 20
    page = sam.click(page, "Next")
    rest = {url for _said, url in page.links if url.startswith("/support/accounts/")}
    assert {f"/support/accounts/{row}" for row in made} == first | rest
    assert len(rest) == 5
    assert not page.has_link("Next")
    assert sam.click(page, "Previous").has_link("Company 00")


def test_a_cursor_that_is_none_of_ours_begins_anew(room: Room) -> None:
    sam = room.sam_enters()
    made_up = [b"x", b"[]", b'[0,"a","none"]', b'[9,"a","00000000-0000-0000-0000-000000000000"]',
               b'[0,"\\u0000","00000000-0000-0000-0000-000000000000"]']  # fmt: skip
    for cursor in ("", "x", "=", *(base64.urlsafe_b64encode(text).decode() for text in made_up)):
        page = sam.get(f"/support?q=a&people={cursor}&accounts={cursor}")
        assert page.has_link("Ada Lovelace"), cursor


# --- an account


def test_an_account_shows_its_facts_and_its_people(room: Room) -> None:
    room.people.set_account(room.people.acme, policy="required", required_from=later(days=30), seats=10)
    page = room.sam_enters().get(f"/support/accounts/{room.people.acme}")
    assert (page.heading, page.title.partition(" - ")[0]) == ("Support", "Acme")
    for words in ("enterprise", "Required", "2 of 10", "1 of 2", "Ada Lovelace", "Grace Hopper", "Administrator"):
        assert words in page.text, words
    assert page.link("Audit log") == f"/support/accounts/{room.people.acme}/audit"
    assert page.link("Ada Lovelace") == f"/support/users/{room.ada.id}"
    assert not page.has_link("Sam Vimes")


def test_people_of_an_account_are_narrowed_by_name_and_state(room: Room) -> None:
    sam, path = room.sam_enters(), f"/support/accounts/{room.people.acme}"
    assert not sam.get(f"{path}?q=ada").has_link("Grace Hopper")
    assert not sam.get(f"{path}?state=without").has_link("Ada Lovelace")
    assert "Nobody here fits this." in sam.get(f"{path}?state=frozen").text
    assert sam.get(f"{path}?state=nonsense&cursor=nonsense").has_link("Ada Lovelace")


def test_open_cases_stand_on_the_page_of_their_account(room: Room) -> None:
    sam = room.sam_enters()
    sam.post(f"/support/users/{room.ada.id}/reset", reason=REASON)
    page = sam.get(f"/support/accounts/{room.people.acme}")
    assert page.link("Ada Lovelace").startswith("/resets/case/")
    assert sam.click(page, "Ada Lovelace").heading == "Resets"
    assert "Nobody has asked for one." in sam.get(f"/support/accounts/{room.other}").text


# --- a person


def test_a_user_shows_how_they_are_protected(room: Room) -> None:
    page = room.sam_enters().get(f"/support/users/{room.ada.id}")
    assert (page.heading, page.title.partition(" - ")[0]) == ("Support", "Ada Lovelace")
    assert "On" in page.text
    assert page.has_link("Reset 2FA")
    assert not page.has_link("Unlock")
    assert not page.has_link("Unfreeze")
    assert "Ada Lovelace set up two-factor authentication" in page.text
    assert page.link("All of it, in the audit log").endswith(f"audit?person={room.ada.id}")


def test_no_secret_stands_on_any_page(room: Room) -> None:
    secrets = [room.factor.phone.secret, room.factor.backup_code, room.factor.backup_code.replace("-", "")]
    with room.context.db.read() as connection:
        row = connection.execute(authenticators.select()).first()
        code = connection.execute(backup_codes.select()).first()
    assert row is not None
    assert code is not None
    secrets += [row.box.hex(), code.code_hash.hex(), room.ada.password_hash or ""]
    sam = room.sam_enters()
    for path in paths(room):
        html = sam.get(path).html
        assert not [secret for secret in secrets if secret in html], path


def test_somebody_without_a_second_factor_offers_nothing_to_do(room: Room) -> None:
    page = room.sam_enters().get(f"/support/users/{room.grace.id}")
    assert not [words for words in ("Reset 2FA", "Unlock", "Unfreeze") if page.has_link(words)]


def test_a_locked_user_can_be_unlocked_and_a_frozen_one_unfrozen(room: Room) -> None:
    room.lock(room.ada)
    sam = room.sam_enters()
    assert sam.get(f"/support/users/{room.ada.id}").has_link("Unlock")
    room.freeze(room.ada)
    page = sam.get(f"/support/users/{room.ada.id}")
    assert page.has_link("Unfreeze")
    assert not page.has_link("Reset 2FA")
    assert "Frozen since" in page.text


def test_ones_own_page_offers_nothing_to_do(room: Room) -> None:
    sam = room.sam_enters()
    room.lock(room.sam)
    page = sam.get(f"/support/users/{room.sam.id}")
    assert not [words for words in ("Reset 2FA", "Unlock", "Unfreeze") if page.has_link(words)]
    assert "Another support agent can act for you" in page.text
