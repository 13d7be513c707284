import httpx
import pytest

from tests.admin.administrators import NOWHERE, REASON, Administrator, browser_of, lock, shut_mailbox
from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.harness.people import People
from twofold.directory.user import User

ACTS = ("Reset 2FA", "Unlock", "Unfreeze")


def acts_of(page: Page, user: User) -> set[str]:
    """Return what a page offers to do for somebody."""
    ways = {
        f"/people/{user.id}/{path}": words for path, words in zip(("reset", "unlock", "unfreeze"), ACTS, strict=True)
    }
    return {ways[url] for _, url in page.links if url in ways}


def test_each_user_is_listed_with_their_state(people: People, boss: Administrator) -> None:
    people.protected("ada@acme.example", name="Ada Lovelace")
    people.user("bob@acme.example", name="Bob Builder")
    people.user("carl@acme.example", name="Carl Free", licensed=False)
    people.user("dora@acme.example", name="Dora New", password=None)
    people.user("eve@acme.example", name="Eve Gone", active=False)
    people.user("fay@acme.example", name="Fay Cold", frozen_at=NOON)
    page = boss.open("/people")
    assert page.heading == "People"
    for words in (
        "Ada Lovelace ada@acme.example Member On Authenticator app last used on 2 March 2026 Reset 2FA Ada Lovelace",
        "Berta Administrator (you) boss@acme.example Administrator On",
        "Bob Builder bob@acme.example Member Off",
        "Carl Free carl@acme.example Member no licence Not offered no licence",
        "Dora New dora@acme.example Member Off Invited",
        "Eve Gone eve@acme.example Member Off Deactivated",
        "Fay Cold fay@acme.example Member Off Frozen Unfreeze Fay Cold",
    ):
        assert words in page.text, page.text


def test_acts_are_offered_only_where_they_help(people: People, boss: Administrator) -> None:
    protected, _ = people.protected("on@acme.example")
    bare = people.user("off@acme.example")
    locked, _ = people.protected("locked@acme.example")
    lock(people, locked)
    for_good, _ = people.protected("final@acme.example")
    people.set_counts(for_good, wrong=5, wrong_in_row=100)
    frozen, _ = people.protected("frozen@acme.example")
    people.set_user(frozen, frozen_at=NOON)
    gone, _ = people.protected("gone@acme.example")
    people.set_user(gone, active=False)
    expected = {
        protected: {"Reset 2FA"},
        bare: set(),
        locked: {"Reset 2FA", "Unlock"},
        for_good: {"Reset 2FA"},
        frozen: {"Unfreeze"},
        gone: set(),
        boss.user: set(),
    }
    page = boss.open("/people")
    for user, acts in expected.items():
        assert acts_of(page, user) == acts, user.email
        assert acts_of(boss.open(f"/people/{user.id}"), user) == acts, user.email


def test_nothing_is_offered_on_ones_own_row_even_when_it_would_help(people: People, boss: Administrator) -> None:
    people.set_counts(boss.user, wrong=5)
    assert "Locked" in boss.open("/people").text
    assert acts_of(boss.open("/people"), boss.user) == set()
    own = boss.open(f"/people/{boss.user.id}")
    assert acts_of(own, boss.user) == set()
    assert "This is you" in own.text
    assert not own.has_link("Deactivate")


def test_who_may_give_no_mailed_code_counts_as_locked(people: People, boss: Administrator) -> None:
    people.set_account(people.acme, policy="required")
    ada = people.user("ada@acme.example")
    shut_mailbox(people, ada)
    page = boss.open("/people?state=locked")
    assert "Locked after wrong codes from the email" in page.text
    assert acts_of(page, ada) == {"Unlock"}


def test_the_list_is_narrowed_by_state_and_by_search(people: People, boss: Administrator) -> None:
    people.protected("ada@acme.example", name="Ada Lovelace")
    people.user("alan@acme.example", name="Alan Turing")
    form = boss.open("/people").form("Show")
    assert (form.method, form.action, set(form.fields)) == ("get", "/people", {"q", "state"})
    page = boss.open("/people?q=a&state=off")
    assert "Alan Turing" in page.text
    assert "Ada Lovelace" not in page.text
    assert page.form("Show").fields["q"] == "a"
    nobody = boss.open("/people?q=zzz")
    assert "No matching people." in nobody.text
    assert boss.open("/people?state=nonsense").status == 200


