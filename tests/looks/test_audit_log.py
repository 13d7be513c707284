"""How the filters of the audit log are laid out."""

import pytest
from playwright.sync_api import Browser

from tests.looks.browsing import serving
from tests.looks.conftest import Kept

pytestmark = pytest.mark.slow

EDGES = """[...document.querySelectorAll(".filters :is(input, select, button)")].map(one => {
  const box = one.getBoundingClientRect();
  return [Math.round(box.left), Math.round(box.top + box.height / 2)];
})"""


@pytest.mark.parametrize("state", ["audit log", "audit log, nothing found", "audit log, no such day"])
def test_filters_stand_in_one_row_and_below_each_other_on_a_phone(kept: Kept, browser: Browser, state: str) -> None:
    number = next(number for number, one in enumerate(kept.shown) if one.state == state)
    page = browser.new_page()
    with serving(kept.answers()) as url:
        page.goto(f"{url}/{number}")
        edges = {}
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            edges[width] = page.evaluate(EDGES)
    page.close()
    middles = [middle for _, middle in edges[1280]]
    assert len(middles) == 5
    assert max(middles) - min(middles) <= 2, "but for what is rounded"
    lefts = [left for left, _ in edges[390]]
    assert max(lefts) - min(lefts) <= 20, "but for the bar beside what is wrong"
    assert len({middle for _, middle in edges[390]}) == 5
