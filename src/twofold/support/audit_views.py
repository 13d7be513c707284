"""Audit events as pages show them, and the filters that stand in a page's address."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from twofold.admin.dates import parse_moment
from twofold.kit import cursors
from twofold.kit.client_info import browser_in_words
from twofold.kit.http.render import reader_of
from twofold.kit.http.requests import AnyRequest, row_id
from twofold.kit.moments import Reader, dated, zone_name
from twofold.kit.sql.database import Database
from twofold.kit.time_zones import day_of
from twofold.kit.words import gettext as _
from twofold.support import audit_flow, audit_words
from twofold.support.audit_search import EventCursor, Filters, Found

LONGEST = 254  # characters
NOBODY = UUID(int=0)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+]00:00)")
DAY = timedelta(days=1)


class LogQuery(NamedTuple):
    """What an audit page is narrowed to: as it was typed, as it was understood, and what of it makes no sense."""

    typed: dict[str, str]
    filters: Filters
    errors: dict[str, str]

    def address(self, path: str, cursor: EventCursor | None = None) -> str:
        """Return a path with what was typed, and a place to go on from."""
        said = {**self.typed, "cursor": "" if cursor is None else cursors.write(cursor)}
        query = urlencode({name: value for name, value in said.items() if value})
        return f"{path}?{query}" if query else path


def log_query(request: AnyRequest, db: Database, account_id: UUID) -> LogQuery:
    """Read the filters of an audit page: `person` is an address or an id; `from` and `to` are days, both included."""
    query = request.query_params
    typed = {name: str(query.get(name, "")).strip()[:LONGEST] for name in ("person", "kind", "from", "to")}
    zone = reader_of(request).zone  # as the page tells times
    since, until = (parse_moment(typed[name], zone) for name in ("from", "to"))
    errors = {
        name: _("Enter the date like 2027-03-05, or leave it empty.")
        for name, moment in (("from", since), ("to", until))
        if typed[name] and moment is None
    }
    filters = Filters(_user(db, account_id, typed), typed["kind"], since, _end_of(until, typed["to"]))
    return LogQuery(typed, filters, errors)


class Day(NamedTuple):
    """What happened on a day of the reader's zone; a day on which the clocks change is told in two parts."""

    day: date
    zone: str
    events: list[dict[str, Any]]


def days_of(found: Iterable[Found], reader: Reader) -> list[Day]:
    """Gather events, as they follow each other, by the days of their reader."""

    def day(one: Found) -> tuple[date, str]:
        return day_of(one.event.at, reader.zone), zone_name(one.event.at, reader)

    return [Day(*named, [_event_view(one, reader) for one in of_day]) for named, of_day in groupby(found, day)]


def _event_view(found: Found, reader: Reader) -> dict[str, Any]:
    """Return what a page shows of an event; moments that it names are told as the page tells them."""
    event = found.event
    return {
        "at": event.at,
        "words": MOMENT.sub(lambda at: dated(datetime.fromisoformat(at[0]), reader), audit_words.sentence(found)),
        "reason": event.reason,
        "result": audit_words.result(event.result),
        "address": event.address,
        "browser": browser_in_words(event.browser),
        "kind": event.kind,
    }


def _user(db: Database, account_id: UUID, typed: dict[str, str]) -> UUID | None:
    """Find whom the filter means. Somebody unknown has no events; an id is shown as the address it belongs to."""
    if not typed["person"]:
        return None
    user_id = row_id(typed["person"])
    if user_id is None:
        return audit_flow.find_user_named(db, account_id, typed["person"]) or NOBODY
    typed["person"] = audit_flow.address_of(db, account_id, user_id) or typed["person"]
    return user_id


def _end_of(until: datetime | None, typed: str) -> datetime | None:
    """A day is included to its end; a moment is the end itself."""
    if until is None:
        return None
    try:
        return until + DAY if "T" not in typed else until
    except OverflowError:
        return None
