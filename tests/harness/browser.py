"""The system's own Chromium, driven by Playwright, and the ways in which people look at a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, expect, sync_playwright

from tests.harness.processes import LONGEST

NAMES = ("chromium", "chromium-browser", "google-chrome")

ARGUMENTS = (
    "--headless",
    "--no-sandbox",  # the tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    # Nothing of its own over the network: the pages under test are the only traffic.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# The ways to look at a page, for Browser.new_context.
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True,
}  # fmt: skip
WITHOUT_JAVASCRIPT: dict[str, Any] = DESKTOP | {"java_script_enabled": False}
DARK: dict[str, Any] = DESKTOP | {"color_scheme": "dark"}


def find_chromium() -> str:
    """Return the path of the installed Chromium."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    raise RuntimeError("Chromium is not installed: see tools/system-packages")


TIMEOUT = LONGEST * 1000  # of Playwright, in its milliseconds: for what a page is to come to
expect.set_options(timeout=TIMEOUT)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a Chromium until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(ARGUMENTS))
        yield browser
        browser.close()
