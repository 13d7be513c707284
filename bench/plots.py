"""Plots as SVG, written by hand: bars with their numbers, legible on light and dark ground, no library."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

WIDTH, LABEL_WIDTH, BAR_HEIGHT, GAP, TOP = 760, 270, 18, 8, 64
COLOURS = ("#3a6ea5", "#c98a1b", "#5c8f5c", "#9a5b8c")

# Both themes from one file: the reader's browser chooses.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2733 }
.title { font-size: 16px; font-weight: 600 }
.note { fill: #5a6775 }
@media (prefers-color-scheme: dark) { text { fill: #e6ebf0 } .note { fill: #a8b3bf } }
"""


class Bar(NamedTuple):
    """A bar of stacked parts (in the order of the legend), and what stands at its end."""

    label: str
    parts: Sequence[float]
    says: str = ""


def bars(path: Path, title: str, unit: str, legend: Sequence[str], rows: Sequence[Bar | None]) -> None:
    """Write a chart of horizontal bars; None leaves a space between groups."""
    longest = max((sum(row.parts) for row in rows if row), default=1.0) or 1.0
    scale = (WIDTH - LABEL_WIDTH - 110) / longest
    y, shapes = TOP, [f'<text class="title" x="0" y="20">{escape(title)}</text>', *_legend(legend, unit)]
    for row in rows:
        if row is None:
            y += GAP * 2
            continue
        shapes += _bar(row, y, scale)
        y += BAR_HEIGHT + GAP
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" role="img" '
        f'aria-label="{escape(title)}">\n<style>{STYLE}</style>\n' + "\n".join(shapes) + "\n</svg>\n",
        encoding="utf-8",
    )


def _legend(legend: Sequence[str], unit: str) -> list[str]:
    shapes, x = [], 0.0
    for colour, text in zip(COLOURS, legend, strict=False):
        shapes.append(f'<rect x="{x:.0f}" y="32" width="12" height="12" rx="2" fill="{colour}"/>')
        shapes.append(f'<text x="{x + 18:.0f}" y="43">{escape(text)}</text>')
        x += 34 + 7.2 * len(text)
    return [*shapes, f'<text class="note" x="{WIDTH}" y="43" text-anchor="end">{escape(unit)}</text>']


def _bar(row: Bar, y: float, scale: float) -> list[str]:
    middle = y + BAR_HEIGHT - 4
    shapes = [f'<text x="{LABEL_WIDTH - 10}" y="{middle}" text-anchor="end">{escape(row.label)}</text>']
    x: float = LABEL_WIDTH
    for colour, part in zip(COLOURS, row.parts, strict=False):
        width = max(part * scale, 0.0)
        shapes.append(f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" fill="{colour}"/>')
        x += width
    says = row.says or f"{sum(row.parts):.2f}"
    return [*shapes, f'<text x="{x + 8:.1f}" y="{middle}">{escape(says)}</text>']
