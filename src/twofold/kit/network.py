"""Which network an address belongs to, for whatever counts by network."""

import ipaddress
from typing import TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# What one subscriber commonly has: whoever owns one address of it can use all of them.
IPV4_PREFIX = 24
IPV6_PREFIX = 56

UNKNOWN = "unknown"


def network_of(address: str) -> str:
    """Return the network of an address in CIDR form: IPv4 /24, IPv6 /56; what is no address is `unknown`.

    An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) counts as the IPv4 address.
    """
    parsed = plain_address(address)
    if parsed is None:
        return UNKNOWN
    prefix = IPV4_PREFIX if parsed.version == 4 else IPV6_PREFIX  # noqa: PLR2004 - the version of IP
    return str(ipaddress.ip_network((parsed, prefix), strict=False))


def plain_address(text: str) -> Address | None:
    """Read an address; None where it is none. IPv4 written as IPv6 is IPv4, and a zone (`fe80::1%eth0`) is dropped."""
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed
