"""Every page in every state, for everybody: what can be computed of how it is laid out, and what axe-core says of it.

A page or a state that is new belongs into signing_in.py, own.py or helping.py.
"""

from importlib.resources import files
from pathlib import Path

import pytest

from tests.looks.browsing import Found
from tests.looks.conftest import Kept

pytestmark = pytest.mark.slow

Findings = dict[str, Found]


def test_every_template_of_a_page_is_looked_at(kept: Kept) -> None:
    folder = Path(str(files("twofold"))) / "templates"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.html")}
    demo = {name for name in names if name.startswith("demo/")}
    assert {name for name in names if not name.startswith("mail/")} - demo - kept.templates == set()


def test_axe_core_with_its_best_practices_finds_nothing(found: Findings) -> None:
    assert found.get("axe", {}) == {}


def test_what_is_wrong_takes_the_focus_and_is_heard_at_its_field(found: Findings) -> None:
    assert found.get("errors", {}) == {}


def test_every_target_is_44_px_wide_and_high(found: Findings) -> None:
    assert found.get("targets", {}) == {}


def test_every_text_can_be_read_in_light_and_dark(found: Findings) -> None:
    assert found.get("contrast", {}) == {}


def test_nothing_is_cut_or_lies_over_something_else(found: Findings) -> None:
    assert found.get("overflow", {}) == {}


def test_nothing_is_cut_at_200_percent(found: Findings) -> None:
    assert found.get("zoomed", {}) == {}


def test_nothing_is_cut_or_lost_at_320_px(found: Findings) -> None:
    assert (found.get("narrow", {}), found.get("lost", {})) == ({}, {})


def test_nothing_is_cut_where_a_reader_spaces_text_out(found: Findings) -> None:
    assert found.get("spaced", {}) == {}


def test_nothing_is_cut_where_words_are_40_percent_longer(found: Findings) -> None:
    assert found.get("longer", {}) == {}


def test_edges_and_drawings_are_seen_in_the_colours_of_the_reader(found: Findings) -> None:
    assert found.get("forced", {}) == {}


def test_no_script_fails_and_none_is_stopped(found: Findings) -> None:
    assert found.get("scripts", {}) == {}
