"""The pages of a sign-in: their names are the contract, their refusals say what to do."""

import httpx
import pytest
import structlog

from tests.harness.authenticator import Authenticator
from tests.harness.clock import NOON, later
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.pages import Page, WebClient, without_challenge
from tests.harness.people import ADA, PASSWORD, WRONG, Ada, People
from tests.kit.test_requests import ELSEWHERE
from twofold.signin.tables import sign_in_attempts

SESSION, ATTEMPT, BROWSER = "twofold_session", "twofold_sign_in", "twofold_browser"


@pytest.fixture
def at_code(ada: Ada, web_client: WebClient) -> Page:
    """The page that asks for the code."""
    return web_client.sign_in(ADA, PASSWORD)


# --- the first step


def test_a_code_that_was_sent_twice_leads_to_the_profile(ada: Ada, web_client: WebClient, at_code: Page) -> None:
    """The second answer is the one that a browser shows: it must not say that the sign-in took too long."""
    before = dict(web_client.cookies)
    assert web_client.submit(at_code, "Verify", code=ada[1].phone.code(NOON)).path == "/profile"
    signed_in = dict(web_client.cookies)
    web_client.cookies.clear()
    web_client.cookies.update(before)
    second = web_client.submit(at_code, "Verify", code=ada[1].phone.code(NOON))
    assert second.path == "/sign-in"
    web_client.cookies.update(signed_in)
    assert web_client.get("/sign-in?expired=1").path == "/profile"


def test_the_first_page_asks_for_address_and_password(web_client: WebClient) -> None:
    page = web_client.get("/sign-in")
    form = page.form("Sign in")
    assert (page.status, page.heading, page.title) == (200, "Sign in", "Sign in - Twofold")
    assert {"email", "password"} <= form.fields.keys()
    assert form.inputs["email"]["autocomplete"] == "username webauthn"
    assert form.inputs["password"]["autocomplete"] == "current-password"
    assert form.inputs["password"]["type"] == "password"
    assert page.has_link("Forgot password?")


def test_signing_in_without_a_factor_leads_to_the_profile(people: People, web_client: WebClient) -> None:
    people.user()
    page = web_client.sign_in(ADA, PASSWORD)
    assert (page.path, page.heading) == ("/profile", "Profile")
    assert web_client.cookie(SESSION)
    assert web_client.cookie(BROWSER)
    assert web_client.cookie(ATTEMPT) is None


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({}, {"email": "Enter your email address.", "password": "Enter your password."}),
        ({"email": ADA}, {"password": "Enter your password."}),
        ({"email": "  ", "password": PASSWORD}, {"email": "Enter your email address."}),
    ],
)
def test_what_is_missing_is_said_at_its_field_and_in_the_summary(
    web_client: WebClient, fields: dict[str, str], errors: dict[str, str]
) -> None:
    page = web_client.submit(web_client.get("/sign-in"), "Sign in", **fields)
    assert (page.status, page.title) == (400, "Error: Sign in - Twofold")
    assert page.errors == errors
    assert all(error in page.alert for error in errors.values())


@pytest.mark.parametrize("email", [ADA, "nobody@acme.example"])
def test_a_wrong_password_and_an_unknown_address_say_the_same(
    people: People, web_client: WebClient, email: str
) -> None:
    people.user()
    page = web_client.sign_in(email, WRONG)
    assert (page.status, page.title) == (401, "Error: Sign in - Twofold")
    assert "That email address and password do not match." in page.alert
    assert page.form("Sign in").fields["email"] == email
    assert page.form("Sign in").fields["password"] == ""
    assert WRONG not in page.html
    assert not web_client.cookies


def test_whatever_stands_in_the_way_a_failed_sign_in_says_the_same(people: People, http: httpx.Client) -> None:
    """Stops: learning who is invited, deactivated or locked from what a failed sign-in says."""
    kept_out = people.account("Elsewhere", sso=True, sso_domains=["sso.example"], sso_url="https://sso.example/in")
    people.user("invited@acme.example", password=None)
    people.user("void@acme.example", password=None, first_signed_in_at=NOON)
    people.user("gone@acme.example", active=False)
    people.set_user(people.user("outside@acme.example"), account_id=kept_out)
    people.user("frozen@acme.example", frozen_at=NOON)
    locked, _ = people.protected("locked@acme.example")
    people.set_counts(locked, wrong=5)
    given = {
        "nobody": PASSWORD, "invited": PASSWORD, "void": PASSWORD, "gone": PASSWORD, "outside": PASSWORD,
        "frozen": WRONG, "locked": WRONG,
    }  # fmt: skip
    said = {}
    for name, password in given.items():
        page = WebClient(http).sign_in(f"{name}@acme.example", password)
        said[name] = (page.status, without_challenge(page.html).replace(name, "somebody"))
    assert len(set(said.values())) == 1, said
    assert said["nobody"][0] == 401


