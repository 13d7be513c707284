"""The user's own pages beside second factors: profile, password, sessions, signing out."""

from uuid import uuid4

import httpx
import pytest

from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, People
from twofold.directory.user import User

SESSION = "twofold_session"


@pytest.fixture
def ada(people: People, web_client: WebClient) -> User:
    """Somebody without a second factor, signed in."""
    user = people.user(name="Ada Lovelace")
    web_client.sign_in(ADA, PASSWORD)
    return user


def test_the_profile_shows_who_one_is(ada: User, web_client: WebClient) -> None:
    page = web_client.get("/profile")
    assert (page.status, page.heading, page.title) == (200, "Profile", "Profile - Twofold")
    for said in ("Ada Lovelace", ADA, "Acme", "Two-factor authentication"):
        assert said in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_profile_shows_the_last_five_sign_ins_of_its_user_alone(
    people: People, web_client: WebClient, http: httpx.Client, frozen_clock: FrozenClock
) -> None:
    _, factor = people.protected()
    people.user("grace@example.test")
    for _ in range(5):
        frozen_clock.forward(minutes=1)
        web_client.sign_in(ADA, PASSWORD, factor.phone.code(frozen_clock.at))
    frozen_clock.forward(minutes=1)
    WebClient(http).sign_in("grace@example.test", PASSWORD)
    page = web_client.submit(web_client.sign_in(ADA, PASSWORD), "Verify", code=factor.backup_code)
    profile = web_client.submit(page, "Continue", saved="yes").text
    listed = profile[profile.index("Last sign-ins") :]
    assert listed.index("Password and backup code") < listed.index("Password and code")
    assert listed.count("Password and code") == 4
    assert listed.count("Password and") == listed.count("testclient") == 5


def test_the_root_path_leads_to_the_profile(ada: User, web_client: WebClient, http: httpx.Client) -> None:
    assert web_client.get("/").path == "/profile"
    assert WebClient(http).get("/").path == "/sign-in"


def test_a_name_is_text_and_never_markup(people: People, web_client: WebClient) -> None:
    people.user(name='<img src=x onerror="alert(1)">')
    page = web_client.sign_in(ADA, PASSWORD)
    assert "<img src=x" not in page.html
    assert '<img src=x onerror="alert(1)">' in page.text


def test_signing_out_ends_the_session_and_forgets_the_cookie(people: People, ada: User, web_client: WebClient) -> None:
    token = web_client.cookie(SESSION)
    assert token is not None
    page = web_client.submit(web_client.get("/profile"), "Sign out")
    assert (page.heading, page.notice) == ("Sign in", "You are signed out.")
    assert web_client.cookie(SESSION) is None
    assert people.find_session(token) is None
    assert web_client.get("/profile").path == "/sign-in"
    assert web_client.post("/sign-out").heading == "Sign in"


def test_an_idle_session_leads_to_the_sign_in_and_forgets_the_cookie(
    ada: User, web_client: WebClient, frozen_clock: FrozenClock
) -> None:
    frozen_clock.forward(hours=1)
    assert web_client.get("/profile").path == "/sign-in"
    assert web_client.cookie(SESSION) is None


def test_an_organisation_with_single_sign_on_leads_there(people: People, ada: User, web_client: WebClient) -> None:
    open_page = web_client.get("/profile/password")
    people.set_account(ada.account_id, sso=True, sso_url="https://sso.acme.example")
    assert not web_client.get("/profile").has_link("Change password")
    sent = web_client.submit(open_page, "Change password", password=PASSWORD, new_password=NEW_PASSWORD)
    for page in (web_client.get("/profile/password"), sent):
        assert (page.status, page.heading) == (403, "No password here")
        assert page.link("Continue to your organisation") == "https://sso.acme.example"


def test_the_password_is_changed(ada: User, web_client: WebClient) -> None:
    page = web_client.click(web_client.get("/profile"), "Change password")
    form = page.form("Change password")
    assert page.heading == "Change password"
    assert form.inputs["password"]["autocomplete"] == "current-password"
    assert form.inputs["new_password"]["autocomplete"] == "new-password"
    assert "code" not in form.fields
    missing = web_client.submit(page, "Change password")
    assert (missing.status, set(missing.errors)) == (400, {"password", "new_password"})
    weak = web_client.submit(page, "Change password", password=PASSWORD, new_password="password")
    assert (weak.status, weak.errors["new_password"][:40]) == (422, "That password is one of the first that a")
    wrong = web_client.submit(page, "Change password", password="a wrong password", new_password=NEW_PASSWORD)
    assert (wrong.status, wrong.errors) == (401, {"password": "That password is not right."})
    assert NEW_PASSWORD not in wrong.html
    old = web_client.cookie(SESSION)
    done = web_client.submit(page, "Change password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert (done.path, done.notice) == ("/profile", "Your password is changed. Your other sessions have ended.")
    assert web_client.cookie(SESSION) not in (None, old)


def test_sessions_are_listed_and_ended(people: People, ada: User, web_client: WebClient, http: httpx.Client) -> None:
    phone, tablet = WebClient(http), WebClient(http)
    phone.sign_in(ADA, PASSWORD)
    tablet.sign_in(ADA, PASSWORD)
    page = web_client.click(web_client.get("/profile"), "Sessions")
    assert page.heading == "Sessions"
    assert page.text.count("This browser") == 1
    others = [form.action for form in page.forms if form.action.endswith("/end")]
    assert len(others) == 2
    done = web_client.post(others[0])
    assert done.notice == "Signed out."
    alive = [browser.get("/profile").path for browser in (phone, tablet)]
    assert sorted(alive) == ["/profile", "/sign-in"]
    web_client.submit(done, "Sign out all others")
    assert [browser.get("/profile").path for browser in (phone, tablet)] == ["/sign-in"] * 2
    assert web_client.get("/profile").path == "/profile"


def test_nobody_ends_a_session_that_is_not_their_own(
    people: People, ada: User, web_client: WebClient, http: httpx.Client
) -> None:
    people.user("grace@acme.example")
    grace = WebClient(http)
    grace.sign_in("grace@acme.example", PASSWORD)
    token = grace.cookie(SESSION)
    assert token is not None
    for wanted in (str(people.session(token).id), str(uuid4()), "nonsense"):
        web_client.post(f"/profile/sessions/{wanted}/end")
    assert grace.get("/profile").path == "/profile"


@pytest.mark.parametrize("path", ["/help/authenticator-apps", "/help/two-factor", "/api/docs"])
def test_help_is_there_for_everybody(ada: User, web_client: WebClient, http: httpx.Client, path: str) -> None:
    for browser in (web_client, WebClient(http)):
        page = browser.get(path)
        assert (page.status, page.path) == (200, path)
        assert page.heading


def test_the_four_apps_are_explained_and_each_ends_with_its_makers_guide(web_client: WebClient) -> None:
    page = web_client.get("/help/authenticator-apps")
    for app in ("Authy", "Google Authenticator", "Duo Mobile", "Microsoft Authenticator"):
        assert app in page.text
    makers = [url for _, url in page.links if url.startswith("https://")]
    assert len(makers) >= 4


def test_questions_and_answers_cover_what_people_ask(web_client: WebClient) -> None:
    text = web_client.get("/help/two-factor").text.lower()
    for asked in ("switch", "new phone", "lost", "backup code", "locked", "administrator", "licence", "programs"):
        assert asked in text, asked
