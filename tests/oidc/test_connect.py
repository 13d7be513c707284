"""The very code of docs/connect signs somebody in, and checks what it is told."""

import json
import re
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from tests.conftest import Serve
from tests.harness import wire
from tests.harness.contexts import context_on
from tests.harness.pages import WebClient
from tests.harness.people import ADA, PASSWORD, People
from tests.harness.wire import client_to
from tests.oidc.applications import CALLBACK, register
from tests.oidc.relying_party import led_to
from twofold.oidc.provider import description

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "connect"
HOME = Path(sys.prefix) / "openid-client"  # where `make test` installs it
STEP_UP = {"acr_values": "urn:twofold:2fa phr", "max_age": "60"}
SHIM = """
const kept = new Map();
globalThis.sessionStorage = {
  setItem: (name, value) => kept.set(name, value),
  getItem: (name) => kept.get(name) ?? null,
  removeItem: (name) => kept.delete(name),
};
"""
TALK = """
import { createInterface } from "node:readline/promises";
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const read = async () => (await lines.next()).value;
const say = (what) => console.log(JSON.stringify(what));
"""
DRIVER = (
    TALK
    + """
const session = {};
say(await begin(session));
const { claims, userinfo } = await finish(session, await read());
say({ ...claims, ...userinfo });
session.sub = claims.sub;
say(await beforeDeleting(session));
say(await mayDelete(session, await read()).catch((error) => error.message));
process.exit(0);
"""
)
IN_BROWSER = (
    TALK
    + """
say(await begin());
const { claims, userinfo } = await finish(await read());
say({ ...claims, ...userinfo });
say(await begin({ acrValues: ["urn:twofold:2fa", "phr"], maxAge: 60 }));
say(await finish(await read()).catch((error) => error.message));
process.exit(0);
"""
)


def code_of(page: str, language: str) -> str:
    """Return the code of a page, all its blocks of one language."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


def run(page: str) -> dict[str, Any]:
    """Run the Python of a page; return what it defines."""
    defined: dict[str, Any] = {}
    exec(compile(code_of(page, "python"), page, "exec"), defined)  # noqa: S102 - our own page
    return defined


def in_browser(page: str, told: dict[str, str]) -> str:
    """Return the code of a page for a browser, told where its server is, to be run on Node."""
    code = code_of(page, "js").replace("client.None()", "client.None(), { execute: [client.allowInsecureRequests] }")
    for example, value in (
        ("https://login.example.com", told["OIDC_ISSUER"]), ("0198c9a6-…", told["OIDC_CLIENT_ID"]),
        ("https://board.example/callback", CALLBACK),
    ):  # fmt: skip
        assert f'"{example}"' in code
        code = code.replace(f'"{example}"', json.dumps(value))
    return SHIM + code + IN_BROWSER


class Ada:
    """Ada's browser, before a server and an application at it."""

    def __init__(self, serve: Serve, database_url: str, closing: ExitStack, **said: Any) -> None:
        with context_on(database_url) as context:
            self.id = str(People(context).user(ADA).id)
            made = register(context, **said)
        self.url = serve(database_url).url
        self.environment = {
            "OIDC_ISSUER": self.url, "OIDC_CLIENT_ID": str(made.application.id),
            "OIDC_CLIENT_SECRET": made.secret or "", "OIDC_REDIRECT_URI": CALLBACK,
        }  # fmt: skip
        self.browser = WebClient(closing.enter_context(client_to(self.url)))

    def signs_in(self, address: str) -> str:
        """Sign in where an application leads; return where she is led back."""
        return led_to(self.browser.submit(self.browser.get(address), "Sign in", email=ADA, password=PASSWORD))

    def returns_to_the_program(self, address: str) -> None:
        """Sign in where a program leads, and go back to it."""
        page = self.browser.submit(self.browser.get(address), "Sign in", email=ADA, password=PASSWORD)
        [back] = [url for _words, url in page.links if "/callback?" in url]
        assert wire.get(back).status_code == 200

    def takes_the_step_up_out(self, address: str) -> str:
        """Go where an application leads, asking for less than it does; return where she is led back."""
        asked = dict(parse_qsl(urlsplit(address).query))
        assert STEP_UP.items() <= asked.items()
        less = {name: value for name, value in asked.items() if name not in STEP_UP}
        return self.comes_back_at_once(f"/oidc/authorize?{urlencode(less)}")

    def comes_back_at_once(self, address: str) -> str:
        """Go where an application leads, signed in; return where she is led back."""
        cookie = f"twofold_session={self.browser.cookie('twofold_session')}"
        answer = self.browser.http.get(address, headers={"Cookie": cookie})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]


