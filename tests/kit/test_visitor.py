from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.visitor import browser_name, client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        # nobody is trusted: the header is only what a stranger says
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
        ("203.0.113.9", "10.0.0.1", "203.0.113.9"),
        # behind a proxy of ours
        ("10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "2001:db8::7", "2001:db8::7"),
        ("2001:db8:ffff::1", "192.0.2.1", "192.0.2.1"),
        # what stands left of the first stranger was written by that stranger
        ("10.0.0.1", "198.51.100.1, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "127.0.0.1, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "10.0.0.99, 192.0.2.1", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.1,192.0.2.1,10.0.0.2", "192.0.2.1"),
        ("10.0.0.1", " 198.51.100.1 ,, 192.0.2.1 , ", "192.0.2.1"),
        # our proxies alone
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        # no address at all
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, unknown", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1, <script>", "10.0.0.1"),
        ("10.0.0.1", "192.0.2.1:4711", "10.0.0.1"),
        ("10.0.0.1", '"192.0.2.1"', "10.0.0.1"),
        ("", "192.0.2.1", ""),
    ],
)
def test_the_address_is_the_nearest_hop_that_is_no_proxy_of_ours(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@given(st.text(max_size=200))
def test_without_trusted_proxies_no_header_changes_the_address(forwarded: str) -> None:
    assert client_address("203.0.113.9", forwarded, ()) == "203.0.113.9"


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=5), st.ip_addresses(network="192.0.2.0/24"))
def test_a_client_cannot_choose_the_address_that_our_proxy_saw(claimed: list[str], real: object) -> None:
    assert client_address("10.0.0.1", ", ".join([*claimed, str(real)]), PROXIES) == str(real)


def test_a_browsers_name_is_short_and_can_be_printed() -> None:
    assert browser_name({}) == ""
    assert browser_name({"user-agent": "Firefox/140 \x1b[31m\n\u202ered"}) == "Firefox/140 [31mred"
    assert len(browser_name({"user-agent": "a" * 5000})) == 200
