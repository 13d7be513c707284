from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.kit.client_info import Proxies, address_of, browser_in_words, browser_name, client_address

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
        # a zone may hold any text
        ("10.0.0.1", "fe80::1%call 555 now", "10.0.0.1"),
        # a socket for both kinds names those of IPv4 so
        ("::ffff:10.0.0.1", "192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.1", "::ffff:192.0.2.1, ::ffff:10.0.0.2", "::ffff:192.0.2.1"),
        ("::ffff:203.0.113.9", "192.0.2.1", "::ffff:203.0.113.9"),
    ],
)
def test_the_address_is_the_nearest_hop_that_is_no_proxy_of_ours(peer: str, forwarded: str, address: str) -> None:
    assert client_address(peer, forwarded, PROXIES) == address


@pytest.mark.parametrize(
    ("peer", "given_ids", "kept"),
    [
        ("10.0.0.1", ["5f1c-9.A_b"], "5f1c-9.A_b"),
        ("10.0.0.1", ["x" * 64], "x" * 64),
        ("203.0.113.9", ["5f1c"], None),
        ("", ["5f1c"], None),
        ("10.0.0.1", [], None),
        ("10.0.0.1", ["one", "two"], None),
        ("10.0.0.1", [""], None),
        ("10.0.0.1", ["x" * 65], None),
        ("10.0.0.1", ["two words"], None),
        ("10.0.0.1", ["5f1c\n"], None),
        ("10.0.0.1", ['"}{"'], None),
    ],
)
def test_the_id_of_a_request_is_a_trusted_proxys_or_none(peer: str, given_ids: list[str], kept: str | None) -> None:
    """Stops: a stranger who chooses the id by which the log and the audit log know a request."""
    headers = [(b"host", b"x"), *((b"x-request-id", one.encode()) for one in given_ids)]
    assert Proxies(PROXIES).look_at({"client": (peer, 1), "headers": headers}) == (peer, kept)
    assert Proxies(()).look_at({"client": (peer, 1), "headers": headers}) == (peer, None)


def test_what_is_remembered_of_one_client_is_not_said_of_another() -> None:
    proxies = Proxies(PROXIES)

    def address(peer: str, *lines: str) -> str:
        headers = [(b"x-forwarded-for", line.encode()) for line in lines]
        return proxies.look_at({"client": (peer, 1), "headers": headers})[0]

    for _ in range(2):
        assert address("10.0.0.1", "192.0.2.1") == "192.0.2.1"
        assert address("10.0.0.2", "192.0.2.2") == "192.0.2.2"
        assert address("203.0.113.9", "192.0.2.1") == "203.0.113.9"
        assert address("10.0.0.1", "x" * 500, "192.0.2.3") == "192.0.2.3"
        assert address("10.0.0.1") == "10.0.0.1"


@given(st.text(max_size=200))
def test_without_trusted_proxies_no_header_changes_the_address(forwarded: str) -> None:
    assert client_address("203.0.113.9", forwarded, ()) == "203.0.113.9"


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=5), st.ip_addresses(network="192.0.2.0/24"))
def test_a_client_cannot_choose_the_address_that_our_proxy_saw(claimed: list[str], real: object) -> None:
    assert client_address("10.0.0.1", ", ".join([*claimed, str(real)]), PROXIES) == str(real)


def test_every_line_of_the_header_counts_and_no_other_header_does() -> None:
    headers = [
        (b"x-forwarded-for", b"198.51.100.1"), (b"host", b"192.0.2.9"), (b"x-forwarded-for", b"192.0.2.1, 10.0.0.2"),
    ]  # fmt: skip
    assert address_of({"client": ("10.0.0.1", 4711), "headers": headers}, PROXIES) == "192.0.2.1"
    assert address_of({"client": ("203.0.113.9", 4711), "headers": headers}, PROXIES) == "203.0.113.9"


def test_a_request_over_no_network_has_no_address() -> None:
    assert address_of({"client": None, "headers": []}, PROXIES) == ""


def test_a_browsers_name_is_short_and_can_be_printed() -> None:
    assert browser_name({}) == ""
    assert browser_name({"user-agent": "Firefox/140 \x1b[31m\n\u202ered"}) == "Firefox/140 [31mred"
    assert len(browser_name({"user-agent": "a" * 5000})) == 200


MOZILLA = "Mozilla/5.0"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (f"{MOZILLA} (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
        (f"{MOZILLA} (Windows NT 10.0) AppleWebKit/537.36 Chrome/138.0 Safari/537.36 Edg/138.0", "Edge on Windows"),
        (f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1", "Safari on Mac"),
        (f"{MOZILLA} (iPhone; CPU iPhone OS 18_5 like Mac OS X) CriOS/138.0 Mobile Safari/604.1", "Chrome on iPhone"),
        (f"{MOZILLA} (Linux; Android 15) SamsungBrowser/28.0 Chrome/130.0", "Samsung Internet on Android"),
        (f"{MOZILLA} (X11; CrOS x86_64 14541.0.0) Chrome/138.0 Safari/537.36", "Chrome on ChromeOS"),
        # a program alone, a system alone
        ("curl/8.5.0", "curl"),
        (f"{MOZILLA} (X11; Linux x86_64)", "Mozilla"),
        # an unknown program by its own first word, if that is a plain one
        ("Acme-Sync/3.1 (build 7) https://acme.example", "Acme-Sync"),
        ("Thunder bird/3.1", "Thunder"),
        ("Lynx", "Lynx"),
        ("https://evil.example", ""),
        ("www.evil.example/now", ""),
        ("call+4112345 now", ""),
        ("a" * 31, "a" * 31),
        ("a" * 32, ""),
        ("", ""),
    ],
)
def test_a_browser_is_named_in_everyday_words(name: str, said: str) -> None:
    assert browser_in_words(name) == said
