"""HTTP over the wire to a server of ours, which may be slow on a machine that has other work."""

from typing import Any

import httpx

from tests.harness.processes import LONGEST


def client_to(base_url: str = "", **options: Any) -> httpx.Client:
    """Open a client of httpx; it knows no certificates unless they are named, which takes a while to read."""
    return httpx.Client(base_url=base_url, **({"timeout": LONGEST, "verify": False} | options))


def get(url: str, **options: Any) -> httpx.Response:
    """Ask once, on a connection of its own."""
    with client_to() as client:
        return client.get(url, **options)


def post(url: str, **options: Any) -> httpx.Response:
    """Send once, on a connection of its own."""
    with client_to() as client:
        return client.post(url, **options)