def test_too_many_wrong_passwords_say_how_long_to_wait(people: People, web_client: WebClient) -> None:
    people.user()
    for _ in range(5):
        web_client.sign_in(ADA, WRONG)
    page = web_client.sign_in(ADA, PASSWORD)
    assert page.status == 429
    assert "Too many wrong passwords. Wait 1 second, then try again." in page.alert


def test_a_frozen_user_is_told_whom_to_ask(people: People, web_client: WebClient) -> None:
    people.user(frozen_at=NOON)
    people.user("grace@acme.example", role="admin", name="Grace Hopper")
    page = web_client.sign_in(ADA, PASSWORD)
    assert (page.status, page.heading) == (403, "Your account is frozen")
    assert "These people can unfreeze it: Grace Hopper (grace@acme.example)" in page.text
    assert "Grace" not in web_client.sign_in(ADA, WRONG).text


def test_single_sign_on_leads_to_the_organisations_own_page(people: People, web_client: WebClient) -> None:
    people.account("Signet", sso=True, sso_domains=["signet.example"], sso_url="https://sso.signet.example/in")
    page = web_client.sign_in("anybody@signet.example", "anything")
    assert page.heading == "Sign in with your organisation"
    assert page.link("Continue to your organisation") == "https://sso.signet.example/in"
    assert not web_client.cookies


# --- the code


def test_the_code_page_asks_for_one_code_and_shows_the_ways_on(at_code: Page) -> None:
    assert (at_code.path, at_code.heading) == ("/sign-in/code", "Enter your code")
    form = at_code.form("Verify")
    assert form.inputs["code"]["autocomplete"] == "one-time-code"
    assert form.inputs["code"]["inputmode"] == "numeric"
    assert f'"Twofold ({ADA})"' in at_code.text
    assert at_code.link("Use a backup code") == "/sign-in/backup-code"
    assert at_code.link("I have neither") == "/sign-in/lost-access"


def test_no_session_is_there_before_the_second_factor(at_code: Page, web_client: WebClient) -> None:
    assert web_client.cookie(SESSION) is None
    assert web_client.cookie(ATTEMPT)
    assert web_client.get("/profile").heading == "Sign in"


@pytest.mark.parametrize("how", ["{}", " {} ", "spaced", "dashed"])
def test_the_right_code_lets_in_however_it_is_pasted(ada: Ada, at_code: Page, web_client: WebClient, how: str) -> None:
    code = ada[1].phone.code(NOON)
    typed = {"spaced": f"{code[:3]} {code[3:]}", "dashed": f"{code[:3]}-{code[3:]}"}.get(how, how.format(code))
    page = web_client.submit(at_code, "Verify", code=typed)
    assert (page.path, page.heading) == ("/profile", "Profile")
    assert web_client.cookie(ATTEMPT) is None


def test_wrong_codes_count_down_to_the_lock_page(
    people: People, ada: Ada, at_code: Page, web_client: WebClient
) -> None:
    people.user("grace@acme.example", role="admin", name="Grace Hopper")
    wrong = ada[1].phone.wrong_code(NOON)
    page, said = at_code, []
    for _ in range(4):
        page = web_client.submit(page, "Verify", code=wrong)
        assert (page.status, page.heading) == (401, "Enter your code")
        assert wrong not in page.html
        said.append(page.errors["code"])
    assert said[0].startswith("That code is not right. Check that you are looking at")
    assert "attempt" not in said[1]
    assert said[2].endswith("You have two attempts left before your account is locked.")
    assert said[3].endswith("You have one attempt left before your account is locked.")
    page = web_client.submit(page, "Verify", code=wrong)
    assert (page.status, page.path, page.heading) == (423, "/sign-in/locked", "Your account is locked")
    assert (
        "Your account is locked after too many wrong codes. Grace Hopper (grace@acme.example) can unlock it"
        in page.text
    )
    page = web_client.post("/sign-in/code", code=ada[1].phone.code(NOON))
    assert (page.status, page.path) == (423, "/sign-in/locked")
    assert web_client.cookie(SESSION) is None


