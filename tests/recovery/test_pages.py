from typing import Any

import httpx
import pytest

from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.pages import Page, WebClient
from tests.harness.people import ADA, EARLIER, NEW_PASSWORD, People
from tests.recovery.conftest import Mailer
from twofold.directory import notice_flow
from twofold.directory import records as directory
from twofold.events.notices import Notice
from twofold.kit import acting
from twofold.kit.acting import Origin
from twofold.kit.context import AppContext
from twofold.recovery import flow as recovery
from twofold.recovery import not_me_flow


def ask(web_client: WebClient, email: str = ADA) -> Page:
    return web_client.submit(web_client.get("/forgot-password"), "Send link", email=email)


def told_of_a_change(context: AppContext, people: People, mailer: Mailer) -> str:
    ada = people.user()
    with context.db.write() as connection:
        notice_flow.notify(context, connection, ada, Notice.PASSWORD_CHANGED, NOON, address="192.0.2.7", browser="")
    return f"/not-me/{mailer.token('not-me')}"


# --- forgot password


def test_the_sign_in_page_leads_to_it(web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/sign-in"), "Forgot password?")
    assert (page.status, page.heading) == (200, "Forgot your password?")
    assert page.form().inputs["email"]["type"] == "email"


@pytest.mark.parametrize(
    ("email", "error"),
    [
        ("", "Enter your email address."),
        ("ada", "Enter the address like name@example.com."),
        ("a b@acme.example", "Enter the address like name@example.com."),
    ],
)
def test_what_is_no_address_is_said_at_the_field(web_client: WebClient, email: str, error: str) -> None:
    page = ask(web_client, email)
    assert (page.status, page.errors) == (400, {"email": error})
    assert page.form().fields["email"] == email
    assert page.title.startswith("Error:")


def test_the_answer_is_the_same_whoever_has_the_address(web_client: WebClient, people: People) -> None:
    people.user()
    people.user("frozen@acme.example", frozen_at=EARLIER)
    people.user("gone@acme.example", active=False)
    people.user("new@acme.example", password=None)
    people.user("reset@acme.example", reset_confirmed_at=NOON)
    other = people.account("Sso", sso=True, sso_url="https://sso.globex.example", sso_domains=["globex.example"])
    people.user("odd@elsewhere.example", account=other, password=None)
    answers = {}
    for name in ("ada", "frozen", "gone", "new", "reset", "nobody", "odd"):
        page = ask(web_client, f"{name}@{'elsewhere' if name == 'odd' else 'acme'}.example")
        assert page.heading == "Look in your mailbox"
        answers[name] = (page.status, page.url, page.html)
    assert len(set(answers.values())) == 1


def test_single_sign_on_leads_to_the_organisation_known_or_not(web_client: WebClient, people: People) -> None:
    other = people.account("Sso", sso=True, sso_url="https://sso.globex.example/start", sso_domains=["globex.example"])
    people.user("ada@globex.example", account=other, password=None)
    known, unknown = ask(web_client, "ada@globex.example"), ask(web_client, "nobody@globex.example")
    assert known.html == unknown.html
    assert known.link("Continue to your organisation") == "https://sso.globex.example/start"


def test_the_fourth_within_an_hour_is_told_how_long_to_wait(web_client: WebClient, frozen_clock: FrozenClock) -> None:
    for _ in range(3):
        assert ask(web_client, "nobody@acme.example").status == 200
        frozen_clock.forward(minutes=1)
    page = ask(web_client, "nobody@acme.example")
    assert page.status == 429
    assert "wait 57 minutes and ask again" in page.errors["email"]


def test_without_a_mail_server_it_says_so(database_url: str, frozen_clock: FrozenClock) -> None:
    with context_on(database_url, mail=False) as context, client_of(context) as http:
        page = ask(WebClient(http), "nobody@acme.example")
        assert page.status == 503
        assert "no mail server" in page.text


# --- choosing a password


def test_a_password_is_chosen_and_its_owner_signs_in_by_themselves(
    web_client: WebClient, people: People, mailer: Mailer
) -> None:
    people.user()
    ask(web_client)
    page = web_client.get(f"/set-password/{mailer.token('set-password')}")
    assert (page.status, page.heading) == (200, "Choose your password")
    assert ADA in page.text
    assert page.form().inputs["new_password"]["autocomplete"] == "new-password"
    page = web_client.submit(page, "Save password", new_password=NEW_PASSWORD)
    assert (page.heading, page.notice) == ("Sign in", "Your password is saved. Sign in with it.")
    assert page.form("Sign in").fields["email"] == ADA
    assert ADA not in page.url
    assert web_client.get("/sign-in").form("Sign in").fields["email"] == ""
    assert web_client.cookie("twofold_session") is None
    assert web_client.submit(page, "Sign in", email=ADA, password=NEW_PASSWORD).heading == "Profile"


def test_the_second_factor_is_asked_for_afterwards(web_client: WebClient, people: People, mailer: Mailer) -> None:
    people.protected()
    ask(web_client)
    page = web_client.get(f"/set-password/{mailer.token('set-password')}")
    assert "Two-factor authentication stays on" in page.text
    page = web_client.submit(page, "Save password", new_password=NEW_PASSWORD)
    assert web_client.submit(page, "Sign in", email=ADA, password=NEW_PASSWORD).heading == "Enter your code"


def test_somebody_invited_is_welcomed(
    context: AppContext, web_client: WebClient, people: People, mailer: Mailer
) -> None:
    ada = people.user(password=None)
    with context.db.write() as connection:
        recovery.invite(context, connection, ada, Origin(NOON, actor=acting.CONSOLE))
    page = web_client.get(f"/set-password/{mailer.token('set-password')}")
    assert page.heading == "Choose your password"
    assert "Welcome to Acme." in page.text


@pytest.mark.parametrize(
    ("typed", "status", "error"),
    [
        ("", 400, "Enter a new password."),
        ("short", 422, "That password is too short. Use at least 8 characters."),
        ("password123", 422, "That password is one of the first that anybody would guess."),
    ],
)
def test_a_password_that_is_not_taken_is_said_at_the_field_and_never_shown_again(
    web_client: WebClient, people: People, mailer: Mailer, typed: str, status: int, error: str
) -> None:
    people.user()
    ask(web_client)
    path = f"/set-password/{mailer.token('set-password')}"
    page = web_client.submit(web_client.get(path), "Save password", new_password=typed)
    assert page.status == status
    assert page.errors["new_password"].startswith(error)
    assert page.form().fields["new_password"] == ""
    assert web_client.submit(page, "Save password", new_password=NEW_PASSWORD).heading == "Sign in"


def test_a_link_that_is_over_says_so_and_offers_another(
    web_client: WebClient, people: People, mailer: Mailer, frozen_clock: FrozenClock
) -> None:
    people.user()
    ask(web_client)
    path = f"/set-password/{mailer.token('set-password')}"
    frozen_clock.forward(hours=1)
    for page in (
        web_client.get(path),
        web_client.post(path, new_password=NEW_PASSWORD),
        web_client.get("/set-password/x"),
    ):
        assert (page.status, page.heading) == (410, "This link no longer works")
        assert page.link("Send a new link") == "/forgot-password"


def test_a_link_within_24_hours_of_a_reset_says_when(
    web_client: WebClient, people: People, mailer: Mailer, frozen_clock: FrozenClock
) -> None:
    ada = people.user()
    ask(web_client)
    path = f"/set-password/{mailer.token('set-password')}"
    people.set_user(ada, reset_confirmed_at=frozen_clock.forward(minutes=5))
    for page in (web_client.get(path), web_client.post(path, new_password=NEW_PASSWORD)):
        assert (page.status, page.heading) == (409, "Not yet")
        assert "after 4 March 2026, 12:05 Coordinated Universal Time" in page.text


def test_opening_a_link_uses_nothing_up(
    web_client: WebClient, people: People, mailer: Mailer, http: httpx.Client
) -> None:
    ada = people.user()
    ask(web_client)
    path = f"/set-password/{mailer.token('set-password')}"
    for method in ("HEAD", "GET", "GET", "OPTIONS"):
        http.request(method, path)
    assert people.look_up(ada).password_hash == ada.password_hash
    assert web_client.submit(web_client.get(path), "Save password", new_password=NEW_PASSWORD).heading == "Sign in"


# --- this wasn't me


def test_the_link_asks_before_it_freezes(
    context: AppContext, web_client: WebClient, people: People, mailer: Mailer
) -> None:
    path = told_of_a_change(context, people, mailer)
    page = web_client.get(path)
    assert (page.status, page.heading, page.buttons) == (200, "Was this not you?", ["Freeze my account"])
    assert "the password was changed" in page.text
    page = web_client.submit(page, "Freeze my account")
    assert (page.status, page.heading) == (200, "Your account is frozen")


def test_scanners_that_open_links_freeze_nobody(
    context: AppContext, http: httpx.Client, people: People, mailer: Mailer
) -> None:
    path = told_of_a_change(context, people, mailer)
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        assert http.request(method, path, headers={"Purpose": "prefetch"}).status_code < 500
    (ada,) = everybody(context)
    assert ada.frozen_at is None


def test_a_form_of_another_site_freezes_nobody(
    context: AppContext, http: httpx.Client, people: People, mailer: Mailer
) -> None:
    path = told_of_a_change(context, people, mailer)
    strangers: list[dict[str, str]] = [{}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}]
    for headers in strangers:
        assert http.post(path, headers=headers).status_code == 403
    (ada,) = everybody(context)
    assert ada.frozen_at is None


