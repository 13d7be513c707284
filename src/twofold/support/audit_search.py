"""What part of an audit log somebody wants to see, and where its next page begins."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from twofold.audit.chain import Event
from twofold.directory.user import NamedUser


class Filters(NamedTuple):
    """What to narrow the log to: whom it is about or who acted, the kind, `since` inclusive, `until` exclusive."""

    user_id: UUID | None = None
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def any(self) -> bool:
        """Whether anything is left out."""
        return self != Filters()

    def as_json(self) -> dict[str, str]:
        """Return what was asked for, for the first line of a filtered export and for the log itself."""
        said = {
            "user": None if self.user_id is None else str(self.user_id),
            "kind": self.kind or None,
            "from": None if self.since is None else self.since.isoformat(),
            "to": None if self.until is None else self.until.isoformat(),
        }
        return {name: value for name, value in said.items() if value is not None}


class EventCursor(NamedTuple):
    """The event behind which a page begins; `forwards` in time, as exports are read, else back from the newest."""

    at: datetime
    number: int
    forwards: bool = False


class Found(NamedTuple):
    """An event of the log with the users it names; one that is gone, or never was a user, is None."""

    number: int
    account_id: UUID | None
    position: int | None
    hash: bytes | None
    event: Event
    actor: NamedUser | None
    subject: NamedUser | None

    @property
    def cursor(self) -> EventCursor:
        """Where the next page goes on, back in time."""
        return EventCursor(self.event.at, self.number)


class Page(NamedTuple):
    """A page of a log, the newest event first, with the cursors of the pages after and before it."""

    events: list[Found]
    older: EventCursor | None
    newer: EventCursor | None
