import json
from typing import Any

import httpx
import pytest
import structlog

from tests.conftest import Serve
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.processes import wait_until
from tests.harness.wire import client_to

# Nothing here depends on the kind of database.
pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

NO_REQUEST = "http://127.0.0.1:8000"
FORM = "email=ada%40acme.example&password=x"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded"}


# --- where unsafe requests may come from


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": NO_REQUEST}, True),
        ({"Origin": NO_REQUEST}, True),
        ({}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://127.0.0.1:8001"}, False),
        ({"Origin": "https://127.0.0.1:8000"}, False),
        ({"Origin": NO_REQUEST + ".evil.example"}, False),
        ({"Origin": NO_REQUEST + "/"}, False),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": NO_REQUEST}, False),
        ({"Sec-Fetch-Site": "same-site", "Origin": NO_REQUEST}, False),
        ({"Sec-Fetch-Site": "none", "Origin": NO_REQUEST}, False),
        ({"Sec-Fetch-Site": "", "Origin": NO_REQUEST}, False),
        ({"Referer": NO_REQUEST + "/sign-in"}, False),
    ],
)
def test_a_form_counts_only_from_our_own_page(
    people: People,
    http: httpx.Client,
    headers: dict[str, str],
    passes: bool,  # noqa: FBT001
) -> None:
    people.user()
    answer = http.post("/sign-in", content=FORM, headers=URLENCODED | headers)
    assert answer.status_code == (401 if passes else 403)
    assert len(people.events("sign_in_refused")) == (1 if passes else 0)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND", "post"])
def test_every_method_but_the_safe_ones_needs_our_own_page(http: httpx.Client, method: str) -> None:
    assert http.request(method, "/sign-in", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


@pytest.mark.parametrize(
    "path", ["/sign-out", "/profile/sessions/end-others", "/nowhere", "/x/api/v1/sign-ins", "/apI/v1/x"]
)
def test_every_page_needs_our_own_page_cookie_or_not(http: httpx.Client, path: str) -> None:
    assert http.post(NO_REQUEST + path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_the_api_takes_calls_from_anywhere_because_no_cookie_counts_there(people: People, http: httpx.Client) -> None:
    token = people.token(people.user())
    cookies = {"Cookie": f"twofold_session={token}"}
    body = {"email": ADA, "password": PASSWORD}
    foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert http.post("/api/v1/sign-ins", json=body, headers=foreign).status_code == 201
    assert http.get("/api/v1/session", headers=cookies).status_code == 401
    assert http.get("/api/v1/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_the_api_takes_json_alone_which_no_form_of_another_site_can_send(
    people: People, http: httpx.Client, content_type: str
) -> None:
    people.user()
    body = f'{{"email": "{ADA}", "password": "{PASSWORD}"}}'
    answer = http.post("/api/v1/sign-ins", content=body, headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


# --- the headers of every answer


@pytest.mark.parametrize(
    "path", ["/sign-in", "/profile", "/nowhere", "/api/v1/session", "/help/two-factor", "/healthz"]
)
def test_every_answer_is_kept_out_of_frames_caches_and_guesses(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["x-request-id"]
    assert "server" not in headers


def test_a_static_file_may_be_kept_for_ever_under_the_address_of_its_content(http: httpx.Client) -> None:
    page = http.get("/sign-in").text
    style = next(part.split('"')[0] for part in page.split('"') if part.startswith("/static/twofold.css?v="))
    answer = http.get(style)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "path", ["/static/../settings.py", "/static/%2e%2e/settings.py", "/static/..%2fsettings.py", "/static/"]
)
def test_nothing_but_static_files_is_served_as_one(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code in (400, 404)


def test_a_form_of_a_page_that_only_claims_our_address_is_turned_away(people: People, http: httpx.Client) -> None:
    """Stops: DNS rebinding, where origin and Host agree with each other and not with us."""
    people.user()
    rebound = {"Origin": "http://evil.example:8000", "Host": "evil.example:8000", "Sec-Fetch-Site": "same-origin"}
    assert http.post("/sign-in", content=FORM, headers=URLENCODED | rebound).status_code == 421
    assert people.events("sign_in_refused") == []


def test_what_the_edge_refuses_looks_like_what_the_application_refuses(http: httpx.Client) -> None:
    """Stops: telling from a 404 whether a path exists in another spelling."""
    for odd, plain in (("/profile/", "/nowhere"), ("/api/v1/session/", "/api/v1/nowhere")):
        answers = [http.get(path) for path in (odd, plain)]
        told = [(answer.status_code, answer.text, sorted(name for name in answer.headers)) for answer in answers]
        assert told[0] == told[1]


def test_a_link_is_never_built_from_the_host_that_a_request_names(http: httpx.Client) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        for path in ("/", "/sign-in", "/profile", "/nowhere"):
            answer = http.get(path, headers=headers)
            assert "evil.example" not in answer.text
            assert "evil.example" not in answer.headers.get("location", "")


# --- what is too much


def test_a_body_that_is_too_large_is_refused(http: httpx.Client) -> None:
    big = b"a=" + b"x" * 70_000
    for path, content_type in (
        ("/sign-in", "application/x-www-form-urlencoded"),
        ("/api/v1/sign-ins", "application/json"),
    ):
        headers = {"Content-Type": content_type, "Sec-Fetch-Site": "same-origin"}
        assert http.post(path, content=big, headers=headers).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/nowhere", 404, "not_found"),
        ("GET", "/api/v1/sign-ins", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/password", 405, "method_not_allowed"),
    ],
)
def test_a_wrong_address_or_method_of_the_api_is_a_problem(
    http: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    answer = http.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/sign-out", 405), ("POST", "/profile", 405)]
)
def test_a_wrong_address_or_method_of_a_page_is_a_page(http: httpx.Client, method: str, path: str, status: int) -> None:
    answer = http.request(method, path, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == status
    assert "<h1>" in answer.text


# --- the line of the log


def test_a_request_is_logged_with_the_user_whose_session_it_is(people: People, http: httpx.Client) -> None:
    ada = people.user()
    with structlog.testing.capture_logs() as entries:
        http.get("/api/v1/session", headers={"Authorization": f"Bearer {people.token(ada)}"})
        http.get("/profile", headers={"Cookie": f"twofold_session={people.token(ada)}"})
        http.get("/api/v1/session")
        http.get("/sign-in")
    lines = [entry for entry in entries if entry["event"] == "request"]
    assert [line["user"] for line in lines] == [ada.id, ada.id, None, None]
    assert {line["address"] for line in lines} == {"testclient"}


def test_what_a_trusted_proxy_says_of_a_request_stands_in_its_line_and_its_answer(
    database_url: str, serve: Serve
) -> None:
    server = serve(database_url, worker="off", trusted_proxies="127.0.0.1")
    said = {"X-Forwarded-For": "198.51.100.7, 192.0.2.9", "X-Request-ID": "5f1c90aa"}
    with client_to(server.url) as http:
        assert http.get("/sign-in", headers=said).headers["x-request-id"] == "5f1c90aa"
        own = http.get("/sign-in").headers["x-request-id"]
    wait_until(lambda: own in server.logged, what="the line of the last request")
    asked = [line for line in lines_of(server.logged) if line.get("route") == "/sign-in"]
    assert [(line["id"], line["address"]) for line in asked] == [("5f1c90aa", "192.0.2.9"), (own, "127.0.0.1")]


def lines_of(logged: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged.splitlines()]
