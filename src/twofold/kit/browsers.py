"""What a browser is called, in words: `Firefox on Windows` out of its User-Agent.

A User-Agent is whatever its sender likes. Where it is shown to somebody else, above all in a letter, only known names
are taken out of it, so that nobody writes sentences or links to a user through it.
"""

import re

from twofold.kit.words import gettext as _

# The first that fits counts: most browsers also name the ones they descend from.
BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"), ("CriOS", "Chrome"), ("Chrome", "Chrome"), ("Chromium", "Chromium"), ("Safari", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Macintosh", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
_PROGRAM = re.compile(r"(?!Mozilla)([A-Za-z][A-Za-z-]{1,20})/\d")


def browser_words(user_agent: str) -> str:
    """Return what a browser or program is called, as a person says it."""
    browser, system = _first(BROWSERS, user_agent), _first(SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    program = _PROGRAM.match(user_agent)
    return browser or (program.group(1) if program else _("an unknown program"))


def _first(names: tuple[tuple[str, str], ...], user_agent: str) -> str:
    return next((name for mark, name in names if mark in user_agent), "")
