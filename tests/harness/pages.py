"""A browser without scripts, styles and pictures: it reads a page, fills in its forms and follows its links."""

import json
import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
MOST_REDIRECTS = 10


def without_challenge(html: str) -> str:
    """Leave out what a passkey is asked to sign: it is another on each look, whoever looks."""
    return re.sub(r'data-asked="[^"]*"', "", html)


@dataclass
class Form:
    """A form: where it goes, what it would send as it stands, its buttons in words."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    boxes: set[str] = field(default_factory=set)
    buttons: list[str] = field(default_factory=list)
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)


class Page:
    """What is on a page."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.path = urlsplit(str(answer.url)).path
        self.url = str(answer.url)
        self.headers = answer.headers
        self.html = answer.text
        reader = _Reader.over(self.html)
        self.title = reader.title
        self.headings = reader.headings
        self.text = " ".join(reader.text.split())
        self.links = reader.links
        self.forms = reader.forms
        self.errors = reader.errors
        self.times = reader.times
        self.values = reader.values
        self.alert = " ".join(reader.roles.get("alert", "").split())
        self.notice = " ".join(reader.roles.get("status", "").split())

    @property
    def heading(self) -> str:
        """The one h1."""
        assert len(self.headings) == 1, self.headings
        return self.headings[0]

    @property
    def buttons(self) -> list[str]:
        """The words on all buttons that send something."""
        return [button for form in self.forms for button in form.buttons]

    @property
    def asked(self) -> dict[str, Any]:
        """What the browser is asked to make or to sign for a passkey."""
        [found] = re.findall(r'data-asked="([^"]*)"', self.html)
        return dict(json.loads(unescape(found)))

    def form(self, button: str = "") -> Form:
        """Return the form with a button; without a name, the one that the page is about (not the one to sign out)."""
        found = [
            form
            for form in self.forms
            if (button in form.buttons if button else form.action != "/sign-out" and form.method == "post")
        ]
        assert found, f"no form with a button {button!r} on {self.path}, but {self.buttons}: {self.text[:400]}"
        return found[0]

    def link(self, words: str) -> str:
        """Return where the link with these words leads."""
        found = [url for said, url in self.links if words in said]
        assert found, f"no link {words!r} on {self.path}, but {self.links}"
        return found[0]

    def has_link(self, words: str) -> bool:
        return any(words in said for said, _ in self.links)

    @property
    def backup_code(self) -> str:
        """The backup code that is shown."""
        return self.values["backup-code"].replace(" ", "")

    @property
    def key(self) -> str:
        """The key of an authenticator being set up, as it is shown."""
        return self.values["key"]


