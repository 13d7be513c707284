"""The token of a link leaves the address at the first look: a cookie holds it, and each form knows its own link."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.attacks.forged import Headers
from tests.attacks.mailed import BASE, KINDS, Kind, Stage, holder
from tests.harness.clock import NOON
from tests.harness.contexts import FrozenClock, client_of, context_on
from tests.harness.pages import Page, WebClient
from tests.harness.people import People
from twofold.kit.crypto.tokens import new_token

COOKIES = {
    "resets": "twofold_reset_link",
    "set-password": "twofold_password_link",
    "not-me": "twofold_notme_link",
    "known-browser": "twofold_browser_link",
}
EVERY_KIND = pytest.mark.parametrize("kind", ["reset", "forgot", "not me", "browser"])


@pytest.fixture
def stage(people: People, http: httpx.Client) -> Stage:
    return Stage(people, http)


def opened(stage: Stage, kind: str, email: str = "ada@acme.example") -> tuple[str, WebClient, Page]:
    """Let somebody open a link of a kind; return its token, their browser, and the page."""
    token, web_client = stage.link(kind, holder(stage, kind, email)), WebClient(stage.http)
    return token, web_client, web_client.get(f"/{KINDS[kind].path}/{token}")


def press(web_client: WebClient, page: Page, kind: Kind) -> Page:
    """Fill the page in as its reader would, and press its button."""
    fields = {name: value for name, value in kind.fields.items() if name != "answer"}
    return web_client.submit(page, **fields)


@EVERY_KIND
def test_the_first_look_trades_the_token_for_a_cookie(stage: Stage, kind: str) -> None:
    """Stops: a token in logs, in histories, in the Referer of whatever the page loads."""
    token, web_client, page = opened(stage, kind)
    assert (page.status, page.path) == (200, KINDS[kind].page)
    assert token not in page.html
    assert web_client.trail == [(303, f"/{KINDS[kind].path}/{token}"), (200, KINDS[kind].page)]
    assert {form.action for form in page.forms} <= {"", "/sign-out"}
    answer = stage.http.get(f"/{KINDS[kind].path}/{token}")
    assert token not in repr([pair for pair in answer.headers.raw if pair[0].lower() != b"set-cookie"]) + answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "strict-origin"
    [cookie] = answer.headers.get_list("set-cookie")
    attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert attributes == {"max-age=900", "path=/", "httponly", "samesite=lax"}
    assert cookie.startswith(f"{COOKIES[KINDS[kind].path]}={token};")


@pytest.fixture
def public(database_url: str, frozen_clock: FrozenClock) -> Iterator[Stage]:
    with context_on(database_url, base_url=BASE) as context, client_of(context) as http:
        yield Stage(People(context), http)


@EVERY_KIND
def test_where_it_is_https_the_cookie_belongs_to_this_host_alone(public: Stage, kind: str) -> None:
    token, web_client, page = opened(public, kind)
    assert web_client.cookie(f"__Host-{COOKIES[KINDS[kind].path]}") == token
    [cookie] = public.http.get(f"/{KINDS[kind].path}/{token}").headers.get_list("set-cookie")
    assert "; secure" in cookie.lower()
    assert "domain" not in cookie.lower()
    assert press(web_client, page, KINDS[kind]).status == 200


@EVERY_KIND
def test_a_link_does_what_it_did_and_the_cookie_goes(stage: Stage, kind: str) -> None:
    token, web_client, page = opened(stage, kind)
    assert press(web_client, page, KINDS[kind]).status == 200
    assert web_client.cookie(COOKIES[KINDS[kind].path]) is None
    assert stage.use(kind, token) == 410


@EVERY_KIND
def test_a_form_that_is_filled_in_wrongly_can_be_sent_again(stage: Stage, kind: str) -> None:
    _, web_client, page = opened(stage, kind)
    if KINDS[kind].fields:
        page = web_client.submit(page)
        assert (page.status, page.path) == (400, KINDS[kind].page)
    assert press(web_client, page, KINDS[kind]).status == 200


# --- what a page without its link says


@EVERY_KIND
def test_without_the_cookie_the_page_says_to_open_the_link_again(stage: Stage, kind: str) -> None:
    before = stage.rows()
    web_client = WebClient(stage.http)
    for page in (web_client.get(KINDS[kind].page), web_client.post(KINDS[kind].page, **KINDS[kind].fields)):
        assert (page.status, page.heading) == (410, "Open the link again")
        assert "Go back to the email and open its link once more." in page.text
    assert stage.rows() == before


@EVERY_KIND
def test_a_cookie_that_went_meanwhile_costs_nothing(stage: Stage, kind: str) -> None:
    """Stops: losing a link because its page was left open for longer than its cookie lives."""
    token, web_client, page = opened(stage, kind)
    before = stage.rows()
    web_client.cookies.clear()
    assert (press(web_client, page, KINDS[kind]).status, stage.rows()) == (410, before)
    page = web_client.get(f"/{KINDS[kind].path}/{token}")
    assert press(web_client, page, KINDS[kind]).status == 200


@EVERY_KIND
def test_the_cookie_of_another_kind_of_link_opens_nothing(stage: Stage, kind: str) -> None:
    """Stops: a token that counts where another kind is meant, by whatever cookie it comes."""
    tokens = {other: stage.link(other, holder(stage, other, f"{at}@acme.example")) for at, other in enumerate(KINDS)}
    for other, token in tokens.items():
        if KINDS[other].path == KINDS[kind].path:
            continue
        for name in COOKIES.values():
            web_client = WebClient(stage.http)
            web_client.cookies.set(name, token)
            page = web_client.get(KINDS[kind].page)
            assert (page.status, page.heading) == (410, "Open the link again"), (name, other)
        answer = stage.http.get(f"/{KINDS[kind].path}/{token}")
        assert answer.status_code in {404, 410}
        assert "set-cookie" not in answer.headers
    for nonsense in ("", "x", new_token("session"), f"{new_token('reset')} x", 'tf_reset_"', "tf_reset_" + "x" * 200):
        own: Headers = [("Cookie", f"{COOKIES[KINDS[kind].path]}={nonsense}")]
        answer = stage.http.get(KINDS[kind].page, headers=own)
        assert (answer.status_code, "Open the link again" in answer.text) == (410, True), nonsense


@EVERY_KIND
def test_a_link_that_is_over_says_so_on_its_page(stage: Stage, frozen_clock: FrozenClock, kind: str) -> None:
    said = {}
    token, web_client, page = opened(stage, kind, "used@acme.example")
    assert stage.use(kind, token) == 200
    said["used, looked at"] = web_client.get(KINDS[kind].page).status
    said["used, sent"] = press(web_client, page, KINDS[kind]).status
    _, web_client, page = opened(stage, kind, "late@acme.example")
    frozen_clock.at = NOON + KINDS[kind].life
    said["expired, looked at"] = web_client.get(KINDS[kind].page).status
    said["expired, sent"] = press(web_client, page, KINDS[kind]).status
    unknown = new_token(re.sub("_link|twofold_", "", COOKIES[KINDS[kind].path]))
    said["of nobody"] = WebClient(stage.http).get(f"/{KINDS[kind].path}/{unknown}").status
    assert set(said.values()) == {410}, said


@pytest.mark.parametrize("kind", ["reset", "forgot"])
def test_a_link_that_was_replaced_while_its_page_was_open_does_nothing(
    stage: Stage, frozen_clock: FrozenClock, kind: str
) -> None:
    user, web_client = holder(stage, kind), WebClient(stage.http)
    page = web_client.get(f"/{KINDS[kind].path}/{stage.link(kind, user)}")
    newer = stage.link(kind, user)
    assert press(web_client, page, KINDS[kind]).status == 410
    assert press(web_client, web_client.get(f"/{KINDS[kind].path}/{newer}"), KINDS[kind]).status == 200
    assert frozen_clock.at == NOON


# --- several links in one browser


@EVERY_KIND
def test_a_form_acts_on_the_link_that_it_was_shown_for(stage: Stage, kind: str) -> None:
    """Stops: two links in two tabs; and a page elsewhere that makes this browser open the attacker's own link.

    The owner would confirm another's reset, or give a stranger's account the password that they have chosen.
    """
    first, web_client, ours = opened(stage, kind)
    other = stage.link(kind, holder(stage, kind, "eve@acme.example"))
    theirs = web_client.get(f"/{KINDS[kind].path}/{other}")
    before = stage.rows()
    refused = press(web_client, ours, KINDS[kind])
    assert (refused.status, refused.heading) == (409, "Open the link again")
    assert "Go back to the email and open its link once more." in refused.text
    without = web_client.post(KINDS[kind].page, **KINDS[kind].fields)
    assert without.status == 409
    assert stage.rows() == before
    assert press(web_client, theirs, KINDS[kind]).status == 200
    assert press(web_client, web_client.get(f"/{KINDS[kind].path}/{first}"), KINDS[kind]).status == 200


def test_links_of_several_kinds_do_not_get_in_each_others_way(stage: Stage) -> None:
    web_client = WebClient(stage.http)
    pages = [
        (kind, web_client.get(f"/{KINDS[kind].path}/{stage.link(kind, holder(stage, kind, f'{at}@acme.example'))}"))
        for at, kind in enumerate(["reset", "forgot", "not me"])
    ]
    for kind, page in pages:
        assert press(web_client, page, KINDS[kind]).status == 200


# --- as before


@EVERY_KIND
def test_the_address_with_the_token_still_takes_an_answer(stage: Stage, kind: str) -> None:
    """Programs send it, and pages that were open when a new version came."""
    token = stage.link(kind, holder(stage, kind))
    web_client = WebClient(stage.http)
    assert web_client.post(f"/{KINDS[kind].path}/{token}", **KINDS[kind].fields).status == 200
    assert web_client.post(f"/{KINDS[kind].path}/{token}", **KINDS[kind].fields).status == 410
