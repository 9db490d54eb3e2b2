"""The applied theme: palette groups, style sheet, icons and type."""

import re

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QFont, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from secateur.ui.theme import icons
from secateur.ui.theme.palette import DARK, LIGHT, Theme
from secateur.ui.theme.sheet import style_sheet
from secateur.ui.theme.style import apply_theme, color, current_theme, font, icon, notifier, other_theme, set_role
from secateur.ui.widgets.card import label

pytestmark = pytest.mark.display

THEMES = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)


@THEMES
def test_the_whole_palette_comes_from_the_table(qapp: QApplication, theme: Theme) -> None:
    apply_theme(qapp, theme)
    palette, group, role = qapp.palette(), QPalette.ColorGroup, QPalette.ColorRole
    for each in (group.Active, group.Inactive, group.Disabled):
        assert palette.color(each, role.Window).name() == theme.panel
    assert palette.color(group.Inactive, role.Text).name() == theme.text
    assert palette.color(group.Disabled, role.Text).name() == theme.disabled
    assert palette.color(group.Active, role.PlaceholderText).name() == theme.secondary
    assert current_theme() is theme
    assert color("accent").name() == theme.accent


def test_switching_the_theme_is_announced_once(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, DARK)
    with qtbot.waitSignal(notifier.theme_changed, timeout=10_000):
        apply_theme(qapp, other_theme())
    assert current_theme() is LIGHT


@THEMES
def test_the_sheet_names_only_colours_of_its_theme(qapp: QApplication, theme: Theme) -> None:
    own = {value for value in vars(theme).values() if isinstance(value, str)}
    used = set(re.findall(r"#[0-9a-f]{6}", style_sheet(theme, 8.25, 9.0)))
    assert used <= own


def test_no_text_is_smaller_than_eleven_pixels(qapp: QApplication) -> None:
    sizes = [float(size) for size in re.findall(r"font-size: ([\d.]+)pt", style_sheet(DARK, 8.25, 9.0))]
    assert sizes
    assert min(sizes) >= 8.25


@pytest.mark.parametrize("size", [11, 12, 13, 16, 22])
def test_every_font_has_tabular_figures(qapp: QApplication, size: int) -> None:
    made = font(size, 600)
    assert made.featureTags() == [QFont.Tag("tnum")]
    assert made.weight() == 600


def test_a_label_keeps_its_words_and_takes_its_kind(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    subject = label("layer2.1.conv1", "subject")
    qtbot.addWidget(subject)
    subject.ensurePolished()
    assert subject.text() == "layer2.1.conv1"
    assert subject.font().weight() == QFont.Weight.DemiBold
    assert subject.font().pointSizeF() == pytest.approx(font(16).pointSizeF())


def test_a_changed_tone_changes_the_colour(qtbot: QtBot, qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    words = QLabel("faster")
    qtbot.addWidget(words)
    set_role(words, "positive", "tone")
    assert words.palette().color(QPalette.ColorRole.WindowText).name() == DARK.positive


@pytest.mark.parametrize("name", sorted(icons.ICONS))
def test_every_icon_is_in_the_font(qapp: QApplication, name: str) -> None:
    assert len(icons.glyph(name)) == 1


def test_an_unknown_icon_is_an_error_where_it_is_asked_for(qapp: QApplication) -> None:
    with pytest.raises(KeyError):
        icon("no-such-icon")


def test_icons_take_the_colour_of_the_theme_they_are_painted_in(qapp: QApplication) -> None:
    made = icon("run", "text")
    apply_theme(qapp, DARK)
    dark = made.pixmap(QSize(32, 32)).toImage()
    apply_theme(qapp, LIGHT)
    light = made.pixmap(QSize(32, 32)).toImage()
    assert dark != light


def test_a_disabled_icon_is_painted_in_the_disabled_colour(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    image = icon("done", "text").pixmap(QSize(64, 64), mode=QIcon.Mode.Disabled).toImage()
    opaque = {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }
    assert DARK.disabled in opaque
    assert DARK.text not in opaque
