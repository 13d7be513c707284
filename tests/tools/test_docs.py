"""The description of the architecture names what there is, and the index of the decisions each of them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ARCHITECTURE = (DOCS / "architecture.md").read_text(encoding="utf-8")
SOURCES = [path for folder in ("src/twofold", "tests", "tools") for path in (ROOT / folder).rglob("*.py")]
NAMED = re.compile(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+)\.([A-Za-z_]+)`")  # of a file, or what is defined in it


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(ARCHITECTURE))))
def test_what_the_architecture_names_is_there(file: str, name: str) -> None:
    found = [path for path in SOURCES if str(path).endswith(f"/{file}.py")]
    if name != "py":
        defined = re.compile(rf"^ *(?:(?:async )?def |class )?{name}(?:\(|:| = )", re.MULTILINE)
        found = [path for path in found if defined.search(path.read_text(encoding="utf-8"))]
    assert found


def test_every_decision_stands_in_their_index() -> None:
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    titles = {file.name: file.read_text(encoding="utf-8").partition("\n")[0] for file in DOCS.glob("decisions/0*.md")}
    told = {file: f"# {number}. {title}" for number, file, title in re.findall(r"\[(\d+)\]\((.+)\): (.+)", index)}
    assert told == titles
