import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.brand.pictures import SVG, png
from tests.harness.contexts import client_of, context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from twofold.brand.accent import parse_accent
from twofold.brand.links import parse_links
from twofold.brand.logo import Logo

# Nothing here depends on the kind of database.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

HOME = "https://app.acme.example/start"
LINKS = '{"Privacy": "https://acme.example/privacy", "Contact": "mailto:help@acme.example"}'
SVG_LOGO, PNG_LOGO = Logo(Path("logo.svg"), "svg", SVG.encode()), Logo(Path("logo.png"), "png", png())


@contextmanager
def branded(database_url: str, **chosen: Any) -> Iterator[tuple[People, WebClient, httpx.Client]]:
    with context_on(database_url, **chosen) as context, client_of(context) as http:
        yield People(context), WebClient(http), http


def address(html: str, attribute: str) -> str:
    found = re.search(attribute + r'="(/static/[^"]+)"', html)
    assert found is not None, html
    return found[1]


# --- what people see


def test_every_page_bears_the_operators_name_and_ours_at_its_foot_alone(database_url: str) -> None:
    with branded(database_url, product_name="Acme Cloud", home_url=HOME, links=parse_links(LINKS)) as (people, web, _):
        people.user(ADA)
        for path in ("/sign-in", "/help/two-factor", "/nowhere"):
            page = web.get(path)
            assert page.title.endswith(" - Acme Cloud")
            assert page.link("Back to Acme Cloud") == HOME
            assert page.link("Privacy") == "https://acme.example/privacy"
            assert page.link("Contact") == "mailto:help@acme.example"
            assert page.text.endswith("Powered by Twofold")
            assert page.text.count("Twofold") == 1
        web.sign_in(ADA, PASSWORD)
        header = web.get("/profile").html.partition("<header")[2].partition("</header>")[0]
        whose = re.sub(r"<[^>]+>", "", header.partition('bar__whose">')[2].partition("</div>")[0])
        assert " ".join(whose.split()) == "Acme Cloud Acme"


def test_where_nothing_is_said_the_pages_are_ours(web_client: WebClient) -> None:
    page = web_client.get("/sign-in")
    assert "Powered by" not in page.text
    assert not page.has_link("Back to")
    assert "/static/mark.svg" in page.html
    assert "accent.css" not in page.html


def test_the_logo_stands_in_the_place_of_ours_in_light_and_dark(database_url: str) -> None:
    with branded(database_url, logo=SVG_LOGO, logo_dark=PNG_LOGO) as (_, _web, http):
        html = http.get("/sign-in").text
        light, dark = address(html, "<img src"), address(html, "<source srcset")
        assert (light.partition("?")[0], dark.partition("?")[0]) == ("/static/logo.svg", "/static/logo-dark.png")
        assert 'media="(prefers-color-scheme: dark)"' in html
        assert "mark.svg" not in html
        assert "favicon.svg" not in html
        assert address(html, 'rel="icon" href') == light
        for url, kind, content in ((light, "image/svg+xml; charset=utf-8", SVG.encode()), (dark, "image/png", png())):
            answer = http.get(url)
            assert (answer.headers["content-type"], answer.content) == (kind, content)
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            assert answer.headers["cache-control"].endswith("immutable")
            assert answer.headers["cross-origin-resource-policy"] == "cross-origin"  # for letters
    with branded(database_url) as (_, _web, http):
        assert http.get(light).status_code == 404


@pytest.mark.parametrize(
    ("logo", "icon"), [(None, "/static/apple-touch-icon.png"), (PNG_LOGO, "/static/logo.png"), (SVG_LOGO, None)]
)
def test_a_bookmark_on_a_phone_has_a_picture_that_is_not_somebody_elses(
    database_url: str, logo: Logo | None, icon: str | None
) -> None:
    with branded(database_url, logo=logo) as (_, _web, http):
        html = http.get("/sign-in").text
        assert ("apple-touch-icon" in html) is (icon is not None)
        if icon is not None:
            url = address(html, 'rel="apple-touch-icon" href')
            assert url.startswith(f"{icon}?v=")
            assert http.get(url).headers["content-type"] == "image/png"


def test_the_accent_comes_as_a_style_sheet_of_our_own_origin(database_url: str) -> None:
    with branded(database_url, accent=parse_accent("#7a1fa2")) as (_, _web, http):
        answer = http.get("/sign-in")
        assert "style-src 'self';" in answer.headers["content-security-policy"]
        sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', answer.text)
        assert [url.partition("?")[0] for url in sheets] == ["/static/twofold.css", "/static/accent.css"]
        sheet = http.get(sheets[1])
        assert "--accent: #7a1fa2;" in sheet.text
        assert sheet.headers["content-type"] == "text/css; charset=utf-8"
        assert "cross-origin" not in sheet.headers["cross-origin-resource-policy"]
    with branded(database_url, accent=parse_accent("#0b5a6c")) as (_, _web, http):
        assert sheets[1] not in http.get("/sign-in").text  # another colour, another address


# --- where they go


def test_a_sign_in_that_nobody_asked_for_ends_at_the_product(database_url: str) -> None:
    with branded(database_url, home_url=HOME) as (people, _web, http):
        people.user(ADA)
        assert http.get("/").headers["location"] == HOME
        answer = http.post(
            "/sign-in", data={"email": ADA, "password": PASSWORD}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/")  # and from there to HOME
        assert http.get("/").headers["location"] == HOME
        # Browsers hold the end of a form's way against this as well.
        assert "form-action 'self' https://app.acme.example;" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/profile", "/profile/sessions"])
def test_a_sign_in_for_a_page_of_ours_ends_there(database_url: str, path: str) -> None:
    with branded(database_url, home_url=HOME) as (people, web, _):
        people.user(ADA)
        asked = web.get(path)
        assert asked.heading == "Sign in"
        page = web.submit(asked, email=ADA, password=PASSWORD)
        assert page.path == path


def test_password_managers_find_where_a_password_is_changed(http: httpx.Client) -> None:
    answer = http.get("/.well-known/change-password")
    assert (answer.status_code, answer.headers["location"]) == (303, "/profile/password")
    assert (
        http.get("/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200").status_code == 404
    )
