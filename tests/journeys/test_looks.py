"""How a person's pages behave: by keyboard, to a screen reader, over the wire. How all of them look: tests/looks."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

from tests.harness.browser import DESKTOP
from tests.harness.people import PASSWORD
from tests.journeys.conftest import World, now

MOST_BYTES = 60 * 1024

# Where somebody comes who is signed in and has a second factor, and what each page is called.
PROFILE = {
    "/profile": "Profile",
    "/profile/password": "Change password",
    "/profile/sessions": "Sessions",
    "/profile/two-factor/configure": "Confirm it's you",
    "/sign-in/step-up": "Confirm it's you",
    "/profile/two-factor/backup-code": "Regenerate backup code",
    "/profile/two-factor/remove": "Remove two-factor authentication",
    "/profile/two-factor/authenticators": "Your authenticators",
}
PUBLIC = {
    "/sign-in": "Sign in",
    "/help/authenticator-apps": "Authenticator apps",
    "/help/two-factor": "Questions and answers",
    "/forgot-password": "",
    "/nowhere": "Not found",
}
SIGNING_IN = {
    "/sign-in/code": "Enter your code",
    "/sign-in/backup-code": "Use a backup code",
    "/sign-in/lost-access": "Get help signing in",
}

Visit = Callable[[Page], Iterator[tuple[str, str]]]


@pytest.fixture
def visit(world: World) -> Visit:
    """Lead a page through every page of a person; say where it is and what its heading should be."""

    def walk(page: Page) -> Iterator[tuple[str, str]]:
        for path, heading in PUBLIC.items():
            page.goto(world.url + path)
            yield path, heading
        user, factor = world.protected(
            name="Augusta Ada King-Noel, Countess of Lovelace", called="augusta.ada.king.noel.countess.of.lovelace.1815"
        )
        world.sign_in(page, user)
        for path, heading in SIGNING_IN.items():
            page.goto(world.url + path)
            yield path, heading
        page.goto(f"{world.url}/sign-in/code")
        page.locator("#code").fill(factor.phone.code(now()))
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
        for path, heading in PROFILE.items():
            page.goto(world.url + path)
            yield path, heading
        page.goto(f"{world.url}/profile/two-factor/configure")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Scan the QR code")
        yield "the QR code", "Scan the QR code"

    return walk


def test_every_page_says_where_one_is(visit: Visit, page: Page) -> None:
    for path, heading in visit(page):
        shown = page.locator("h1")
        expect(shown).to_have_count(1)
        if heading:
            expect(shown).to_have_text(heading)
        assert page.title() == f"{shown.inner_text()} - Twofold", path
        assert page.locator("html").get_attribute("lang") == "en", path
        assert page.locator("main").count() == 1, path


def test_no_page_asks_another_origin_and_each_weighs_little(world: World, visit: Visit, browser: Browser) -> None:
    context = browser.new_context(**DESKTOP)
    requests: list[Request] = []
    context.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - Playwright marks what it is given
    page = context.new_page()
    paths = [(path, page.url) for path, _ in visit(page)]
    state = context.storage_state()
    context.close()
    strangers = {request.url for request in requests if not request.url.startswith((world.url, "blob:", "data:"))}
    assert strangers == set()
    heavy = {}
    for path, url in paths:
        weight = weigh(browser, url, state)
        if not 0 < weight <= MOST_BYTES:
            heavy[path] = weight
    assert heavy == {}


def weigh(browser: Browser, url: str, state: object) -> int:
    """Return the bytes of a page with all that it loads, on the first visit."""
    context = browser.new_context(storage_state=state, **DESKTOP)  # type: ignore[arg-type]
    answers: list[Response] = []
    context.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - the same
    page = context.new_page()
    page.goto(url)
    weight = sum(len(answer.body()) for answer in answers if answer.status < 300 or answer.status >= 400)
    context.close()
    return weight


# --- by keyboard


def test_signing_in_takes_no_mouse(world: World, page: Page) -> None:
    user, factor = world.protected()
    page.goto(f"{world.url}/sign-in")
    expect(page.locator("#email")).to_be_focused()
    page.keyboard.type(user.email)
    page.keyboard.press("Tab")
    expect(page.locator("#password")).to_be_focused()
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Tab")
    show = page.get_by_role("button", name="Show password")
    expect(show).to_be_focused()
    page.keyboard.press("Space")
    assert page.locator("#password").get_attribute("type") == "text"
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()
    page.keyboard.type(factor.phone.code(now()))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")


def test_one_can_skip_to_the_content(world: World, page: Page) -> None:
    user = world.somebody()
    world.sign_in(page, user)
    page.goto(f"{world.url}/profile")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_nobody_can_miss_what_has_the_focus(world: World, page: Page) -> None:
    page.goto(f"{world.url}/sign-in")
    for _ in range(7):
        page.keyboard.press("Tab")
        ring = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e), o = getComputedStyle(e, null);
            return e === document.body ? null : [e.outerHTML.slice(0, 60), o.outlineStyle, parseFloat(s.outlineWidth),
            s.boxShadow]; }"""
        )
        if ring is not None:
            _, style, width, shadow = ring
            assert (style != "none" and width >= 3) or "3px" in shadow, ring


# --- errors


def test_one_thing_wrong_gets_the_focus_and_is_said_at_its_field(world: World, page: Page) -> None:
    page.goto(f"{world.url}/sign-in")
    page.locator("#email").fill("ada@acme.example")
    page.get_by_role("button", name="Sign in", exact=True).click()
    assert page.title() == "Error: Sign in - Twofold"
    password = page.locator("#password")
    expect(password).to_be_focused()
    expect(password).to_have_attribute("aria-invalid", "true")
    assert "password-error" in str(password.get_attribute("aria-describedby"))
    expect(page.locator("#password-error")).to_contain_text("Enter your password.")
    expect(page.get_by_role("alert")).to_contain_text("Enter your password.")
    expect(page.locator("#email")).to_have_value("ada@acme.example")


def test_of_several_things_wrong_the_summary_gets_the_focus_and_leads_to_each(world: World, page: Page) -> None:
    page.goto(f"{world.url}/sign-in")
    page.get_by_role("button", name="Sign in", exact=True).click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("2 things need your attention")
    summary.get_by_role("link", name="Enter your password.").click()
    expect(page.locator("#password")).to_be_focused()


# --- what browsers and password managers go by


def test_fields_tell_password_managers_what_they_are(world: World, page: Page) -> None:
    page.goto(f"{world.url}/sign-in")
    assert autocomplete(page) == {"email": "username", "password": "current-password"}
    user, factor = world.protected()
    world.sign_in(page, user)
    assert autocomplete(page) == {"code": "one-time-code"}
    assert page.locator("#code").get_attribute("inputmode") == "numeric"
    page.locator("#code").fill(factor.phone.code(now()))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Profile")
    page.goto(f"{world.url}/profile/password")
    assert autocomplete(page) == {
        "": "username", "password": "current-password", "new_password": "new-password", "code": "one-time-code",
    }  # fmt: skip


def autocomplete(page: Page) -> dict[str, str]:
    """Return what each field is said to hold, by its name; the field for password managers alone has none."""
    fields: dict[str, str] = page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll("main input:not([type=hidden])")]
        .map(e => [e.name, e.autocomplete]))"""
    )
    return fields
