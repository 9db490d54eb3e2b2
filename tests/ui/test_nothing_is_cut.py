"""No words are cut in the assembled window: every tab, both themes, large and at the minimum size."""

import pytest
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QLabel, QPushButton, QToolButton

from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.ui.actions import TABS
from secateur.ui.panels.detail import TAB_PADDING
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme

SIZES = [(1440, 900), (1024, 700)]


def cut_texts(window) -> list[str]:
    """Visible buttons whose text does not fit their box, and unwrapped labels wider than theirs."""
    cut = []
    for button in window.findChildren(QPushButton):
        room = button.contentsRect().width()
        if button.isVisible() and button.text() and QFontMetrics(button.font()).horizontalAdvance(button.text()) > room:
            cut.append(f"button {button.text()!r}")
    for label in window.findChildren(QLabel):
        if not label.isVisible() or not label.text() or label.wordWrap():
            continue
        if QFontMetrics(label.font()).horizontalAdvance(label.text()) > label.contentsRect().width() + 1:
            cut.append(f"label {label.text()!r}")
    return cut + cut_tabs(window.workspace.detail.bar)


def cut_tabs(bar) -> list[str]:
    """Tabs whose words are wider than they are, or that lie beyond their bar with no arrows to reach them."""
    words, tabs = QFontMetrics(bar.font()), range(bar.count())
    beyond = [index for index in tabs if bar.tabRect(index).right() >= bar.width()]
    asked = sum(words.horizontalAdvance(bar.tabText(index)) + 2 * TAB_PADDING for index in tabs)
    has_arrows = any(button.isVisible() for button in bar.findChildren(QToolButton))
    if has_arrows and asked > bar.width():  # a wide font: DejaVu's words do not fit the narrowest bar
        beyond = []
    narrow = [i for i in tabs if words.horizontalAdvance(bar.tabText(i)) > bar.tabRect(i).width()]
    return [f"tab {bar.tabText(index)!r}" for index in sorted({*beyond, *narrow})]


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_button_and_no_label_is_cut_in_any_tab(
    shown, qapp, model, spectra, table, data, previews, evaluation, theme, size
):
    apply_theme(qapp, theme)
    shown.window.resize(*size)
    shown.open(model, spectra)
    shown.session.update(
        data=data, previews=previews, baseline=evaluation, tables={"free": table}, engine="Engine: CPU, 1 thread"
    )
    shown.session.set_method(["conv1", "layer1.0.conv1"], "weight_pruning", MagnitudePruning(ratio=0.5))
    shown.session.set_method(["layer1.0.conv1"], "quantize", StaticInt8())
    for key, *_ in TABS:
        shown.workspace.detail.show_tab(key)

        def nothing_is_cut(key=key):
            assert not cut_texts(shown.window), key

        shown.qtbot.waitUntil(nothing_is_cut, timeout=3000)  # layouts settle within a few turns


def test_the_check_sees_a_button_that_is_cut(shown):
    button = QPushButton("A long text in a small box", shown.window)
    button.setFixedWidth(40)
    button.show()
    assert "button 'A long text in a small box'" in cut_texts(shown.window)
