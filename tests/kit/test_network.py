"""An address counts as part of its network: whoever has one address commonly has its neighbours too."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.network import UNKNOWN, network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("192.0.2.255", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/56"),
        ("2001:db8:1:ff::7", "2001:db8:1::/56"),
        ("2001:db8:1:100::7", "2001:db8:1:100::/56"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", UNKNOWN),
        ("unknown", UNKNOWN),
        ("192.0.2.7:4711", UNKNOWN),
    ],
)
def test_an_address_has_one_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.ip_addresses())
def test_every_address_lies_in_its_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    network = ipaddress.ip_network(network_of(str(address)))
    plain = getattr(address, "ipv4_mapped", None) or address
    assert plain in network


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert network_of(text)