def test_who_is_locked_comes_to_the_lock_page_with_the_password_alone(
    people: People, ada: Ada, web_client: WebClient
) -> None:
    people.set_counts(ada[0], wrong=5)
    page = web_client.sign_in(ADA, PASSWORD)
    assert (page.status, page.path) == (423, "/sign-in/locked")
    assert "Ask the people who run Twofold for you." in page.text


def test_a_final_lock_says_that_only_a_reset_helps(people: People, ada: Ada, web_client: WebClient) -> None:
    people.set_counts(ada[0], wrong=5, wrong_in_row=100)
    page = web_client.sign_in(ADA, PASSWORD)
    assert "only a reset of your two-factor authentication helps" in page.text


def test_the_lock_page_shows_nothing_to_somebody_without_the_password(web_client: WebClient) -> None:
    for path in ("/sign-in/locked", "/sign-in/lost-access", "/sign-in/code", "/sign-in/backup-code"):
        assert web_client.get(path).path == "/sign-in"


def test_an_unlocked_user_is_led_from_the_lock_page_to_the_code(
    people: People, ada: Ada, web_client: WebClient
) -> None:
    people.set_counts(ada[0], wrong=5)
    web_client.sign_in(ADA, PASSWORD)
    people.set_counts(ada[0], wrong=0)
    assert web_client.get("/sign-in/locked").path == "/sign-in/code"


def test_a_used_code_says_to_wait_for_the_next(ada: Ada, web_client: WebClient, http: httpx.Client) -> None:
    code = ada[1].phone.code(NOON)
    web_client.sign_in(ADA, PASSWORD, code)
    page = WebClient(http).sign_in(ADA, PASSWORD, code)
    assert page.status == 401
    assert page.errors["code"].startswith("You have already used this code, or a newer one. Wait for the next")


def test_what_is_no_code_says_what_one_looks_like(at_code: Page, web_client: WebClient) -> None:
    for typed in ("", "12345", "1234567", "１２３４５６", "code", "1" * 100):  # noqa: RUF001
        page = web_client.submit(at_code, "Verify", code=typed)
        assert page.status == 400, typed
        assert page.errors["code"] == (
            "Enter the six digits that your app shows, or your backup code of 24 letters and digits."
        )


def test_a_clock_that_is_off_says_so(ada: Ada, at_code: Page, web_client: WebClient) -> None:
    page = web_client.submit(at_code, "Verify", code=ada[1].phone.code(later(minutes=-3)))
    assert page.errors["code"] == (
        "Your phone's clock seems to be about 3 minutes behind. Set it to automatic time, then enter the new code."
    )


