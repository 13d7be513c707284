"""The server with its statements counted: a run apart, since counting costs time.

    python -m bench.counting --host H --port P --workers 1

Counted is what a request does, wherever it runs; what the server does on its own is not. GET /bench/counts tells.
"""

import os
import sys
from collections import Counter
from contextvars import ContextVar
from typing import Any

import msgspec
import sqlalchemy as sa
import uvicorn
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from bench.counts import COUNTS, Counts
from twofold.app import build_app
from twofold.operations.assembly import build_context
from twofold.settings import load

IN_TRANSACTION = "bench_in_transaction"

_in_request: ContextVar[bool] = ContextVar("in_request", default=False)


class Counting:
    """ASGI middleware that marks what belongs to a request, and answers how much there was of it."""

    def __init__(self, app: ASGIApp, engine: sa.Engine) -> None:
        self._app = app
        self._texts: Counter[str] = Counter()
        self._commits = 0
        sa.event.listen(engine, "before_cursor_execute", self._statement)
        sa.event.listen(engine, "commit", self._commit)
        sa.event.listen(engine, "rollback", lambda connection: connection.info.pop(IN_TRANSACTION, None))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP and scope["path"] == COUNTS:
            await self._tell(send)
            return
        mark = _in_request.set(scope["type"] == ScopeType.HTTP)
        try:
            await self._app(scope, receive, send)
        finally:
            _in_request.reset(mark)

    def _statement(self, connection: sa.Connection, _cursor: Any, statement: str, *_rest: Any) -> None:
        verb = statement.partition(" ")[0]
        if verb == "BEGIN":
            connection.info[IN_TRANSACTION] = True
        elif _in_request.get() and verb not in ("PRAGMA", "SET"):
            self._texts[statement] += 1
            self._commits += verb != "SELECT" and IN_TRANSACTION not in connection.info  # a transaction of its own

    def _commit(self, connection: sa.Connection) -> None:
        connection.info.pop(IN_TRANSACTION, None)
        self._commits += _in_request.get()

    async def _tell(self, send: Send) -> None:
        body = msgspec.json.encode(Counts(self._texts.total(), self._commits, dict(self._texts)))
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def from_environment() -> ASGIApp:
    """Build the application as the server does, with the counting around it."""
    context = build_context(load(os.environ))
    return Counting(build_app(context), context.db.engine)


if __name__ == "__main__":
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    uvicorn.run(
        "bench.counting:from_environment", factory=True, host=arguments["--host"], port=int(arguments["--port"]),
        access_log=False,
    )  # fmt: skip
