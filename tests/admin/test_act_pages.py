"""What an administrator does for somebody, and whom they invite: the pages, and what came of it."""

import pytest

from tests.admin.administrators import REASON, Administrator, administrator, lock, shut_mailbox
from tests.harness.clock import NOON
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.people import CLIENT_INFO, People
from twofold.admin import act_flow
from twofold.directory.add_user_flow import NewUser
from twofold.directory.refusals import NoSuchUser
from twofold.directory.tables import users
from twofold.kit.acting import Origin
from twofold.lockouts import mail_limits_flow as mail_limits
from twofold.resets.tables import reset_cases


def test_a_reset_is_asked_for_and_nothing_changes_yet(people: People, boss: Administrator) -> None:
    ada, factor = people.protected("ada@acme.example", name="Ada Lovelace")
    page = boss.open(f"/people/{ada.id}/reset")
    assert page.heading == "Reset two-factor authentication"
    assert "Ada Lovelace gets an email at ada@acme.example." in page.text
    page = boss.browser.submit(page, "Send reset e-mail", reason=REASON)
    assert (page.heading, page.path) == ("Ada Lovelace", f"/people/{ada.id}")
    assert page.notice.startswith("The email is on its way.")
    assert [letter.recipient for letter in people.letters("reset_confirm")] == ["ada@acme.example"]
    assert people.count(reset_cases, reset_cases.c.user_id == ada.id, reset_cases.c.state == "requested") == 1
    assert people.sign_in(ada, factor.phone).user.has_second_factor


def test_whoever_is_acted_for_is_named_with_their_account(people: People, boss: Administrator) -> None:
    people.set_account(people.acme, name="Acme Rockets")
    ada, _ = people.protected("ada@acme.example", name="Ada Lovelace")
    frozen = people.user("ice@acme.example", name="Ida Ice")
    people.set_user(frozen, frozen_at=NOON)
    lock(people, ada)
    acts = [(ada, "reset"), (ada, "unlock"), (frozen, "unfreeze"), (ada, "deactivate")]
    for user, act in acts:
        assert f"{user.name} {user.email}, Acme Rockets" in boss.open(f"/people/{user.id}/{act}").text, act
    assert boss.open(f"/people/{ada.id}").text.count("Acme Rockets") == 2  # in the header, and of Ada


@pytest.mark.parametrize("reason", ["", "  ", "xy", "x" * 501, "zero\u200bwidth"])
@pytest.mark.parametrize("act", ["reset", "unlock", "unfreeze"])
def test_every_act_asks_why(people: People, boss: Administrator, act: str, reason: str) -> None:
    ada, _ = people.protected("ada@acme.example")
    lock(people, ada)
    if act == "unfreeze":
        people.set_user(ada, frozen_at=NOON)
    page = boss.browser.submit(boss.open(f"/people/{ada.id}/{act}"), reason=reason)
    assert page.status == 400
    assert page.errors["reason"].startswith("Enter a reason")
    assert people.events("unlocked", "unfrozen", "reset_asked") == []


def test_a_lock_is_lifted_and_the_authenticator_stays(people: People, boss: Administrator) -> None:
    ada, factor = people.protected("ada@acme.example", name="Ada Lovelace")
    lock(people, ada)
    page = boss.browser.click(boss.open(f"/people/{ada.id}"), "Unlock")
    assert page.heading == "Unlock"
    page = boss.browser.submit(page, "Unlock", reason=REASON)
    assert page.notice.startswith("Unlocked.")
    assert people.sign_in(ada, factor.phone).user.has_second_factor
    (event,) = people.events("unlocked")
    assert (event.actor_id, event.subject_id, event.reason) == (boss.user.id, ada.id, REASON)
    assert people.letters("member_unlocked") == []  # administrators are told only of what support did


def test_unlocking_allows_mailed_codes_again(people: People, boss: Administrator) -> None:
    people.set_account(people.acme, policy="required")
    ada = people.user("ada@acme.example")
    shut_mailbox(people, ada)
    page = boss.browser.submit(boss.open(f"/people/{ada.id}/unlock"), "Unlock", reason=REASON)
    assert page.notice.startswith("Unlocked.")
    with people.context.db.read() as connection:
        assert mail_limits.mailbox_closed(connection, ada, NOON) is None


