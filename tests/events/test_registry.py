"""No kind of event or letter is without what belongs to it: neither a server starts nor `make check` passes."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest

from twofold import events
from twofold.events import kinds, registry
from twofold.events.event import Event
from twofold.events.kinds import Operation
from twofold.operations import jobs, registries
from twofold.operations.registries import IncompleteRegistry
from twofold.support import audit_facts


class Sneezed(Event, frozen=True):
    """Something that nobody has words for."""

    kind: ClassVar = "sneezed"


def test_all_kinds_have_what_belongs_to_them() -> None:
    assert len(registry.all_kinds()) >= 50
    registries.check()


def test_an_event_without_words_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "Sneezed", Sneezed, raising=False)
    with pytest.raises(IncompleteRegistry, match=r"^the event sneezed has no words in support/audit_words\.py$"):
        registries.check()


HICCUPED = """
from typing import ClassVar
from twofold.events.event import Event

class Hiccuped(Event, frozen=True):
    kind: ClassVar = "hiccuped"
"""


def test_an_event_in_a_file_of_its_own_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "more_kinds.py").write_text(HICCUPED)
    monkeypatch.setattr(events, "__path__", [*events.__path__, str(tmp_path)])
    try:
        with pytest.raises(IncompleteRegistry, match=r"^the event hiccuped has no words"):
            registries.check()
    finally:
        del sys.modules["twofold.events.more_kinds"]


def test_facts_that_no_word_is_said_of_are_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(audit_facts.MORE, "stepped_up")
    with pytest.raises(IncompleteRegistry, match=r"^the event stepped_up has facts that"):
        registries.check()


def test_an_operation_without_words_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {one: said for one, said in audit_facts.operations().items() if one != Operation.STEP_UP}
    monkeypatch.setattr(audit_facts, "operations", lambda: without)
    with pytest.raises(IncompleteRegistry, match=r"^the operation step_up has no words"):
        registries.check()


def test_words_for_what_is_no_event_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(kinds, "Locked")
    with pytest.raises(IncompleteRegistry, match="words for locked, which is no event"):
        registries.check()


def test_a_letter_without_a_composer_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {kind: composer for kind, composer in jobs.COMPOSERS.items() if kind != "locked"}
    monkeypatch.setattr(jobs, "COMPOSERS", without)
    with pytest.raises(IncompleteRegistry, match=r"^the letter locked has no composer"):
        registries.check()


def test_two_kinds_cannot_have_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Twin(Event, frozen=True):
        kind: ClassVar = "locked"

    monkeypatch.setattr(kinds, "Twin", Twin, raising=False)
    with pytest.raises(ValueError, match="two kinds of events are called locked"):
        registry.all_kinds()


def test_facts_are_typed_and_stand_in_the_log_by_their_names() -> None:
    assert kinds.SignedIn(["pwd", "otp"], "page", "s").details == {
        "methods": ["pwd", "otp"], "channel": "page", "session": "s",
    }  # fmt: skip
    with pytest.raises(TypeError):
        kinds.SignedIn(["pwd"])  # type: ignore[call-arg]
