"""docs/scaling.md counts with what the bench measured (docs/performance.md), and counts right."""

import math
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SCALING, PERFORMANCE = ((DOCS / name).read_text() for name in ("scaling.md", "performance.md"))
DATABASES = ("SQLite", "PostgreSQL")


def figures() -> dict[str, dict[str, str]]:
    """Return the table of figures: letter → database → as it stands there."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|([^|]*)\|$", SCALING, re.MULTILINE)
    return {letter: dict(zip(DATABASES, map(number_in, cells), strict=True)) for letter, *cells in rows}


def number_in(cell: str) -> str:
    return cell.strip().partition(" ")[0]


def measured(letter: str, database: str) -> float:
    """Return what docs/performance.md says that the bench measured, with one worker and eight connections."""
    cells = PERFORMANCE[PERFORMANCE.index(f"\n## {database}\n") :]
    patterns = {
        "h": (PERFORMANCE, rf"^\| {database} \| 1 \|(?:[^|]*\|){{3}} ([\d.]+) ms"),
        "s": (cells, r"^\| full sign-in \(password \+ code\) \| 1 \| 8 \| \*\*([\d.]+)\*\*"),
        "f": (cells, r"^\| second factor alone \| 1 \| 8 \| \*\*([\d.]+)\*\*"),
        "c": (cells, r"^\| session check \| 1 \| 8 \| \*\*([\d.]+)\*\*"),
        "d": (cells, r"^\| full sign-in \(password \+ code\) \| 1 \| 8 \|[^|]*\|[^|]*\| ([\d.]+)"),
        "m": (PERFORMANCE, rf"^\| memory of a worker, {database} \| ([\d.]+) MiB"),
    }
    text, pattern = patterns[letter]
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"docs/performance.md does not tell {letter} on {database}"
    return float(found[1])


@pytest.mark.parametrize("letter", "hsfcdm")
def test_figures_are_those_that_were_measured(letter: str) -> None:
    for database, said in figures()[letter].items():
        if said:  # the database's own processor is PostgreSQL's alone
            places = len(said.partition(".")[2])
            assert abs(float(said) - measured(letter, database)) <= 0.51 * 10**-places, (database, said)


def formulas() -> list[tuple[str, str]]:
    """Return the formulas that stand in tables, with their results."""
    rows = re.findall(r"^\| [^|`]+ \| ([^|]*\d [*/] [^|]*) \| ([^|]+) \|$", SCALING, re.MULTILINE)
    return [(formula.partition(" = ")[0], result) for formula, result in rows]


def worth(formula: str) -> float:
    """Work out a formula; milliseconds count as seconds, words and what stands in brackets as nothing."""
    bare = re.sub(r"\([^)]*\)|[a-z]+(?<!ms)\b|,(?=\d)", "", re.sub(r"([\d.]+) ms", r"\1 / 1000", formula))
    total = 0.0
    for term in bare.split("+"):
        first, *rest = re.split(r"([*/])", term)
        value = float(first)
        for sign, factor in zip(rest[::2], rest[1::2], strict=True):
            value = value * float(factor) if sign == "*" else value / float(factor)
        total += value
    return total


def numbers_in(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


@pytest.mark.parametrize(("formula", "result"), formulas())
def test_the_arithmetic_is_right(formula: str, result: str) -> None:
    value, said = worth(formula), numbers_in(result)
    assert math.isclose(said[0], value, rel_tol=0.02), value
    if "at 60 %" in result:
        assert math.isclose(said[-1], value / 0.6, rel_tol=0.02), value / 0.6


def test_formulas_count_with_the_figures() -> None:
    own = {letter: columns["PostgreSQL"] for letter, columns in figures().items()}
    known = {own["s"], own["c"], own["d"], f"{float(own['d']) / 20:.1f}"}
    used = {spent for formula, _result in formulas() for spent in re.findall(r"([\d.]+) ms", formula)}
    assert used == known
    (sign_ins,) = re.findall(rf"`s`: {re.escape(own['s'])} ms on PostgreSQL, so \*\*(\d+) sign-ins a second", SCALING)
    assert int(sign_ins) == round(1000 / float(own["s"]))