class WebClient:
    """Somebody with a browser of their own: cookies are kept, redirects followed, forms sent from their own page."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.cookies = httpx.Cookies()
        self.trail: list[tuple[int, str]] = []

    def get(self, path: str) -> Page:
        """Open a page."""
        return self._follow(self._send("GET", path))

    def post(self, path: str, **fields: str) -> Page:
        """Send a form that was not necessarily on a page."""
        return self._follow(self._send("POST", path, fields))

    def submit(self, page: Page, button: str = "", **fields: str) -> Page:
        """Fill a form of a page in, press its button, and return the page that comes."""
        form = page.form(button)
        unknown = fields.keys() - form.fields.keys() - form.boxes
        assert not unknown, f"the form has no {unknown}, but {form.fields.keys() | form.boxes}"
        path = form.action or urlsplit(page.url)._replace(scheme="", netloc="").geturl()
        return self._follow(self._send(form.method.upper(), path, form.fields | fields))

    def click(self, page: Page, words: str) -> Page:
        """Follow a link."""
        return self.get(urlsplit(urljoin(page.url, page.link(words)))._replace(scheme="", netloc="").geturl())

    def sign_in(self, email: str, password: str, code: str = "") -> Page:
        """Sign in with the password, and with a code where one is given."""
        page = self.submit(self.get("/sign-in"), "Sign in", email=email, password=password)
        return self.submit(page, "Verify", code=code) if code else page

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie, None where the browser has none by that name."""
        return self.cookies.get(name)

    def _send(self, method: str, path: str, fields: dict[str, str] | None = None) -> httpx.Response:
        unsafe = method not in ("GET", "HEAD")
        origin = str(self.http.base_url).rstrip("/")
        headers = {"User-Agent": "Test Browser", "Accept": "text/html"}
        if unsafe:
            headers |= {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if cookies:
            headers["Cookie"] = cookies
        self.http.cookies.clear()
        answer = self.http.request(method, path, data=fields if unsafe else None, headers=headers)
        self.http.cookies.clear()
        for name, value, forgotten in _set_cookies(answer):
            self.cookies.delete(name) if forgotten and name in self.cookies else None
            if not forgotten:
                self.cookies.set(name, value)
        self.trail.append((answer.status_code, path))
        return answer

    def _follow(self, answer: httpx.Response) -> Page:
        for _ in range(MOST_REDIRECTS):
            if answer.status_code not in (302, 303, 307):
                return Page(answer)
            answer = self._send("GET", answer.headers["location"])
        raise AssertionError(f"redirected in a circle: {self.trail}")


def _set_cookies(answer: httpx.Response) -> list[tuple[str, str, bool]]:
    """Return name, value, and whether the browser is to forget it, of each cookie that an answer sets."""
    found = []
    for line in answer.headers.get_list("set-cookie"):
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, _, value = pair.partition("=")
        lowered = [attribute.lower().replace(" ", "") for attribute in attributes]
        assert "httponly" in lowered and "samesite=lax" in lowered and "path=/" in lowered, line  # noqa: PT018
        found.append((name, value.strip('"'), "max-age=0" in lowered))
    return found


class _Reader(HTMLParser):
    """Reads headings, words, links and forms."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = self.text = ""
        self.headings: list[str] = []
        self.links: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.errors: dict[str, str] = {}
        self.times: list[str] = []
        self.values: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self._open: list[tuple[str, dict[str, str]]] = []

    @classmethod
    def over(cls, html: str) -> Self:
        reader = cls()
        reader.feed(html)
        reader.close()
        return reader

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "h1":
            self.headings.append("")
        elif tag == "form":
            self.forms.append(Form(said.get("action", ""), said.get("method", "get")))
        elif tag == "a":
            self.links.append(("", said.get("href", "")))
        elif tag == "time":
            self.times.append(said["datetime"])
        elif tag in ("input", "textarea", "select") and said.get("name"):
            self._control(said)
        elif tag == "button" and said.get("type") == "submit":
            self.forms[-1].buttons.append("")
        if tag not in VOID:
            self._open.append((tag, said))

    def _control(self, said: dict[str, str]) -> None:
        form, name = self.forms[-1], said["name"]
        form.inputs[name] = said
        if said.get("type") in ("checkbox", "radio") and "checked" not in said:
            form.boxes.add(name)
        else:
            form.fields[name] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = {tag for tag, _ in self._open}
        if "title" in inside:
            self.title += data
        if "head" in inside or "script" in inside:
            return
        self.text += data + ("" if "button" in inside else " " if data.isspace() else "")
        if "h1" in inside:
            self.headings[-1] = (self.headings[-1] + data).strip()
        if "a" in inside:
            said, url = self.links[-1]
            self.links[-1] = (" ".join((said + data).split()), url)
        if "button" in inside and self.forms and self.forms[-1].buttons and self._is_submit():
            self.forms[-1].buttons[-1] = " ".join((self.forms[-1].buttons[-1] + data).split())
        for _, attributes in self._open:
            if role := attributes.get("role"):
                self.roles[role] = self.roles.get(role, "") + data
            if name := attributes.get("id"):
                self.values[name] = self.values.get(name, "") + data
                if name.endswith("-error"):
                    self.errors[name.removesuffix("-error")] = self.values[name].replace("Error:", "").strip()

    def _is_submit(self) -> bool:
        return any(tag == "button" and said.get("type") == "submit" for tag, said in self._open)
