"""What a connection may cost before somebody is known: how many there are, how long they wait, how much they send.

Headers without an end, a byte a minute (slowloris) or a silent connection cost an attacker nothing, and uvicorn
would hold them for ever. So its protocol stands behind this one, which uses the hooks of asyncio.Protocol and of ASGI
alone (docs/decisions/0032-connections.md).
"""

import asyncio
import math
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from twofold.kit.http.connection_registry import ConnectionRegistry, Refusal
from twofold.kit.http.joined_writes import JoinedWrites

CONNECTION = "twofold_connection"  # in the state that uvicorn hands on with each request
SWEEP = 0.5  # seconds between two looks at the deadlines
LATE_REQUEST_SECONDS = 0.5  # seconds for a request that was on its way when the server was told to stop
PARTIAL_REQUEST_SECONDS = 5.0  # seconds for one whose head had begun to come
SLICE = 4096  # bytes handed on at once
LAST_WORDS = 1.0  # seconds in which a client may read why it was refused, before what it still sends resets all


class Limits(NamedTuple):
    """All limits on connections of one process; times in seconds."""

    connections: int = 2000
    connections_per_network: int = 256  # IPv4 /24, IPv6 /56
    proxies: tuple[IPv4Network | IPv6Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    header_bytes: int = 32 * 1024
    headers: int = 100
    header_seconds: float = 20  # a phone at the edge of its network needs five
    body_bytes: int = 128 * 1024  # with the framing of chunks; what a body may hold is the application's to say
    body_seconds: float = 30
    answer_seconds: float = 30  # in which at least so many bytes of a waiting answer are read
    answer_bytes: int = 16 * 1024
    idle_seconds: float = 15
    proxy_idle_seconds: float = 130  # longer than proxies keep one: who closes first decides whether a request is lost


class Guard:
    """Makes the protocol of each connection of a server; `http` of uvicorn's configuration."""

    def __init__(self, limits: Limits) -> None:
        """Hold connections to these limits. A guard that has not begun can be handed to another process."""
        self.limits = limits
        self.registry = ConnectionRegistry(limits.connections, limits.connections_per_network, limits.proxies)
        self._sweeps = False

    def __call__(
        self, config: Any, server_state: Any, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> "Connection":
        """Make a protocol, with the arguments that uvicorn has for it."""

        def behind(connection: "Connection") -> asyncio.Protocol:
            state = {**app_state, CONNECTION: connection}
            return HttpToolsProtocol(config=config, server_state=server_state, app_state=state, _loop=_loop)

        loop = _loop or asyncio.get_running_loop()
        if not self._sweeps:
            self._sweeps = True
            loop.call_later(SWEEP, self._sweep, loop)
        return Connection(self.limits, self.registry, behind, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_later(SWEEP, self._sweep, loop)
        at = loop.time()
        for connection in [one for one in self.registry.all if cast("Connection", one).deadline < at]:
            cast("Connection", connection).is_late()


class Connection(asyncio.Protocol):
    """Stands before uvicorn's protocol, which is made for those that are let in."""

    def __init__(
        self,
        limits: Limits,
        registry: ConnectionRegistry,
        behind: Callable[["Connection"], asyncio.Protocol],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.limits = limits
        self.deadline = math.inf  # in the loop's time
        self.received = 0  # bytes since the last request began, or ended
        self._registry = registry
        self._behind = behind
        self._loop = loop
        self._inner: asyncio.Protocol | None = None
        self._running = 0  # requests; several where they are pipelined
        self._is_last = False
        self._is_closing = False
        self._held = b""  # what has come and was not handed on yet
        self._feeds = False  # soon
        self._begun = self._had_begun = 0  # requests, and when it was last looked
        self._is_whole = False  # the request that runs: all of its body is here
        self._is_unread = False  # the answer, as far as it was written
        self._unsent = 0

    # --- what asyncio says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let it in, or refuse it."""
        self._line = JoinedWrites(cast("asyncio.Transport", transport), self._loop, self._asked_to_close)
        refused = self._registry.enter(self, transport.get_extra_info("peername"))
        if refused is not None:
            self._line.write(_answer(503))
            self._line.close_now()
            return
        self._is_proxy = not self._registry.all[self]
        self._inner = self._behind(self)
        self._inner.connection_made(cast("asyncio.Transport", self._line))
        self._wait(self.limits.header_seconds)

    def data_received(self, data: bytes) -> None:
        """Take what comes; what cannot be handed on yet is held, and no more is read meanwhile."""
        if self._inner is None or self._is_closing:
            return
        if self._held or len(data) > SLICE or self._is_whole:
            self._held += data
            self._line.hold_reading(hold=True)
            self._feed_soon()
        else:
            self._hand_on(data)

    def eof_received(self) -> bool | None:
        """Hand on that the client sends no more."""
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        """Begin to look whether the client reads its answer."""
        if self._inner is not None:
            self._inner.pause_writing()
        self._is_unread = True
        self._unsent = self._line.get_write_buffer_size()
        self.deadline = self._loop.time() + self.limits.answer_seconds

    def resume_writing(self) -> None:
        """End that."""
        if self._inner is not None:
            self._inner.resume_writing()
        self._is_unread = False
        if self._running and not self._is_closing:
            self.deadline = math.inf

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it no longer, and hand on nothing: what was to be fed soon would come to a parser that is gone."""
        self._is_closing = True
        self._registry.leave(self)
        if self._inner is not None:
            self._inner.connection_lost(exc)

    # --- what is said of its requests, by request_limits.py

    def request_begins(self, *, has_body: bool) -> None:
        """Give the request the application's time."""
        self._running += 1
        self._begun += 1
        self._is_whole = not has_body
        self.received = 0
        self._registry.works(self)
        if not self._is_unread:
            self.deadline = math.inf

    def request_is_whole(self) -> None:
        """Hand on nothing more until it is answered."""
        self._is_whole = True

    def request_ends(self) -> None:
        """Wait for the next one."""
        self._running -= 1
        if self._is_closing or self._running:
            return
        self._is_whole = False
        self._feed_soon()
        if self._is_last:
            self.close()
        else:
            self._wait(self.limits.proxy_idle_seconds if self._is_proxy else self.limits.idle_seconds)

    def refused(self, reason: Refusal) -> None:
        """Count a refusal by the application; the connection ends with its answer."""
        self._is_last = True
        self._registry.count(reason, self)

    # --- what the guard says

    def is_late(self) -> None:
        """Do what is to be done when a deadline has passed."""
        if self._running or self._is_closing:
            unsent = self._line.get_write_buffer_size()
            if self._unsent - unsent < self.limits.answer_bytes:  # too little of it was read
                self._registry.count(Refusal.ANSWER_SECONDS, self)
                self.abort()
            else:
                self._unsent, self.deadline = unsent, self._loop.time() + self.limits.answer_seconds
        elif self.received:
            self._refuse(408, Refusal.HEADER_SECONDS)
        else:
            self.close()

    def close(self) -> None:
        """End it when all is sent."""
        self._is_closing = True
        self._line.close_now()
        self._unsent = self._line.get_write_buffer_size()
        self.deadline = self._loop.time() + self.limits.answer_seconds

    def abort(self) -> None:
        """End it at once."""
        self._is_closing = True
        self._registry.leave(self)
        self._line.abort()

    def _feed(self) -> None:
        """Hand on a slice, and nothing while a request that is whole runs, or others have yet to begin.

        uvicorn queues pipelined requests, and reads on: one client grew a process by half a GiB.
        """
        self._feeds = False
        if self._is_whole and len(self._held) > self.limits.header_bytes:
            self._refuse(431, Refusal.PIPELINED)
        if self._is_closing:
            return
        if self._held and not self._is_whole:
            if self._begun == self._had_begun:
                piece, self._held = self._held[:SLICE], self._held[SLICE:]
                self._hand_on(piece)
            self._feed_soon()
        self._line.hold_reading(hold=bool(self._held))

    def _feed_soon(self) -> None:
        """Feed in the next iteration of the event loop: a request that begins meanwhile may be one of several."""
        if self._held and not self._feeds and not self._is_closing:
            self._feeds, self._had_begun = True, self._begun
            self._loop.call_soon(self._feed)

    def _hand_on(self, piece: bytes) -> None:
        """Hand on what is within the limits. What reaches beyond may be body as well: then the next piece tells."""
        if self.received > (self.limits.body_bytes if self._running else self.limits.header_bytes):
            self._refuse(*((413, Refusal.BODY_BYTES) if self._running else (431, Refusal.HEADER_BYTES)))
            return
        if not self.received and not self._running and self._begun:
            self.deadline = self._loop.time() + self.limits.header_seconds
        self.received += len(piece)
        if self._inner is not None:
            self._inner.data_received(piece)

    def _wait(self, seconds: float) -> None:
        self.received = 0
        self._registry.waits(self)
        self.deadline = self._loop.time() + seconds

    def _refuse(self, status: int, reason: Refusal) -> None:
        self._registry.count(reason, self)
        if self._running:  # whose answer may have begun
            self.abort()
            return
        self._is_closing = True
        self.deadline = math.inf
        self._line.pause_reading()
        self._line.write(_answer(status))
        self._line.end_writing()
        self._loop.call_later(LAST_WORDS, self.abort)

    def _asked_to_close(self) -> None:
        """Close for uvicorn; but where it was told to stop, a request that is on its way is waited for.

        That is so where it closes a connection that waits, and has written nothing: else it wrote 400.
        """
        on_its_way = self.received or self._held or not self._begun
        if self._running or self._line.holds or not on_its_way or self._is_last:
            self.close()
            return
        self._is_last = True
        self._loop.call_later(PARTIAL_REQUEST_SECONDS if self.received else LATE_REQUEST_SECONDS, self._give_up_waiting)

    def _give_up_waiting(self) -> None:
        if not self._running and not self._is_closing:
            self.close()


_REASONS = {
    408: b"Request Timeout",
    413: b"Content Too Large",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


def _answer(status: int) -> bytes:
    return b"HTTP/1.1 %d %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % (status, _REASONS[status])
