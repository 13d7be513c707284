"""Free ports on loopback, for servers that must be told their port before they start."""

import random
import socket

# Below the range that the kernel hands to outgoing connections, so that none of those takes what was found free.
LOWEST, HIGHEST = 20_000, 32_000

# Not the shared generator: hypothesis sets that to the same state in every process.
_draw = random.SystemRandom()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    while True:
        port = _draw.randint(LOWEST, HIGHEST)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
