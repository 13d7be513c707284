"""The client of a request: its address, as far as proxies can be trusted, and its browser."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from twofold.kit.network import Network

BROWSER_LENGTH = 200  # characters, at most
ADDRESS = "twofold_address"  # in the scope of a request: what `address_of` has found
REMEMBERED, LONGEST_REMEMBERED = 1024, 100  # clients of a process, and characters of what a proxy says of one
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PLAIN_WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")

# What a client's name for itself holds, and what a person calls it; the first that fits counts, because most of them
# name others as well.
_PROGRAMS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
    ("curl", "curl"),
)
_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


class ClientInfo(NamedTuple):
    """Address and browser of a request, for the session list and the audit log; and the request's own id."""

    address: str
    browser: str
    request_id: str = ""


def client_address(
    peer: str,
    forwarded: str,
    trusted: Sequence[Network],
) -> str:
    """Return the address of the client: the nearest one in `X-Forwarded-For` that is no proxy of ours.

    Of a header in several lines all are meant, joined by commas in their order: a proxy may add a line to those that
    its client wrote. The header counts only when the peer itself is a trusted proxy; whatever stands left of the
    first address that is not a trusted proxy was written by that client.
    """
    if not forwarded:
        return peer
    address = peer
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    while hops and _within(address, trusted):
        address = hops.pop()
    return address if _parse(address) else peer


def address_of(scope: Mapping[str, Any], trusted: Sequence[Network]) -> str:
    """Return the address of the client of a request (an ASGI scope), as far as proxies that are trusted tell."""
    if (found := scope.get(ADDRESS)) is not None:
        return str(found)
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return client_address(_peer(scope), ",".join(lines), trusted)


class Proxies:
    """The proxies that are trusted, and what they say of requests; nobody else is believed.

    What came of the last addresses is remembered: to read one takes longer than all else here, for every request.
    """

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._address = lru_cache(REMEMBERED)(lambda peer, forwarded: client_address(peer, forwarded, self._trusted))
        self._trusts = lru_cache(REMEMBERED)(lambda peer: _within(peer, self._trusted))

    def look_at(self, scope: Mapping[str, Any]) -> tuple[str, str | None]:
        """Return the address of the client of a request, and the id that a trusted proxy gave it (`X-Request-ID`).

        There is one id, of up to 64 plain characters, or none.
        """
        peer = _peer(scope)
        if not self._trusted:
            return peer, None
        lines: list[str] = []
        ids: list[str] = []
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                lines.append(value.decode("latin-1"))
            elif name == b"x-request-id":
                ids.append(value.decode("latin-1"))
        forwarded = ",".join(lines)
        remembered = len(forwarded) <= LONGEST_REMEMBERED
        address = (self._address if remembered else self._address.__wrapped__)(peer, forwarded)
        believed = len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0]) and self._trusts(peer)
        return address, ids[0] if believed else None


def _peer(scope: Mapping[str, Any]) -> str:
    return scope["client"][0] if scope.get("client") else ""


def browser_name(headers: Mapping[str, str]) -> str:
    """Return the client's own name for itself, up to 200 characters, without control characters."""
    name = headers.get("user-agent", "")
    return "".join(letter for letter in name[:BROWSER_LENGTH] if letter.isprintable())


def browser_in_words(name: str) -> str:
    """Say which browser that is, as a person would: `Firefox on Windows`; an unknown program by its own first word.

    Whoever sends a request writes that word, and letters show it: so it is letters only, never an address or a link.
    """
    program = next((said for mark, said in _PROGRAMS if mark in name), "")
    system = next((said for mark, said in _SYSTEMS if mark in name), "")
    if program and system:
        return f"{program} on {system}"
    word = name.partition("/")[0].partition(" ")[0]
    return program or (word if _PLAIN_WORD.fullmatch(word) else "")


def _within(address: str, networks: Sequence[Network]) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in networks)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; what is none is None.

    One of IPv4 written as IPv6, as a socket for both names it, is itself. The zone of an address may hold any text,
    which a letter would show: so from outside there is none.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        return None if parsed.scope_id else parsed.ipv4_mapped or parsed
    return parsed
