"""What part of an audit log somebody wants to see, and where its next page begins."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from twofold.audit.chain import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST_CURSOR = 60


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


class Cursor(NamedTuple):
    """The event behind which a page begins; `forwards` in time, as exports are read, else back from the newest."""

    at: datetime
    number: int
    forwards: bool = False


class Who(NamedTuple):
    """A user whom an event names."""

    id: UUID
    name: str
    email: str
    role: str

    @property
    def words(self) -> str:
        """Name and address, as exports have it."""
        return f"{self.name} <{self.email}>"


class Found(NamedTuple):
    """An event of the log with the users it names; one that is gone, or never was a user, is None."""

    number: int
    account_id: UUID | None
    position: int | None
    hash: bytes | None
    event: Event
    actor: Who | None
    subject: Who | None

    @property
    def cursor(self) -> Cursor:
        """Where the next page goes on, back in time."""
        return Cursor(self.event.at, self.number)


class Page(NamedTuple):
    """A page of a log, the newest event first, with the places after and before it."""

    events: list[Found]
    older: Cursor | None
    newer: Cursor | None


def write(cursor: Cursor) -> str:
    """Write a cursor as text that needs no escaping in an address."""
    return f"{(cursor.at - _EPOCH) // _MICROSECOND}.{cursor.number}{'.f' if cursor.forwards else ''}"


def read(text: str) -> Cursor | None:
    """Read a cursor; None when it is none of ours."""
    moment, _, rest = text.partition(".")
    number, _, direction = rest.partition(".")
    if len(text) > _LONGEST_CURSOR or not all(part.isascii() and part.isdigit() for part in (moment, number)):
        return None
    if direction not in {"", "f"} or int(number) >= 2**63:
        return None
    try:
        return Cursor(_EPOCH + int(moment) * _MICROSECOND, int(number), forwards=direction == "f")
    except OverflowError:
        return None
