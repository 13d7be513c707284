"""A server of an application that is told of sign-outs: it keeps what it gets, and answers as a test wants."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs


class Receiver:
    """An HTTP server on a free port of this machine; `hang` keeps whoever asks waiting until the end."""

    def __init__(self, status: int = 200, *, hang: bool = False, location: str = "") -> None:
        self.status, self.hang, self.location = status, hang, location
        self.got: list[dict[str, list[str]]] = []
        self.paths: list[str] = []
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.paths.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(parse_qs(body.decode(), strict_parsing=True))
                if receiver.hang:
                    receiver._over.wait(60)
                    return
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/logout"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
