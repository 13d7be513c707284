"""Bytes that no honest program writes: in every JSON body, form, address and header that is read.

Each operation of the API is called as it goes all the way (tests/attacks/world.py), with one thing in it that is no
text, no number or no JSON. It is refused as the client's fault, or taken as it stands; nothing breaks.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import structlog

from tests.attacks.test_fuzz import FIELDS, FORM, OWN, carried, fill, pages
from tests.attacks.world import Seed, World
from tests.harness.api import ROOT
from tests.harness.contexts import FrozenClock
from tests.harness.databases import Backend
from tests.harness.people import People

NAMES = ("twofold_session", "twofold_sign_in", "twofold_browser")


@pytest.fixture
def world(people: People, http: httpx.Client, frozen_clock: FrozenClock) -> World:
    return World(people, http, frozen_clock)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Collect what is logged."""
    with structlog.testing.capture_logs() as entries:
        yield entries


def fine(entries: list[Any]) -> bool:
    """Tell whether nothing unexpected was logged."""
    return not [entry for entry in entries if entry["log_level"] == "error" or "exc_info" in entry]


# --- JSON bodies

Body = Callable[[dict[str, Any]], bytes]


def spoilt(raw: bytes) -> Body:
    """Put bytes into the first text of a body, in front of what it is."""

    def spoil(body: dict[str, Any]) -> bytes:
        name = next((name for name, value in body.items() if isinstance(value, str)), "unknown")
        return json.dumps(body | {name: "SPOILT" + str(body.get(name, ""))}).encode().replace(b"SPOILT", raw)

    return spoil


def instead(raw: bytes) -> Body:
    """Put something in the place of every value."""
    return lambda body: b"{" + b",".join(json.dumps(name).encode() + b":" + raw for name in body or {"x": 1}) + b"}"


def beside(raw: bytes) -> Body:
    """Put something before what is right."""
    return lambda body: b"{" + raw + (b"," if body else b"") + json.dumps(body).encode()[1:]


REFUSED: dict[str, Body] = {
    "a byte that is no UTF-8": spoilt(b"\xff"),
    "half a character": spoilt(b"\xc3"),
    "a character in too many bytes": spoilt(b"\xc0\xaf"),
    "half a pair in UTF-8": spoilt(b"\xed\xa0\x80"),
    "beyond Unicode": spoilt(b"\xf4\x90\x80\x80"),
    "half a pair escaped": spoilt(rb"\ud800"),
    "the other half": spoilt(rb"\udc00"),
    "the halves turned round": spoilt(rb"\udc00\ud800"),
    "NUL": spoilt(b"\0"),
    "NUL escaped": spoilt(rb"\u0000"),
    "no UTF-8 in a name": beside(b'"\xff":1'),
    "half a pair in a name": beside(rb'"\ud800":1'),
    "no UTF-8 beside it": lambda body: json.dumps(body).encode() + b"\xff",
    "a mark of byte order": lambda body: b"\xef\xbb\xbf" + json.dumps(body).encode(),
    "UTF-16": lambda body: json.dumps(body).encode("utf-16"),
    "not a number": instead(b"NaN"),
    "infinite": instead(b"Infinity"),
    "a number beyond all": instead(b"1e999"),
    "deep lists": instead(b"[" * 3000 + b"]" * 3000),
    "deep objects": instead(b'{"a":' * 1500 + b"1" + b"}" * 1500),
}  # fmt: skip
TAKEN_OR_REFUSED: dict[str, Body] = {
    "a number of a thousand digits": instead(b"1" * 1000),
    "below all numbers": instead(b"-" + b"9" * 400),
    "doubled fields": lambda body: beside(json.dumps(body).encode()[1:-1])(body) if body else b"{}",
    "deep where nobody looks": beside(b'"unknown":' + b"[" * 500 + b"]" * 500),
    "a tiny number": instead(b"1e-999"),
}


def call(world: World, name: str, seed: Seed, content: bytes) -> httpx.Response:
    method, path = name.split(" ")
    token = world.tokens[seed.role]
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    answer = world.http.request(
        method, ROOT + path.format(**seed.path), params=seed.query, content=content, headers=headers
    )
    if answer.status_code < 400:
        world.restore()
    return answer


def test_a_body_that_is_no_json_of_texts_is_refused_on_every_route(world: World, logged: list[Any]) -> None:
    """Stops: an error a request, with its traceback, by whoever can reach the address."""
    wrong = []
    for name, seed in world.seeds().items():
        reads = not name.startswith(("GET", "HEAD")) and seed.body is not None
        for kind, body in REFUSED.items() if reads else ():
            answer = call(world, name, seed, body(seed.body or {}))
            if answer.status_code != 400 or answer.json()["code"] != "invalid_request":
                wrong.append((name, kind, answer.status_code, answer.text[:80]))
    assert wrong == []
    assert fine(logged)


def test_no_body_breaks_a_route_whether_it_reads_one_or_not(world: World, logged: list[Any], backend: Backend) -> None:
    wrong = []
    for name, seed in world.seeds().items():
        kinds = REFUSED | TAKEN_OR_REFUSED if seed.body is None else TAKEN_OR_REFUSED
        for kind, body in list(kinds.items())[:: 1 if backend == "sqlite" else 3]:
            answer = call(world, name, seed, body(seed.body or {}))
            if answer.status_code >= 500:
                wrong.append((name, kind, answer.status_code))
    assert wrong == []
    assert fine(logged)


# --- addresses

