"""The page that describes the API: an example of each call, the refusals of each, and nothing left empty."""

import gzip
import json
import re
from html import unescape

import httpx
import pytest

from tests.harness.pages import Page
from tests.help.refusals_in_code import refusals_of
from twofold.app import API
from twofold.help.refusals import ANY, OWN
from twofold.kit.http.problems import TITLES

MOST_BYTES = 60 * 1024

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


@pytest.fixture
def page(http: httpx.Client) -> Page:
    return Page(http.get("/api/docs"))


@pytest.fixture
def calls(page: Page) -> dict[str, str]:
    """What is said of each call, by method and path."""
    articles = page.html.split("<article")[1:]
    return {unescape(re.findall(r"<h3[^>]*>(.*?)</h3>", article)[0]): article for article in articles}


def examples(article: str) -> tuple[str, str, str, str]:
    """Return method, address and body of what is sent, and the body of the answer."""
    sent, answered = (unescape(one) for one in re.findall(r"<pre><code>(.*?)</code></pre>", article, re.DOTALL))
    first, _, body = sent.partition("\n\n")
    method, address = first.split()
    return method, address, body, answered.partition("\n\n")[2]


def test_each_call_is_there_with_an_example_of_it_and_of_its_answer(http: httpx.Client, calls: dict[str, str]) -> None:
    paths = http.get("/api/openapi.json").json()["paths"]
    assert set(calls) == {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    for name, article in calls.items():
        method, address, sent, answered = examples(article)
        path = name.split()[1]
        assert re.fullmatch(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", path) + r"(\?\S+)?", address), name
        described = paths[path][method.lower()]
        assert bool(sent) == ("requestBody" in described), name
        assert bool(answered) == ("204" not in described["responses"]), name
        assert all(json.loads(body) for body in (sent, answered) if body), name


def test_the_examples_are_taken_by_the_calls(http: httpx.Client, calls: dict[str, str]) -> None:
    """Stops: an example that a reader sends as it stands, and that its call does not understand."""
    refused = {}
    for name, article in calls.items():
        method, address, sent, _ = examples(article)
        answer = http.request(method, address, json=json.loads(sent) if sent else None)
        if answer.status_code == 400:
            refused[name] = answer.text
    assert refused == {}


def test_each_call_tells_the_refusals_that_its_code_leads_to(calls: dict[str, str]) -> None:
    anywhere = {tuple(one.split()) for one in ANY.split(", ")}
    led_to = {
        call.operation_id: ", ".join(
            f"{status} {code}" for status, code in sorted(refusals_of(call.fn)) if (str(status), code) not in anywhere
        )
        for call in API
    }
    assert led_to == OWN
    assert len(calls) == len(OWN)


def test_each_refusal_is_explained_where_its_type_leads(page: Page, calls: dict[str, str]) -> None:
    anchors = re.findall(r'<div id="(\w+)"', page.html)
    assert sorted(anchors) == sorted(TITLES)
    told = {code for article in calls.values() for code in re.findall(r'href="#(\w+)"', article)}
    everywhere = {one.split()[1] for one in ANY.split(", ")}
    assert told | everywhere == set(TITLES)


def test_nothing_of_it_is_empty(page: Page) -> None:
    assert re.findall(r"<(td|th|dd|dt|p|h\d|pre|code)[^>]*>\s*</\1>", page.html) == []


def test_it_is_light(http: httpx.Client) -> None:
    answer = http.get("/api/docs", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(gzip.compress(answer.content)) < MOST_BYTES
