"""Many requests at the same moment, each on a connection of its own; sockets alone, so that the test is fast."""

import json
import selectors
import socket
import ssl
import time
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

LONGEST = 60.0

_TRUSTING = ssl.create_default_context()  # a certificate that vouches for itself is enough here
_TRUSTING.check_hostname = False
_TRUSTING.verify_mode = ssl.CERT_NONE


@dataclass
class Shot:
    """One request and its answer; status 0 where none came."""

    request: bytes
    sent_at: float = 0.0
    seconds: float = 0.0
    answer: bytes = b""
    line: socket.socket = field(default_factory=socket.socket)

    @property
    def status(self) -> int:
        head = self.answer.split(b" ", 2)
        return int(head[1]) if len(head) > 2 else 0

    def header(self, name: str) -> str:
        """Return a header of the answer, empty where it is missing."""
        for line in self.answer.partition(b"\r\n\r\n")[0].decode("latin-1").splitlines()[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return ""


def post(path: str, body: dict[str, str], **headers: str) -> bytes:
    """Write a call of the API as it goes over the wire; `x_forwarded_for=…` is a header."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


def get(path: str) -> bytes:
    """Write a request for a page as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def fire(url: str, requests: list[bytes], *further: str) -> list[Shot]:
    """Connect all, then send all at once, and wait for every answer; with further nodes they go to each in turn."""
    parts = [urlsplit(node) for node in (url, *further)]
    shots = [Shot(request) for request in requests]
    with selectors.DefaultSelector() as waiting:
        for shot, node in zip(shots, cycle(parts), strict=False):
            shot.line.connect((node.hostname, node.port))
            if node.scheme == "https":
                shot.line = _TRUSTING.wrap_socket(shot.line)
        for shot in shots:
            shot.sent_at = time.monotonic()
            shot.line.sendall(shot.request)
            shot.line.setblocking(False)
            waiting.register(shot.line, selectors.EVENT_READ, shot)
        deadline = time.monotonic() + LONGEST
        while waiting.get_map() and time.monotonic() < deadline:
            for key, _ in waiting.select(timeout=1):
                _read(waiting, key.data)
    for shot in shots:
        shot.line.close()
    return shots


def _read(waiting: selectors.BaseSelector, shot: Shot) -> None:
    try:
        came = shot.line.recv(65536)
    except ssl.SSLWantReadError:
        return
    except (ConnectionError, ssl.SSLError):
        came = b""
    shot.answer += came
    if not came:
        shot.seconds = time.monotonic() - shot.sent_at
        waiting.unregister(shot.line)