TEXTS = (
    "%FF", "%C3", "%C0%AF", "%ED%A0%80", "%00", "%", "%u0041", "%F4%90%80%80", "%EF%BB%BF", "NaN", "1e999", "-1",
    "9" * 400, "%0d%0aX: y", "%E2%80%AE",
)  # fmt: skip
PARAMETERS = ("cursor", "limit", "search", "state", "account", "user", "kind", "from", "to", "page", "q", "return_to")


def addresses(world: World) -> Iterator[tuple[str, dict[str, str]]]:
    """Return every address that is read, in the API and among the pages, with what who may read it carries."""
    for name, seed in world.seeds().items():
        method, path = name.split(" ")
        if method == "GET":
            yield ROOT + path.format(**seed.path), {"Authorization": f"Bearer {world.tokens[seed.role]}"}
    for path in ("/sign-in", "/people", "/resets", "/account/audit", "/support", "/support/audit", "/account/adoption"):
        yield path, carried(world, "/account" if path == "/resets" else path)


def test_no_query_breaks_an_address(world: World, logged: list[Any]) -> None:
    wrong = []
    for address, headers in addresses(world):
        for text in TEXTS:
            for query in (
                "&".join(f"{name}={text}" for name in PARAMETERS),
                text,
                f"{text}=1&{text}=2&limit=1&limit=2",
            ):
                answer = world.http.get(f"{address}?{query}", headers=headers)
                if answer.status_code >= 500:
                    wrong.append((address, query[:40], answer.status_code))
    assert wrong == []
    assert fine(logged)


def test_no_part_of_a_path_breaks_an_address(world: World, logged: list[Any]) -> None:
    wrong = []
    for name, seed in world.seeds().items():
        method, path = name.split(" ")
        for text in TEXTS if seed.path else ():
            address = ROOT + path.format(**dict.fromkeys(seed.path, text))
            headers = {"Authorization": f"Bearer {world.tokens[seed.role]}"}
            answer = world.http.request(method, address, json=seed.body, params=seed.query, headers=headers)
            if answer.status_code not in (400, 404, 405, 410):
                wrong.append((name, text, answer.status_code))
    for prefix in ("/resets/", "/not-me/", "/set-password/", "/people/", "/support/users/", "/static/", "/"):
        for text in TEXTS:
            answer = world.http.get(prefix + text, headers=carried(world, prefix))
            if answer.status_code >= 500:
                wrong.append((prefix, text, answer.status_code))
    assert wrong == []
    assert fine(logged)


# --- forms

FORMS = (
    b"%ff",
    b"\xff",
    b"%c3",
    b"%ed%a0%80",
    b"\xed\xa0\x80",
    b"%00",
    b"\0",
    b"%f4%90%80%80",
    b"%EF%BB%BF",
    b"%ud800",
)


def test_no_form_breaks_a_page(world: World, logged: list[Any]) -> None:
    wrong = []
    for path, _reads in pages():
        for raw in FORMS:
            body = b"&".join(field.encode() + b"=" + raw for field in FIELDS)
            headers = OWN | {"Content-Type": FORM} | carried(world, path)
            answer = world.http.post(fill(world, path), content=body, headers=headers)
            world.http.cookies.clear()
            if answer.status_code < 400:
                world.restore()
            if answer.status_code >= 500:
                wrong.append((path, raw, answer.status_code))
    assert wrong == []
    assert fine(logged)


# --- headers

BYTES = (b"\xff\xfe", b"\xed\xa0\x80", b"\xc3", b"caf\xe9", b"=", b";;,", b'"', b"\\ud800", b"%00", b"a" * 8000, b"\t")


def test_no_header_breaks_a_page_or_a_call(world: World, logged: list[Any]) -> None:
    wrong = []
    token = world.tokens["member"].encode()
    for raw in BYTES:
        for name, value in (
            (b"User-Agent", raw),
            (b"Authorization", b"Bearer " + raw),
            (b"Authorization", b"Bearer " + token + raw),
            (b"Authorization", raw),
            (b"Twofold-Client", raw),
            (b"X-Forwarded-For", raw),
            (b"Host", raw),
            (b"Accept", raw),
            (b"Accept-Language", raw),
            (b"Referer", raw),
            *((b"Cookie", each.encode() + b"=" + raw) for each in NAMES),
            (b"Cookie", raw),
        ):
            for method, path, body in (
                ("GET", "/profile", b""),
                ("GET", ROOT + "/session", b""),
                ("POST", ROOT + "/sign-ins", b'{"email": "nobody@acme.example", "password": "kettle"}'),
                ("POST", "/sign-in", b"email=nobody%40acme.example&password=kettle"),
            ):
                own = {name.encode(): text.encode() for name, text in OWN.items()}
                kind = b"application/json" if path.startswith(ROOT) else FORM.encode()
                answer = world.http.request(
                    method, path, content=body, headers=own | {b"Content-Type": kind, name: value}
                )
                world.http.cookies.clear()
                if answer.status_code >= 500:
                    wrong.append((name, value[:20], path, answer.status_code))
    assert wrong == []
    assert fine(logged)


@pytest.mark.parametrize(
    "kind", [b"\xff", b"application/json\xff", b"application/json; charset=\xff", b";", b"/" * 500]
)
def test_no_type_of_a_body_breaks_a_call(world: World, logged: list[Any], kind: bytes) -> None:
    for path in (ROOT + "/sign-ins", "/sign-in", "/forgot-password"):
        headers = {name.encode(): text.encode() for name, text in OWN.items()} | {b"Content-Type": kind}
        assert world.http.post(path, content=b'{"email": "x"}', headers=headers).status_code in {400, 415}
    assert fine(logged)
