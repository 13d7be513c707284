"""What people do on pages, step by step.

With TWOFOLD_PICTURES=folder each page that a journey comes to is kept there as four pictures, narrow and wide, light
and dark, for whoever wants to look at all of them.
"""

import os
import re
from datetime import timedelta
from html import escape
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.harness.authenticator import Authenticator
from tests.harness.people import PASSWORD
from tests.harness.smtp import Letter
from tests.journeys.conftest import now

PICTURES = os.environ.get("TWOFOLD_PICTURES")
WIDTHS = (390, 1280)

NEXT = timedelta(seconds=30)


def heading(page: Page, words: str) -> None:
    """Come to a page."""
    expect(page.get_by_role("heading", level=1)).to_have_text(words)
    if PICTURES:
        picture(page, words, Path(PICTURES))


def picture(page: Page, name: str, folder: Path) -> None:
    """Keep a page as it is seen."""
    folder.mkdir(parents=True, exist_ok=True)
    number = len({path.name[:3] for path in folder.iterdir()})
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            file = f"{number:03} {name} {width} {scheme}.png"
            page.screenshot(path=folder / re.sub(r"[^\w .]", "", file), full_page=True, animations="disabled")
    page.emulate_media(color_scheme="null")
    if before:
        page.set_viewport_size(before)


def read(page: Page, letter: Letter) -> None:
    """Read a letter as text and as HTML: both lead to the same places."""
    for link in letter.links:
        assert escape(link) in letter.html
    assert "<script" not in letter.html
    if PICTURES:
        reader = page.context.new_page()
        reader.set_content(letter.html)
        picture(reader, f"mail {letter.subject}", Path(PICTURES))
        (Path(PICTURES) / f"mail {letter.subject}.txt").write_text(letter.text)
        reader.close()


def press(page: Page, words: str) -> None:
    page.get_by_role("button", name=words, exact=True).click()


def follow(page: Page, words: str) -> None:
    page.get_by_role("main").get_by_role("link", name=words).first.click()


def prove(page: Page, code: str = "") -> None:
    """Give the password, and a code where the session has proved none for ten minutes."""
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    expect(page.locator("#code")).to_have_count(1 if code else 0)
    if code:
        page.locator("#code").fill(code)


def scan(page: Page, title: str = "Scan the QR code") -> Authenticator:
    """Read the QR code off the screen; the link beside it and the key below say the same."""
    heading(page, title)
    qr = page.locator(".qr")
    qr.scroll_into_view_if_needed()
    phone = Authenticator.scan(page.screenshot())
    assert Authenticator.open(str(page.locator("a.enrol__open").get_attribute("href"))) == phone
    assert Authenticator.type_in(page.locator("#key").inner_text()).secret == phone.secret
    return phone


def backup_code(page: Page) -> str:
    return re.sub(r"\s", "", page.locator("#backup-code").inner_text())


def save(page: Page, button: str) -> None:
    page.get_by_role("checkbox").check()
    press(page, button)


def sign_out(page: Page) -> None:
    press(page, "Sign out")
    expect(page.get_by_role("status").first).to_have_text("You are signed out.")


def set_up(page: Page, *, password: str = PASSWORD) -> tuple[Authenticator, str]:
    """Set two-factor authentication up, from the profile back to the profile."""
    follow(page, "Configure")
    heading(page, "Confirm it's you")
    page.get_by_label("Password", exact=True).fill(password)
    press(page, "Continue")
    phone = scan(page)
    page.reload()
    assert scan(page) == phone
    page.locator("#code").fill(phone.code(now()))
    press(page, "Verify")
    heading(page, "Save your backup code")
    code = backup_code(page)
    save(page, "Done")
    expect(page.get_by_role("status").first).to_have_text(
        "Two-factor authentication is on, and your backup code is saved."
    )
    return phone, code