def test_a_lock_that_is_gone_by_now_is_not_lifted_twice(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    lock(people, ada)
    page = boss.open(f"/people/{ada.id}/unlock")
    people.set_counts(ada, wrong=0)
    assert boss.browser.submit(page, "Unlock", reason=REASON).notice.startswith("They were no longer locked")
    assert people.events("unlocked") == []


def test_a_final_lock_is_not_lifted(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    people.set_counts(ada, wrong=5, wrong_in_row=100)
    assert "Only a reset helps." in boss.open(f"/people/{ada.id}/unlock").text
    page = boss.browser.post(f"/people/{ada.id}/unlock", reason=REASON)
    assert page.status == 409
    assert "Only a reset helps." in page.text
    assert people.events("unlocked") == []


def test_whoever_was_frozen_comes_back_with_a_new_password(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example", name="Ada Lovelace")
    people.set_user(ada, frozen_at=NOON)
    page = boss.browser.click(boss.open(f"/people/{ada.id}"), "Unfreeze")
    assert page.heading == "Unfreeze"
    page = boss.browser.submit(page, "Unfreeze", reason=REASON)
    assert page.notice.startswith("Unfrozen.")
    after = people.look_up(ada)
    assert (after.frozen_at, after.password_hash) == (None, None)
    assert [letter.recipient for letter in people.letters("unfrozen")] == ["ada@acme.example"]
    again = boss.browser.post(f"/people/{ada.id}/unfreeze", reason=REASON)
    assert again.notice.startswith("They were no longer frozen")
    assert "No password" in again.text
    assert "Invited" not in again.text
    assert "Invite again" not in {button for form in again.forms for button in form.buttons}
    assert "They have no password at the moment" in boss.open(f"/people/{ada.id}/reset").text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "A code from their authenticator app is asked for at every sign-in."),
        ({"frozen_at": NOON}, "They are frozen and cannot sign in until somebody unfreezes them."),
        ({"password_hash": None}, "Their password is void."),
    ],
)
def test_activating_says_what_holds_for_them_then(
    people: People, boss: Administrator, values: dict[str, object], said: str
) -> None:
    ada, _ = people.protected("ada@acme.example", name="Ada Lovelace")
    people.set_user(ada, active=False, **values)
    page = boss.open(f"/people/{ada.id}/activate")
    assert f"Ada Lovelace is active again. {said}" in page.text


@pytest.mark.parametrize("act", ["reset", "unlock", "unfreeze"])
def test_whoever_is_deactivated_is_activated_before_anything_else(
    people: People, boss: Administrator, act: str
) -> None:
    ada, _ = people.protected("ada@acme.example")
    people.set_counts(ada, wrong=5)
    people.set_user(ada, active=False, frozen_at=NOON)
    assert "They are deactivated. Activate them first." in boss.open(f"/people/{ada.id}/{act}").text


@pytest.mark.parametrize("act", ["reset", "unlock", "unfreeze"])
def test_nobody_acts_for_themselves(people: People, boss: Administrator, act: str) -> None:
    people.set_counts(boss.user, wrong=5)
    assert "Nobody can do this for themselves." in boss.open(f"/people/{boss.user.id}/{act}").text
    page = boss.browser.post(f"/people/{boss.user.id}/{act}", reason=REASON)
    assert page.status == 409
    assert "Nobody can do this for themselves." in page.text
    assert people.events("unlocked", "unfrozen", "reset_asked") == []


def test_there_is_nothing_to_reset_without_a_factor(people: People, boss: Administrator) -> None:
    ada = people.user("ada@acme.example")
    page = boss.browser.post(f"/people/{ada.id}/reset", reason=REASON)
    assert page.status == 409
    assert "They have no two-factor authentication that could be switched off." in page.text


