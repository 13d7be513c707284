"""Rate limits of anonymous requests: so many a second from a network, and bursts.

Each process keeps its own numbers in memory. There are as many as MOST_NETWORKS says, wherever requests come from:
the network that was quiet longest is forgotten first, and then may burst anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from throttled import MemoryStore, RateLimiterType, Throttled, per_sec

from twofold.kit.network import UNKNOWN, Network, plain_address

MOST_NETWORKS = 10_000  # for each kind of request: some 3 MiB
MOST_COUNTED = 200  # networks of refusals, each with a kind, between two times that they are written down


class Kind(StrEnum):
    """What an anonymous request costs us: a hash, a letter, or neither."""

    PASSWORD = "password"  # noqa: S105 - a kind of request
    MAIL = "mail"
    OTHER = "other"


class Budget(NamedTuple):
    """A rate limit (generic cell rate algorithm): requests a second, and how many at once after a pause."""

    a_second: int
    burst: int


# An office of 2,000 behind one address, on a Monday: within the half hour they all sign in, most from browsers that we
# know and that have a budget of their own. At the stroke of nine 300 come at once. Ten a second is less than a tenth
# of what two cores hash, so it takes more than ten networks to fill a node. One in a hundred has forgotten the
# password: that is one letter in a minute and a half. Signing in takes some ten requests of the last kind.
PASSWORDS = Budget(10, 300)
BUDGETS = {Kind.MAIL: Budget(1, 20), Kind.OTHER: Budget(100, 1_000)}
BURST_OF_PASSWORDS = 30  # seconds of its rate

# A browser or program that has signed somebody in before: a person mistypes, and a script tries again.
OF_KNOWN_CLIENT = Budget(1, 20)


class Limits:
    """The budgets of one process."""

    def __init__(self, passwords_a_second: int = PASSWORDS.a_second) -> None:
        passwords = Budget(passwords_a_second, BURST_OF_PASSWORDS * passwords_a_second)
        budgets: Mapping[Kind, Budget] = {Kind.PASSWORD: passwords, **BUDGETS}
        self._of_networks = {kind: _throttled(budget) for kind, budget in budgets.items()}
        self._of_clients = _throttled(OF_KNOWN_CLIENT)

    def charge(self, kind: Kind, network: str) -> float:
        """Charge a request to a network; return 0 where it may go on, else the seconds until the next one may."""
        return _charge(self._of_networks[kind], network)

    def charge_known_client(self, client: str) -> float:
        """Charge a password try to a client that we know, by a digest of its token; return the same."""
        return _charge(self._of_clients, client)


class Counts:
    """How many requests were refused, by network and kind, since that was stored last.

    They become rows, so there is an end to them: what came from further networks counts as from an unknown one.
    """

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Kind]] = Counter()

    def add(self, network: str, kind: Kind, times: int = 1) -> None:
        """Count refusals."""
        known = (network, kind) in self._counts or len(self._counts) < MOST_COUNTED
        self._counts[network if known else UNKNOWN, kind] += times

    def take(self) -> Mapping[tuple[str, Kind], int]:
        """Return what there is, and begin anew."""
        taken, self._counts = self._counts, Counter()
        return taken

    def put_back(self, counts: Mapping[tuple[str, Kind], int]) -> None:
        """Count what could not be written down."""
        for (network, kind), times in counts.items():
            self.add(network, kind, times)


def is_limited_address(address: str, unlimited: Sequence[Network]) -> bool:
    """Tell whether the network of an address is limited.

    What speaks from this machine is not: a proxy that was not named as trusted would speak for everybody, and programs
    on this machine are trusted.
    """
    parsed = plain_address(address)
    if parsed is None:  # a socket of this machine has no address
        return False
    return not parsed.is_loopback and not any(parsed in network for network in unlimited)


def _throttled(budget: Budget) -> Throttled:
    return Throttled(
        using=RateLimiterType.GCRA.value,
        quota=per_sec(budget.a_second, burst=budget.burst),
        store=MemoryStore(options={"MAX_SIZE": MOST_NETWORKS}),
    )


def _charge(throttled: Throttled, key: str) -> float:
    result = throttled.limit(key)
    return result.state.retry_after if result.limited else 0.0
