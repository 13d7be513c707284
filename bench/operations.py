"""What is measured, as a client does it: each is the work of one person, from first request to last answer."""

import time
from collections.abc import Awaitable, Callable

from bench import crowd
from bench.client import Answer, Connection, get, post

NO_ROOM = 503

Operation = Callable[[Connection, int], Awaitable[None]]


class WrongAnswer(Exception):
    """The server did not do what it was asked, so that its speed means nothing."""


class Refused(WrongAnswer):
    """The server has no room for it at the moment, and says so (503)."""


async def full_sign_in(connection: Connection, n: int) -> None:
    """Prove the password, then the second factor."""
    sign_in = await _password(connection, n)
    body = {"sign_in": sign_in, "code": crowd.code(n, time.time())}
    expect(await connection.send(post("/api/v1/sign-ins/code", body)), 200, "session_token")


async def backup_code_sign_in(connection: Connection, n: int) -> None:
    """Prove the password, then the backup code, and take the new one."""
    body = {"sign_in": await _password(connection, n), "backup_code": crowd.spare_code(n)}
    expect(await connection.send(post("/api/v1/sign-ins/backup-code", body)), 200, "new_backup_code")


async def second_factor(connection: Connection, n: int) -> None:
    """Prove the second factor of a sign-in whose password was proved before."""
    body = {"sign_in": crowd.token("signin", n), "code": crowd.code(n, time.time())}
    expect(await connection.send(post("/api/v1/sign-ins/code", body)), 200, "session_token")


async def password(connection: Connection, n: int) -> None:
    """Prove the password alone: a sign-in that is left there."""
    await _password(connection, n)


async def session_check(connection: Connection, n: int) -> None:
    """Ask who is signed in."""
    bearer = f"Bearer {crowd.token('session', n)}"
    expect(await connection.send(get("/api/v1/session", authorization=bearer)), 200, "authenticated_at")


async def sign_in_page(connection: Connection, n: int) -> None:
    """Open the page on which a sign-in begins."""
    expect(await connection.send(get("/sign-in")), 200, "<h1")


async def _password(connection: Connection, n: int) -> str:
    body = {"email": crowd.email(n), "password": crowd.PASSWORD}
    answer = await connection.send(post("/api/v1/sign-ins", body))
    expect(answer, 201, "sign_in")
    return str(answer.json()["sign_in"])


def expect(answer: Answer, status: int, what: str) -> None:
    """Demand an answer with a status and these words in it."""
    if answer.status == NO_ROOM:
        raise Refused("503")
    if answer.status != status or what.encode() not in answer.body:
        raise WrongAnswer(f"{answer.status} instead of {status} with {what}: {answer.body[:300]!r}")


OPERATIONS: dict[str, Operation] = {
    "full_sign_in": full_sign_in,
    "second_factor": second_factor,
    "backup_code_sign_in": backup_code_sign_in,
    "session_check": session_check,
    "password": password,
    "sign_in_page": sign_in_page,
}