def test_after_ten_minutes_it_starts_over_and_says_why(
    ada: Ada, at_code: Page, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    frozen_clock.forward(minutes=10)
    page = web_client.submit(at_code, "Verify", code=ada[1].phone.code(frozen_clock.at))
    assert (page.path, page.heading) == ("/sign-in", "Sign in")
    assert page.notice == (
        "You took more than 10 minutes, so we started over to keep your account safe. Sign in again."
    )
    assert web_client.cookie(ATTEMPT) is None


def test_signing_in_again_brings_a_new_session_id(ada: Ada, web_client: WebClient, frozen_clock: FrozenClock) -> None:
    phone = ada[1].phone
    web_client.sign_in(ADA, PASSWORD, phone.code(frozen_clock.at))
    old = web_client.cookie(SESSION)
    web_client.sign_in(ADA, PASSWORD, phone.code(frozen_clock.forward(minutes=1)))
    assert web_client.cookie(SESSION) not in (None, old)


@pytest.mark.parametrize("planted", ["tf_session_planted_by_a_stranger_0123456789", "x", ""])
def test_a_session_id_that_an_attacker_planted_is_never_the_one_that_is_given(
    people: People, web_client: WebClient, planted: str
) -> None:
    people.user()
    web_client.cookies.set(SESSION, planted)
    web_client.sign_in(ADA, PASSWORD)
    assert web_client.cookie(SESSION) not in (planted, None)
    assert people.find_session(planted) is None


# --- the backup code


def test_the_backup_code_shows_a_new_one_and_goes_on_when_it_is_saved(
    ada: Ada, at_code: Page, web_client: WebClient
) -> None:
    page = web_client.click(at_code, "Use a backup code")
    assert page.heading == "Use a backup code"
    page = web_client.submit(page, "Continue", backup_code=ada[1].backup_code.lower().replace("-", " "))
    assert (page.path, page.heading) == ("/sign-in/new-backup-code", "Your new backup code")
    new = page.backup_code
    assert len(new.split("-")) == 6
    assert new != ada[1].backup_code
    assert web_client.get("/sign-in/new-backup-code").backup_code == new
    assert web_client.get("/sign-in/code").path == "/sign-in/new-backup-code"
    unsaved = web_client.submit(page, "Continue")
    assert (unsaved.status, unsaved.backup_code) == (400, new)
    assert unsaved.errors["saved"].startswith("Save the code, then tick the box.")
    done = web_client.submit(unsaved, "Continue", saved="yes")
    assert done.heading == "Profile"
    assert "You may not have your backup code" not in done.text
    assert "You signed in with your backup code" in done.text
    assert done.link("Replace my phone")


def test_after_a_backup_code_the_phone_can_be_replaced_at_once(ada: Ada, http: httpx.Client) -> None:
    web_client = WebClient(http)
    page = web_client.get("/profile/sessions")
    page = web_client.submit(page, "Sign in", email=ADA, password=PASSWORD)
    page = web_client.submit(page, "Verify", code=ada[1].backup_code)
    assert "Is your phone lost or broken? Replace it now" in page.text
    assert {"Continue", "Replace my phone"} <= set(page.buttons)
    unsaved = web_client.post(page.path, then="replace")
    assert unsaved.errors["saved"].startswith("Save the code")
    page = web_client.post(page.path, then="replace", saved="yes")
    assert page.path == "/profile/two-factor/authenticators"
    page = web_client.click(page, "Replace my phone")
    assert set(page.form("Continue").fields) == {"replaces", "password"}  # the backup code was proved a moment ago


def test_who_came_with_the_app_is_not_told_to_replace_the_phone(ada: Ada, http: httpx.Client) -> None:
    page = WebClient(http).sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    assert "You signed in with your backup code" not in page.text


def test_a_wrong_and_a_spent_backup_code_say_so(ada: Ada, web_client: WebClient, http: httpx.Client) -> None:
    web_client.sign_in(ADA, PASSWORD)
    page = web_client.submit(web_client.get("/sign-in/backup-code"), "Continue", backup_code="0" * 24)
    assert page.errors["backup_code"].startswith("That backup code is not right. It has 24 letters and digits;")
    web_client.submit(page, "Continue", backup_code=ada[1].backup_code)
    other = WebClient(http)
    other.sign_in(ADA, PASSWORD)
    page = other.submit(other.get("/sign-in/backup-code"), "Continue", backup_code=ada[1].backup_code)
    assert page.errors["backup_code"] == (
        "That backup code has been used. A new one was shown to you when you used it."
    )


def test_a_backup_code_typed_where_the_code_goes_is_taken_there(ada: Ada, at_code: Page, web_client: WebClient) -> None:
    page = web_client.submit(at_code, "Verify", code=ada[1].backup_code)
    assert page.heading == "Your new backup code"


def test_a_new_backup_code_that_nobody_can_read_is_called_that(
    people: People, ada: Ada, at_code: Page, web_client: WebClient, http: httpx.Client
) -> None:
    """Stops: an error page, or "you took more than 10 minutes", where a key is missing from the ring."""
    page = web_client.submit(at_code, "Verify", code=ada[1].backup_code)
    assert page.backup_code
    with people.context.db.write() as connection:
        connection.execute(sign_in_attempts.update().values(backup_key_id="lost"))
    with structlog.testing.capture_logs() as logged:
        page = web_client.get("/sign-in/new-backup-code")
    assert (page.status, page.heading) == (410, "No backup code to show")
    assert "what we stored of it cannot be read" in page.text
    assert web_client.click(page, "Sign in again").heading == "Sign in"
    assert [line["why"] for line in logged if "why" in line] == ["the key with id 'lost' is not in TWOFOLD_KEYS"]
    again = WebClient(http).sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    assert "You may not have your backup code" in again.text


def test_who_has_saved_a_new_backup_code_goes_on_though_nobody_can_read_it(
    people: People, ada: Ada, at_code: Page, web_client: WebClient
) -> None:
    page = web_client.submit(at_code, "Verify", code=ada[1].backup_code)
    with people.context.db.write() as connection:
        connection.execute(sign_in_attempts.update().values(backup_key_id="lost"))
    page = web_client.submit(page, "Continue", saved="yes")
    assert page.heading == "Profile"
    assert "You may not have your backup code" in page.text


def test_who_closed_the_browser_there_is_warned_in_the_profile(
    ada: Ada, web_client: WebClient, http: httpx.Client
) -> None:
    web_client.sign_in(ADA, PASSWORD, ada[1].backup_code)
    page = WebClient(http).sign_in(ADA, PASSWORD, ada[1].phone.code(NOON))
    assert "You may not have your backup code" in page.text
    assert page.link("Regenerate") == "/profile/two-factor/backup-code"


# --- neither


def test_who_has_neither_is_told_who_can_reset_it(people: People, at_code: Page, web_client: WebClient) -> None:
    people.user("grace@acme.example", role="admin", name="Grace Hopper")
    people.user("frozen@acme.example", role="admin", name="Frozen Admin", frozen_at=NOON)
    page = web_client.click(at_code, "I have neither")
    assert page.heading == "Get help signing in"
    assert "Grace Hopper" in page.text
    assert "Frozen Admin" not in page.text


def test_an_administrator_is_never_told_to_ask_themselves(people: People, web_client: WebClient) -> None:
    people.protected("boss@acme.example", role="admin", name="The Boss")
    web_client.sign_in("boss@acme.example", PASSWORD)
    page = web_client.get("/sign-in/lost-access")
    assert "The Boss" not in page.text
    assert "Ask the people who run Twofold for you." in page.text


# --- the forced set-up


def test_a_policy_leads_through_mailbox_app_and_backup_code(people: People, web_client: WebClient) -> None:
    user = people.user()
    people.set_account(user.account_id, policy="required")
    page = web_client.sign_in(ADA, PASSWORD)
    assert (page.path, page.heading) == ("/sign-in/verify-email", "Confirm your e-mail")
    assert "a•••@acme.example" in page.text
    assert ADA not in page.html
    assert page.form("Continue").inputs["code"]["autocomplete"] == "one-time-code"
    code = people.mailed_code()
    wrong = web_client.submit(page, "Continue", code=wrong_code(code))
    assert (wrong.status, wrong.errors["code"][:23]) == (401, "That code is not right,")
    again = web_client.submit(wrong, "Send a new code")
    assert again.path == "/sign-in/verify-email"
    page = web_client.submit(again, "Continue", code=people.mailed_code())
    assert (page.path, page.heading) == ("/sign-in/set-up", "Set up two-factor authentication")
    assert "Programs that ask only for an email address and a password will stop working for you." in page.text
    secret = page.key.replace(" ", "")
    assert web_client.get("/sign-in/set-up").key == page.key
    phone = Authenticator(secret)
    wrong = web_client.submit(page, "Verify", code=phone.wrong_code(NOON))
    assert (wrong.status, wrong.key) == (401, page.key)
    page = web_client.submit(wrong, "Verify", code=phone.code(NOON))
    assert (page.path, len(page.backup_code.split("-"))) == ("/sign-in/new-backup-code", 6)
    assert secret not in page.html
    page = web_client.submit(page, saved="yes")
    assert page.heading == "Profile"
    assert web_client.cookie(SESSION)


def wrong_code(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def test_the_mailed_code_counts_down_to_a_page_that_names_whom_to_ask(people: People, web_client: WebClient) -> None:
    user = people.user()
    people.user("grace@acme.example", role="admin", name="Grace Hopper")
    people.set_account(user.account_id, policy="required")
    page = web_client.sign_in(ADA, PASSWORD)
    code, said = people.mailed_code(), []
    for _ in range(4):
        page = web_client.submit(page, "Continue", code=wrong_code(code))
        assert page.status == 401
        said.append(page.errors["code"].partition("send a new code. ")[2])
    assert said == [
        f"You have {n} attempt{'s' * (n > 1)} left before this step is closed for 24 hours." for n in (4, 3, 2, 1)
    ]
    closed = web_client.submit(page, "Continue", code=wrong_code(code))
    assert (closed.status, closed.heading) == (429, "This step is closed")
    assert "From 4 March 2026, 12:00 Coordinated Universal Time you can try again." in closed.text
    assert "Grace Hopper (grace@acme.example)" in closed.text
    other_ways = (
        web_client.get("/sign-in/verify-email"),
        web_client.post("/sign-in/verify-email", code=code),
        web_client.post("/sign-in/verify-email/resend"),
        web_client.sign_in(ADA, PASSWORD),
    )
    assert {(way.status, way.text) for way in other_ways} == {(429, closed.text)}
    people.set_account(user.account_id, policy="optional")
    web_client.sign_in(ADA, PASSWORD)
    people.set_account(user.account_id, policy="required")
    assert web_client.submit(web_client.get("/profile"), "Continue").text == closed.text


def test_the_mailed_code_says_when_it_was_sent_and_how_many_more_there_are(
    people: People, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    user = people.user()
    people.set_account(user.account_id, policy="required", time_zone="Europe/Berlin")
    page = web_client.sign_in(ADA, PASSWORD)
    assert "A code of six digits is on its way to a•••@acme.example." in page.text
    people.mailed_code()
    page = web_client.get("/sign-in/verify-email")
    assert "We sent a code of six digits to a•••@acme.example at 13:00 Central European Standard Time." in page.text
    assert "You can have 2 more codes sent this hour." in page.text
    frozen_clock.forward(minutes=5)
    page = web_client.submit(page, "Send a new code")
    assert page.notice == "Another code is on its way. It takes the place of the one before."
    assert "You can have one more code sent this hour." in page.text
    people.mailed_code(at=frozen_clock.at)
    page = web_client.submit(web_client.get("/sign-in/verify-email"), "Send a new code")
    assert "at 13:05 Central European Standard Time" in page.text
    assert "No more codes are sent before 14:00 Central European Standard Time." in page.text
    refused = web_client.submit(page, "Send a new code")
    assert refused.status == 429
    assert refused.errors["code"].endswith("Wait 55 minutes before you ask for another.")


def test_each_step_of_a_sign_in_can_be_started_over(
    people: People, ada: Ada, at_code: Page, http: httpx.Client
) -> None:
    web_client, forced = WebClient(http), people.user("new@strict.example", account=people.account("Strict"))
    people.set_account(forced.account_id, policy="required")
    verify = web_client.sign_in("new@strict.example", PASSWORD)
    set_up = web_client.submit(verify, "Continue", code=people.mailed_code("new@strict.example"))
    saving = WebClient(http).sign_in(ADA, PASSWORD, ada[1].backup_code)
    own = WebClient(http)
    own.sign_in(ADA, PASSWORD)
    others = [own.get(f"/sign-in/{path}") for path in ("backup-code", "lost-access")]
    people.set_counts(ada[0], wrong=5)
    for page in (at_code, verify, set_up, saving, *others, own.get("/sign-in/locked")):
        assert page.link("Start over") == "/sign-in", page.heading
        assert "Not you?" in page.text, page.heading


def test_a_session_is_stepped_down_when_the_policy_comes(people: People, web_client: WebClient) -> None:
    user = people.user()
    web_client.sign_in(ADA, PASSWORD)
    people.set_account(user.account_id, policy="required")
    page = web_client.get("/profile")
    assert (page.path, page.heading) == ("/sign-in/set-up", "Set up two-factor authentication")
    assert "Your organisation now requires two-factor authentication." in page.text
    assert page.form("Not you? Sign out").action == "/sign-out"
    page = web_client.submit(page, "Continue")
    assert page.path == "/sign-in/verify-email"
    assert web_client.cookie(SESSION) is None


# --- where to go on to


def test_whoever_was_sent_to_sign_in_goes_on_to_where_they_wanted(ada: Ada, web_client: WebClient) -> None:
    page = web_client.get("/profile/sessions")
    page = web_client.submit(page, "Sign in", email=ADA, password=WRONG)
    page = web_client.submit(page, "Sign in", email=ADA, password=PASSWORD)
    page = web_client.submit(page, "Verify", code=ada[1].phone.code(NOON))
    assert (page.path, page.heading) == ("/profile/sessions", "Sessions")


def test_nobody_is_led_to_another_site(people: People, http: httpx.Client, web_client: WebClient) -> None:
    people.user()
    for payload in ELSEWHERE:
        shown = Page(http.get("/sign-in", params={"return_to": payload}))
        if shown.status != 400:  # the character NUL is refused as such
            assert shown.form("Sign in").fields["return_to"] == "", payload
        page = web_client.post("/sign-in", email=ADA, password=PASSWORD, return_to=payload)
        assert page.path in ("/profile", "/sign-in"), payload
        assert page.status == (400 if "\0" in payload or len(payload) > 4096 else 200), payload


# --- forms that are none


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sign-in", "email=ada%40acme.example&email=x&password=y"),
        ("/sign-in", "email=%FF&password=y"),
        ("/sign-in/code", "code=123456&code=123456"),
        ("/sign-in/code", "code=" + "1" * 5000),
        ("/sign-in/backup-code", "backup_code=x%00"),
        ("/profile/password", "password=a&password=b"),
    ],
)
def test_a_doubled_overlong_or_unreadable_field_is_refused_on_a_page(
    people: People, http: httpx.Client, path: str, body: str
) -> None:
    token = people.token(people.user())
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
        "Cookie": f"{SESSION}={token}",
    }
    answer = http.post(path, content=body, headers=headers)
    assert answer.status_code == 400
    assert "The form could not be read" in answer.text


