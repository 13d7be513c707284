"""Answers leave in one piece, in order, and whole before a connection ends: uvicorn on a socket."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.harness.processes import LONGEST
from twofold.kit.http.joined_writes import JoinedWrites

PARTS = 3
head_came = threading.Semaphore(0)  # at the client


class Server(uvicorn.Server):
    """A server in a thread, which takes no signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Counted:
    """A transport that counts what is handed to the system."""

    writes = 0

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        Counted.writes += 1
        self._transport.write(data)


class CountedWrites(HttpToolsProtocol):
    """uvicorn's protocol, on joined writes to such a transport."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        def close() -> None:
            joined.close_now()

        joined = JoinedWrites(cast("asyncio.Transport", Counted(transport)), self.loop, close)
        super().connection_made(cast("asyncio.Transport", joined))


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answer in several parts: at once, with a pause before each, or with the first one when it is asked for."""
    await receive()
    headers = [(b"content-length", str(PARTS * len(b"part")).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(PARTS):
        if scope["path"] == "/slow":
            await asyncio.sleep(0.05)
        elif scope["path"] == "/held" and number == 0:
            assert await asyncio.to_thread(head_came.acquire, timeout=LONGEST)
        await send({"type": "http.response.body", "body": b"part", "more_body": number < PARTS - 1})


@contextmanager
def connected() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(uvicorn.Config(application, http=cast("Any", CountedWrites), log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with socket.create_connection(listening.getsockname(), timeout=LONGEST) as line:
                yield line
        finally:
            server.should_exit = True
            thread.join(LONGEST)


def request(path: str, *, close: bool = False) -> bytes:
    ending = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: test\r\n{ending}\r\n".encode()


def until(line: socket.socket, end: bytes) -> bytes:
    read = b""
    while not read.endswith(end):
        piece = line.recv(65536)
        assert piece, f"the connection ended after {read!r}"
        read += piece
    return read


def test_head_and_body_come_in_one_piece_and_the_connection_stays() -> None:
    with connected() as line:
        for _ in range(3):
            Counted.writes = 0
            line.sendall(request("/"))
            answer = line.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\npartpartpart")
            assert Counted.writes == 1


def test_what_comes_later_is_not_waited_for() -> None:
    with connected() as line:
        line.sendall(request("/held"))
        assert line.recv(65536).endswith(b"\r\n\r\n"), "the head is sent when there is nothing else yet"
        head_came.release()
        assert until(line, b"partpartpart") == b"partpartpart"


def test_answers_keep_the_order_of_their_requests() -> None:
    with connected() as line:
        line.sendall(request("/slow") + request("/") + request("/slow"))
        answers = b""
        while answers.count(b"part") < 3 * PARTS:
            answers += line.recv(65536)
        assert [part.count(b"part") for part in answers.split(b"HTTP/1.1 200 OK")[1:]] == [PARTS] * 3


def test_an_answer_is_whole_before_its_connection_ends() -> None:
    with connected() as line:
        line.sendall(request("/", close=True))
        assert until(line, b"partpartpart")
        assert line.recv(1) == b""


def test_what_is_no_http_is_refused_and_the_connection_ends() -> None:
    with connected() as line:
        line.sendall(b"nonsense\r\n\r\n")
        assert until(line, b"Invalid HTTP request received.").startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert line.recv(1) == b""
