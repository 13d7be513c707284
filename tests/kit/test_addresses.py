"""The address of a request, as the edge looks at it: a path in its one spelling, and a Host that is ours."""

import re
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from litestar.types import Receive, Scope, Send

from twofold.kit.http.edge import Edge, Refusal, Refusals
from twofold.kit.http.gate import Gate
from twofold.kit.http.problems import MEDIA_TYPE, problem_body
from twofold.settings import Settings

ROUTES = sorted(
    {
        line.split("|")[0].split()[1]
        for file in (Path(__file__).parents[1] / "attacks" / "routes").glob("*.txt")
        for line in file.read_text().splitlines()
        if line.strip() and not line.startswith("#")
    }
)
PATHS = [re.sub(r"\{[^}]*\}", "tf_reset_0aZ-9_x", route) for route in ROUTES]
PAGES = {"not_found": 404, "misdirected": 421, "foreign_form": 403, "blocked": 403}


def refusals() -> Refusals:
    """Return an answer of its own for each reason."""
    made = {f"{name}_page": Refusal(status, "text/html", name.encode()) for name, status in PAGES.items()}
    codes = {"not_found": "not_found", "misdirected": "misdirected_request", "blocked": "network_blocked"}
    for name, code in codes.items():
        made[f"{name}_call"] = Refusal(PAGES[name], MEDIA_TYPE, problem_body(PAGES[name], code))
    return Refusals(foreign_form=made.pop("foreign_form_page"), **made)


class Answer(NamedTuple):
    """What the edge let through to the application (None: nothing), and what it answered."""

    reached: str | None
    status: int
    headers: dict[bytes, bytes]
    body: bytes


def ask(
    path: bytes, host: bytes | list[bytes] | None = b"127.0.0.1:8000", method: str = "GET",
    base_url: str = "http://127.0.0.1:8000", *, accept: bytes = b"*/*", query: bytes = b"",
) -> Answer:  # fmt: skip
    """Send a request to an edge before an application that answers everything with 200."""
    reached: list[str] = []
    sent: list[Any] = []

    async def application(scope: Scope, _receive: Receive, send: Send) -> None:
        reached.append(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the application", "more_body": False})

    async def keep(message: Any) -> None:
        sent.append(message)

    settings = Settings(database_url="sqlite:///nowhere", data_dir=Path("/nowhere"), base_url=base_url)
    edge = Edge(application, settings, lambda *_: None, refusals(), Gate(()))
    hosts = [] if host is None else [host] if isinstance(host, bytes) else host
    scope = {
        "type": "http", "method": method, "path": path.decode("latin-1"), "raw_path": path, "query_string": query,
        "headers": [*((b"host", one) for one in hosts), (b"accept", accept)],
    }  # fmt: skip
    with pytest.raises(StopIteration):  # it waits for nothing, so no loop is needed: a browser's may run in this thread
        cast("Any", edge(cast("Any", scope), cast("Any", None), keep)).send(None)
    start, body = sent
    return Answer(reached[0] if reached else None, start["status"], dict(start["headers"]), body["body"])


# --- the path


@pytest.mark.parametrize("path", PATHS)
def test_every_route_is_reached_by_its_own_path(path: str) -> None:
    assert ask(path.encode()).reached == path


def doubled(path: str, at: int) -> str:
    return path[:at] + "/" + path[at:]


def spelled(path: str, draw: st.DataObject) -> bytes:
    """Write a path otherwise, as a server or a proxy may read it all the same."""
    slashes = [at for at, letter in enumerate(path) if letter == "/"]
    at = draw.draw(st.integers(0, len(path) - 1), label="where")
    slash = draw.draw(st.sampled_from(slashes), label="at which slash")
    odd = draw.draw(st.sampled_from(";\\,%?@:*|\"'<>{}^`[]!$&()+= \t\r\n\0\x0b\x7f\x80\xff"), label="an odd character")
    return draw.draw(
        st.sampled_from([
            path + "/",
            path + "//",
            doubled(path, slash),
            path[:slash] + "/." + path[slash:],
            path[:slash] + "/x/.." + path[slash:],
            path[:slash] + "/.." + path[slash:],
            path + "/.",
            path + "/..",
            path + "/x/..",
            path[:at] + quote(path[at], safe="").replace(path[at], f"%{ord(path[at]):02x}") + path[at + 1 :],
            path[:at] + f"%{ord(path[at]):02X}" + path[at + 1 :],
            path[:at] + f"%25{ord(path[at]):02x}" + path[at + 1 :],
            path[:slash] + "%2f" + path[slash + 1 :],
            path[:slash] + "\\" + path[slash + 1 :],
            path + "%00",
            path + "%20",
            path + ";x=1",
            path + "/;",
            path + "%3b",
            path + "%3fx",
            path + "%23",
            path[:at] + odd.replace("?", ";") + path[at:],
            path[1:],
            "http://127.0.0.1:8000" + path,
        ])
    ).encode("latin-1")  # fmt: skip


@given(data=st.data(), path=st.sampled_from(PATHS), method=st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "TRACE"]))
def test_no_route_is_reached_by_another_spelling_of_its_path(data: st.DataObject, path: str, method: str) -> None:
    """Stops: a rule of somebody's proxy for a path, walked around by a path that means the same to us."""
    other = spelled(path, data)
    if other.decode("latin-1") in PATHS:
        return
    answer = ask(other, method=method)
    assert (answer.reached, answer.status) == (None, 404), other


