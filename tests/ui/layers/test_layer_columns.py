"""The columns of the layer table: widths, order, sorting, totals; by mouse and keys."""

import itertools

import pytest
from layers_in_rows import LEFT, SIZES, ask_for_menu, click_entry, drag, shown_names
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMenu

from secateur.session.memory import Memory
from secateur.ui.models.layer_table import KEYS
from secateur.ui.theme.style import metrics


def border_of(header, key: str) -> QPoint:
    section = KEYS.index(key)
    return QPoint(header.sectionViewportPosition(section) + header.sectionSize(section) - 1, header.height() // 2)


def test_a_column_is_widened_by_dragging_its_border_and_remembered_per_tab_and_model(shown, mobile, model):
    shown.open(mobile)
    view, header = shown.layers.view, shown.layers.view.horizontalHeader()
    before = view.columnWidth(KEYS.index("kind"))
    start = border_of(header, "kind")
    drag(header.viewport(), start, start + QPoint(36, 0))
    assert view.columnWidth(KEYS.index("kind")) == pytest.approx(before + 36, abs=4)
    wide = view.columnWidth(KEYS.index("kind"))
    shown.workspace.detail.show_tab("sensitivity")
    shown.workspace.detail.show_tab("weights")
    assert view.columnWidth(KEYS.index("kind")) == wide
    shown.until(lambda: Memory().recall(mobile.fingerprint).view.widths == {"weights": {"kind": wide}})
    shown.open(model)
    assert view.own_widths == {}
    shown.open(mobile)
    shown.until(lambda: view.columnWidth(KEYS.index("kind")) == wide)


def test_a_double_click_on_a_border_fits_the_column(shown, transformer, qtbot):
    shown.open(transformer)
    view, header = shown.layers.view, shown.layers.view.horizontalHeader()
    assert any("…" in text for text in shown_names(shown.layers))
    spot = border_of(header, "layer")
    drag(header.viewport(), spot, spot)  # nothing moves: a click on a border widens nothing
    assert view.own_widths == {}
    qtbot.mouseDClick(header.viewport(), LEFT, pos=spot)
    assert shown_names(shown.layers) == list(shown.layers.table.names)


@pytest.mark.display
def test_a_column_is_moved_by_dragging_its_heading_and_the_order_is_remembered(shown, mobile, model):
    shown.open(mobile)
    panel, header = shown.layers, shown.layers.view.horizontalHeader()
    start = QPoint(header.sectionViewportPosition(KEYS.index("size")) + 20, 14)
    end = QPoint(header.sectionViewportPosition(KEYS.index("shape")) + 4, 14)
    drag(header.viewport(), start, end)
    assert panel.shown_columns[:4] == ("layer", "kind", "size", "shape")
    assert panel.view.sorted_by == ""  # a drag is no click
    expected = panel.shown_columns
    shown.until(lambda: tuple(Memory().recall(mobile.fingerprint).view.columns.get("weights", ())) == expected)
    panel.columns_reset.emit()
    assert panel.shown_columns == KEYS


def test_columns_are_arranged_by_key_from_the_button_of_the_columns(shown, mobile, qtbot):
    shown.open(mobile)
    panel = shown.layers
    panel.columns_button.setFocus()
    qtbot.keyClick(panel.columns_button, Qt.Key.Key_Space)
    menu = QApplication.activePopupWidget()
    click_entry(qtbot, menu, "column_kind")
    assert "kind" not in panel.shown_columns
    panel.move_column("plan", -1)
    assert panel.shown_columns[-2:] == ("plan", "zeros")
    panel.choose_column("kind", True)
    assert panel.shown_columns[:2] == ("layer", "kind")


def test_an_order_whose_column_is_not_shown_is_said_under_the_table(shown, mobile):
    shown.open(mobile)
    panel = shown.layers
    panel.view.sort_by(KEYS.index("macs"), Qt.SortOrder.DescendingOrder)
    assert panel.totals.texts["layer"] == "50 layers"
    panel.choose_column("macs", False)
    assert panel.totals.texts["layer"] == "50 layers, by MACs"
    panel.view.sort_by(-1)
    assert panel.totals.texts["layer"] == "50 layers"


@pytest.mark.display
def test_the_menu_of_a_heading_sorts_fits_moves_hides_and_copies(shown, mobile, qtbot):
    shown.open(mobile)
    panel, header = shown.layers, shown.layers.view.horizontalHeader()
    section = KEYS.index("params")

    def menu() -> QMenu:
        return ask_for_menu(header.viewport(), QPoint(header.sectionViewportPosition(section) + 5, 10))

    click_entry(qtbot, menu(), "sort_DescendingOrder")
    assert panel.view.sorted_by == "params"
    click_entry(qtbot, menu(), "sort_network")
    assert panel.view.sorted_by == ""
    click_entry(qtbot, menu(), "move_right")
    assert panel.shown_columns[3:5] == ("macs", "params")
    before = panel.view.columnWidth(section)
    click_entry(qtbot, menu(), "wider")
    assert panel.view.columnWidth(section) > before
    click_entry(qtbot, menu(), "copy_column")
    assert QGuiApplication.clipboard().text().splitlines()[0].startswith("features.0.conv\t")
    click_entry(qtbot, menu(), "hide_column")
    assert "params" not in panel.shown_columns


@pytest.mark.parametrize("key", KEYS)
def test_the_arrow_of_a_sorted_column_stands_beside_its_words_and_within_the_column(shown, mobile, qtbot, key):
    shown.open(mobile)
    header, section = shown.layers.view.heading, KEYS.index(key)
    words = header.words_box(section)
    qtbot.mouseClick(header.viewport(), LEFT, pos=words.center())
    assert shown.layers.view.sorted_by == key
    assert header.words_box(section) == words  # nothing moves when a column is sorted
    arrow = header.arrow_box(section)
    left, width = header.sectionViewportPosition(section), header.sectionSize(section)
    assert not arrow.intersects(words)
    assert QRect(left, 0, width, header.height()).contains(arrow.united(words))

    def is_drawn() -> bool:
        picture = header.grab().toImage()
        ground = picture.pixelColor(left + width - 1, 3)
        return any(picture.pixelColor(x, arrow.center().y()) != ground for x in range(arrow.left(), arrow.right()))

    shown.until(is_drawn)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("which", ["mobile", "transformer", "model"])
def test_totals_stay_within_their_columns(shown, request, which, size):
    shown.window.resize(*size)
    shown.open(request.getfixturevalue(which))
    for text in ("", "conv", "size>1k"):
        shown.layers.filter_box.setText(text)
        QApplication.processEvents()
        placed = shown.layers.totals.placed()
        assert {"layer", "size"} <= {key for key, _, _ in placed}
        for key, box, said in placed:
            assert metrics(12, 400 if key == "plan" else 600).horizontalAdvance(said) <= box.width()
        for (_, a, _), (_, b, _) in itertools.combinations(placed, 2):
            assert not a.intersects(b)