def test_fifty_people_are_a_page(people: People, boss: Administrator) -> None:
    for number in range(60):
        people.user(f"p{number}@acme.example", name=f"Person {number:02}", password=None)
    first = boss.open("/people?state=invited")
    assert first.text.count("Person ") == 50
    assert not first.has_link("Previous")
    second = boss.browser.click(first, "Next")
    assert second.text.count("Person ") == 10
    assert "Person 59" in second.text
    assert not second.has_link("Next")
    assert boss.browser.click(second, "Previous").text == boss.browser.click(second, "Previous").text
    assert "Person 00" in boss.browser.click(second, "Previous").text
    assert "Person 00" in boss.open("/people?cursor=nonsense&state=invited").text


def test_a_user_can_be_made_administrator_and_keeps_no_session(
    people: People, boss: Administrator, http: httpx.Client
) -> None:
    ada = people.user("ada@acme.example", name="Ada Lovelace")
    session = people.token(ada)
    page = boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", role="admin", licensed="yes")
    assert (page.heading, page.notice) == ("Ada Lovelace", "Saved.")
    assert people.look_up(ada).role == "admin"
    assert people.find_session(session) is None
    (event,) = people.events("user_changed")
    assert (event.actor_id, event.subject_id) == (boss.user.id, ada.id)


