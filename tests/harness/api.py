"""A program that speaks the JSON API: over the wire to a server, or straight to the application."""

from dataclasses import dataclass, field
from typing import Any

import httpx

ROOT = "/api/v1"


@dataclass(frozen=True)
class Answer:
    """What came back; `body` is empty where there was none."""

    status: int
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def code(self) -> str:
        """The stable code of a refusal; fails where the answer is no refusal as RFC 9457 wants it."""
        assert self.headers["content-type"].startswith("application/problem+json"), self
        assert self.body["status"] == self.status, self
        return str(self.body["code"])

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code together."""
        return self.status, self.code

    def __getitem__(self, name: str) -> Any:
        assert name in self.body, self
        return self.body[name]


@dataclass
class Api:
    """One program: its session token, once it is signed in, and the token by which it is known."""

    http: httpx.Client
    token: str | None = None
    client: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **parameters: str) -> Answer:
        """Make a call; `body` goes as JSON."""
        headers = dict(self.headers)
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.client:
            headers["Twofold-Client"] = self.client
        got = self.http.request(method, ROOT + path, json=body, params=parameters or None, headers=headers)
        is_json = "json" in got.headers.get("content-type", "")
        return Answer(got.status_code, got.json() if is_json and got.content else {}, got.headers)

    def get(self, path: str, **parameters: str) -> Answer:
        return self.call("GET", path, **parameters)

    def post(self, path: str, **body: Any) -> Answer:
        return self.call("POST", path, body)

    def put(self, path: str, **body: Any) -> Answer:
        return self.call("PUT", path, body)

    def patch(self, path: str, **body: Any) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str, **body: Any) -> Answer:
        return self.call("DELETE", path, body or None)

    def sign_in(self, email: str, password: str, code: str = "") -> Answer:
        """Sign in with the password, and with a code where one is given; keep what the session needs."""
        answer = self.post("/sign-ins", email=email, password=password)
        assert answer.status == 201, answer
        if answer["next"] != "none":
            answer = self.post("/sign-ins/code", sign_in=answer["sign_in"], code=code)
            assert answer.status == 200, answer
        return self.keep(answer)

    def keep(self, answer: Answer) -> Answer:
        """Go on with the session that an answer carries."""
        self.token = answer["session_token"]
        self.client = answer.body.get("client") or self.client
        return answer
