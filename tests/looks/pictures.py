"""`make screenshots`: pictures of every page in every state and of every letter, narrow and wide, light and dark.

No test of `make test`: somebody has to look at them. They are kept in the folder that PICTURES names.
"""

import os
import re
from pathlib import Path

from playwright.sync_api import Browser

from tests.harness.browser import TIMEOUT
from tests.harness.clock import NOON
from tests.looks.browsing import Answer, serving
from tests.looks.conftest import Kept
from twofold.demo.letters import every_letter
from twofold.settings import Settings

FOLDER = Path(os.environ.get("PICTURES", "var/screenshots"))
WIDTHS = (390, 1280)  # CSS px
HTML = {"content-type": "text/html; charset=utf-8"}


def test_everything_is_in_a_picture(kept: Kept, browser: Browser) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    letters = every_letter(Settings(database_url="sqlite:///unused", data_dir=Path("/nonexistent")), NOON)
    answers = kept.answers() | {f"/letter/{letter.id}": Answer(200, HTML, letter.html.encode()) for letter in letters}
    names = {f"/{number}": one.state for number, one in enumerate(kept.shown)}
    names |= {f"/letter/{letter.id}": f"mail {number} {letter.subject}" for number, letter in enumerate(letters, 1)}
    with serving(answers) as url:
        for scheme in ("light", "dark"):
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
                page.set_default_timeout(TIMEOUT)
                for path, name in names.items():
                    page.goto(url + path)
                    page.screenshot(path=FOLDER / f"{_file_name(name)} {width} {scheme}.png", full_page=True)
                page.close()
    assert len(list(FOLDER.glob("*.png"))) >= 4 * len(names)


def _file_name(words: str) -> str:
    return re.sub(r"[^\w ,-]+", " ", words).strip()[:80]
