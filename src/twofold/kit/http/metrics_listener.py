"""The numbers on an address of their own: `GET /metrics`, for whoever collects them, and nothing else.

They tell who signs in how often and how much is refused, so they are not for the public address. This is a server of
its own, in a thread with an event loop of its own: it answers while the other is busy, and asks the database nothing.
"""

import asyncio
import contextlib
import errno
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CONTENT_TYPE_LATEST

from twofold.kit.http.addresses import names_loopback
from twofold.setting_values import Listen, is_loopback

LONGEST_HEAD = 8192  # bytes
TIMEOUT = 5.0  # seconds for a whole request to come, and for its answer to be taken
MOST_CONNECTIONS = 16
ENDS_WITHIN = 5.0  # seconds

_PHRASES = {200: b"200 OK", 400: b"400 Bad Request", 404: b"404 Not Found", 421: b"421 Misdirected Request"}


class CannotListen(Exception):
    """The address cannot be listened on; the message says why."""


@contextmanager
def listening(address: Listen, exposition: Callable[[], bytes]) -> Iterator[None]:
    """Answer `GET /metrics` at an address with what `exposition` returns, for the length of a block.

    Raises:
        CannotListen: the address is taken, forbidden, or none of this machine's.

    """
    bound = _bound(address)
    server = _Listener(bound, exposition, loopback_only=is_loopback(bound.getsockname()[0]))
    server.start()
    try:
        yield
    finally:
        server.stop()


def _bound(address: Listen) -> socket.socket:
    try:
        family, kind, protocol, _name, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CannotListen(f"there is no host {address.host}") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(MOST_CONNECTIONS)
    except OSError as error:
        bound.close()
        why = "it is taken by another program" if error.errno == errno.EADDRINUSE else str(error.strerror)
        raise CannotListen(why) from error
    return bound


class _Listener:
    """A thread that answers on a socket until it is stopped."""

    def __init__(self, bound: socket.socket, exposition: Callable[[], bytes], *, loopback_only: bool) -> None:
        self._bound = bound
        self._exposition = exposition
        self._loopback_only = loopback_only
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="metrics", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended already
            self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(ENDS_WITHIN)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with await asyncio.start_server(self._connected, sock=self._bound, limit=LONGEST_HEAD):
            await self._over.wait()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            if self._connections <= MOST_CONNECTIONS:
                async with asyncio.timeout(TIMEOUT):
                    writer.write(self._answer(await reader.readuntil(b"\r\n\r\n")))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # hung up, or too slow, or too long: there is nobody to tell
        finally:
            self._connections -= 1
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        """Answer a request: of what it says only its first line and its Host are looked at."""
        first, *lines = head.split(b"\r\n")
        match first.split(b" "):
            case [method, target, b"HTTP/1.1" | b"HTTP/1.0"]:
                pass
            case _:
                return _written(400, b"This is no request.\n")
        hosts = [line.partition(b":")[2].strip() for line in lines if line.lower().startswith(b"host:")]
        # A page elsewhere whose name is made to lead here must not read them (DNS rebinding).
        if self._loopback_only and not (len(hosts) == 1 and names_loopback(hosts[0])):
            return _written(421, b"Ask for http://localhost/metrics, by that name.\n")
        if (method, target) != (b"GET", b"/metrics"):
            return _written(404, b"There is GET /metrics here, and nothing else.\n")
        return _written(200, self._exposition(), CONTENT_TYPE_LATEST)


def _written(status: int, body: bytes, content_type: str = "text/plain; charset=utf-8") -> bytes:
    head = (
        b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nCache-Control: no-store\r\n"
        b"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head % (_PHRASES[status], content_type.encode(), len(body)) + body
