"""The pages of a user's own second factors: their names are the contract, their refusals say what to do."""

from uuid import uuid4

import httpx
import pytest

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.people import ADA, PASSWORD, WRONG, Ada, People
from twofold.directory.user import User
from twofold.factors import change_flow
from twofold.factors.factor_name import NAME_LENGTH
from twofold.factors.outcomes import NoSuchAuthenticator

CONFIGURE = "/profile/two-factor/configure"
REGENERATE = "/profile/two-factor/backup-code"
REMOVE = "/profile/two-factor/remove"
AUTHENTICATORS = "/profile/two-factor/authenticators"
SESSION = "twofold_session"
LEGACY = "Programs that ask only for an email address and a password will stop working for you."


@pytest.fixture
def ada(people: People, web_client: WebClient, frozen_clock: FrozenClock) -> Ada:
    """Somebody with a phone, signed in ten minutes ago."""
    user, factor = people.protected()
    frozen_clock.at = later(minutes=-10)
    web_client.sign_in(ADA, PASSWORD, factor.phone.code(frozen_clock.at))
    frozen_clock.at = NOON
    return user, factor


@pytest.fixture
def plain(people: People, web_client: WebClient) -> User:
    """Somebody without a second factor, signed in."""
    user = people.user()
    web_client.sign_in(ADA, PASSWORD)
    return user


def phone_on(page: Page) -> Authenticator:
    return Authenticator.type_in(page.key)


def set_up_as_far_as_the_qr_code(web_client: WebClient) -> Page:
    page = web_client.click(web_client.get("/profile"), "Configure")
    return web_client.submit(page, "Continue", password=PASSWORD)


# --- set up


def test_set_up_from_the_profile(plain: User, web_client: WebClient) -> None:
    profile = web_client.get("/profile")
    assert "Two-factor authentication Off" in profile.text
    page = web_client.click(profile, "Configure")
    assert (page.path, page.heading) == (CONFIGURE, "Confirm it's you")
    assert LEGACY in page.text
    assert "Step 1 of 3: confirm it's you" in page.text
    assert "code" not in page.form("Continue").fields
    assert page.form("Continue").inputs["password"]["autocomplete"] == "current-password"
    page = web_client.submit(page, "Continue", password=PASSWORD)
    assert (page.heading, page.form("Verify").inputs["code"]["autocomplete"]) == ("Scan the QR code", "one-time-code")
    assert "Step 2 of 3: scan the QR code" in page.text
    assert "Leave this page open while you add the account in your app." in page.text
    assert page.times == ["2026-03-03T12:15:00Z"]
    assert "<svg" in page.html
    assert [len(group) for group in page.key.split()] == [4] * 8
    uri = page.link("Open in your app")
    assert Authenticator.open(uri) == Authenticator(phone_on(page).secret, "Twofold", f"Twofold:{ADA}")
    again = web_client.get(f"{CONFIGURE}?step=scan")
    assert again.key == page.key
    old = web_client.cookie(SESSION)
    saved = web_client.submit(again, "Verify", code=phone_on(page).code(NOON))
    assert (saved.heading, saved.buttons[-1]) == ("Save your backup code", "Done")
    assert "This is your backup code. It lets you in once if you lose your phone." in saved.text
    assert len(saved.backup_code.split("-")) == 6
    assert phone_on(page).secret not in saved.html
    assert web_client.cookie(SESSION) not in (None, old)
    unsaved = web_client.submit(saved, "Done")
    assert (unsaved.status, unsaved.backup_code) == (400, saved.backup_code)
    done = web_client.submit(unsaved, "Done", saved="yes")
    assert (done.path, done.notice) == ("/profile", "Two-factor authentication is on, and your backup code is saved.")
    assert "Two-factor authentication On" in done.text
    assert "You may not have your backup code" not in done.text


def test_nothing_shows_the_secret_after(plain: User, web_client: WebClient) -> None:
    page = set_up_as_far_as_the_qr_code(web_client)
    secret = phone_on(page).secret
    web_client.submit(page, "Verify", code=phone_on(page).code(NOON))
    for path in ("/profile", f"{CONFIGURE}?step=scan", CONFIGURE, AUTHENTICATORS, REGENERATE, REMOVE):
        shown = web_client.get(path)
        assert secret not in shown.html
        assert page.key not in shown.html


