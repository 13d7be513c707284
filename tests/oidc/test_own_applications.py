"""One's own applications: what one can open, what each may see, and how that is taken back."""

import httpx

from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.harness.people import ADA, PASSWORD, Ada, People
from tests.oidc.relying_party import HERE, RelyingParty, answer_of, browser_of, led_to, refused
from twofold.kit.context import AppContext
from twofold.sessions.tables import sessions

HOME = "https://crm.example/"


def opened(page: Page) -> list[str]:
    """Return what the page can open."""
    return [words for words, url in page.links if url.startswith("https://")]


def test_people_see_what_they_can_open_and_what_it_sees(context: AppContext, http: httpx.Client, session: str) -> None:
    crm = RelyingParty.of(context, http, home_url=HOME)
    browser = browser_of(http, session)
    assert "not used yet" in browser.get("/applications").text
    crm.tokens(session, "openid email")
    page = browser.get("/applications")
    assert opened(page) == ["CRM"]
    assert "your email address" in page.text
    assert "your role" not in page.text


def test_applications_of_other_accounts_are_not_shown(
    people: People, context: AppContext, http: httpx.Client, session: str
) -> None:
    RelyingParty.of(context, http, name="Theirs", home_url=HOME, accounts=frozenset({people.account("Other")}))
    assert "No applications yet" in browser_of(http, session).get("/applications").text


def test_what_is_neither_used_nor_can_be_opened_is_not_shown(
    crm: RelyingParty, http: httpx.Client, session: str
) -> None:
    assert "No applications yet" in browser_of(http, session).get("/applications").text
    crm.tokens(session)
    assert "CRM" in browser_of(http, session).get("/applications").text


def test_from_twelve_applications_on_one_can_search(context: AppContext, http: httpx.Client, session: str) -> None:
    for number in range(11):
        RelyingParty.of(context, http, name=f"App {number}", home_url=HOME)
    browser = browser_of(http, session)
    assert 'role="search"' not in browser.get("/applications").html
    RelyingParty.of(context, http, home_url=HOME)
    page = browser.get("/applications?q=crm")
    assert "Search" in page.buttons
    assert opened(page) == ["CRM"]
    assert "No matching applications" in browser.get("/applications?q=xyz").text


def test_removing_access_ends_every_token(context: AppContext, http: httpx.Client, session: str) -> None:
    notes = RelyingParty.of(context, http, name="Notes", first_party=False)
    browser = browser_of(http, session)
    led_to(browser.submit(browser.get(notes.address(scope="openid offline_access")), "Allow"))
    tokens = notes.tokens(session)
    pending = notes.code(session)
    page = browser.submit(browser.get("/applications"), "Remove access Notes")
    assert "Access removed" in page.text
    assert notes.userinfo(tokens["access_token"]).status_code == 401
    assert refused(notes.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
    assert refused(notes.exchange(pending)) == (400, "invalid_grant")
    assert answer_of(notes.authorize(session, prompt="none"))["error"] == "consent_required"


def test_removing_access_leaves_others_alone(
    people: People, crm: RelyingParty, context: AppContext, http: httpx.Client, session: str
) -> None:
    other = RelyingParty.of(context, http, name="Other")
    grace = people.token(people.user("grace@acme.example"))
    kept = [crm.tokens(grace)["access_token"], other.tokens(session)["access_token"]]
    gone = crm.tokens(session)["access_token"]
    path = f"/applications/{crm.client_id}/remove-access"
    assert crm.send("POST", path, session, headers=HERE).status_code == 303
    assert crm.userinfo(gone).status_code == 401
    assert [crm.userinfo(token).status_code for token in kept] == [200, 200]
    [event] = people.events("application_access_revoked")
    assert "CRM" in event.details


def test_signing_out_everywhere_ends_all_sessions_and_tokens(
    people: People, ada: Ada, crm: RelyingParty, http: httpx.Client, session: str
) -> None:
    token = crm.tokens(session)["access_token"]
    browser = browser_of(http, people.token(ada[0], ada[1].phone))
    page = browser.submit(browser.get("/applications"), "Sign out everywhere")
    assert page.path == "/sign-in"
    assert crm.userinfo(token).status_code == 401
    assert people.count(sessions) == 0


def test_a_sign_in_leads_to_the_applications_if_there_are_any(
    ada: Ada, context: AppContext, http: httpx.Client, web_client: WebClient
) -> None:
    assert web_client.sign_in(ADA, PASSWORD, ada[1].phone.code(NOON)).path == "/profile"
    RelyingParty.of(context, http, home_url=HOME)
    assert web_client.get("/").path == "/applications"
