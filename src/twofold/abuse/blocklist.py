"""Networks that an operator has blocked: pure rules."""

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.kit.network import Network, plain_address

# The shortest prefixes: with a shorter one, a typing error would block a country.
WIDEST = {4: 8, 6: 16}
_EVERY_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))


class Block(NamedTuple):
    """A network that is blocked, until a moment or (None) until somebody lifts it."""

    id: UUID
    network: str
    reason: str
    blocked_at: datetime
    until: datetime | None


class WrongNetwork(NamedTuple):
    """What was named cannot be blocked, and why."""

    why: str


class Blocklist:
    """The networks in force; most of the time there is none, and then a look costs nothing."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Take networks in CIDR form.

        Raises:
            ValueError: one of them is no network, or has bits set behind its prefix.

        """
        parsed = [ipaddress.ip_network(network) for network in networks]
        # By version and length of the prefix: a look is one probe for each length that occurs, however long the list.
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        for network in parsed:
            shift = network.max_prefixlen - network.prefixlen
            self._prefixes.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)

    def __bool__(self) -> bool:
        """Tell whether anything is blocked at all."""
        return bool(self._prefixes)

    def blocks(self, address: str) -> bool:
        """Tell whether an address lies in a blocked network; what is no address is not blocked."""
        parsed = plain_address(address)
        if parsed is None:
            return False
        number = int(parsed)
        return any(
            number >> shift in prefixes
            for (version, shift), prefixes in self._prefixes.items()
            if version == parsed.version
        )


def network_to_block(text: str, trusted_proxies: Sequence[Network]) -> str | WrongNetwork:
    """Return an address or a network, as somebody typed it, in CIDR form; what would block everybody is refused."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return WrongNetwork("Write an address or a network, such as 198.51.100.7 or 198.51.100.0/24.")
    if network.prefixlen < WIDEST[network.version]:
        return WrongNetwork(f"{network} is too wide: /{WIDEST[network.version]} is the widest that can be blocked.")
    if any(_overlap(network, loopback) for loopback in _EVERY_LOOPBACK):
        return WrongNetwork(f"{network} is this machine itself: blocking it could shut out everybody.")
    if any(_overlap(network, proxy) for proxy in trusted_proxies):
        return WrongNetwork(f"{network} holds one of TWOFOLD_TRUSTED_PROXIES: blocking it would shut out everybody.")
    return str(network)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)
