"""A proxy between a client and a server that keeps what the client sends."""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self

from tests.harness.processes import LONGEST


class RecordingProxy:
    """Listens on a port of its own, and passes everything on to another, and back."""

    def __init__(self, port: int, to: int) -> None:
        """Prepare a proxy from one port of loopback to another."""
        self.port, self._to = port, to
        self._listening = socket.create_server(("127.0.0.1", port))
        self._sent: list[bytes] = []
        self._threads: list[threading.Thread] = []
        self._ends: list[socket.socket] = []

    @property
    def sent(self) -> bytes:
        """Everything that clients have sent so far."""
        return b"".join(self._sent)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._listening, *self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LONGEST)
        for end in (self._listening, *self._ends):
            end.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [client, server]
                self._start(self._pass_on, client, server, self._sent)
                self._start(self._pass_on, server, client, None)

    def _pass_on(self, one: socket.socket, other: socket.socket, kept: list[bytes] | None) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if kept is not None:
                    kept.append(data)
                other.sendall(data)
        with contextlib.suppress(OSError):
            other.shutdown(socket.SHUT_WR)
