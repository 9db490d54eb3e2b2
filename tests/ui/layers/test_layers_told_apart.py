"""Layers can be told apart: their names and kinds, wherever they stand and however wide."""

import itertools
from dataclasses import replace

import pytest
from layers_in_rows import SIZES, layer, names, network, shown_names
from painted_texts import texts_of
from PySide6.QtGui import QImage, QPainter, QPixmap
from PySide6.QtWidgets import QApplication

from secateur.layer_names import ShortName
from secateur.model.documents import LayerError
from secateur.ui.models.layer_table import KEYS, RowContent
from secateur.ui.models.layer_words import heading_words, kind_phrase, kind_word
from secateur.ui.panels import layer_rows
from secateur.ui.panels.layer_rows import ROW_HEIGHT, RowLook, RowPictures
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.short_names import short_names
from secateur.ui.theme.style import metrics
from secateur.ui.widgets.elided_label import ElidedLabel


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("which", ["mobile", "transformer", "bare_weights", "model"])
def test_no_two_rows_read_the_same_at_any_size_in_table_and_heat_map(shown, request, which, size):
    shown.window.resize(*size)
    shown.open(request.getfixturevalue(which))
    for tab in ("weights", "sensitivity"):
        shown.workspace.detail.show_tab(tab)
        QApplication.processEvents()
        texts = shown_names(shown.layers)
        assert len(set(texts)) == len(texts)
        assert not any(text.startswith("#") for text in texts)
    read = [name.text for name in shown.workspace.detail.tab("sensitivity").map.names_shown().values()]
    assert len(set(read)) == len(read)


def test_a_name_does_not_change_while_the_table_is_scrolled_and_filtered(shown, mobile):
    shown.open(mobile)
    before = shown_names(shown.layers)
    shown.layers.view.verticalScrollBar().setValue(400)
    shown.layers.filter_box.setText("depthwise")
    assert shown_names(shown.layers) == before


def test_spare_width_goes_to_names_before_plan_and_sparkline(shown, transformer):
    shown.open(transformer)
    shown.window.resize(1600, 900)
    panel, view = shown.layers, shown.layers.view
    panel.set_columns(KEYS)
    widths = {}
    for width in (640, 700, 760, 820, 1200):
        shown.workspace.splitter.setSizes([width, 400, 280])
        QApplication.processEvents()
        widths[view.viewport().width()] = [view.columnWidth(KEYS.index(key)) for key in ("layer", "plan", "weights")]
    grown = sorted(widths.items())
    whole = panel.view._layer_width()
    for (_, (layer_before, *others_before)), (_, (layer_after, *others_after)) in itertools.pairwise(grown):
        assert layer_after >= layer_before
        if layer_after < whole:
            assert others_after == others_before
    assert grown[-1][1][0] >= whole


def test_milliseconds_that_are_measured_later_move_no_column(shown, mobile):
    untimed = replace(mobile, layers=tuple(replace(row, latency_ms=None) for row in mobile.layers))
    shown.open(untimed)
    table, view = shown.layers.table, shown.layers.view
    assert not table.has_times
    before = [view.columnWidth(section) for section in range(len(KEYS))]
    sizes = shown.workspace.splitter.sizes()
    shown.session.update(model=mobile)
    shown.settle()
    assert table.has_times
    assert [view.columnWidth(section) for section in range(len(KEYS))] == before
    assert shown.workspace.splitter.sizes() == sizes


def test_rows_that_changed_are_painted_a_moments_worth_a_frame(qapp, monkeypatch):
    monkeypatch.setattr(layer_rows, "MOMENT_S", 0.0)
    pictures, target = RowPictures(), QPixmap(200, ROW_HEIGHT)
    look = RowLook(((0, 0, 200),), ShortName("", "conv"), selected=False, hovered=False, ratio=1.0)

    def painted(name: str, share: float, *, in_parts: bool) -> QImage:
        target.fill()
        painter = QPainter(target)
        pictures.begin(in_parts=in_parts)
        pictures.draw(painter, 0, RowContent((name,), (share,), None, ()), look._replace(hovered=share > 0.5), 200)
        painter.end()
        return target.toImage()

    nothing = painted("conv", 0.0, in_parts=True)
    assert pictures.has_more  # a row that has no picture yet is left out
    first = painted("conv", 0.0, in_parts=False)
    assert first != nothing
    assert painted("conv", 1.0, in_parts=True) == first
    assert pictures.has_more
    assert painted("conv", 1.0, in_parts=False) != first  # a picture of the window is whole


