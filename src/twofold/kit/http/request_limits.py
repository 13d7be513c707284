"""What a request may cost of its connection: the size of its head, and the time of its body."""

import asyncio
from collections.abc import MutableMapping
from typing import Any, cast

from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from twofold.kit.http.connection_registry import Refusal
from twofold.kit.http.connections import CONNECTION, Connection


class Limited:
    """ASGI middleware: tells a connection of its requests, and holds those to the limits of their head and body."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application; without a guard before it nothing is limited."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        connection = cast("MutableMapping[str, Any]", scope).get("state", {}).pop(CONNECTION, None)
        if connection is None:
            await self._app(scope, receive, send)
            return
        await self._within(connection, scope, receive, send)

    async def _within(self, connection: Connection, scope: Scope, receive: Receive, send: Send) -> None:
        reason = _too_much(scope, connection)
        has_body = any(name in {b"content-length", b"transfer-encoding"} for name, _value in scope["headers"])
        connection.request_begins(has_body=has_body)
        try:
            if reason is None:
                await self._app(scope, _in_time(connection, receive) if has_body else receive, send)
                return
            connection.refused(reason)
            headers = [(b"content-length", b"0"), (b"connection", b"close")]
            await send({"type": "http.response.start", "status": 431, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            connection.request_ends()


def _too_much(scope: Scope, connection: Connection) -> Refusal | None:
    headers, limits = list(scope["headers"]), connection.limits
    if len(headers) > limits.headers:
        return Refusal.HEADERS
    if connection.received <= limits.header_bytes:  # and the head is a part of it
        return None
    size = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(name) + len(value) for name, value in headers)
    return Refusal.HEADER_BYTES if size > limits.header_bytes else None


def _in_time(connection: Connection, receive: Receive) -> Receive:
    """Receive a body within its time, and whatever comes after it at any."""
    until: float | None = asyncio.get_running_loop().time() + connection.limits.body_seconds

    async def receive_in_time() -> HTTPReceiveMessage:
        nonlocal until
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            connection.refused(Refusal.BODY_SECONDS)
            raise HTTPException(status_code=408) from None
        if not message.get("more_body"):
            until = None
            connection.request_is_whole()
        return cast("HTTPReceiveMessage", message)

    return cast("Receive", receive_in_time)