@pytest.fixture
def arrive(serve: Serve, sqlite_url: str) -> Iterator[Callable[..., Ada]]:
    """Be Ada before a server, at which an application is registered."""
    with ExitStack() as closing:
        yield partial(Ada, serve, sqlite_url, closing)


@pytest.mark.slow
def test_the_page_for_authlib_signs_in_and_refuses_a_step_up_taken_out(
    arrive: Callable[..., Ada], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = arrive()
    for name, value in ada.environment.items():
        monkeypatch.setenv(name, value)
    page = run("python.md")
    session: dict[str, Any] = {}
    claims, userinfo = page["finish"](session, ada.signs_in(page["begin"](session)))
    assert (claims["sub"], claims["acr"], userinfo["email"]) == (ada.id, "urn:twofold:1fa", ADA)
    session["sub"] = claims["sub"]
    less = ada.takes_the_step_up_out(page["before_deleting"](session))
    with pytest.raises(page["NotSignedIn"], match="needs more factors"):
        page["may_delete"](session, less)
    page["time"] = SimpleNamespace(time=lambda: time.time() + 120)  # two minutes after the password
    old = ada.comes_back_at_once(page["begin"](session, max_age=60))
    with pytest.raises(page["NotSignedIn"], match="typed just now"):
        page["finish"](session, old)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["node.md", "single-page.md"])
def test_the_pages_for_openid_client_sign_in_and_refuse_a_step_up_taken_out(
    arrive: Callable[..., Ada], tmp_path: Path, page: str
) -> None:
    ada = arrive(public=page == "single-page.md")
    code = code_of(page, "js") + DRIVER if page == "node.md" else in_browser(page, ada.environment)
    (tmp_path / "node_modules").symlink_to(HOME / "node_modules")
    (tmp_path / "page.mjs").write_text(code)
    node = next(HOME.glob("node_modules/node-linux-*/bin/node"))
    with subprocess.Popen(
        [node, tmp_path / "page.mjs"], env=ada.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as app:
        assert app.stdin is not None
        assert app.stdout is not None
        print(ada.signs_in(json.loads(app.stdout.readline())), file=app.stdin, flush=True)
        told = json.loads(app.stdout.readline())
        assert (told["sub"], told["acr"], told["email"]) == (ada.id, "urn:twofold:1fa", ADA)
        print(ada.takes_the_step_up_out(json.loads(app.stdout.readline())), file=app.stdin, flush=True)
        assert json.loads(app.stdout.readline()) == "This needs more factors."


@pytest.mark.slow
def test_the_page_for_native_programs_signs_in_through_a_free_port(
    arrive: Callable[..., Ada], monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = arrive(public=True, redirect_uris=("http://127.0.0.1/callback",))
    for name, value in ada.environment.items():
        monkeypatch.setenv(name, value)
    with ThreadPoolExecutor(1) as browser:
        monkeypatch.setattr(webbrowser, "open", lambda address: browser.submit(ada.returns_to_the_program, address))
        tokens, userinfo = run("native.md")["sign_in"]()
    assert (tokens["token_type"], userinfo["email"]) == ("Bearer", ADA)


def test_the_page_for_settings_names_the_addresses_of_the_description() -> None:
    text = (PAGES / "settings.md").read_text(encoding="utf-8")
    described = description("https://login.example.com")
    endpoints = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint")
    assert [name for name in endpoints if f"`{described[name]}`" not in text] == []
    shown = set(re.findall(r"https://login\.example\.com(/oidc/[a-z.-]+)", text))
    assert shown == {urlsplit(described[name]).path for name in endpoints}
