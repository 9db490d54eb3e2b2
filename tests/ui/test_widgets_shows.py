"""Widgets that show: words, accessible names, and nothing wider than its box."""

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from text_findings import findings

from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme, font
from secateur.ui.widgets.badges import badge_width, fitting, paint_badges
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.chip import Chip
from secateur.ui.widgets.chooser import Chooser
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.figure_block import FigureBlock
from secateur.ui.widgets.figure_row import FigureRow
from secateur.ui.widgets.icon_button import IconButton
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.state_panel import StatePanel


@pytest.fixture(autouse=True, params=[DARK, LIGHT], ids=["dark", "light"])
def _dressed(qapp: QApplication, request: pytest.FixtureRequest) -> None:
    apply_theme(qapp, request.param)


@pytest.mark.parametrize("role", ["default", "primary", "outline", "ghost", "link"])
def test_a_button_has_room_for_its_words(qtbot: QtBot, role: str) -> None:
    button = Button("From Python code…", role, "code")
    qtbot.addWidget(button)
    button.ensurePolished()
    words = QFontMetrics(font(12, 500)).horizontalAdvance(button.text())
    assert button.sizeHint().width() >= words + 16


def test_an_icon_button_is_28_pixels_and_says_what_it_does(qtbot: QtBot) -> None:
    button = IconButton("save", "Save the picture")
    qtbot.addWidget(button)
    button.show()
    assert (button.width(), button.height()) == (28, 28)
    assert button.accessibleName() == button.toolTip() == "Save the picture"


def test_a_long_name_is_shortened_in_the_middle_and_told_in_full(qtbot: QtBot) -> None:
    name = ElidedLabel("encoder.layer.11.attention.output.dense", layer_name=True)
    qtbot.addWidget(name)
    name.resize(80, 20)
    name.show()
    name.grab()
    assert name.is_elided()
    assert name.toolTip() == name.text() == name.accessibleName()
    name.resize(name.sizeHint())
    name.grab()
    assert not name.is_elided()
    assert name.toolTip() == ""


def test_two_badges_fit_a_cell_and_more_become_a_number() -> None:
    badges = [("weight_pruning", "prune 50 %"), ("quantize", "4-bit"), ("distil", "distil")]
    assert [text for _, text in fitting(badges, 400)] == ["prune 50 %", "4-bit", "+1"]
    narrow = badge_width("prune 50 %") + 4 + badge_width("+2")
    assert [text for _, text in fitting(badges, narrow)] == ["prune 50 %", "+2"]
    assert fitting([], 100) == []


def test_painted_badges_stay_inside_their_cell() -> None:
    image = QImage(200, 26, QImage.Format.Format_ARGB32)
    image.fill(0)
    painter = QPainter(image)
    paint_badges(painter, QRect(10, 0, 110, 26), [("weight_pruning", "prune 50 %"), ("quantize", "static int8")])
    painter.end()
    assert not any(image.pixelColor(x, y).alpha() for x in range(121, 200) for y in range(26))


@pytest.mark.parametrize("kind", ["positive", "negative", "warn", "info", "neutral"])
def test_a_chip_says_its_verdict_in_words(qtbot: QtBot, kind: str) -> None:
    chip = Chip(kind, "Smaller, 7.9×")
    qtbot.addWidget(chip)
    chip.show()
    assert chip.accessibleName() == "Smaller, 7.9×"
    assert chip.sizeHint().width() > QFontMetrics(font(11, 600)).horizontalAdvance(chip.text()) + 12
    assert not chip.grab().isNull()


def test_progress_stays_between_nothing_and_all(qtbot: QtBot) -> None:
    line = ProgressLine()
    qtbot.addWidget(line)
    line.set_share(1.7)
    assert line.share() == 1.0
    line.set_share(None)
    assert line.share() is None
    line.set_share(0.624)
    assert line.accessibleDescription() == "62 %"


def test_a_state_panel_offers_its_button(qtbot: QtBot) -> None:
    panel = StatePanel("sensitivity", "No sensitivity yet", "About 4 s from 128 images.", "Estimate")
    qtbot.addWidget(panel)
    panel.show()
    assert panel.button.property("role") == "primary"
    with qtbot.waitSignal(panel.wanted, timeout=10_000):
        panel.button.click()
    assert not panel.progress.isVisible()


def test_a_state_panel_says_why_its_button_cannot_be_pressed(qtbot: QtBot) -> None:
    panel = StatePanel()
    qtbot.addWidget(panel)
    panel.show_content("sensitivity", "No sensitivity yet", "", "Measure", why_not="Open the data first.")
    assert not panel.button.isEnabled()
    assert panel.button.toolTip() == "Open the data first."


def test_a_busy_panel_shows_how_far_it_is(qtbot: QtBot) -> None:
    panel = StatePanel("job", "Measuring layer 7 of 20", "1 min 12 s left.", "Stop", kind="busy")
    qtbot.addWidget(panel)
    panel.show_content("job", "Measuring layer 8 of 20", "1 min 2 s left.", "Stop", kind="busy", share=0.4)
    panel.show()
    assert panel.progress.isVisible()
    assert panel.progress.share() == 0.4


def test_a_long_change_does_not_lie_on_the_figure_before_it(qtbot: QtBot) -> None:
    row = FigureRow("Spearman")
    qtbot.addWidget(row)
    row.resize(240, 20)
    row.set_figures("0.867", "0.867", "−0.000446")
    with qtbot.waitExposed(row):
        row.show()
    assert not findings(row)


def test_figures_are_told_to_a_screen_reader(qtbot: QtBot) -> None:
    row, block = FigureRow("Size"), FigureBlock("Size")
    for widget in (row, block):
        qtbot.addWidget(widget)
        widget.set_figures("36.9", "4.70 kB", "−87 %", "positive")
        widget.show()
        widget.grab()
        assert widget.accessibleName() == "Size"
        assert widget.accessibleDescription() == "36.9 to 4.70 kB, −87 %"


def test_a_block_without_its_change_is_narrower(qtbot: QtBot) -> None:
    block = FigureBlock("Size")
    qtbot.addWidget(block)
    block.set_figures("1.09", "0.15 MB", "7.5× smaller", "positive")
    wide = block.sizeHint().width()
    block.set_change_shown(False)
    assert block.sizeHint().width() < wide


def test_a_card_keeps_its_title_whole_and_shortens_the_subtitle(qtbot: QtBot) -> None:
    card = Card("Predicted effect", "instant, from spectrum and measurements of every layer", "quantize")
    qtbot.addWidget(card)
    card.resize(200, 60)
    card.show()
    title, subtitle = card.findChildren(ElidedLabel)
    assert not title.is_elided()
    assert subtitle.is_elided()


def test_a_chooser_shortens_what_it_shows_and_lists_it_whole(qtbot):
    chooser = Chooser()
    qtbot.addWidget(chooser)
    long = "4-bit everywhere, channels −25 %, then distilled · 1.00 MB"
    chooser.addItems([long, "int8"])
    chooser.resize(160, 28)
    with qtbot.waitExposed(chooser):
        chooser.show()
    assert "…" in chooser.shown_text()
    assert chooser.shown_text().startswith("4-bit")
    assert chooser.shown_text().endswith("MB")
    chooser.showPopup()
    assert chooser.view().width() >= chooser.fontMetrics().horizontalAdvance(long)
    chooser.hidePopup()
    chooser.setCurrentIndex(1)
    assert chooser.shown_text() == "int8"
