"""The demo's application: other software, in a process of its own, that signs people in through Twofold.

It does what any application does, by hand so that it can be read: OpenID Connect with PKCE, as a public client. It ends
when its standard input does, so with whoever started it.
"""

import json
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request, urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from twofold.kit import clock
from twofold.kit.crypto.tokens import new_token
from twofold.kit.templates import template_environment
from twofold.oidc.claims import challenge_of

HOST = "127.0.0.1"
COOKIE = "demo_application"
SCOPE = "openid profile email account"
TWO_FACTORS = "urn:twofold:2fa"
ENOUGH = (TWO_FACTORS, "phr")  # a passkey that verified its user is more
FRESH = 60  # seconds: so long ago the password may have been typed for what cannot be undone
SECONDS = 10.0  # for an answer of Twofold
POLICY = "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"


class Begun(NamedTuple):
    """A request that was sent, and what its answer has to fit."""

    state: str
    nonce: str
    verifier: str
    deletes: bool


class SignedIn(NamedTuple):
    """Who came back: the ID token, what it says, and what userinfo adds."""

    id_token: str
    claims: Mapping[str, Any]
    told: Mapping[str, Any]


class NotSignedIn(Exception):
    """The answer signs nobody in; the message says why."""


class Application:
    """What the application knows: where Twofold is, and of each browser what it began and who is signed in."""

    def __init__(self, address: str, issuer: str, client_id: str) -> None:
        self.address, self.issuer, self.client_id = address, issuer, client_id
        self.begun: dict[str, Begun] = {}
        self.people: dict[str, SignedIn] = {}

    def request(self, browser: str, *, deletes: bool) -> str:
        """Begin a sign-in; one for `deletes` asks for two factors and the password anew. Return where to send to."""
        begun = Begun(new_token("state"), new_token("nonce"), new_token("verifier"), deletes)
        self.begun[browser] = begun
        asked = {
            "client_id": self.client_id, "redirect_uri": f"{self.address}/callback", "response_type": "code",
            "scope": SCOPE, "state": begun.state, "nonce": begun.nonce,
            "code_challenge": challenge_of(begun.verifier) or "", "code_challenge_method": "S256",
            **({"acr_values": TWO_FACTORS, "max_age": str(FRESH)} if deletes else {}),
        }  # fmt: skip
        return f"{self.issuer}/oidc/authorize?{urlencode(asked)}"

    def finish(self, browser: str, answer: Mapping[str, str]) -> Begun:
        """Take an answer, and sign in whom it names.

        Raises:
            NotSignedIn: it is none of ours, an error, or says less than was asked for.

        """
        begun = self.begun.pop(browser, None)
        if begun is None or answer.get("state") != begun.state or answer.get("iss") != self.issuer:
            raise NotSignedIn("This is not the answer to what this browser asked.")
        if "code" not in answer:
            raise NotSignedIn(answer.get("error_description", answer.get("error", "No reason was given.")))
        tokens = self._fetch("/oidc/token", {
            "grant_type": "authorization_code", "code": answer["code"], "redirect_uri": f"{self.address}/callback",
            "client_id": self.client_id, "code_verifier": begun.verifier,
        })  # fmt: skip
        claims = self._checked(tokens["id_token"], begun)
        told = self._fetch("/oidc/userinfo", token=tokens["access_token"])
        self.people[browser] = SignedIn(tokens["id_token"], claims, told)
        return begun

    def end(self, browser: str) -> str:
        """Sign a browser out; return where Twofold does."""
        left = self.people.pop(browser, None)
        back = {"client_id": self.client_id, "post_logout_redirect_uri": f"{self.address}/"}
        return f"{self.issuer}/oidc/end-session?{urlencode({**back, 'id_token_hint': left.id_token} if left else back)}"

    def _checked(self, id_token: str, begun: Begun) -> Mapping[str, Any]:
        """Check an ID token as OpenID Connect Core section 3.1.3.7 has it, and for a deletion that it says enough."""
        keys = KeySet.import_key_set(self._fetch("/oidc/jwks.json"))
        try:
            claims: Mapping[str, Any] = jwt.decode(id_token, keys, algorithms=["RS256"]).claims
        except (JoseError, ValueError) as error:
            raise NotSignedIn("The ID token is not signed by Twofold.") from error
        at = clock.now().timestamp()
        expected = {"iss": self.issuer, "aud": self.client_id, "nonce": begun.nonce}
        if any(claims.get(name) != value for name, value in expected.items()) or claims["exp"] <= at:
            raise NotSignedIn("The ID token is not for this application, or is over.")
        if begun.deletes and (claims["acr"] not in ENOUGH or at - claims["auth_time"] > FRESH + SECONDS):
            raise NotSignedIn("This needs two factors, and the password typed just now.")
        return claims

    def _fetch(self, path: str, form: Mapping[str, str] | None = None, token: str = "") -> Any:
        data = None if form is None else urlencode(form).encode()
        asked = Request(f"{self.issuer}{path}", data, {"Authorization": f"Bearer {token}"} if token else {})  # noqa: S310 - the demo's own
        try:
            with urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 - the same
                return json.load(answer)
        except OSError as error:
            raise NotSignedIn("Twofold did not answer as it should.") from error