CANONICAL = st.lists(
    st.text("abcXYZ059._~-", min_size=1, max_size=8).filter(lambda part: part not in {".", ".."}), max_size=4
).map(lambda parts: "/" + "/".join(parts))


@given(path=CANONICAL)
def test_a_path_of_plain_segments_is_let_through(path: str) -> None:
    assert ask(path.encode()).reached == path


@given(path=st.binary(max_size=20) | st.text("/.%2fF;\\a", max_size=12).map(str.encode))
@example(b"")
@example(b"*")
@example(b"/\n")
@example(b"/healthz\n")
def test_whatever_is_let_through_has_one_reading(path: bytes) -> None:
    if ask(path).reached is not None:
        assert re.fullmatch(rb"[A-Za-z0-9._~/-]+", path)
        assert path.startswith(b"/")
        segments = path[1:].split(b"/")
        assert path == b"/" or not {b"", b".", b".."} & set(segments)


def test_a_query_is_no_part_of_the_path() -> None:
    """Some servers hand both over together."""
    assert ask(b"/sign-in?return_to=%2Fprofile//").reached is not None
    assert ask(b"/sign-in/?x").reached is None


def test_an_odd_path_is_answered_as_any_that_does_not_exist() -> None:
    page = ask(b"/profile//<script>")
    assert (page.body, page.headers[b"content-type"]) == (b"not_found", b"text/html")
    assert page.headers[b"cache-control"] == b"no-store"
    assert b"content-security-policy" in page.headers
    call = ask(b"/api/v1/session/")
    assert call.headers[b"content-type"] == b"application/problem+json"
    assert b'"not_found"' in call.body
    assert ask(b"/profile//", method="HEAD").body == b""


# --- the Host

