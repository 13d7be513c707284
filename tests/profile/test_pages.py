"""The user's own pages beside second factors: profile, password, sessions, signing out."""

from uuid import uuid4

import httpx
import pytest

from tests.harness.houses import Hands
from tests.harness.pages import Visitor
from tests.harness.people import ADA, NEW_PASSWORD, PASSWORD, People
from twofold.directory.person import Person

SESSION = "twofold_session"


@pytest.fixture
def ada(people: People, visitor: Visitor) -> Person:
    """Somebody without a second factor, signed in."""
    person = people.person(name="Ada Lovelace")
    visitor.sign_in(ADA, PASSWORD)
    return person


def test_the_profile_shows_who_one_is(ada: Person, visitor: Visitor) -> None:
    page = visitor.get("/profile")
    assert (page.status, page.heading, page.title) == (200, "Profile", "Profile - Twofold")
    for said in ("Ada Lovelace", ADA, "Acme", "Two-factor authentication"):
        assert said in page.text
    assert page.headers["cache-control"] == "no-store"


def test_the_front_door_leads_to_the_profile(ada: Person, visitor: Visitor, http: httpx.Client) -> None:
    assert visitor.get("/").path == "/profile"
    assert Visitor(http).get("/").path == "/sign-in"


def test_a_name_is_text_and_never_markup(people: People, visitor: Visitor) -> None:
    people.person(name='<img src=x onerror="alert(1)">')
    page = visitor.sign_in(ADA, PASSWORD)
    assert "<img src=x" not in page.html
    assert '<img src=x onerror="alert(1)">' in page.text


def test_signing_out_ends_the_session_and_forgets_the_cookie(people: People, ada: Person, visitor: Visitor) -> None:
    token = visitor.cookie(SESSION)
    assert token is not None
    page = visitor.submit(visitor.get("/profile"), "Sign out")
    assert (page.heading, page.notice) == ("Sign in", "You are signed out.")
    assert visitor.cookie(SESSION) is None
    assert people.find_session(token) is None
    assert visitor.get("/profile").path == "/sign-in"
    assert visitor.post("/sign-out").heading == "Sign in"


def test_an_idle_session_leads_to_the_sign_in_and_forgets_the_cookie(
    ada: Person, visitor: Visitor, hands: Hands
) -> None:
    hands.forward(hours=1)
    assert visitor.get("/profile").path == "/sign-in"
    assert visitor.cookie(SESSION) is None


def test_an_organisation_with_single_sign_on_leads_there(people: People, ada: Person, visitor: Visitor) -> None:
    open_page = visitor.get("/profile/password")
    people.set_account(ada.account_id, sso=True, sso_url="https://sso.acme.example")
    assert not visitor.get("/profile").has_link("Change password")
    sent = visitor.submit(open_page, "Change password", password=PASSWORD, new_password=NEW_PASSWORD)
    for page in (visitor.get("/profile/password"), sent):
        assert (page.status, page.heading) == (403, "No password here")
        assert page.link("Continue to your organisation") == "https://sso.acme.example"


def test_the_password_is_changed(ada: Person, visitor: Visitor) -> None:
    page = visitor.click(visitor.get("/profile"), "Change password")
    form = page.form("Change password")
    assert page.heading == "Change password"
    assert form.inputs["password"]["autocomplete"] == "current-password"
    assert form.inputs["new_password"]["autocomplete"] == "new-password"
    assert "code" not in form.fields
    missing = visitor.submit(page, "Change password")
    assert (missing.status, set(missing.errors)) == (400, {"password", "new_password"})
    weak = visitor.submit(page, "Change password", password=PASSWORD, new_password="password")
    assert (weak.status, weak.errors["new_password"][:40]) == (422, "That password is one of those everybody ")
    wrong = visitor.submit(page, "Change password", password="a wrong password", new_password=NEW_PASSWORD)
    assert (wrong.status, wrong.errors) == (401, {"password": "That password is not right."})
    assert NEW_PASSWORD not in wrong.html
    old = visitor.cookie(SESSION)
    done = visitor.submit(page, "Change password", password=PASSWORD, new_password=NEW_PASSWORD)
    assert (done.path, done.notice) == ("/profile", "Your password is changed. Your other sessions have ended.")
    assert visitor.cookie(SESSION) not in (None, old)


def test_sessions_are_listed_and_ended(people: People, ada: Person, visitor: Visitor, http: httpx.Client) -> None:
    phone, tablet = Visitor(http), Visitor(http)
    phone.sign_in(ADA, PASSWORD)
    tablet.sign_in(ADA, PASSWORD)
    page = visitor.click(visitor.get("/profile"), "Sessions")
    assert page.heading == "Sessions"
    assert page.text.count("This browser") == 1
    others = [form.action for form in page.forms if form.action.endswith("/end")]
    assert len(others) == 2
    done = visitor.post(others[0])
    assert done.notice == "Signed out."
    alive = [browser.get("/profile").path for browser in (phone, tablet)]
    assert sorted(alive) == ["/profile", "/sign-in"]
    visitor.submit(done, "Sign out all others")
    assert [browser.get("/profile").path for browser in (phone, tablet)] == ["/sign-in"] * 2
    assert visitor.get("/profile").path == "/profile"


def test_nobody_ends_a_session_that_is_not_their_own(
    people: People, ada: Person, visitor: Visitor, http: httpx.Client
) -> None:
    people.person("grace@acme.example")
    grace = Visitor(http)
    grace.sign_in("grace@acme.example", PASSWORD)
    token = grace.cookie(SESSION)
    assert token is not None
    for wanted in (str(people.session(token).id), str(uuid4()), "nonsense"):
        visitor.post(f"/profile/sessions/{wanted}/end")
    assert grace.get("/profile").path == "/profile"


@pytest.mark.parametrize("path", ["/help/authenticator-apps", "/help/two-factor", "/api/docs"])
def test_help_is_there_for_everybody(ada: Person, visitor: Visitor, http: httpx.Client, path: str) -> None:
    for browser in (visitor, Visitor(http)):
        page = browser.get(path)
        assert (page.status, page.path) == (200, path)
        assert page.heading


def test_the_four_apps_are_explained_and_each_ends_with_its_makers_guide(visitor: Visitor) -> None:
    page = visitor.get("/help/authenticator-apps")
    for app in ("Authy", "Google Authenticator", "Duo Mobile", "Microsoft Authenticator"):
        assert app in page.text
    makers = [url for _, url in page.links if url.startswith("https://")]
    assert len(makers) >= 4


def test_questions_and_answers_cover_what_people_ask(visitor: Visitor) -> None:
    text = visitor.get("/help/two-factor").text.lower()
    for asked in ("switch", "new phone", "lost", "backup code", "locked", "administrator", "licence", "programs"):
        assert asked in text, asked
