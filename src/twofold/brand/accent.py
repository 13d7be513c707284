"""The accent: a colour of the operator's, held against what it stands on, and its lighter twin for the dark theme.

Contrast is that of WCAG 2.2: 4.5:1 for text (success criterion 1.4.3), which links are, and 3:1 for controls (1.4.11),
which buttons and marks are. Every tone here serves as both, so each of them reaches the first.
"""

import re
from math import floor

import msgspec

from twofold.setting_values import SettingsError

TEXT, CONTROLS = 4.5, 3.0
WHITE, BLACK = "#ffffff", "#000000"
# Ground, paper and the tint of good news, as static/twofold.css has them.
ON_LIGHT = ("#eef1f1", "#ffffff", "#ecf6f0")
ON_DARK = ("#121617", "#1b2123", "#172b20")


class Tones(msgspec.Struct, frozen=True):
    """The accent in one theme: itself, where something points at it, and the words on it."""

    accent: str
    strong: str
    words: str


class Accent(msgspec.Struct, frozen=True):
    """The accent in both themes."""

    light: Tones
    dark: Tones

    def __str__(self) -> str:
        """Write it as it is set."""
        return self.light.accent


def parse_accent(text: str) -> Accent | None:
    """Read a colour; the light theme has it as it is.

    Raises:
        SettingsError: it is no colour, or too light for links and buttons; the message has the figures.

    """
    if not text:
        return None
    colour = text.lower()
    if not re.fullmatch(r"#[0-9a-f]{6}", colour):
        msg = f"TWOFOLD_ACCENT must look like #0b5a6c, not {text!r}."
        raise SettingsError(msg)
    reached, ground = min((contrast(colour, ground), ground) for ground in ON_LIGHT)
    if reached < TEXT:
        msg = (
            f"TWOFOLD_ACCENT {colour} is too light: on {ground}, in the light theme, it reaches a contrast of "
            f"{floor(reached * 100) / 100:.2f}:1. Needed are {TEXT}:1, for links are text, and {CONTROLS:.0f}:1 for "
            f"buttons (WCAG 2.2). Of its hue {_mixed_until(colour, BLACK, ON_LIGHT)} would do. The dark theme has a "
            "lighter twin of it."
        )
        raise SettingsError(msg)
    twin = _mixed_until(colour, WHITE, ON_DARK)
    return Accent(
        Tones(colour, mixed(colour, BLACK, 30), WHITE),
        Tones(twin, mixed(twin, WHITE, 40), ON_DARK[0]),
    )


def style_sheet(accent: Accent) -> str:
    """Return the style sheet that puts the accent in the place of ours; on paper everything stays black."""
    return (
        f"@media screen {{\n{_properties(accent.light)}}}\n"
        f"@media screen and (prefers-color-scheme: dark) {{\n{_properties(accent.dark)}}}\n"
    )


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours `#rrggbb`, from 1 to 21 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def mixed(colour: str, other: str, percent: int) -> str:
    """Mix so much of another colour into one."""
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * percent / 100):02x}" for a, b in pairs)


def _mixed_until(colour: str, other: str, grounds: tuple[str, ...]) -> str:
    """Mix in as little of another colour as lets it be read on all grounds."""
    mixes = (mixed(colour, other, percent) for percent in range(101))
    return next(mix for mix in mixes if all(contrast(mix, ground) >= TEXT for ground in grounds))


def _properties(tones: Tones) -> str:
    return f":root {{ --accent: {tones.accent}; --accent-strong: {tones.strong}; --on-accent: {tones.words}; }}\n"


def _luminance(colour: str) -> float:
    """Return the relative luminance, from 0 to 1 (WCAG 2.2)."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB's


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
