"""What an operator looks at under attack: which networks are refused most, and at whom they aim."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa

from twofold.abuse import records
from twofold.abuse.flow import hour_of
from twofold.abuse.refused import AimedAt, LoggedEvent
from twofold.kit.network import network_of
from twofold.kit.sql.database import Database

# Kinds of audit events that count; what belongs to no user is counted by the hour instead (abuse.flow).
COUNTED = frozenset({"sign_in_refused", "second_factor_wrong", "mailed_code_wrong", "password_link_asked"})

BATCH = 2_000  # events a query
MOST_EVENTS = 200_000  # of a look: some 20 MB, and about two seconds
CLOCKS = timedelta(minutes=5)  # events of several nodes are numbered as they are committed, not as they happen
SHOWN = 20  # networks, and users


class NetworkReport(NamedTuple):
    """A network, how often it was refused in all and by kind, and how many different users it aimed at."""

    network: str
    refused: int
    kinds: dict[str, int]
    users: int


class UserReport(NamedTuple):
    """A user who is aimed at, and from how many networks."""

    user_id: UUID
    account_id: UUID
    email: str
    refused: int
    networks: int


class Report(NamedTuple):
    """What was refused since a moment; `complete` is False where the log held more than is looked at."""

    since: datetime
    complete: bool
    kinds: dict[str, int]
    networks: list[NetworkReport]
    users: list[UserReport]


def report(db: Database, at: datetime, span: timedelta) -> Report:
    """Report what was refused in the `span` before a moment; counts by the hour begin with a full hour.

    It reads at most 200,000 events of the log, some two seconds; the longest lists have 20 entries.
    """
    since, tally = at - span, _Tally()
    with db.read() as connection:
        for network, kind, refused in records.counts_since(connection, hour_of(since)):
            tally.by_network[network][kind] += refused
        complete = _read_log(connection, since, tally)
        users_aimed_at = records.users_aimed_at(connection, tally.most_aimed_at())
    kinds: Counter[str] = sum(tally.by_network.values(), Counter())
    return Report(since, complete, dict(sorted(kinds.items())), tally.networks(), tally.users(users_aimed_at))


class _Tally:
    """Adds up what was refused, by network and by user."""

    def __init__(self) -> None:
        self.by_network: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._users_of: defaultdict[str, set[UUID]] = defaultdict(set)
        self._by_user: Counter[UUID] = Counter()
        self._networks_of: defaultdict[UUID, set[str]] = defaultdict(set)

    def add(self, event: LoggedEvent) -> None:
        network = network_of(event.address)
        self.by_network[network][event.kind] += 1
        if event.subject_id is not None:
            self._users_of[network].add(event.subject_id)
            self._by_user[event.subject_id] += 1
            self._networks_of[event.subject_id].add(network)

    def most_aimed_at(self) -> list[UUID]:
        return [user_id for user_id, _refused in self._by_user.most_common(SHOWN)]

    def networks(self) -> list[NetworkReport]:
        found = [
            NetworkReport(network, counts.total(), dict(sorted(counts.items())), len(self._users_of[network]))
            for network, counts in self.by_network.items()
        ]
        return sorted(found, key=lambda one: (-one.refused, one.network))[:SHOWN]

    def users(self, aimed_at: list[AimedAt]) -> list[UserReport]:
        found = [
            UserReport(user_id, account_id, email, self._by_user[user_id], len(self._networks_of[user_id]))
            for user_id, account_id, email in aimed_at
        ]
        return sorted(found, key=lambda one: (-one.refused, one.email))


def _read_log(connection: sa.Connection, since: datetime, tally: _Tally) -> bool:
    """Read the log from its end as far back as the moment lies; False where that was further than is bearable."""
    before: int | None = None
    for _ in range(MOST_EVENTS // BATCH):
        batch = records.newest_events(connection, before, BATCH)
        for event in batch:
            if event.at >= since and event.kind in COUNTED:
                tally.add(event)
        if len(batch) < BATCH or batch[-1].at < since - CLOCKS:
            return True
        before = batch[-1].number
    return False
