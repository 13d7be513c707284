"""Every kind of event, by its name."""

from twofold.events import directory_kinds, kinds, reset_kinds
from twofold.events.event import Event

_MODULES = (kinds, directory_kinds, reset_kinds)


def all_kinds() -> dict[str, type[Event]]:
    """Return every kind of event by its name.

    Raises:
        ValueError: two kinds have one name.

    """
    found = dict[str, type[Event]]()
    for module in _MODULES:
        for value in vars(module).values():
            is_kind = isinstance(value, type) and issubclass(value, Event) and "kind" in vars(value)
            if is_kind and found.setdefault(value.kind, value) is not value:
                raise ValueError(f"two kinds of events are called {value.kind}")
    return found
