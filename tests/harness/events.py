"""Events for tests that look at the log rather than at what happened: of any kind, with whatever facts."""

from typing import Any

import msgspec

from twofold.events.event import Changes, Event


def recorded(kind: str, details: dict[str, Any] | None = None) -> Event:
    """Make an event of a kind by its name, with facts that the kind need not have."""
    made: Any = msgspec.defstruct("Recorded", [], bases=(Changes,), namespace={"kind": kind}, frozen=True)
    event: Event = made(details or {})
    return event