class Handler(BaseHTTPRequestHandler):
    """The pages of the application."""

    application: Application
    templates = template_environment()

    def do_GET(self) -> None:
        """Answer a page."""
        address = urlsplit(self.path)
        match address.path:
            case "/":
                self._home()
            case "/style.css":
                self._answer(HTTPStatus.OK, self.templates.get_template("demo/application.css").render(), "text/css")
            case "/callback":
                self._callback(dict(parse_qsl(address.query)))
            case _:
                self._home(HTTPStatus.NOT_FOUND, problem="There is no such page.")

    def do_POST(self) -> None:
        """Begin what a button says."""
        browser = self._browser() or new_token("demo")
        kept = f"{COOKIE}={browser}; HttpOnly; SameSite=Lax; Path=/"
        match self.path:
            case "/sign-in":
                self._lead(self.application.request(browser, deletes=False), kept)
            case "/delete":
                self._lead(self.application.request(browser, deletes=True), kept)
            case "/sign-out":
                self._lead(self.application.end(browser), kept)
            case _:
                self._home(HTTPStatus.NOT_FOUND, problem="There is no such page.")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _callback(self, answer: Mapping[str, str]) -> None:
        try:
            begun = self.application.finish(self._browser(), answer)
        except NotSignedIn as error:
            self._home(HTTPStatus.FORBIDDEN, problem=str(error))
            return
        self._lead("/?deleted=1" if begun.deletes else "/")

    def _home(self, status: HTTPStatus = HTTPStatus.OK, problem: str = "") -> None:
        person = self.application.people.get(self._browser())
        body = self.templates.get_template("demo/application.html").render(
            person=person, told=_shown(person), problem=problem, twofold=self.application.issuer,
            deleted=self.path == "/?deleted=1" and person is not None,
        )  # fmt: skip
        self._answer(status, body, "text/html")

    def _browser(self) -> str:
        found = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        return "" if found is None else found.value

    def _lead(self, address: str, cookie: str = "") -> None:
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", address)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: HTTPStatus, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (
            ("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body))),
            ("Content-Security-Policy", POLICY), ("Cache-Control", "no-store"),
        ):  # fmt: skip
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def _shown(person: SignedIn | None) -> Mapping[str, Any]:
    """Return what is worth looking at of what an application is told."""
    told = {} if person is None else {**person.claims, **person.told}
    return {name: value for name, value in told.items() if name not in {"at_hash", "azp", "nonce"}}


def serve(port: int, issuer: str, client_id: str) -> None:
    """Serve the application until standard input ends."""
    Handler.application = Application(f"http://{HOST}:{port}", issuer, client_id)
    server = ThreadingHTTPServer((HOST, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        try:
            sys.stdin.buffer.read()
        except KeyboardInterrupt:  # of the terminal: whoever started this one ends it
            continue
        break


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
