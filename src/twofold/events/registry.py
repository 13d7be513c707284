"""Every kind of event, by its name."""

from importlib import import_module
from pkgutil import iter_modules

from twofold.events.event import Event

PACKAGE = "twofold.events"


def all_kinds() -> dict[str, type[Event]]:
    """Return every kind of event by its name: those of all modules of this package.

    Raises:
        ValueError: two kinds have one name.

    """
    found = dict[str, type[Event]]()
    for module in iter_modules(import_module(PACKAGE).__path__, f"{PACKAGE}."):
        for value in vars(import_module(module.name)).values():
            is_kind = isinstance(value, type) and issubclass(value, Event) and "kind" in vars(value)
            if is_kind and found.setdefault(value.kind, value) is not value:
                raise ValueError(f"two kinds of events are called {value.kind}")
    return found
