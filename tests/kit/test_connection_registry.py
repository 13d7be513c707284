"""Who is let in among the connections of a process, and who makes room."""

from ipaddress import ip_network

import pytest

from twofold.kit.http.connection_registry import ConnectionRegistry, Refusal

PROXY = ("10.0.0.5", 40_000)


class Somebody:
    """A connection that remembers whether it was ended."""

    def __init__(self) -> None:
        self.was_ended = False

    def abort(self) -> None:
        self.was_ended = True


def registry(most: int = 4, of_a_network: int = 2) -> ConnectionRegistry:
    return ConnectionRegistry(most, of_a_network, (ip_network("10.0.0.5/32"), ip_network("2001:db8::5/128")))


def enter(registry: ConnectionRegistry, address: str, *, works: bool = False) -> tuple[Somebody, Refusal | None]:
    somebody = Somebody()
    refused = registry.enter(somebody, (address, 40_000))
    if refused is None:
        registry.waits(somebody)
        if works:
            registry.works(somebody)
    return somebody, refused


def test_in_a_network_that_is_full_the_one_that_waits_longest_makes_room() -> None:
    few = registry()
    first, _ = enter(few, "192.0.2.1")
    second, _ = enter(few, "192.0.2.2")
    few.works(first)
    few.waits(first)  # it was answered, and waits again: now less long than the second
    third, refused = enter(few, "192.0.2.3")
    assert refused is None
    assert (first.was_ended, second.was_ended, third.was_ended) == (False, True, False)


def test_where_all_work_the_newcomer_is_refused() -> None:
    few = registry()
    both = [enter(few, "192.0.2.1", works=True)[0] for _ in range(2)]
    assert enter(few, "192.0.2.1")[1] is Refusal.NETWORK_CONNECTIONS
    both += [enter(few, "198.51.100.1", works=True)[0] for _ in range(2)]
    assert enter(few, "203.0.113.1")[1] is Refusal.CONNECTIONS
    assert not any(one.was_ended for one in both)
    few.leave(both[0])
    assert enter(few, "192.0.2.1")[1] is None


def test_one_network_takes_no_room_from_another_before_all_is_full() -> None:
    few = registry()
    other, _ = enter(few, "198.51.100.1")
    for _ in range(10):
        enter(few, "192.0.2.1")
    assert not other.was_ended
    assert len(few.all) == 3


@pytest.mark.parametrize("peer", [PROXY, ("::ffff:10.0.0.5", 1, 0, 0), ("2001:db8::5", 1, 0, 0), "", None])
def test_a_proxy_and_what_has_no_address_count_in_no_network(peer: object) -> None:
    few = registry()
    assert [few.enter(Somebody(), peer) for _ in range(4)] == [None] * 4
    assert few.is_proxy(peer)


@pytest.mark.parametrize("address", ["10.0.0.6", "::ffff:10.0.0.6", "2001:db8::6", "fe80::1%eth0"])
def test_everybody_else_does(address: str) -> None:
    few = registry()
    for _ in range(3):
        enter(few, address, works=True)
    assert len(few.all) == 2


def test_whoever_leaves_twice_is_counted_once() -> None:
    few = registry()
    first, _ = enter(few, "192.0.2.1")
    enter(few, "192.0.2.1", works=True)
    few.leave(first)
    few.leave(first)
    few.waits(first)
    assert enter(few, "192.0.2.1", works=True)[1] is None
    assert enter(few, "192.0.2.1")[1] is Refusal.NETWORK_CONNECTIONS
