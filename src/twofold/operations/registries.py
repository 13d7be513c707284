"""What must be complete before anything is served: words for every event, a composer and templates for every letter."""

from collections.abc import Iterator
from importlib.resources import files

from twofold.events import registry
from twofold.events.notices import Notice
from twofold.operations import jobs
from twofold.support import audit_words


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
    kinds, words = registry.all_kinds().keys(), audit_words.kinds().keys()
    yield from (f"the event {kind} has no words in support/audit_words.py" for kind in sorted(kinds - words))
    yield from (f"support/audit_words.py has words for {kind}, which is no event" for kind in sorted(words - kinds))


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