def test_somebody_frozen_is_not_reset(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    people.set_user(ada, frozen_at=NOON)
    page = boss.browser.post(f"/people/{ada.id}/reset", reason=REASON)
    assert page.status == 409
    assert "Unfreeze them first." in page.text


# --- inviting

NEW = {"email": "new@acme.example", "name": "Nora New", "role": "member", "licensed": "yes"}


def test_somebody_is_invited(people: People, boss: Administrator) -> None:
    page = boss.browser.click(boss.open("/people"), "Invite")
    assert page.heading == "Invite"
    page = boss.browser.submit(page, "Send invitation", **NEW)
    assert page.heading == "Nora New"
    assert page.notice.startswith("The invitation is on its way. Its link works once, for 7 days.")
    assert "Invited" in page.text
    (letter,) = people.letters("invitation")
    assert letter.recipient == "new@acme.example"
    made = people.look_up(letter.user_id)
    assert (made.account_id, made.role, made.licensed, made.password_hash) == (people.acme, "member", True, None)
    kinds = [(event.kind, event.actor_id) for event in people.events("user_created", "invited")]
    assert kinds[-2:] == [("user_created", boss.user.id), ("invited", boss.user.id)]


def test_an_administrator_can_be_invited_without_a_licence(people: People, boss: Administrator) -> None:
    fields = {name: value for name, value in NEW.items() if name != "licensed"} | {"role": "admin"}
    boss.browser.post("/people/invite", **fields)
    (letter,) = people.letters("invitation")
    made = people.look_up(letter.user_id)
    assert (made.role, made.licensed) == ("admin", False)


def test_an_invitation_is_sent_again_until_there_is_a_password(people: People, boss: Administrator) -> None:
    nora = people.user("new@acme.example", password=None)
    page = boss.browser.submit(boss.open(f"/people/{nora.id}"), "Invite again")
    assert page.notice.startswith("The invitation is on its way.")
    assert len(people.letters("invitation")) == 1
    people.set_user(nora, password_hash="hash")
    assert "Invite again" not in boss.open(f"/people/{nora.id}").buttons
    page = boss.browser.post(f"/people/{nora.id}/invitation")
    assert page.notice.startswith("They no longer need an invitation")
    assert len(people.letters("invitation")) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": ""}, "email"),
        ({"email": "no address"}, "email"),
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"role": "support"}, "role"),
        ({"role": ""}, "role"),
    ],
)
def test_an_invitation_names_the_field_that_is_wrong(
    people: People, boss: Administrator, change: dict[str, str], field: str
) -> None:
    page = boss.browser.post("/people/invite", **(NEW | change))
    assert (page.status, set(page.errors)) == (400, {field})
    assert page.form("Send invitation").fields["email"] == (NEW | change)["email"]
    assert people.letters("invitation") == []


def test_nobody_is_invited_who_exists_here_already(people: People, boss: Administrator) -> None:
    people.user("new@acme.example")
    page = boss.browser.post("/people/invite", **(NEW | {"email": "NEW@acme.example"}))
    assert page.status == 409
    assert page.errors["email"].startswith("Somebody in your organisation has this email address already.")


def test_there_is_no_invitation_beyond_the_last_licence(people: People, boss: Administrator) -> None:
    people.set_account(people.acme, seats=1)
    page = boss.browser.post("/people/invite", **NEW)
    assert (page.status, set(page.errors)) == (409, {"licensed"})
    assert people.count(users, users.c.email_key == "new@acme.example") == 0


def test_without_a_mail_server_nothing_is_begun_that_needs_one(database_url: str) -> None:
    with context_on(database_url, mail=False) as context, standing_clock(), client_of(context) as http:
        people = People(context)
        boss = administrator(people, http, "boss@acme.example")
        ada, _ = people.protected("ada@acme.example")
        cold, waiting = (
            people.user("cold@acme.example", frozen_at=NOON),
            people.user("w@acme.example", password=None),
        )
        for path in (f"/people/{ada.id}/reset", f"/people/{cold.id}/unfreeze"):
            page = boss.browser.post(path, reason=REASON)
            assert page.status == 503
            assert "no mail server is set up" in page.text
        page = boss.browser.post("/people/invite", **NEW)
        assert page.status == 503
        assert "no mail server is set up" in page.text
        assert people.count(users, users.c.email_key == "new@acme.example") == 0
        assert "no mail server is set up" in boss.browser.post(f"/people/{waiting.id}/invitation").notice
        assert people.look_up(cold).frozen_at is not None
        assert people.count(reset_cases) == 0


# --- who has just lost the right


def test_an_actor_who_was_demoted_meanwhile_finds_nobody(people: People, boss: Administrator) -> None:
    ada, _ = people.protected("ada@acme.example")
    lock(people, ada)
    people.set_user(ada, frozen_at=NOON)
    acting = people.look_up(boss.user)
    people.set_user(boss.user, role="member", security_version=acting.security_version + 1)
    context = people.context
    outcomes = (
        act_flow.reset(context, acting, ada.id, REASON, origin=Origin(NOON, CLIENT_INFO)),
        act_flow.unlock(context, acting, ada.id, REASON, origin=Origin(NOON, CLIENT_INFO)),
        act_flow.unfreeze(context, acting, ada.id, REASON, origin=Origin(NOON, CLIENT_INFO)),
        act_flow.invite(context, acting, NewUser("new@acme.example", "Nora"), origin=Origin(NOON, CLIENT_INFO)),
        act_flow.invite_again(context, acting, ada.id, origin=Origin(NOON, CLIENT_INFO)),
    )
    assert outcomes == (NoSuchUser(),) * 5
    assert people.look_up(ada).frozen_at == NOON
    assert people.count(users, users.c.email_key == "new@acme.example") == 0
