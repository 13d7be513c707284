"""The table of the official test plans names tests that exist, and each module once."""

import re
from pathlib import Path

HERE = Path(__file__).parent
TABLE = (HERE / "README.md").read_text()
MODULE = re.compile(r"^\| `(oidcc-[a-z0-9-]+)` \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([a-z_/]+\.py)::(test_[a-z0-9_]+)`")


def test_every_test_that_the_table_names_exists() -> None:
    named = NAMED.findall(TABLE)
    assert len(named) > 50
    for file, name in named:
        path = HERE / file if "/" not in file else HERE.parent / file
        assert f"def {name}(" in path.read_text(), f"{file}::{name}"


def test_every_module_has_a_test_or_a_reason() -> None:
    modules = [(name, held_by) for name, held_by in MODULE.findall(TABLE) if not name.endswith("-plan")]
    assert len({name for name, _held_by in modules}) == len(modules) == 52
    for name, held_by in modules:
        assert NAMED.search(held_by) or held_by.startswith("left out: "), name
