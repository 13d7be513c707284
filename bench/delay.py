"""A database that is far away: a proxy that holds everything back for half of a round trip, each way.

    python -m bench.delay --to PORT --round-trip MS

It prints its own port and ends with its standard input. Threads, since event loops wait in whole milliseconds.
"""

import contextlib
import socket
import sys
import threading
import time


def serve(to: int, half: float) -> None:
    """Pass every connection on to a port of loopback, `half` seconds late in each direction."""
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    while True:
        client, _ = listening.accept()
        server = socket.create_connection(("127.0.0.1", to))
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=(one, other, half), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket, half: float) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(1 << 20):
            if half:
                time.sleep(half)
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    arguments = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    half = float(arguments["--round-trip"]) / 2000
    threading.Thread(target=serve, args=(int(arguments["--to"]), half), daemon=True).start()
    sys.stdin.buffer.read()
