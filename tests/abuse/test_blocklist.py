"""Which addresses a block list shuts out, and which networks cannot be put on it."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.abuse.blocklist import Blocklist, WrongNetwork, network_to_block

PROXIES = (ipaddress.ip_network("10.0.0.5/32"), ipaddress.ip_network("2001:db8:ff::/64"))


def test_an_empty_list_blocks_nobody() -> None:
    assert not Blocklist()
    assert not Blocklist().blocks("192.0.2.1")


@pytest.mark.parametrize(
    ("address", "blocked"),
    [
        ("198.51.100.7", True),
        ("198.51.101.7", False),
        ("203.0.113.9", True),
        ("203.0.113.10", False),
        ("2001:db8:1:2::7", True),
        ("2001:db8:2::7", False),
        ("::ffff:198.51.100.7", True),
        ("", False),
        ("unknown", False),
        ("198.51.100.7:4711", False),
    ],
)
def test_whoever_lies_in_a_blocked_network_is_blocked(address: str, blocked: bool) -> None:  # noqa: FBT001
    listed = Blocklist(["198.51.100.0/24", "203.0.113.9/32", "2001:db8:1::/48"])
    assert listed
    assert listed.blocks(address) is blocked


@given(st.lists(st.ip_addresses(), max_size=5), st.ip_addresses(), st.integers(8, 32))
def test_the_list_agrees_with_a_look_at_each_network(
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
    asked: ipaddress.IPv4Address | ipaddress.IPv6Address,
    prefix: int,
) -> None:
    networks = [ipaddress.ip_network((address, prefix), strict=False) for address in addresses]
    plain = getattr(asked, "ipv4_mapped", None) or asked
    expected = any(plain in network for network in networks if network.version == plain.version)
    assert Blocklist(map(str, networks)).blocks(str(asked)) is expected


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        ("198.51.100.7", "198.51.100.7/32"),
        (" 198.51.100.7/24 ", "198.51.100.0/24"),
        ("2001:db8::7/56", "2001:db8::/56"),
        ("10.0.0.0/29", None),
        ("2001:db8:ff::1", None),
        ("127.0.0.1", None),
        ("::1", None),
        ("0.0.0.0/0", None),
        ("198.0.0.0/7", None),
        ("::/0", None),
        ("evil.example", None),
        ("", None),
    ],
)
def test_a_network_that_would_shut_out_everybody_is_refused(typed: str, network: str | None) -> None:
    outcome = network_to_block(typed, PROXIES)
    assert isinstance(outcome, WrongNetwork) if network is None else outcome == network
