"""An application that signs people in: it sends their browser, takes the answer, and calls with what it got."""

import base64
import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.harness.clock import NOON
from tests.harness.pages import Page, WebClient
from tests.oidc.applications import CALLBACK, register
from twofold.kit.context import AppContext
from twofold.oidc import key_flow
from twofold.oidc.registration_flow import Registered

ISSUER = "http://127.0.0.1:8000"
VERIFIER = "a-verifier-of-some-forty-three-characters-or-more"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
UNMET = "unmet_authentication_requirements"  # OpenID Connect Core Error Code unmet_authentication_requirements 1.0
HERE = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}


@dataclass
class RelyingParty:
    """One registered application, before the service."""

    context: AppContext
    http: httpx.Client
    registered: Registered

    @classmethod
    def of(cls, context: AppContext, http: httpx.Client, **said: Any) -> "RelyingParty":
        """Register an application, and be it."""
        return cls(context, http, register(context, **said))

    @property
    def client_id(self) -> str:
        return str(self.registered.application.id)

    def address(self, **said: str | None) -> str:
        """Return where it sends a browser; a parameter that is None is left out."""
        return f"/oidc/authorize?{urlencode(self.asking(**said))}"

    def asking(self, **said: str | None) -> dict[str, str]:
        """Return what it asks for."""
        parameters = {
            "client_id": self.client_id, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid",
            "state": "st&te=1", "nonce": "n-1", "code_challenge": CHALLENGE, "code_challenge_method": "S256", **said,
        }  # fmt: skip
        return {name: value for name, value in parameters.items() if value is not None}

    def push(self, *, auth: Any = "own", **said: str | None) -> httpx.Response:
        """Push what it asks for."""
        return self.call("/oidc/par", self.asking(**said), auth=auth)

    def authorize(self, session: str | None = None, **said: str | None) -> httpx.Response:
        """Send a browser that has a session, or none; return the first answer."""
        return self.send("GET", self.address(**said), session)

    def send(self, method: str, path: str, session: str | None = None, **more: Any) -> httpx.Response:
        """Send what a browser with a session would."""
        self.http.cookies.clear()
        headers = {**more.pop("headers", {}), **({"Cookie": f"twofold_session={session}"} if session else {})}
        answer = self.http.request(method, path, headers=headers, **more)
        self.http.cookies.clear()
        return answer

    def code(self, session: str, **said: str | None) -> str:
        """Get a code for somebody who is signed in."""
        answered = answer_of(self.authorize(session, **said))
        assert "code" in answered, answered
        return answered["code"]

    def call(self, path: str, form: dict[str, Any], *, auth: Any = "own", **headers: str) -> httpx.Response:
        """Call as this application, with Basic unless told otherwise, and without an Origin."""
        own: Any = (self.client_id, self.registered.secret) if self.registered.secret else None
        if own is None:
            form = {"client_id": self.client_id, **form}
        return self.http.post(path, data=form, auth=own if auth == "own" else auth, headers=headers)

    def exchange(self, code: str, **said: Any) -> httpx.Response:
        """Exchange a code."""
        auth = said.pop("auth", "own")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.call("/oidc/token", {k: v for k, v in {**form, **said}.items() if v is not None}, auth=auth)

    def refresh(self, token: str, **said: Any) -> httpx.Response:
        """Exchange a refresh token."""
        return self.call("/oidc/token", {"grant_type": "refresh_token", "refresh_token": token, **said})

    def tokens(self, session: str, scope: str = "openid offline_access") -> dict[str, Any]:
        """Sign somebody in, all the way."""
        answer = self.exchange(self.code(session, scope=scope))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def userinfo(self, token: str) -> httpx.Response:
        return self.http.get("/oidc/userinfo", headers={"Authorization": f"Bearer {token}"})

    def claims(self, id_token: str) -> dict[str, Any]:
        """Verify an ID token with the published keys, as anybody could."""
        keys = KeySet.import_key_set({"keys": key_flow.published(self.context, NOON)})
        return jwt.decode(id_token, keys, algorithms=["RS256", "ES256"]).claims


def browser_of(http: httpx.Client, session: str) -> WebClient:
    """Be a browser that has a session."""
    browser = WebClient(http)
    browser.cookies.set("twofold_session", session)
    return browser


def answer_of(answer: httpx.Response) -> dict[str, str]:
    """Return the parameters that a redirect carries back to the application."""
    assert answer.status_code == 303, (answer.status_code, answer.text[:500])
    location = answer.headers["location"]
    assert location.partition("?")[0] == CALLBACK, location
    return parameters_of(location)


def parameters_of(address: str) -> dict[str, str]:
    """Return the query of an address, in which everything comes once."""
    query = parse_qs(urlsplit(address).query, strict_parsing=True, keep_blank_values=True)
    assert all(len(values) == 1 for values in query.values()), query
    return {name: values[0] for name, values in query.items()}


def turned_away(answer: httpx.Response) -> Page:
    """Return the page that says why an assurance cannot be reached, and leads back with the error."""
    page = Page(answer)
    assert (page.status, page.heading) == (403, "You cannot use CRM"), page.text
    assert parameters_of(page.link("Back to CRM"))["error"] == UNMET
    return page


def led_to(page: Page) -> str:
    """Return where a page leads on by itself, and by a link."""
    assert page.status == 200, page.text
    [address] = [url for _words, url in page.links if url.startswith("https://")]
    assert 'http-equiv="refresh"' in page.html
    return address


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return status and error of a refusal to a program."""
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]
