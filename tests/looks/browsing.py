"""A browser in which kept pages are laid out: each is loaded once, and looked at in every way."""

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from playwright.sync_api import Page

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
CHECKS = Path(__file__).with_name("checks.js").read_text()

Found = dict[str, set[str]]


class Way(NamedTuple):
    """A way to lay a page out: the check in checks.js, the width and height in CSS px, and what the reader prefers."""

    check: str
    width: int
    height: int
    media: dict[str, Any] = {"color_scheme": "light", "forced_colors": "none"}  # noqa: RUF012 - a tuple's field


DARK: dict[str, Any] = {"color_scheme": "dark", "forced_colors": "none"}
WAYS = (
    Way("wide", 1280, 800),
    Way("zoomed", 640, 400),  # what is left of it at 200 %
    Way("narrow", 320, 640),
    Way("dark", 320, 640, DARK),
    Way("forced", 320, 640, DARK | {"forced_colors": "active"}),
)


class Looker:
    """Lays pages out, the one from the first way to the last, the next one back: so little changes between two."""

    def __init__(self, page: Page) -> None:
        page.add_init_script(f"{AXE};{CHECKS}")
        self._page, self._ways = page, WAYS[::-1]
        self._now: Way | None = None

    def look(self, url: str) -> Found:
        """Return what is found, by what it breaks."""
        self._ways = self._ways[::-1]
        found: Found = defaultdict(set)
        self._lay_out(self._ways[0])
        self._page.goto(url)
        self._note(found, "loaded")
        for way in self._ways:
            self._lay_out(way)
            self._note(found, way.check)
        found["lost"] = found.pop("said") - found.pop("narrowSaid")
        return found

    def _lay_out(self, way: Way) -> None:
        before, self._now = self._now, way
        if before is None or (before.width, before.height) != (way.width, way.height):
            self._page.set_viewport_size({"width": way.width, "height": way.height})
        if before is None or before.media != way.media:
            self._page.emulate_media(reduced_motion="reduce", **way.media)

    def _note(self, found: Found, check: str) -> None:
        for kind, sentences in self._page.evaluate(f"looks.{check}()").items():
            found[kind].update(sentences)


class Answer(NamedTuple):
    """What a path is answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@contextmanager
def serving(answers: Mapping[str, Answer]) -> Iterator[str]:
    """Answer each path as told, with no content where nothing is told; give the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = answers.get(self.path, Answer(204, {}, b""))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Be silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
