"""Contrast of every text on what it stands on, computed from the palette table (WCAG 2.2 AA: 4.5)."""

import numpy as np
import pytest

from secateur.ui.theme.colormaps import cividis, diverging, viridis
from secateur.ui.theme.palette import DARK, LIGHT, ROLES, Theme, contrast, luminance

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
AA = 4.5
MARK = 3.0

TEXT_ON = [
    (text, ground)
    for text in ("text", "secondary", "accent")
    for ground in ("window", "panel", "raised", "card", "well", "input", "selection")
] + [
    ("text", "hover"),
    ("text", "pressed"),
    ("secondary", "hover"),
    ("on_accent", "accent_fill"),
    ("on_accent", "accent_hover"),
    ("on_accent", "accent_pressed"),
    *[(tone, ground) for tone in ("positive", "warn", "negative") for ground in ("panel", "card", f"{tone}_tint")],
]


@THEMES
@pytest.mark.parametrize(("text", "ground"), TEXT_ON)
def test_text_can_be_read_on_its_ground(theme: Theme, text: str, ground: str) -> None:
    assert contrast(theme.role(text), theme.role(ground)) >= AA


@THEMES
def test_every_badge_can_be_read(theme: Theme) -> None:
    for family, (ink, tint) in theme.badges.items():
        grounds = [tint] if tint else [theme.panel, theme.selection, theme.hover]
        assert all(contrast(ink, ground) >= AA for ground in grounds), family


@THEMES
@pytest.mark.parametrize("mark", ["original", "result", "third", "pruned", "strong_border"])
def test_marks_stand_out_from_cards(theme: Theme, mark: str) -> None:
    assert contrast(theme.role(mark), theme.card) >= MARK


@THEMES
def test_disabled_text_is_quieter_than_secondary_but_visible(theme: Theme) -> None:
    disabled, secondary = (contrast(theme.role(r), theme.panel) for r in ("disabled", "secondary"))
    assert MARK <= disabled < secondary


@THEMES
def test_every_role_is_a_colour(theme: Theme) -> None:
    for role in ROLES:
        assert 0.0 <= luminance(theme.role(role)) <= 1.0


def test_an_unknown_role_is_an_error() -> None:
    with pytest.raises(KeyError):
        DARK.role("name")
    with pytest.raises(KeyError):
        DARK.role("badge:nothing")


def test_black_on_white_has_the_highest_contrast_in_either_order() -> None:
    assert contrast("#000000", "#ffffff") == contrast("#ffffff", "#000000") == pytest.approx(21.0)


@pytest.mark.parametrize("table", [viridis, cividis], ids=["viridis", "cividis"])
def test_a_sequential_map_grows_lighter_all_the_way(table: np.ndarray) -> None:
    assert table.shape == (256, 3)
    light = [luminance("#" + "".join(f"{part:02x}" for part in row)) for row in table]
    assert np.all(np.diff(light) > -0.002)
    assert light[-1] > light[0] + 0.5


@THEMES
def test_zero_stands_in_the_middle_of_the_diverging_map(theme: Theme) -> None:
    middle = "#" + "".join(f"{part:02x}" for part in diverging(theme)[128])
    assert contrast(middle, theme.diverging_middle) < 1.05