def test_a_licence_is_taken_and_given_and_ends_nothing(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example")
    session = people.token(ada)
    page = boss.open(f"/people/{ada.id}")
    taken = page.form("Save")
    del taken.fields["licensed"]  # a box that is not ticked is not sent
    boss.browser.post(taken.action, **taken.fields)
    assert not people.look_up(ada).licensed
    boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", licensed="yes")
    assert people.look_up(ada).licensed
    assert people.find_session(session) is not None


def test_the_last_licence_is_not_given_twice(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example", licensed=False)
    people.set_account(people.acme, seats=1)
    page = boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", licensed="yes")
    assert page.status == 409
    assert page.errors["licensed"].startswith("All licences of your organisation are in use.")
    assert not people.look_up(ada).licensed


def test_an_exception_is_given_until_a_day_kept_and_ended(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example")
    form = boss.open(f"/people/{ada.id}")
    boss.browser.submit(form, "Save", exception_until="2026-03-20", licensed="yes")
    assert people.look_up(ada).exception_until == NOON.replace(day=20, hour=0)
    people.set_user(ada, exception_until=NOON.replace(day=20, hour=9))
    again = boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", role="admin", licensed="yes")
    assert again.form("Save").fields["exception_until"] == "2026-03-20"
    assert people.look_up(ada).exception_until == NOON.replace(day=20, hour=9)  # not moved by saving something else
    boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", exception_until="", licensed="yes")
    assert people.look_up(ada).exception_until is None


@pytest.mark.parametrize("date", ["2026-03-03", "2020-01-01", "tomorrow", "2026-02-30"])
def test_an_exception_needs_a_day_ahead(people: People, boss: Administrator, date: str) -> None:
    ada = people.user("ada@acme.example")
    page = boss.browser.submit(boss.open(f"/people/{ada.id}"), "Save", exception_until=date, licensed="yes")
    assert page.status == 400
    assert "exception_until" in page.errors
    assert page.form("Save").fields["exception_until"] == date
    assert people.look_up(ada).exception_until is None


def test_the_last_administrator_can_neither_step_down_nor_be_deactivated(people: People, boss: Administrator) -> None:
    page = boss.browser.submit(boss.open(f"/people/{boss.user.id}"), "Save", role="member", licensed="yes")
    assert page.status == 409
    assert page.errors["role"].startswith("This is the last administrator who can act.")
    page = boss.browser.post(f"/people/{boss.user.id}/deactivate")
    assert page.status == 409
    assert page.alert.endswith("Make somebody else administrator first, who has signed in before.")
    assert people.look_up(boss.user).role == "admin"
    assert people.look_up(boss.user).active


def test_an_administrator_among_others_may_step_down(people: People, boss: Administrator) -> None:
    people.user("second@acme.example", role="admin")
    page = boss.browser.submit(boss.open(f"/people/{boss.user.id}"), "Save", role="member", licensed="yes")
    assert page.path == "/sign-in"  # another role ends every session, this one too
    assert people.look_up(boss.user).role == "member"


def test_an_administrator_among_others_may_deactivate_themselves(people: People, boss: Administrator) -> None:
    people.user("second@acme.example", role="admin")
    page = boss.browser.submit(boss.open(f"/people/{boss.user.id}/deactivate"), "Deactivate")
    assert page.path == "/sign-in"
    assert not people.look_up(boss.user).active


def test_nobody_becomes_a_support_agent_here(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example")
    page = boss.browser.post(f"/people/{ada.id}", role="support", licensed="yes")
    assert page.status == 400
    assert people.look_up(ada).role == "member"


def test_somebody_is_deactivated_and_activated_again(people: People, boss: Administrator) -> None:
    ada, factor = people.protected("ada@acme.example", name="Ada Lovelace")
    session = people.token(ada, factor.phone)
    page = boss.browser.click(boss.open(f"/people/{ada.id}"), "Deactivate")
    assert page.heading == "Deactivate"
    assert "signed out everywhere at once" in page.text
    page = boss.browser.submit(page, "Deactivate")
    assert page.notice.startswith("Deactivated.")
    assert people.find_session(session) is None
    assert not people.look_up(ada).active
    page = boss.browser.submit(boss.browser.click(page, "Activate"), "Activate")
    assert page.notice.startswith("Activated.")
    assert people.look_up(ada).has_second_factor


def test_whoever_comes_back_needs_a_licence_that_is_free(people: People, boss: Administrator) -> None:
    gone = people.user("gone@acme.example", active=False)
    people.set_account(people.acme, seats=1)
    page = boss.browser.post(f"/people/{gone.id}/activate")
    assert page.status == 409
    assert "All licences of your organisation are in use." in page.alert
    assert not people.look_up(gone).active


PATHS = ("", "/reset", "/unlock", "/unfreeze", "/deactivate", "/activate")
POSTS = (*PATHS, "/invitation")


def test_somebody_of_another_account_does_not_exist(people: People, boss: Administrator, stranger: User) -> None:
    before = people.look_up(stranger)
    for path in PATHS:
        there, nowhere = (boss.open(f"/people/{user_id}{path}") for user_id in (stranger.id, NOWHERE))
        assert (there.status, there.html) == (nowhere.status, nowhere.html), path
        assert there.status == 404
    for path in POSTS:
        fields = {"reason": REASON, "role": "admin", "licensed": "yes"}
        there, nowhere = (boss.browser.post(f"/people/{user_id}{path}", **fields) for user_id in (stranger.id, NOWHERE))
        assert (there.status, there.html) == (nowhere.status, nowhere.html), path
        assert there.status == 404
    assert boss.open("/people/nonsense").status == 404
    assert people.look_up(stranger) == before


@pytest.mark.parametrize("role", ["member", "support"])
def test_there_is_no_such_room_for_anybody_else(people: People, http: httpx.Client, role: str) -> None:
    user, factor = people.protected("bob@acme.example") if role == "member" else people.agent()
    web_client, ada = browser_of(people, http, user, factor), people.user("ada@acme.example")
    pages = ("/people", f"/people/{ada.id}", "/people/invite", "/account/policy", "/account/adoption")
    assert {web_client.get(path).status for path in (*pages, "/account/adoption.csv")} == {404}
    posts = ("/people/invite", "/account/policy", *(f"/people/{ada.id}{path}" for path in POSTS))
    assert {web_client.post(path, policy="off", reason=REASON).status for path in posts} == {404}
    assert people.look_up(ada) == ada


def test_whoever_is_not_signed_in_is_led_to_the_sign_in(web_client: WebClient) -> None:
    for path in ("/people", "/people/invite", "/account/policy", "/account/adoption", f"/people/{NOWHERE}"):
        assert web_client.get(path).path == "/sign-in"


def test_an_open_page_of_a_demoted_administrator_does_nothing(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    page = boss.open(f"/people/{ada.id}/reset")
    people.set_user(boss.user, role="member", security_version=people.look_up(boss.user).security_version + 1)
    assert boss.browser.submit(page, "Send reset e-mail", reason=REASON).path == "/sign-in"
    assert people.letters("reset_confirm") == []
