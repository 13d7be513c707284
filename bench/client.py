"""A lean HTTP/1.1 client: one kept-alive connection, one request at a time, as little CPU as Python allows."""

import asyncio
from typing import Any, cast
from urllib.parse import urlencode

import msgspec


class ConnectionLost(Exception):
    """The server closed a connection in the middle."""


class Answer(msgspec.Struct, frozen=True):
    """What came back; `head` ends before the blank line."""

    status: int
    body: bytes
    head: bytes = b""

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    def cookies(self) -> dict[str, str]:
        """Return the cookies that it sets, by name; those that it removes are empty."""
        lines = [line for line in self.head.decode("latin-1").split("\r\n") if line[:11].lower() == "set-cookie:"]
        pairs = (line[11:].partition(";")[0].strip().partition("=") for line in lines)
        return {name: value for name, _, value in pairs}


class Connection(asyncio.Protocol):
    """A connection to the server under measurement."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._waiting: asyncio.Future[Answer] | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> "Connection":
        """Connect."""
        _, connection = await asyncio.get_running_loop().create_connection(cls, host, port)
        return connection

    @property
    def is_open(self) -> bool:
        """Whether the server has not hung up."""
        return self._transport is not None and not self._transport.is_closing()

    async def send(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionLost
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head = self._received.find(b"\r\n\r\n")
        if head < 0:
            return
        found = _body(self._received, head)
        if found is None or self._waiting is None or self._waiting.done():
            return
        body, end = found
        answer = Answer(int(self._received[9:12]), body, bytes(self._received[:head]))
        del self._received[:end]
        self._waiting.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionLost(str(error or "closed")))


def get(path: str, **headers: str) -> bytes:
    """Build a GET request."""
    return _head("GET", path, headers)


def post(path: str, body: object, **headers: str) -> bytes:
    """Build a POST request with a JSON body."""
    content = msgspec.json.encode(body)
    about = {"content_type": "application/json", "content_length": str(len(content)), **headers}
    return _head("POST", path, about) + content


def form(path: str, fields: dict[str, str], **headers: str) -> bytes:
    """Build a POST request as a page of our own sends it."""
    content = urlencode(fields).encode()
    about = {
        "content_type": "application/x-www-form-urlencoded",
        "content_length": str(len(content)),
        "sec_fetch_site": "same-origin",
        **headers,
    }
    return _head("POST", path, about) + content


def _head(method: str, path: str, headers: dict[str, str]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", "user-agent: Twofold-Bench/1.0"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


def _body(received: bytearray, head: int) -> tuple[bytes, int] | None:
    """Return the body of an answer and the place where it ends, None where not all of it is here yet."""
    if b"transfer-encoding: chunked" in received[:head].lower():
        return _chunks(received, head + 4)
    end = head + 4 + _content_length(received, head)
    return (bytes(received[head + 4 : end]), end) if len(received) >= end else None


def _chunks(received: bytearray, start: int) -> tuple[bytes, int] | None:
    """Put a chunked body together (RFC 9112 section 7.1); trailers, which nobody sends here, are not understood."""
    body = bytearray()
    while (line := received.find(b"\r\n", start)) >= 0:
        size, begin = int(received[start:line].partition(b";")[0], 16), line + 2
        start = begin + size + 2
        if len(received) < start:
            return None
        if size == 0:
            return bytes(body), start
        body += received[begin : begin + size]
    return None


def _content_length(received: bytearray, head: int) -> int:
    place = received.find(b"\r\ncontent-length:", 0, head)
    if place < 0:
        place = received[:head].lower().find(b"\r\ncontent-length:")
    if place < 0:
        return 0
    return int(received[place + 17 : received.find(b"\r\n", place + 2)])