def test_refusals_of_a_set_up(plain: User, web_client: WebClient) -> None:
    page = web_client.get(CONFIGURE)
    missing = web_client.submit(page, "Continue")
    assert (missing.status, missing.title) == (400, "Error: Confirm it's you - Twofold")
    assert missing.errors == {"password": "Enter your password."}
    wrong = web_client.submit(page, "Continue", password=WRONG)
    assert (wrong.status, wrong.errors) == (401, {"password": "That password is not right."})
    assert WRONG not in wrong.html
    page = web_client.submit(page, "Continue", password=PASSWORD)
    wrong = web_client.submit(page, "Verify", code=phone_on(page).wrong_code(NOON))
    assert (wrong.status, wrong.heading, wrong.key) == (401, "Scan the QR code", page.key)
    assert wrong.errors["code"].startswith("That code is not right. Check that you are looking at the entry you have")
    malformed = web_client.submit(page, "Verify", code="12345")
    assert (malformed.status, malformed.errors["code"]) == (400, "Enter the six digits that your app shows.")


def test_a_set_up_ends_after_fifteen_minutes_or_ten_wrong_codes(
    plain: User, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    page = set_up_as_far_as_the_qr_code(web_client)
    refused = [web_client.submit(page, "Verify", code=phone_on(page).wrong_code(NOON)) for _ in range(10)]
    assert refused[-1].errors["code"] == (
        "That code is not right either. For your safety this set-up has ended; start it again."
    )
    ended = web_client.submit(page, "Verify", code=phone_on(page).code(NOON))
    assert (ended.status, ended.heading) == (410, "Set-up ended")
    assert ended.link("Start again") == CONFIGURE
    page = set_up_as_far_as_the_qr_code(web_client)
    frozen_clock.forward(minutes=15)
    assert web_client.submit(page, "Verify", code=phone_on(page).code(frozen_clock.at)).heading == "Set-up ended"
    assert web_client.get(f"{CONFIGURE}?step=scan").heading == "Set-up ended"


def test_another_browser_of_the_same_user_sees_nothing_of_it(
    plain: User, web_client: WebClient, http: httpx.Client
) -> None:
    page = set_up_as_far_as_the_qr_code(web_client)
    other = WebClient(http)
    other.sign_in(ADA, PASSWORD)
    seen = other.get(f"{CONFIGURE}?step=scan")
    assert seen.heading == "Set-up ended"
    assert page.key not in seen.html


@pytest.mark.parametrize(
    ("account", "user", "why"),
    [
        ({"edition": "standard"}, {}, "your organisation's edition does not include it"),
        ({"policy": "off"}, {}, "your administrator has switched it off"),
        ({}, {"licensed": False}, "you do not have a licence. Ask your administrator"),
        ({}, {"licensed": False, "role": "admin"}, "you do not have a licence. Give yourself one"),
    ],
)
def test_what_is_not_offered_says_why_and_offers_no_button(
    people: People, plain: User, web_client: WebClient, account: dict[str, object], user: dict[str, object], why: str
) -> None:
    if account:
        people.set_account(plain.account_id, **account)
    if user:
        people.set_user(plain, **user)
    profile = web_client.get("/profile")
    assert f"Two-factor authentication is not available: {why}" in profile.text
    assert not profile.has_link("Configure")
    for page in (web_client.get(CONFIGURE), web_client.post(CONFIGURE, password=PASSWORD)):
        assert page.status == 403
        assert why in page.text


def test_a_date_that_lies_ahead_is_announced(people: People, plain: User, web_client: WebClient) -> None:
    people.set_account(plain.account_id, policy="required", required_from=later(days=3))
    profile = web_client.get("/profile")
    told = "requires two-factor authentication from 6 March 2026, 12:00 Coordinated Universal Time on."
    assert told in profile.text
    assert profile.has_link("Configure")


def test_the_steps_of_each_app_stand_beside_the_qr_code_as_on_the_help_page(plain: User, web_client: WebClient) -> None:
    page, told = set_up_as_far_as_the_qr_code(web_client), web_client.get("/help/authenticator-apps")
    for step in ("Authy Install Authy from", "Tap Enter a setup key", "Tap Use QR code", "then Other account."):
        assert step.removeprefix("Tap ") in page.text
        assert step.removeprefix("Tap ") in told.text


# --- add and replace


def test_adding_a_phone_takes_a_name_and_keeps_the_backup_code(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Add")
    assert page.heading == "Confirm it's you"
    assert "Those you have keep working." in page.text
    code = ada[1].phone.code(NOON)
    page = web_client.submit(page, "Continue", password=PASSWORD, code=code, name="Work phone")
    done = web_client.submit(page, "Verify", code=phone_on(page).code(NOON))
    assert (done.heading, "Your backup code stays the same." in done.text) == ("Authenticator added", True)
    for path, heading in (("/profile", "Profile"), (AUTHENTICATORS, "Your authenticators")):
        listed = web_client.get(path)
        assert listed.heading == heading
        for act in ("Rename Work phone", "Replace my phone (Work phone)", "Remove Work phone"):
            assert listed.has_link(act)


def test_replacing_the_phone_shows_a_new_backup_code(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Replace my phone")
    assert "The old one keeps working until the new one is confirmed." in page.text
    page = web_client.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(NOON))
    done = web_client.submit(page, "Verify", code=phone_on(page).code(NOON))
    assert done.heading == "Save your backup code"
    assert "Your new phone is confirmed and the old one no longer counts." in done.text
    assert done.backup_code != ada[1].backup_code


@pytest.mark.parametrize("replaces", ["2f1e3c64-5b7a-4d19-9c3e-8a6b1d0f4e72", "nonsense"])
def test_a_phone_that_is_not_there_cannot_be_replaced(ada: Ada, web_client: WebClient, replaces: str) -> None:
    page = web_client.get(f"{CONFIGURE}?replaces={replaces}")
    page = web_client.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert (page.status, page.heading) == (404, "Not found")


def test_a_sixth_phone_is_one_too_many(ada: Ada, web_client: WebClient, frozen_clock: FrozenClock) -> None:
    for number in range(2, 6):
        frozen_clock.forward(minutes=1)
        page = web_client.get(CONFIGURE)
        code = {"code": ada[1].phone.code(frozen_clock.at)} if number == 2 else {}  # then one was proved of late
        page = web_client.submit(page, "Continue", password=PASSWORD, name=f"Phone {number}", **code)
        web_client.submit(page, "Verify", code=phone_on(page).code(frozen_clock.at))
    assert not web_client.get("/profile").has_link("Add an authenticator")
    frozen_clock.forward(minutes=1)
    page = web_client.submit(web_client.get(CONFIGURE), "Continue", password=PASSWORD)
    assert (page.status, page.heading) == (409, "Five is the most")


# --- what every form of password and code refuses


FORMS = {CONFIGURE: "Continue", REGENERATE: "Regenerate", REMOVE: "Continue", "/profile/password": "Change password"}


@pytest.mark.parametrize("path", FORMS)
def test_every_form_of_password_and_code_refuses_at_the_field(ada: Ada, web_client: WebClient, path: str) -> None:
    phone, button, page = ada[1].phone, FORMS[path], web_client.get(path)
    new = {"new_password": "marble ferry cinnamon"} if path == "/profile/password" else {}

    def send(password: str, code: str) -> Page:
        return web_client.submit(page, button, password=password, code=code, **new)

    missing = send("", "")
    assert (missing.status, set(missing.errors)) == (400, {"password", "code"})
    wrong = send(WRONG, phone.code(NOON))
    assert (wrong.status, wrong.errors) == (401, {"password": "That password is not right."})
    malformed = send(PASSWORD, "12345")
    assert (malformed.status, list(malformed.errors)) == (400, ["code"])
    for left in (4, 3, 2, 1):
        refused = send(PASSWORD, phone.wrong_code(NOON))
        assert (refused.status, list(refused.errors)) == (401, ["code"])
        assert ("attempt" in refused.errors["code"]) is (left in (1, 2))
        assert PASSWORD not in refused.html
        assert refused.title.startswith("Error: ")


@pytest.mark.parametrize("path", FORMS)
def test_the_fifth_wrong_code_says_that_it_locked_and_who_unlocks(
    people: People, ada: Ada, web_client: WebClient, path: str
) -> None:
    people.user("grace@example.test", account=ada[0].account_id, role="admin", name="Grace Helper")
    page = web_client.get(path)
    proofs = {"password": PASSWORD} | ({"new_password": "marble ferry cinnamon"} if "password" in path else {})
    wrong = ada[1].phone.wrong_code(NOON)
    *_, fifth = [web_client.submit(page, FORMS[path], code=wrong, **proofs) for _ in range(5)]
    again = web_client.submit(page, FORMS[path], code=ada[1].phone.code(NOON), **proofs)
    for shown in (fifth, again):
        assert (shown.status, shown.heading) == (423, "Your account is locked")
        assert "Who can unlock it or reset your two-factor authentication: Grace Helper" in shown.text
    profile = web_client.get("/profile").text
    assert "Locked after too many wrong codes" in profile
    assert "Grace Helper (grace@example.test)" in profile


@pytest.mark.parametrize("path", [*FORMS, "/sign-in/step-up?needs=code"])
def test_every_form_of_a_code_opens_the_number_pad_and_leads_to_the_backup_code(
    ada: Ada, web_client: WebClient, path: str
) -> None:
    page = web_client.get(path)
    field = page.form().inputs["code"]
    assert (field["inputmode"], field["autocomplete"]) == ("numeric", "one-time-code")
    page = web_client.click(page, "Use your backup code")
    assert "inputmode" not in page.form().inputs["code"]
    assert "24 letters and digits." in page.text
    new = {"new_password": "marble ferry cinnamon"} if "new_password" in page.form().fields else {}
    known = {"password": PASSWORD} if "password" in page.form().fields else {}
    wrong = web_client.submit(page, code="0000-0000-0000-0000-0000-0000", **known, **new)
    assert wrong.errors["code"].startswith("That backup code is not right.")
    assert "24 letters and digits." in wrong.text
    back = web_client.click(wrong, "Use a code from your app")
    assert back.form().inputs["code"]["inputmode"] == "numeric"


def test_the_way_to_the_backup_code_keeps_which_phone_is_replaced(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Replace my phone")
    replaced = page.form().fields["replaces"]
    page = web_client.click(page, "Use your backup code")
    assert page.form().fields["replaces"] == replaced != ""


@pytest.mark.parametrize("path", [CONFIGURE, f"{AUTHENTICATORS}/{{phone}}/rename"])
def test_a_name_field_takes_as_many_letters_as_a_name_may_have(ada: Ada, web_client: WebClient, path: str) -> None:
    phone = web_client.get("/profile").link("Replace my phone").rpartition("=")[2]
    assert web_client.get(path.format(phone=phone)).form().inputs["name"]["maxlength"] == str(NAME_LENGTH)


def test_too_many_wrong_passwords_wait_there_too(ada: Ada, web_client: WebClient) -> None:
    page = web_client.get(REMOVE)
    for _ in range(5):
        web_client.submit(page, "Continue", password=WRONG, code="123456")
    waiting = web_client.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert waiting.status == 429
    assert waiting.errors["password"].startswith("Too many wrong passwords. Wait")


# --- regenerate


def test_regenerating_shows_the_new_backup_code_once(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Regenerate")
    assert (page.path, page.heading) == (REGENERATE, "Regenerate backup code")
    page = web_client.submit(page, "Regenerate", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert page.heading == "Your new backup code"
    assert page.backup_code != ada[1].backup_code
    assert "You may not have your backup code" in web_client.get("/profile").text
    done = web_client.submit(page, "Done", saved="yes")
    assert done.path == "/profile"
    assert "You may not have your backup code" not in done.text
    assert page.backup_code not in web_client.get(REGENERATE).html


# --- remove


def test_removing_asks_once_more(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Turn off")
    assert (page.path, page.heading) == (REMOVE, "Remove two-factor authentication")
    asked = web_client.submit(page, "Continue", password=PASSWORD, code=ada[1].phone.code(NOON))
    assert asked.heading == "Remove two-factor authentication"
    assert "Remove it now?" in asked.text
    assert "Two-factor authentication On" in web_client.get("/profile").text
    done = web_client.submit(asked, "Remove")
    assert done.notice == "Two-factor authentication is off. Your other sessions have ended."
    assert "Two-factor authentication Off" in done.text
    for path in (REGENERATE, REMOVE, AUTHENTICATORS):
        assert web_client.get(path).path == "/profile"


def test_the_last_question_is_not_skipped_and_not_answered_late(
    ada: Ada, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    skipped = web_client.post(REMOVE, confirmation="tf_remove_0123456789012345678901234567890123456789012")
    assert (skipped.status, skipped.heading) == (410, "Not removed")
    asked = web_client.submit(web_client.get(REMOVE), "Continue", password=PASSWORD, code=ada[1].phone.code(NOON))
    frozen_clock.forward(minutes=10)
    late = web_client.submit(asked, "Remove")
    assert (late.status, late.heading) == (410, "Not removed")
    assert "Two-factor authentication On" in web_client.get("/profile").text


def test_a_backup_code_that_proves_a_removal_shows_its_successor(ada: Ada, web_client: WebClient) -> None:
    asked = web_client.submit(web_client.get(REMOVE), "Continue", password=PASSWORD, code=ada[1].backup_code)
    assert asked.backup_code != ada[1].backup_code


def test_a_backup_code_that_opens_a_set_up_shows_its_successor_at_once(ada: Ada, web_client: WebClient) -> None:
    """Stops: whoever lost their phone, used the backup code and did not finish would be left with nothing."""
    opened = web_client.submit(web_client.get(CONFIGURE), "Continue", password=PASSWORD, code=ada[1].backup_code)
    assert (opened.status, opened.heading) == (200, "Scan the QR code")
    successor = opened.backup_code
    assert successor != ada[1].backup_code
    asked = web_client.submit(web_client.get(REMOVE), "Continue", password=PASSWORD, code=successor)
    assert asked.backup_code != successor, "it was taken"
    saved = web_client.submit(opened, "Verify", code=phone_on(opened).code(NOON))
    assert saved.backup_code not in {successor, asked.backup_code}


def test_what_is_required_is_replaced_and_not_removed(people: People, ada: Ada, web_client: WebClient) -> None:
    people.set_account(ada[0].account_id, policy="required")
    profile = web_client.get("/profile")
    said = "Your organisation requires two-factor authentication. You can replace your phone, but not switch it off."
    assert said in profile.text
    assert not profile.has_link("Turn off")
    for page in (web_client.get(REMOVE), web_client.post(REMOVE, password=PASSWORD, code=ada[1].phone.code(NOON))):
        assert page.status == 409
        assert said in page.text
    assert web_client.get(CONFIGURE).heading == "Confirm it's you"


# --- names, one phone less


def test_a_phone_is_renamed(ada: Ada, web_client: WebClient) -> None:
    page = web_client.click(web_client.get(AUTHENTICATORS), "Rename")
    assert (page.heading, page.form("Save").fields["name"]) == ("Rename authenticator", "Authenticator app")
    empty = web_client.submit(page, "Save", name=" ")
    assert (empty.status, empty.errors) == (400, {"name": "Give a name of 1 to 40 characters."})
    done = web_client.submit(page, "Save", name='<script>alert("x")</script> & co')
    assert (done.path, done.notice) == ("/profile", "The name is changed.")
    assert "<script>alert" not in done.html
    assert '<script>alert("x")</script> & co' in done.text


def test_a_phone_that_was_removed_meanwhile_cannot_be_renamed(
    ada: Ada, web_client: WebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = web_client.click(web_client.get(AUTHENTICATORS), "Rename")
    monkeypatch.setattr(change_flow, "rename", lambda *_, **__: NoSuchAuthenticator())
    assert web_client.submit(page, "Save", name="Phone").status == 404


def test_one_of_two_phones_is_removed(ada: Ada, web_client: WebClient, frozen_clock: FrozenClock) -> None:
    page = web_client.submit(
        web_client.get(CONFIGURE), "Continue", password=PASSWORD, code=ada[1].phone.code(NOON), name="Work phone",
    )  # fmt: skip
    web_client.submit(page, "Verify", code=phone_on(page).code(NOON))
    frozen_clock.forward(minutes=1)
    page = web_client.click(web_client.get(AUTHENTICATORS), "Remove Work phone")
    assert page.heading == "Remove authenticator"
    done = web_client.submit(page, "Remove", password=PASSWORD, code=ada[1].phone.code(frozen_clock.at))
    assert done.notice == "It is removed. Your other sessions have ended."
    listed = web_client.get(AUTHENTICATORS)
    for page in (listed, web_client.get("/profile")):
        assert "Work phone" not in page.text
        assert not page.has_link("Remove")


@pytest.mark.parametrize("act", ["rename", "remove"])
def test_an_authenticator_that_is_not_ones_own_is_not_there(
    people: People, ada: Ada, web_client: WebClient, http: httpx.Client, act: str
) -> None:
    _, theirs = people.protected("grace@acme.example")
    grace = WebClient(http)
    grace.sign_in("grace@acme.example", PASSWORD, theirs.phone.code(NOON))
    foreign = grace.get(AUTHENTICATORS).link("Rename").split("/")[-2]
    for wanted in (foreign, str(uuid4()), "nonsense"):
        path = f"{AUTHENTICATORS}/{wanted}/{act}"
        for page in (web_client.get(path), web_client.post(path, name="Mine", password=PASSWORD, code="123456")):
            assert (page.status, page.heading) == (404, "Not found")
            assert "This authenticator no longer exists." in page.text