@pytest.mark.parametrize("field", ["code[]", "code.0", "CODE", "kode"])
def test_a_field_by_another_name_is_no_code(ada: Ada, at_code: Page, web_client: WebClient, field: str) -> None:
    page = web_client.post("/sign-in/code", **{field: ada[1].phone.code(NOON)})
    assert page.status == 400
    assert web_client.cookie(SESSION) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_no_other_method_takes_a_code(
    people: People, ada: Ada, at_code: Page, web_client: WebClient, http: httpx.Client, method: str
) -> None:
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{ATTEMPT}={web_client.cookie(ATTEMPT)}"}
    answer = http.request(method, "/sign-in/code", params={"code": ada[1].phone.code(NOON)}, headers=headers)
    assert answer.status_code in (200, 404, 405)
    assert "set-cookie" not in answer.headers
    assert web_client.submit(at_code, "Verify", code=ada[1].phone.code(NOON)).heading == "Profile"


# --- who has to wait


def test_who_has_to_wait_can_have_a_link_mailed_and_nobody_else(people: People, http: httpx.Client) -> None:
    people.user()
    web_client = WebClient(http)
    for _ in range(5):
        page = web_client.sign_in(ADA, "a wrong password")
        assert (page.status, "Email me a link" in page.buttons) == (401, False)
    page = web_client.sign_in(ADA, PASSWORD)
    assert (page.status, page.form("Email me a link").fields) == (429, {"email": ADA})
    page = web_client.submit(page, "Email me a link")
    assert (page.status, page.path) == (200, "/sign-in")
    page = web_client.post("/sign-in/email-link", email=ADA)
    assert (page.status, page.heading) == (429, "Look in your mailbox first")
    assert "in 20 minutes" in page.text
    assert [letter.kind for letter in people.letters()] == ["browser_link"]


def test_without_mail_no_link_is_offered(database_url: str, frozen_clock: FrozenClock) -> None:
    with context_on(database_url, mail=False) as context, client_of(context) as http:
        People(context).user()
        web_client = WebClient(http)
        page = [web_client.sign_in(ADA, "a wrong password") for _ in range(6)][-1]
        assert (page.status, page.buttons.count("Email me a link")) == (429, 0)
        assert web_client.post("/sign-in/email-link", email=ADA).status == 503


@pytest.mark.parametrize("typed", ["", "ada", "ada@acme.example\r\nBcc: all@acme.example"])
def test_no_link_is_mailed_to_what_is_no_address(people: People, http: httpx.Client, typed: str) -> None:
    assert WebClient(http).post("/sign-in/email-link", email=typed).status == 400
    assert people.letters() == []
