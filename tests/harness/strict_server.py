"""`twofold serve` with limits on connections that a test can reach and wait for.

    python -m tests.harness.strict_server '{"header_seconds": 1}' --host 127.0.0.1 --port 8000

Loopback is no proxy here, unless it is named: so each 127.0.x.0/24 is a network of strangers.
"""

import ipaddress
import json
import sys
from typing import Any

from twofold import cli
from twofold.kit.http.connections import Limits
from twofold.operations import server
from twofold.settings import Settings


def main() -> None:
    chosen: dict[str, Any] = json.loads(sys.argv.pop(1))
    proxies = tuple(ipaddress.ip_network(text) for text in chosen.pop("proxies", []))

    def limits_of(settings: Settings) -> Limits:
        del settings
        return Limits(proxies=proxies, **chosen)

    server.limits_of = limits_of
    sys.argv.insert(1, "serve")
    cli.main()


if __name__ == "__main__":
    main()
