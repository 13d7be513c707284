"""What must be complete before anything is served: words for every event, a composer and templates for every letter."""

from collections.abc import Iterator
from importlib.resources import files

from twofold.events import registry
from twofold.events.event import Event
from twofold.events.kinds import Operation
from twofold.events.notices import Notice
from twofold.operations import jobs
from twofold.support import audit_facts, audit_words


class IncompleteRegistry(Exception):
    """A kind of event or letter was added, and something that belongs to it was not; the message names both."""


def check() -> None:
    """Check that each kind has what belongs to it; `make check` and every start of a server do.

    Raises:
        IncompleteRegistry: something is missing, or belongs to a kind that there is not.

    """
    missing = [*_events(), *_letters()]
    if missing:
        raise IncompleteRegistry("; ".join(missing))


def _events() -> Iterator[str]:
    events = registry.all_kinds()
    kinds, words = events.keys(), audit_words.kinds().keys()
    yield from (f"the event {kind} has no words in support/audit_words.py" for kind in sorted(kinds - words))
    yield from (f"support/audit_words.py has words for {kind}, which is no event" for kind in sorted(words - kinds))
    yield from (
        f"the event {kind} has facts that support/audit_facts.py neither says nor names in SAID_WITHOUT"
        for kind, event in sorted(events.items())
        if _has_facts(event) and kind not in {*audit_facts.MORE, *audit_facts.SAID_WITHOUT}
    )
    yield from (
        f"the operation {operation} has no words in support/audit_facts.py"
        for operation in sorted(set(Operation) - audit_facts.operations().keys())
    )


def _has_facts(event: type[Event]) -> bool:
    """Tell whether an event has facts; the case of a reset is none, for its pages tell of it."""
    return bool(set(event.__struct_fields__) - {"case"})


def _letters() -> Iterator[str]:
    notices, composers = {notice.value for notice in Notice}, {str(kind) for kind in jobs.COMPOSERS}
    folder = files("twofold").joinpath("templates/mail")
    templates = {kind.name for kind in folder.iterdir() if kind.is_dir()}
    yield from (
        f"the letter {kind} has no composer in a letters.py that operations/jobs.py gathers"
        for kind in sorted(notices - composers)
    )
    yield from (f"the letter {kind} has no folder in templates/mail" for kind in sorted(notices - templates))
    yield from (f"templates/mail has {kind}, which is no letter" for kind in sorted(templates - notices))
