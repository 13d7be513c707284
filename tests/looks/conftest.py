"""Every page in every state, kept once, and what a browser finds on each."""

import re

import pytest
from playwright.sync_api import Browser, ConsoleMessage

from tests.harness.browser import TIMEOUT
from tests.harness.contexts import client_of, context_on, standing_clock
from tests.harness.databases import SqliteDatabases
from tests.harness.people import People
from tests.looks import helping, own, passkeys, signing_in
from tests.looks.browsing import Answer, Found, Looker, serving
from tests.looks.gallery import Gallery, Shown, noted_templates

WALKS = (signing_in.walk, own.walk, passkeys.walk, helping.walk)
KEPT_HEADERS = ("content-type", "content-security-policy", "cache-control")


class Kept:
    """The pages, the files that they load, and the names of the templates that they were made from."""

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.files: dict[str, Answer] = {}
        self.templates: set[str] = set()

    def answers(self) -> dict[str, Answer]:
        """Return what a browser gets, each page under its number; none of them leads on by itself."""
        pages = {
            f"/{number}": Answer(
                one.status, one.headers, re.sub(r' data-send|http-equiv="refresh"', "", one.html).encode()
            )
            for number, one in enumerate(self.shown)
        }
        return pages | self.files


@pytest.fixture(scope="session")
def kept(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """Go through all pages, in the test's own process, at a time that stands still."""
    kept = Kept()
    for walk in WALKS:
        url = sqlite_databases.fresh(tmp_path_factory.mktemp("looks"))
        with (
            context_on(url) as context,
            standing_clock() as clock,
            client_of(context) as http,
            noted_templates() as asked,
        ):
            gallery = Gallery(People(context), http, clock)
            walk(gallery)
            kept.shown += gallery.shown
            kept.templates |= asked
            for path in {path for one in gallery.shown for path in re.findall(r'"(/static/[^"]+)"', one.html)}:
                answer = http.get(path)
                headers = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
                kept.files[path] = Answer(answer.status_code, headers, answer.content)
    return kept


@pytest.fixture(scope="session")
def found(kept: Kept, browser: Browser) -> dict[str, Found]:
    """Return what is found, by what it breaks and the page's state; each page is loaded once for all of it."""
    found: dict[str, Found] = {}
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    page, said = context.new_page(), set()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            said.add(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: said.add(str(error)))
    looker = Looker(page)
    with serving(kept.answers()) as url:
        for number, one in enumerate(kept.shown):
            said.clear()
            for check, sentences in {**looker.look(f"{url}/{number}"), "scripts": said}.items():
                if sentences:
                    found.setdefault(check, {})[one.state] = set(sentences)
    context.close()
    return found
