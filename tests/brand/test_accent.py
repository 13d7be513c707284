import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twofold.brand.accent import ON_DARK, ON_LIGHT, TEXT, contrast, parse_accent, style_sheet
from twofold.setting_values import SettingsError

colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.005)


@given(colours)
def test_an_accent_can_be_read_in_both_themes_or_is_refused(colour: str) -> None:
    try:
        accent = parse_accent(colour)
    except SettingsError:
        assert min(contrast(colour, ground) for ground in ON_LIGHT) < TEXT
        return
    assert accent is not None
    for tones, grounds in ((accent.light, ON_LIGHT), (accent.dark, ON_DARK)):
        for tone in (tones.accent, tones.strong):
            assert contrast(tones.words, tone) >= TEXT
            assert all(contrast(tone, ground) >= TEXT for ground in grounds)


def test_a_colour_that_is_too_light_is_refused_with_what_it_reaches_and_what_would_do() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_accent("#FFCC00")
    said = str(refused.value)
    assert "TWOFOLD_ACCENT #ffcc00" in said
    assert "1.33:1" in said
    assert "4.5:1" in said
    assert "3:1" in said
    (other,) = set(re.findall(r"#[0-9a-f]{6}", said)) - {"#ffcc00", "#eef1f1"}
    assert parse_accent(other) is not None


@pytest.mark.parametrize(("colour", "fits"), [("#6d6d6d", True), ("#6e6e6e", False)])
def test_a_colour_just_below_what_is_needed_is_refused(colour: str, *, fits: bool) -> None:
    reached = min(contrast(colour, ground) for ground in ON_LIGHT)
    assert (reached >= TEXT) is fits
    assert abs(reached - TEXT) < 0.1
    if fits:
        parse_accent(colour)
    else:
        with pytest.raises(SettingsError):
            parse_accent(colour)


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    sheet = files("twofold").joinpath("static", "twofold.css").read_text()
    light, dark = sheet.split("prefers-color-scheme: dark")[:2]
    for part, grounds in ((light, ON_LIGHT), (dark, ON_DARK)):
        told = dict(reversed(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", part)))
        assert grounds == (told["ground"], told["paper"], told["success-tint"])


def test_the_light_theme_has_the_accent_as_it_was_set_and_the_dark_one_a_twin() -> None:
    accent = parse_accent("#7A1FA2")
    assert accent is not None
    assert str(accent) == "#7a1fa2"
    light, dark = style_sheet(accent).split("prefers-color-scheme: dark")
    assert "--accent: #7a1fa2;" in light
    assert f"--accent: {accent.dark.accent};" in dark
    assert "@media screen {" in light