def test_kinds_are_said_whole_and_depthwise_and_grouped_ones_say_so(shown):
    rows = [
        layer("a", (8, 8, 3, 3)),
        layer("b", (8, 1, 3, 3), groups=8),
        layer("c", (8, 2, 3, 3), groups=4),
        layer("d", (10, 8)),
        layer("e", (8, 8, 1, 1)),
    ]
    shown.open(network(rows, "kinds"))
    assert [kind_word(row) for row in rows] == ["Conv", "Depthwise", "Conv, 4 groups", "Linear", "Conv"]
    assert kind_phrase(rows[1]) == "Depthwise Conv2d 3×3"
    assert kind_phrase(rows[2]) == "Conv2d 3×3, 4 groups"
    view = shown.layers.view
    room = view.columnWidth(KEYS.index("kind")) - 10
    assert all(metrics(12).horizontalAdvance(kind_word(row)) <= room for row in rows)
    shown.layers.filter_box.setText("depthwise")
    assert names(shown.layers) == ["b"]
    shown.layers.filter_box.setText("groups")
    assert names(shown.layers) == ["c"]


def test_plan_rail_headings_and_graph_shorten_a_name_as_the_table_does(shown, transformer, qtbot):
    shown.open(transformer)
    name = "bert.encoder.layer.17.attention.output.dense"
    panel = shown.workspace.plan
    panel.subject.resize(120, 20)
    read = set()
    for row in transformer.layers:
        panel.subject.set_name(row.name, shown.layers.table.names)
        read.add("".join(panel.subject._shown(panel.subject._metrics())))
    assert len(read) == len(transformer.layers)
    panel.subject.set_name(name, shown.layers.table.names)
    short = "".join(panel.subject._shown(panel.subject._metrics()))
    assert "17" in short
    assert panel.subject.is_elided()
    siblings = ("attention.self.query", "attention.self.key", "attention.output.dense", "output.dense")
    shorts = [short_names(siblings, 70, 12, 600, 600)[title].text for title in siblings]
    assert len(set(shorts)) == len(siblings)


@pytest.mark.parametrize("width", [240, 420, 900])
def test_the_worst_layer_of_the_error_curve_is_named_so_that_it_is_known(qtbot, transformer, width):
    curve = ErrorCurve("error_curve", "Error")
    qtbot.addWidget(curve)
    curve.resize(width, 300)
    curve.show()
    worst = "bert.encoder.layer.17.attention.output.dense"
    curve.show_errors(
        tuple(
            LayerError(layer=row.name, weight_sqnr_db=40.0, output_sqnr_db=8.25 if row.name == worst else 30.0)
            for row in transformer.layers
        ),
        (),
    )
    said = next(text.text for text in texts_of(curve) if text.text.startswith("worst: "))
    assert "17" in said
    assert "out" in said
    assert said.endswith(", 8.2\u00a0dB")


@pytest.mark.parametrize("width", [20, 60, 110, 190, 400])
def test_a_heading_says_what_it_has_room_for_and_never_a_part_of_it(qtbot, width):
    label = ElidedLabel()
    qtbot.addWidget(label)
    label.resize(width, 20)
    words = heading_words(layer("a", (128, 1, 3, 3), groups=128))
    label.set_variants(words)
    _, shown_text = label._shown(label._metrics())
    assert shown_text in ("", *words)
    assert label._metrics().horizontalAdvance(shown_text) <= width
    if width == 400:
        assert shown_text == "Depthwise Conv2d 3×3 · 128 → 128"