def test_the_page_after_freezing_names_who_can_help(
    context: AppContext, web_client: WebClient, people: People, mailer: Mailer
) -> None:
    people.user("boss@acme.example", role="admin", name="Grace Boss")
    path = told_of_a_change(context, people, mailer)
    page = web_client.submit(web_client.get(path), "Freeze my account")
    assert "Grace Boss" in page.text
    page = web_client.get(path)
    assert (page.status, page.heading) == (410, "Your account is frozen already")
    assert web_client.post(path).status == 410


def test_where_nobody_can_help_the_page_names_support(
    context: AppContext, web_client: WebClient, people: People, mailer: Mailer
) -> None:
    page = web_client.submit(web_client.get(told_of_a_change(context, people, mailer)), "Freeze my account")
    assert "ask the people who run Twofold for you" in page.text


@pytest.mark.parametrize("token", ["x", "tf_notme_" + "x" * 43, "tf_password_" + "x" * 43])
def test_a_forged_link_says_what_to_do(web_client: WebClient, token: str) -> None:
    for page in (web_client.get(f"/not-me/{token}"), web_client.post(f"/not-me/{token}")):
        assert (page.status, page.heading) == (410, "This link no longer works")
        assert page.link("Choose a new password") == "/forgot-password"


def test_pages_with_a_token_are_kept_by_nobody(
    context: AppContext, http: httpx.Client, people: People, mailer: Mailer
) -> None:
    answer = http.get(told_of_a_change(context, people, mailer))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "strict-origin"
    assert not_me_flow.LIFE.days == 7


def everybody(context: AppContext) -> Any:
    with context.db.read() as connection:
        return directory.people_of(connection)
