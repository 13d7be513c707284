"""Who is refused, from where, how often: by the hour, so that a flood costs a row an hour and not a row each."""

import threading
from collections.abc import Iterable
from datetime import datetime, timedelta

import sqlalchemy as sa

from twofold.abuse import records
from twofold.kit import metrics
from twofold.kit.network import UNKNOWN, network_of
from twofold.kit.sql.database import Database

KEPT = timedelta(days=30)
UNKNOWN_SIGN_IN, UNKNOWN_LETTER = "unknown_address_sign_in", "unknown_address_letter"  # kinds of refusals
MOST_NETWORKS_AN_HOUR = 2_000  # that have rows of their own, of each process


class _Networks:
    """The networks that have rows in the newest hour, of this process: the rest shares one, under `unknown`.

    Whoever owns a large IPv6 prefix has millions of networks, and would have as many rows.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._hour: datetime | None = None
        self._networks = set[str]()

    def row_of(self, hour: datetime, network: str) -> str:
        with self._mutex:
            if hour != self._hour:
                self._hour, self._networks = hour, set()
            if len(self._networks) < MOST_NETWORKS_AN_HOUR:
                self._networks.add(network)
            return network if network in self._networks else UNKNOWN


_networks = _Networks()


def count_refusal(connection: sa.Connection, kind: str, address: str, at: datetime, *, times: int = 1) -> None:
    """Count a refusal of a kind for the network of an address, in the caller's transaction."""
    hour = hour_of(at)
    records.count(connection, hour, _networks.row_of(hour, network_of(address)), kind, times)
    metrics.refusals.labels(kind).inc(times)


def count_limited(db: Database, limited: Iterable[tuple[str, str, int]], at: datetime) -> None:
    """Count what the limits refused, as (network, kind, times); the kinds are stored as `limited_password`, ….

    In one order, so that two processes that count for the same networks do not deadlock.
    """
    with db.write(durable=False) as connection:
        for network, kind, times in sorted(limited):
            records.count(connection, hour_of(at), _networks.row_of(hour_of(at), network), f"limited_{kind}", times)
            metrics.refusals.labels(f"limited_{kind}").inc(times)


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour that a moment lies in."""
    return at.replace(minute=0, second=0, microsecond=0)


def forget_old(connection: sa.Connection, at: datetime) -> int:
    """Delete counts older than 30 days, and blocks whose time is over; return how many. For the clean-up."""
    return records.forget_before(connection, hour_of(at - KEPT)) + records.forget_blocks_over(connection, at)