PUBLIC = "https://login.acme.example"
LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        (PUBLIC, "login.acme.example"),
        (PUBLIC, "login.acme.example:443"),
        (PUBLIC, "LOGIN.Acme.example"),
        (PUBLIC + ":443", "login.acme.example"),
        ("https://Login.acme.example", "login.acme.example"),
        (PUBLIC + ":8443", "login.acme.example:8443"),
        ("https://[2001:db8::1]", "[2001:DB8::1]"),
        ("http://127.0.0.2:8000", "127.0.0.2:8000"),
        *[("http://localhost:8000", f"{name}{port}") for name in LOOPBACK for port in ("", ":8000", ":1")],
        *[("http://127.0.0.1", name) for name in LOOPBACK],
        ("http://localhost:8000", "LocalHost:8000"),
    ],
)
def test_a_request_to_our_own_name_is_let_through(base_url: str, host: str) -> None:
    assert ask(b"/sign-in", host.encode(), base_url=base_url).reached == "/sign-in"


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        *[
            (PUBLIC, host)
            for host in (
                "evil.example", "", " ", "login.acme.example.", "login.acme.example:80", "login.acme.example:8443",
                "login.acme.example:0443", "login.acme.example:", "login.acme.example,evil.example",
                "login.acme.example evil.example", "x@login.acme.example", "login.acme.example@evil.example",
                "login.acme.example.evil.example", "evil-login.acme.example", "login.acme.example/",
                "login.acme.example\n", "localhost", "127.0.0.1", "[::1]", "10.0.0.11:8000",
            )
        ],
        (PUBLIC + ":8443", "login.acme.example"),
        (PUBLIC + ":8443", "login.acme.example:443"),
        *[
            ("http://localhost:8000", host)
            for host in (
                "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "0.0.0.0",  # noqa: S104 - no address to bind
                "10.0.0.1", "[::2]", "localhost:", "localhost:x", "localhost:123456", "localhost\n", "[::1", "::1",
            )
        ],
    ],
)  # fmt: skip
def test_a_request_to_another_name_is_turned_away(base_url: str, host: str) -> None:
    """Stops: DNS rebinding, a page elsewhere whose name is made to lead to us."""
    for path in (b"/sign-in", b"/api/v1/session", b"/static/twofold.css", b"/", b"/nowhere"):
        for method in ("GET", "POST", "HEAD"):
            answer = ask(path, host.encode(), method, base_url)
            assert (answer.reached, answer.status) == (None, 421), (path, method)


def test_a_request_without_a_host_or_with_two_is_turned_away() -> None:
    own = b"login.acme.example"
    for hosts in (None, [own, own], [own, b"evil.example"], [b"evil.example", own]):
        assert ask(b"/sign-in", hosts, base_url=PUBLIC).status == 421
    assert ask(b"/sign-in", [own], base_url=PUBLIC).status == 200


def test_who_is_turned_away_gets_a_page_or_a_problem() -> None:
    page = ask(b"/sign-in", b"evil.example")
    assert page.body == b"misdirected"
    assert page.headers[b"cache-control"] == b"no-store"
    call = ask(b"/api/v1/session", b"evil.example")
    assert call.headers[b"content-type"] == b"application/problem+json"
    assert b'"misdirected_request"' in call.body
    assert b"evil" not in page.body + call.body


@pytest.mark.parametrize("path", [b"/healthz", b"/readyz"])
def test_probes_may_come_by_any_name(path: bytes) -> None:
    """Kubernetes and balancers ask a node by its address."""
    for host in (b"10.1.2.3:8000", None):
        assert ask(path, host, base_url=PUBLIC).reached is not None


# --- by number and by name

BY_NAME = "http://localhost:8000"
BROWSER = b"text/html,application/xhtml+xml;q=0.9"


@pytest.mark.parametrize("host", [b"127.0.0.1:8000", b"[::1]:8000"])
def test_a_browser_that_came_by_a_number_is_led_to_the_name(host: bytes) -> None:
    """At a number there are no passkeys, and its cookies would be others."""
    led = ask(b"/sign-in", host, base_url=BY_NAME, accept=BROWSER, query=b"expired=1")
    assert (led.reached, led.status) == (None, 307)
    assert led.headers[b"location"] == b"http://localhost:8000/sign-in?expired=1"


@pytest.mark.parametrize(
    ("host", "accept", "method"),
    [
        (b"localhost:8000", BROWSER, "GET"), (b"127.0.0.1:8000", b"*/*", "GET"), (b"127.0.0.1:9000", BROWSER, "GET"),
    ],
)  # fmt: skip
def test_nobody_else_is_led_anywhere(host: bytes, accept: bytes, method: str) -> None:
    """Probes, programs and proxies go on by whatever names this machine; and nobody is led in a circle."""
    assert ask(b"/sign-in", host, method, base_url=BY_NAME, accept=accept).reached == "/sign-in"


def test_where_the_number_is_the_address_nobody_is_led() -> None:
    assert ask(b"/sign-in", accept=BROWSER).reached == "/sign-in"
