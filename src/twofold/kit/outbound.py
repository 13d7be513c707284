"""Calling a server that somebody else has named: never into our own networks, never for longer than it may.

The address that was checked is the one that is connected to: a name that leads elsewhere the next time leads nowhere.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from urllib.parse import urlencode, urlsplit

from twofold.kit.network import Address, Network, plain_address

OK = 200

# Addresses of IPv6 that lead to one of IPv4, whichever that is (RFC 6052, RFC 3056).
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("2002::/16"))


class NotSent(Exception):
    """A call was not sent, or not answered in time; the message says why, without what was in it."""


def may_be_sent_to(address: Address, allowed: Sequence[Network]) -> bool:
    """Tell whether an address is one of the internet, or of a network that the operator has allowed."""
    if any(address in network for network in allowed):
        return True
    return address.is_global and not address.is_multicast and not any(address in network for network in _TRANSLATED)


def post_form(url: str, fields: Mapping[str, str], *, allowed: Sequence[Network], seconds: float) -> int:
    """Send a form, follow no redirect, and return the status of the answer, within so many seconds from connecting.

    Raises:
        NotSent: the name leads nowhere or into a network that is not allowed, or there was no answer in time.

    """
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    with _called(url, ("POST", urlencode(fields), headers), allowed=allowed, seconds=seconds) as answer:
        return answer.status


def get(url: str, *, allowed: Sequence[Network], seconds: float, most: int) -> bytes:
    """Return what is at an address, of so many bytes at most, likewise.

    Raises:
        NotSent: likewise; or it answered something else than 200, or more.

    """
    with _called(url, ("GET", None, {}), allowed=allowed, seconds=seconds) as answer:
        body = answer.read(most + 1)
        if answer.status != OK:
            raise NotSent(f"answered {answer.status}")
    if len(body) > most:
        raise NotSent(f"answered more than {most} bytes")
    return body


@contextmanager
def _called(
    url: str, call: tuple[str, str | None, Mapping[str, str]], *, allowed: Sequence[Network], seconds: float
) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    method, body, headers = call
    tls, host = parts.scheme == "https", parts.hostname or ""
    address, port = _resolved(host, parts.port or (443 if tls else 80), allowed)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    try:
        plain = socket.create_connection((address, port), timeout=seconds)
        connection.sock = plain
        late = Timer(seconds, _hang_up, (plain,))
        late.daemon = True
        late.start()
        try:
            if tls:
                connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            ours = {"Host": parts.netloc, "Connection": "close", "User-Agent": "Twofold"}
            connection.request(method, target, body, {**headers, **ours})
            yield connection.getresponse()
        finally:
            late.cancel()
    except (OSError, http.client.HTTPException) as error:
        raise NotSent(f"{type(error).__name__}: no answer") from error
    finally:
        connection.close()


def _resolved(host: str, port: int, allowed: Sequence[Network]) -> tuple[str, int]:
    try:
        found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        raise NotSent("the name of the server is not found") from error
    for text in found:
        address = plain_address(text)
        if address is not None and may_be_sent_to(address, allowed):
            return text, port
    raise NotSent("the server is in a network that is not allowed (TWOFOLD_LOGOUT_NETWORKS)")


def _hang_up(plain: socket.socket) -> None:
    """End a connection that takes too long, whatever it waits for: the thread that does gets an error."""
    try:
        socket.socket.shutdown(plain, socket.SHUT_RDWR)
    except OSError:
        return
