"""Where every page is kept as the application answers it, for a browser to open afterwards."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import jinja2
import pytest

from tests.harness.contexts import FrozenClock
from tests.harness.pages import Page, WebClient
from tests.harness.people import PASSWORD, Factor, People
from twofold.directory.user import User
from twofold.kit.mail import outbox
from twofold.kit.mail.letters import Letters
from twofold.operations.jobs import COMPOSERS

LONG_NAME = "Augusta Ada King-Noel, Countess of Lovelace"
LONG_ADDRESS = "augusta.ada.king.noel.countess.of.lovelace.1815@acme.example"


class Shown(NamedTuple):
    """A page as it was answered."""

    state: str
    status: int
    html: str
    headers: dict[str, str]


class Gallery:
    """Keeps pages, and makes the people who come to them."""

    def __init__(self, people: People, http: httpx.Client, frozen_clock: FrozenClock) -> None:
        self.people, self.context, self.http, self.clock = people, people.context, http, frozen_clock
        self.shown: list[Shown] = []
        self._letters = Letters(people.context.settings)

    def keep(self, state: str, page: Page) -> Page:
        """Keep a page under the words for its state."""
        assert state not in {shown.state for shown in self.shown}, state
        headers = {name: page.headers[name] for name in ("content-type", "content-security-policy")}
        self.shown.append(Shown(state, page.status, page.html, headers))
        return page

    def browser(self, user: User, factor: Factor | None = None) -> WebClient:
        """Sign somebody in with a browser of their own; a minute later their phone shows another code."""
        browser = WebClient(self.http)
        phone = None if factor is None else factor.phone
        browser.cookies.set("twofold_session", self.people.token(user, phone, at=self.clock.at))
        self.clock.forward(minutes=1)
        return browser

    def at_second_step(self, user: User) -> WebClient:
        """Let somebody have given address and password."""
        browser = WebClient(self.http)
        browser.cookies.set("twofold_sign_in", self.people.attempt(user, at=self.clock.at))
        return browser

    def link(self, path: str) -> str:
        """Deliver all letters that wait, and return the newest link to a page that was in one."""
        found: list[str] = []
        with self.context.db.write() as connection:
            for entry in outbox.claim(connection, self.clock.at, most=100):
                told = COMPOSERS[entry.kind](self.context, connection, entry, self.clock.at)
                outbox.settle(connection, entry.id, "sent" if told else "dropped", self.clock.at)
                found += re.findall(rf"/{path}/tf_[\w-]+", self._text(entry, told) if told else "")
        return found[-1]

    def _text(self, entry: outbox.Entry, told: dict[str, Any]) -> str:
        body = self._letters.write(entry, told, self.clock.at).get_body(("plain",))
        assert body is not None
        return str(body.get_content())


PROOF = {"password": PASSWORD}


@contextmanager
def noted_templates() -> Iterator[set[str]]:
    """Note which templates are asked for."""
    asked, ask = set(), jinja2.Environment.get_template

    def note(self: jinja2.Environment, name: Any, *more: Any, **named: Any) -> jinja2.Template:
        asked.add(str(name))
        return ask(self, name, *more, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "get_template", note)
        yield asked
