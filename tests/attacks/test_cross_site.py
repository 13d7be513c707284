"""Attacks from another site: forms that are not ours, frames, open redirects, links that act when they are opened."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import sqlalchemy as sa

from tests.harness.contexts import FrozenClock
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from twofold.schema import metadata

OWN = "http://127.0.0.1:8000"
FORM = {"email": ADA, "password": PASSWORD}

FOREIGN: list[dict[str, str]] = [
    {},  # an old browser or a program: neither header
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "https://127.0.0.1:8000"},
    {"Origin": "http://127.0.0.1:8000.evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
    {"Sec-Fetch-Site": "same-site", "Origin": OWN},
    {"Sec-Fetch-Site": "none", "Origin": OWN},
    {"Sec-Fetch-Site": ""},
    {"Referer": f"{OWN}/sign-in"},
    {"Host": "evil.example", "Origin": "http://evil.example"},
    {"X-Forwarded-Host": "evil.example", "Origin": "http://evil.example"},
]

REDIRECTS = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "http:evil.example",
    "http:/evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    ".evil.example",
    "/%09/evil.example\r\n",
    "/profile\r\nSet-Cookie: x=1",
    "//evil.example/%2e%2e",
    "/\u2028/evil.example",
    "\uff0f\uff0fevil.example",
    "?//evil.example",
]


def everything(people: People) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of every table."""
    with people.context.db.read() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
        }


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_form_that_is_not_ours_is_refused_and_does_nothing(
    http: httpx.Client, people: People, headers: dict[str, str]
) -> None:
    people.user(ADA)
    before = everything(people)
    answer = http.post("/sign-in", data=FORM, headers=headers)
    misdirected = "Host" in headers  # which is looked at before
    assert answer.status_code == (421 if misdirected else 403)
    assert misdirected or "<h1>This form came from somewhere else</h1>" in answer.text
    assert "set-cookie" not in answer.headers
    assert everything(people) == before


@pytest.mark.parametrize("headers", [{"Origin": OWN}, {"Sec-Fetch-Site": "same-origin"}], ids=str)
def test_our_own_form_is_taken(http: httpx.Client, people: People, headers: dict[str, str]) -> None:
    people.user(ADA)
    answer = http.post("/sign-in", data=FORM, headers=headers)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_no_other_method_gets_round_the_check(http: httpx.Client, people: People, method: str) -> None:
    people.user(ADA)
    assert http.request(method, "/sign-in", data=FORM).status_code == 403
    override = {"Origin": OWN, "X-HTTP-Method-Override": method}
    assert http.get("/sign-in", headers=override).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json"])
def test_a_body_of_another_kind_is_no_form(http: httpx.Client, people: People, kind: str) -> None:
    people.user(ADA)
    answer = http.post("/sign-in", content=urlencode(FORM), headers={"Origin": OWN, "Content-Type": kind})
    assert answer.status_code == 400
    assert "<h1>The form could not be read</h1>" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_json_sent_as_something_else_is_refused_by_the_api(http: httpx.Client, people: People, kind: str) -> None:
    people.user(ADA)
    body = b'{"email":"ada@acme.example","password":"orchard kettle lantern"}'
    answer = http.post("/api/v1/sign-ins", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_a_cookie_is_no_bearer_token(http: httpx.Client, people: People) -> None:
    user = people.user(ADA)
    token = people.token(user)
    answer = http.get("/api/v1/session", headers={"Cookie": f"twofold_session={token}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


def test_a_bearer_token_opens_no_page(http: httpx.Client, people: People) -> None:
    user = people.user(ADA)
    token = people.token(user)
    answer = http.get("/profile", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("target", REDIRECTS, ids=repr)
def test_after_signing_in_nobody_is_led_to_another_site(http: httpx.Client, people: People, target: str) -> None:
    people.user(ADA)
    answer = http.post("/sign-in", data={"return_to": target, **FORM}, headers={"Origin": OWN})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "path", ["/sign-in", "/profile", "/nowhere", "/help/two-factor", "/api/v1/session", "/healthz"]
)
def test_every_answer_forbids_frames_scripts_of_others_and_keeping(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "strict-origin"
    assert headers["x-content-type-options"] == "nosniff"


def test_opening_pages_changes_nothing(web_client: WebClient, people: People, frozen_clock: FrozenClock) -> None:
    user, factor = people.protected(ADA, role="admin")
    web_client.sign_in(ADA, PASSWORD, factor.phone.code(frozen_clock.at))
    before = everything(people)
    opened = list(_crawl(web_client, "/profile"))
    assert len(opened) >= 15, opened
    after = everything(people)
    assert {name for name in before if before[name] != after[name]} == set()
    assert people.look_up(user) == user


def _crawl(web_client: WebClient, start: str) -> Iterator[str]:
    """Open every page that links lead to, as a link scanner would."""
    found, queue = {start}, [start]
    while queue and len(found) < 200:
        path = queue.pop(0)
        page = web_client.get(path)
        assert page.status < 500, path
        web_client.http.head(path, headers={"Cookie": "; ".join(f"{k}={v}" for k, v in web_client.cookies.items())})
        yield path
        for _words, url in page.links:
            local = url.partition("#")[0]
            if local.startswith("/") and not local.startswith(("//", "/static")) and local not in found:
                found.add(local)
                queue.append(local)
