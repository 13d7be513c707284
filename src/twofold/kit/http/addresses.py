"""Which requests have come to the right address: a path in its one spelling, and the Host that people type."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from twofold.setting_values import is_loopback

DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986 section 2.3, and no segment that is empty or means another one: what our own paths consist of.
_CANONICAL = re.compile(rb"/|(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)+")
_LOOPBACK_HOST = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)


def is_canonical(raw_path: bytes) -> bool:
    """Tell whether a path, as it came, has one reading only.

    A proxy that has a rule for `/x` and a server that answers `//x`, `/x/` or `/%78` as well are a hole in the rule.
    """
    return _CANONICAL.fullmatch(raw_path) is not None


def names_loopback(host: bytes) -> bool:
    """Tell whether a Host names this machine itself, at any port."""
    return _LOOPBACK_HOST.fullmatch(host) is not None


class OwnHost:
    """The Host by which requests come to us.

    A page elsewhere can make its own name lead to our address (DNS rebinding), and is then of our origin to a browser;
    but the browser still names that page's host.
    """

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        host = parts.hostname or ""
        written = f"[{host}]" if ":" in host else host
        default = DEFAULT_PORTS[parts.scheme]
        port = parts.port or default
        names = [f"{written}:{port}", *([written] if port == default else [])]
        self._names = frozenset(name.encode() for name in names)
        self._on_loopback = is_loopback(host)
        self._by_name = host == "localhost"
        numbers = ("127.0.0.1", "[::1]")
        self._by_number = frozenset(
            name.encode() for number in numbers for name in (f"{number}:{port}", *([number] if port == default else []))
        )

    def leads_from(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a browser came by the number of this machine where it is to come by `localhost`.

        No browser binds a passkey to a number (WebAuthn Level 3 section 5.1.3).
        """
        if not self._by_name:
            return False
        named = dict(headers)
        return b"text/html" in named.get(b"accept", b"") and named.get(b"host", b"").lower() in self._by_number

    def fits(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Tell whether a request names us, once: without a Host or with two it is malformed (RFC 9112 section 3.2)."""
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            return False
        host = hosts[0]
        return host in self._names or host.lower() in self._names or (self._on_loopback and names_loopback(host))
