"""What is measured of the peers, as a client of each does it; the load program runs it beside `bench.operations`.

What a client must keep between two jobs (an attempt whose password is proved, a session) the load program keeps here:
it is one process for a whole run.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from bench import crowd
from bench.client import Answer, Connection, get, post
from bench.operations import Operation, WrongAnswer

API = "/_allauth/app/v1/auth"
REFUSALS = range(400, 500)


class Peer(Protocol):
    """How a client speaks with a peer: requests and what their answers mean. `said` is what it hands on."""

    def key(self, n: int) -> bytes:
        """Return the key in the n-th person's authenticator app."""

    def password(self, n: int, typed: str) -> bytes:
        """Ask to sign in."""

    def attempt(self, answer: Answer) -> str | None:
        """Return what names a sign-in whose code is due."""

    def code(self, attempt: str, typed: str) -> bytes:
        """Prove the second factor of an attempt."""

    def session(self, answer: Answer) -> str | None:
        """Return what names the session that was made."""

    def check(self, session: str) -> bytes:
        """Ask who is signed in."""

    def user(self, answer: Answer) -> str | None:
        """Return the address of who is signed in."""


class Allauth:
    """The headless API as apps use it: a session token in a header, no cookies."""

    def key(self, n: int) -> bytes:
        return crowd.secret(n)

    def password(self, n: int, typed: str) -> bytes:
        return post(f"{API}/login", {"email": crowd.email(n), "password": typed})

    def attempt(self, answer: Answer) -> str | None:
        due = answer.status == 401 and b'"mfa_authenticate"' in answer.body
        return str(answer.json()["meta"]["session_token"]) if due else None

    def code(self, attempt: str, typed: str) -> bytes:
        return post(f"{API}/2fa/authenticate", {"code": typed}, x_session_token=attempt)

    def session(self, answer: Answer) -> str | None:
        return str(answer.json()["meta"]["session_token"]) if answer.status == 200 else None

    def check(self, session: str) -> bytes:
        return get(f"{API}/session", x_session_token=session)

    def user(self, answer: Answer) -> str | None:
        return str(answer.json()["data"]["user"]["email"]) if answer.status == 200 else None


class BetterAuth:
    """The REST API as browsers use it: cookies, and an Origin that it insists on."""

    def key(self, n: int) -> bytes:
        return better_auth_secret(n).encode()

    def password(self, n: int, typed: str) -> bytes:
        return post("/api/auth/sign-in/email", {"email": crowd.email(n), "password": typed}, origin="http://127.0.0.1")

    def attempt(self, answer: Answer) -> str | None:
        due = answer.status == 200 and b'"twoFactorRedirect":true' in answer.body
        return _kept(answer, "better-auth.two_factor") if due else None

    def code(self, attempt: str, typed: str) -> bytes:
        return post("/api/auth/two-factor/verify-totp", {"code": typed}, cookie=attempt, origin="http://127.0.0.1")

    def session(self, answer: Answer) -> str | None:
        made = answer.status == 200 and b'"token":' in answer.body
        return _kept(answer, "better-auth.session_token", "better-auth.session_data") if made else None

    def check(self, session: str) -> bytes:
        return get("/api/auth/get-session", cookie=session)

    def user(self, answer: Answer) -> str | None:
        found: Any = answer.json() if answer.status == 200 else None
        return str(found["user"]["email"]) if found else None


class Client:
    """The operations of one peer; it remembers attempts and sessions from one job to the next."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._attempts: dict[int, str] = {}
        self._sessions: dict[int, str] = {}

    async def full_sign_in(self, connection: Connection, n: int) -> None:
        """Prove the password, then the second factor."""
        await self._sign_in(connection, n)

    async def begin(self, connection: Connection, n: int) -> None:
        """Prove the password and keep the attempt, for `second_factor` to go on with."""
        self._attempts[n] = await self._begin(connection, n)

    async def second_factor(self, connection: Connection, n: int) -> None:
        """Prove the second factor of a sign-in whose password was proved before."""
        await self._finish(connection, n, self._attempts.pop(n))

    async def sign_in(self, connection: Connection, n: int) -> None:
        """Sign in and keep the session, for `session_check` to ask about."""
        self._sessions[n] = await self._sign_in(connection, n)

    async def session_check(self, connection: Connection, n: int) -> None:
        """Ask who is signed in."""
        answer = await connection.send(self._peer.check(self._sessions[n]))
        if self._peer.user(answer) != crowd.email(n):
            raise _wrong("the person's session", answer)

    async def proof(self, connection: Connection, n: int) -> None:
        """Make sure that the peer does the work at all: what is wrong is refused, what is right ends in a session."""
        peer = self._peer
        _refused("a wrong password", await connection.send(peer.password(n, "wrong")), peer.attempt)
        attempt = await self._begin(connection, n)
        _refused("an attempt as a session", await connection.send(peer.check(attempt)), peer.user)
        typed = crowd.code_of(peer.key(n), time.time())
        wrong = f"{(int(typed) + 1) % 1_000_000:06d}"
        _refused("a wrong code", await connection.send(peer.code(attempt, wrong)), peer.session)
        self._sessions[n] = await self._finish(connection, n, attempt)
        await self.session_check(connection, n)

    async def _sign_in(self, connection: Connection, n: int) -> str:
        return await self._finish(connection, n, await self._begin(connection, n))

    async def _begin(self, connection: Connection, n: int) -> str:
        answer = await connection.send(self._peer.password(n, crowd.PASSWORD))
        if (attempt := self._peer.attempt(answer)) is None:
            raise _wrong("the code being due", answer)
        return attempt

    async def _finish(self, connection: Connection, n: int, attempt: str) -> str:
        typed = crowd.code_of(self._peer.key(n), time.time())
        answer = await connection.send(self._peer.code(attempt, typed))
        if (session := self._peer.session(answer)) is None:
            raise _wrong("a session", answer)
        return session


def better_auth_secret(n: int) -> str:
    """Return a secret as better-auth draws them: 32 letters and digits, whose bytes are the key."""
    return crowd.secret_text(n)


def _kept(answer: Answer, *names: str) -> str | None:
    """Return the Cookie header of a browser that was given cookies of these names; the first must be among them."""
    given = {name: value for name, value in answer.cookies().items() if name in names and value}
    return "; ".join(f"{name}={value}" for name, value in given.items()) if names[0] in given else None


def _refused(what: str, answer: Answer, meaning: Callable[[Answer], str | None]) -> None:
    nobody = answer.status == 200 and answer.body == b"null"
    if not (nobody or answer.status in REFUSALS) or meaning(answer) is not None:
        raise _wrong(f"a refusal of {what}", answer)


def _wrong(expected: str, answer: Answer) -> WrongAnswer:
    return WrongAnswer(f"{answer.status} instead of {expected}: {answer.body[:300]!r}")


def _operations(name: str, client: Client) -> dict[str, Operation]:
    done: tuple[Callable[[Connection, int], Awaitable[None]], ...] = (
        client.full_sign_in, client.begin, client.second_factor, client.sign_in, client.session_check, client.proof,
    )  # fmt: skip
    return {f"{name}.{each.__name__}": each for each in done}


OPERATIONS: dict[str, Operation] = {
    **_operations("allauth", Client(Allauth())),
    **_operations("better-auth", Client(BetterAuth())),
    **_operations("better-auth-cached", Client(BetterAuth())),
}
