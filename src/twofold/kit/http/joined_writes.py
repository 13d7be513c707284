"""Answers that leave in one piece: head and body of an answer would be two packets, and two calls of the system.

That is a tenth of what a session check costs, and wakes whoever waits for the answer twice.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class JoinedWrites:
    """A transport that writes, at the end of an iteration of the event loop, all that was written during it."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, asked_to_close: Callable[[], None]
    ) -> None:
        """Join writes to a transport; whoever wants it closed asks."""
        self._transport = transport
        self._loop = loop
        self._asked_to_close = asked_to_close
        self._held: list[bytes] = []
        self._reads = True
        self._reading_is_held = False
        self._is_paused = False
        self._has_ended = False

    def __getattr__(self, name: str) -> Any:
        """Be the transport in all else."""
        return getattr(self._transport, name)

    @property
    def holds(self) -> bool:
        """Whether something was written during this iteration."""
        return bool(self._held)

    def write(self, data: bytes) -> None:
        """Write at the end of this iteration."""
        if not self._held:
            self._loop.call_soon(self._write_all)
        self._held.append(data)

    def close(self) -> None:
        """Ask for the end."""
        self._asked_to_close()

    def close_now(self) -> None:
        """End the connection when all is sent."""
        self._write_all()
        self._transport.close()

    def pause_reading(self) -> None:
        """Read nothing more for now."""
        self._reads = False
        self._read_or_not()

    def resume_reading(self) -> None:
        """Read on, unless that is held."""
        self._reads = True
        self._read_or_not()

    def hold_reading(self, *, hold: bool) -> None:
        """Read nothing while that is held, whatever else is asked for."""
        self._reading_is_held = hold
        self._read_or_not()

    def end_writing(self) -> None:
        """Send all, and that nothing more comes; the other side may go on sending."""
        self._write_all()
        self._has_ended = True
        self._transport.write_eof()

    def _read_or_not(self) -> None:
        pause = self._reading_is_held or not self._reads
        if pause != self._is_paused:
            self._is_paused = pause
            (self._transport.pause_reading if pause else self._transport.resume_reading)()

    def _write_all(self) -> None:
        held, self._held = self._held, []
        if held and not self._has_ended and not self._transport.is_closing():  # or gone during this iteration
            self._transport.write(b"".join(held))
