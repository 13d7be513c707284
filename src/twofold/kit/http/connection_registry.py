"""The connections of a process: how many, of which networks, and which is closed when there are too many."""

from collections import Counter, OrderedDict
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

import structlog

from twofold.kit import clock, metrics
from twofold.kit.network import network_of, plain_address

QUIET = 60.0  # seconds between two warnings of one kind

log = structlog.get_logger("twofold.connections")


class Refusal(StrEnum):
    """Why a connection was refused or ended, as metrics and the log name it."""

    CONNECTIONS = "connections"
    NETWORK_CONNECTIONS = "network_connections"
    MADE_ROOM = "made_room"
    HEADER_BYTES = "header_bytes"
    HEADERS = "headers"
    HEADER_SECONDS = "header_seconds"
    PIPELINED = "pipelined"
    BODY_BYTES = "body_bytes"
    BODY_SECONDS = "body_seconds"
    ANSWER_SECONDS = "answer_seconds"


class Member(Protocol):
    """A connection, as far as it matters here."""

    def abort(self) -> None:
        """End at once."""


class ConnectionRegistry:
    """All connections, and those of each network; a proxy speaks for everybody, and counts in no network.

    Where there are too many, the one that has been idle longest is closed: so silent ones keep nobody out. When all of
    them are serving a request, the new one is refused.
    """

    def __init__(self, most: int, most_of_a_network: int, proxies: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self.all: dict[Member, str] = {}  # with the network that each counts in, if any
        self._most = most
        self._most_of_a_network = most_of_a_network
        self._proxies = proxies
        self._waiting: OrderedDict[Member, None] = OrderedDict()  # longest first, as below
        self._networks: dict[str, _Network] = {}
        self._warned: dict[Refusal, float] = {}
        self._since: Counter[Refusal] = Counter()

    def is_proxy(self, peer: object) -> bool:
        """Tell whether a peer, as a socket names it, speaks for others; what has no address is of this machine."""
        if not isinstance(peer, tuple):
            return True
        address = plain_address(str(peer[0]))
        return address is not None and any(address in network for network in self._proxies)

    def enter(self, member: Member, peer: object) -> Refusal | None:
        """Admit a connection, or return why not; `peer` is the address as a socket gives it."""
        name = "" if self.is_proxy(peer) or not isinstance(peer, tuple) else network_of(str(peer[0]))
        network = self._networks.setdefault(name, _Network()) if name else None
        if network is not None and network.size >= self._most_of_a_network and not self._make_room(network.waiting):
            return self.count(Refusal.NETWORK_CONNECTIONS, member, name)
        if len(self.all) >= self._most and not self._make_room(self._waiting):
            if network is not None and not network.size:
                del self._networks[name]
            return self.count(Refusal.CONNECTIONS, member, name)
        self.all[member] = name
        metrics.connections.inc()
        if name:
            self._networks.setdefault(name, _Network()).size += 1
        return None

    def leave(self, member: Member) -> None:
        """Forget a connection; harmless when it is forgotten already."""
        name = self.all.pop(member, None)
        if name is None:
            return
        metrics.connections.dec()
        self._waiting.pop(member, None)
        if name:
            network = self._networks[name]
            network.size -= 1
            network.waiting.pop(member, None)
            if not network.size:
                del self._networks[name]

    def waits(self, member: Member) -> None:
        """Note that a connection is idle from now on."""
        name = self.all.get(member)
        if name is None:
            return
        for line in (self._waiting, self._networks[name].waiting) if name else (self._waiting,):
            line[member] = None
            line.move_to_end(member)

    def works(self, member: Member) -> None:
        """Note that a connection is idle no longer."""
        self._waiting.pop(member, None)
        if name := self.all.get(member):
            self._networks[name].waiting.pop(member, None)

    def count(self, reason: Refusal, member: Member, network: str = "") -> Refusal:
        """Count a refusal, and warn of it once in a while: whoever floods us must not fill the disk."""
        metrics.connections_refused.labels(reason.value).inc()
        self._since[reason] += 1
        at = clock.stopwatch()
        if at - self._warned.get(reason, -QUIET) >= QUIET:
            self._warned[reason] = at
            whose = network or self.all.get(member) or "a proxy"
            log.warning("connection refused", reason=reason.value, network=whose, times=self._since.pop(reason))
        return reason

    def _make_room(self, waiting: "OrderedDict[Member, None]") -> bool:
        if not waiting:
            return False
        longest = next(iter(waiting))
        self.count(Refusal.MADE_ROOM, longest)
        self.leave(longest)
        longest.abort()
        return True


class _Network:
    """The connections of one network."""

    def __init__(self) -> None:
        self.size = 0
        self.waiting: OrderedDict[Member, None] = OrderedDict()
