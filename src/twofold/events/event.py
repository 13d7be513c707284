"""What can happen: an event is a kind with typed facts, and whoever records it says who acted and whom it is about."""

from typing import Any, ClassVar

import msgspec

from twofold.events.notices import Notice


class Event(msgspec.Struct, frozen=True):
    """Something that happened; every kind of it is a class in a module of this package.

    `kind` is what the log, its pages and programs call it. `notice` is the letter that its user gets, where their own
    act, or a thief's, is to be noticed by them.
    """

    kind: ClassVar[str]
    notice: ClassVar[Notice | None] = None

    @property
    def details(self) -> dict[str, Any]:
        """The facts as they stand in the log."""
        return msgspec.structs.asdict(self)


class Changes(Event, frozen=True):
    """An event whose facts are fields of something that changed, by their names."""

    values: dict[str, Any]

    @property
    def details(self) -> dict[str, Any]:
        """The fields themselves."""
        return self.values
