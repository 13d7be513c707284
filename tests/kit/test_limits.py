"""The budgets of networks: what they let through, and that they stay small whatever strangers send from."""

import tracemalloc
from collections.abc import Callable
from ipaddress import ip_network

import pytest
import throttled.utils

from twofold.kit.client_info import address_of
from twofold.kit.http import limits
from twofold.kit.http.limits import (
    BUDGETS,
    MOST_COUNTED,
    MOST_NETWORKS,
    Counts,
    Kind,
    Limits,
    is_limited_address,
)
from twofold.kit.network import UNKNOWN

OFFICE = "192.0.2.0/24"
PROXY = [ip_network("10.0.0.1/32")]


@pytest.fixture
def forward(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Hold the stopwatch; what is returned lets it go on by so many seconds."""
    at = [1_000.0]
    monkeypatch.setattr(throttled.utils, "now_mono_f", lambda: at[0])

    def go_on(seconds: float) -> None:
        at[0] += seconds

    return go_on


def about(count: int) -> object:
    """Allow one more or less: the library adds tenths of seconds up."""
    return pytest.approx(count, abs=1)


def let_through(budgets: Limits, kind: Kind, tries: int, network: str = OFFICE) -> int:
    return sum(budgets.charge(kind, network) == 0 for _ in range(tries))


def test_a_network_has_its_burst_and_then_its_rate(forward: Callable[[float], None]) -> None:
    budgets = Limits(passwords_a_second=10)
    assert let_through(budgets, Kind.PASSWORD, 400) == about(300)
    forward(1)
    assert let_through(budgets, Kind.PASSWORD, 400) == about(10)
    forward(3600)
    assert let_through(budgets, Kind.PASSWORD, 400) == about(300)


@pytest.mark.parametrize("kind", BUDGETS)
def test_each_kind_has_a_budget_of_its_own(kind: Kind, forward: Callable[[float], None]) -> None:
    budgets = Limits()
    assert let_through(budgets, kind, 2_000) == about(BUDGETS[kind].burst)
    forward(2)
    assert let_through(budgets, kind, 2_000) == about(2 * BUDGETS[kind].a_second)
    assert let_through(budgets, Kind.PASSWORD, 1) == 1


@pytest.mark.usefixtures("forward")
def test_who_is_refused_is_told_how_long() -> None:
    budgets = Limits()
    let_through(budgets, Kind.MAIL, 20)
    assert budgets.charge(Kind.MAIL, OFFICE) == pytest.approx(1)
    assert budgets.charge(Kind.MAIL, "198.51.100.0/24") == 0


def test_a_million_networks_take_no_more_memory_than_ten_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops: a botnet, or whoever owns an IPv6 prefix, that fills the memory of every node."""
    monkeypatch.setattr(limits, "MOST_NETWORKS", 1_000)  # the same code, and a test that ends
    budgets = Limits()
    tracemalloc.start()
    try:
        let_in = [_grown(budgets, thousands) for thousands in (range(2), range(2, 100))]
    finally:
        tracemalloc.stop()
    assert let_in[1] - let_in[0] < 100_000
    assert MOST_NETWORKS * 500 < 8 * 2**20


def _grown(budgets: Limits, thousands: range) -> int:
    for thousand in thousands:
        for n in range(1_000):
            budgets.charge(Kind.PASSWORD, f"2001:db8:{thousand:x}:{n:x}00::/56")
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.usefixtures("forward")
def test_the_network_that_asks_on_is_not_the_one_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_NETWORKS", 100)
    budgets = Limits()
    assert let_through(budgets, Kind.MAIL, 30) == 20
    for n in range(1_000):
        budgets.charge(Kind.MAIL, f"10.0.{n % 256}.0/24" if n % 2 else f"10.{n % 256}.1.0/24")
        if n % 50 == 0:
            assert budgets.charge(Kind.MAIL, OFFICE) > 0


def test_counts_of_refusals_are_few_however_many_networks_there_are() -> None:
    counts = Counts()
    for n in range(10 * MOST_COUNTED):
        counts.add(f"2001:db8:{n:x}::/56", Kind.OTHER)
    taken = counts.take()
    assert len(taken) == MOST_COUNTED + 1
    assert sum(taken.values()) == 10 * MOST_COUNTED
    assert taken[UNKNOWN, Kind.OTHER] == 9 * MOST_COUNTED
    assert not counts.take()
    counts.put_back(taken)
    assert counts.take() == taken


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "", "testclient", "unix:"])
def test_what_speaks_from_this_machine_is_not_limited(address: str) -> None:
    assert not is_limited_address(address, ())


def test_a_network_that_the_operator_names_is_not_limited_and_the_next_one_is() -> None:
    programs = [ip_network("10.1.2.0/24"), ip_network("2001:db8:7::/48")]
    for address, limited in (("10.1.2.9", False), ("::ffff:10.1.2.9", False), ("10.1.3.9", True),
                             ("2001:db8:7:1::5", False), ("2001:db8:8::5", True), ("fe80::1%eth0", True)):  # fmt: skip
        assert is_limited_address(address, programs) is limited


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", ["127.0.0.1"], "192.0.2.7"),
        ("10.0.0.1", ["127.0.0.1, 198.51.100.66"], "198.51.100.66"),
        ("10.0.0.1", ["127.0.0.1", "198.51.100.66"], "198.51.100.66"),
        ("10.0.0.1", [], "10.0.0.1"),
    ],
)
def test_no_header_of_a_stranger_makes_them_speak_from_this_machine(
    peer: str, forwarded: list[str], address: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    assert address_of({"client": (peer, 1), "headers": headers}, PROXY) == address
