"""Layers can be told apart: names, kinds, widths and order of the columns, pins, menus, filter; by mouse and keys."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from painted_texts import texts_of
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QImage, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QApplication, QMenu, QPushButton

from secateur.layer_names import ShortName
from secateur.model.description import Layer, ModelDescription, ModelSource, Port, TensorInfo
from secateur.model.documents import LayerError
from secateur.session.memory import Memory
from secateur.ui.models.layer_table import COLUMNS, KEYS, RowContent
from secateur.ui.models.layer_words import heading_words, kind_phrase, kind_word
from secateur.ui.panels import layer_rows
from secateur.ui.panels.layer_rows import ROW_HEIGHT, RowLook, RowPictures, name_room
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.short_names import short_names
from secateur.ui.theme.style import metrics
from secateur.ui.widgets.elided_label import ElidedLabel

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
SIZES = [(1024, 700), (1440, 900), (2560, 1440)]


def layer(name: str, shape: tuple[int, ...], groups: int = 1, kind: str = "", ms: float | None = None) -> Layer:
    count = int(np.prod(shape))
    weight = TensorInfo(f"{name}.weight", "float32", shape, 4 * count)
    kind = kind or ("Linear" if len(shape) == 2 else "Conv2d")
    return Layer(
        name, kind, weight, None, count, count * 64, 4 * count, (shape[0],), shape[2:], groups, latency_ms=ms
    )  # fmt: skip


def network(layers: list[Layer], name: str) -> ModelDescription:
    size = sum(row.size_bytes for row in layers)
    ports = (Port("input", "float32", (None, 3, 8, 8)),)
    return ModelDescription(name, ModelSource(name), "onnx", size, tuple(layers), ports, (), fingerprint=name * 2)


@pytest.fixture
def mobile() -> ModelDescription:
    """50 layers: depthwise, and names that differ in the middle alone."""
    rows = [layer("features.0.conv", (32, 3, 3, 3), ms=0.3)]
    for block in range(1, 17):
        stem = f"features.{block}.conv.block"
        rows += [
            layer(f"{stem}.expand.conv", (128, 32, 1, 1), ms=10.12),
            layer(f"{stem}.depthwise.conv", (128, 1, 3, 3), 128, ms=0.05),
            layer(f"{stem}.project.conv", (32, 128, 1, 1), ms=0.1),
        ]
    return network([*rows, layer("classifier.1", (1000, 64), ms=0.1)], "mobile")


@pytest.fixture
def transformer() -> ModelDescription:
    """300 layers with long names that differ in the middle and at the end."""
    parts = (
        *("attention.self.query", "attention.self.key", "attention.self.value"),
        *("attention.output.dense", "intermediate.dense", "output.dense"),
    )
    names = (f"bert.encoder.layer.{block}.{part}" for block in range(50) for part in parts)
    return network([layer(name, (64, 64)) for name in names], "bert")


@pytest.fixture
def bare_weights(mobile) -> ModelDescription:
    """Tensors without a network."""
    rows = tuple(replace(row, kind="Tensor", macs=0, latency_ms=None) for row in mobile.layers)
    return replace(mobile, name="bare", layers=rows, runnable=False, trainable=False, reason="No network.")


def open_rows(shown, model: ModelDescription) -> None:
    from secateur.engine.events import EngineReady, Finished, ModelOpened, Started
    from secateur.engine.requests import OpenModel

    shown.session.open_model(model.source)
    job = shown.engine.job_of(OpenModel)
    request = shown.engine.requests[job - 1]
    shown.engine.say(EngineReady("CPU", 2, 1), Started(job, request), Finished(job, ModelOpened(model)))
    shown.settle()


def names(panel) -> list[str]:
    return [row.name for row in panel.visible_layers()]


def shown_names(panel) -> list[str]:
    """What the rows read, as they are painted."""
    room = name_room(panel.view.columnWidth(0), has_pins=bool(panel.order.pinned_count))
    texts = short_names(panel.table.names, room)
    for short in texts.values():
        painted = metrics(12).horizontalAdvance(short.prefix) + metrics(12, 600).horizontalAdvance(short.own)
        assert painted <= room
    return [texts[name].text for name in panel.table.names]


def ask_for_menu(widget, place: QPoint, reason=QContextMenuEvent.Reason.Mouse) -> QMenu:
    event = QContextMenuEvent(reason, place, widget.mapToGlobal(place))
    QApplication.sendEvent(widget, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def click_entry(qtbot, menu: QMenu, name: str) -> None:
    """Click an entry of a menu, or of one of its sub-menus once it is open."""
    entry = next(entry for entry in menu.actions() if entry.objectName() == name)
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(entry).center())


def row_place(view, row: int, key: str = "layer") -> QPoint:
    return view.visualRect(view.model().index(row, KEYS.index(key))).center()


def drag(widget, start: QPoint, end: QPoint) -> None:
    """Press, move in small steps, release: as a hand does."""

    def send(kind, place, button, buttons):
        spot = QPointF(place)
        event = QMouseEvent(kind, spot, QPointF(widget.mapToGlobal(place)), button, buttons, Qt.KeyboardModifier(0))
        QApplication.sendEvent(widget, event)

    none = Qt.MouseButton.NoButton
    send(QEvent.Type.MouseMove, start, none, none)
    send(QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    steps = 12
    for n in range(1, steps + 1):
        send(QEvent.Type.MouseMove, start + (end - start) * n / steps, none, LEFT)
    send(QEvent.Type.MouseButtonRelease, end, LEFT, none)


# ---------------------------------------------------------------------- names and kinds


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("which", ["mobile", "transformer", "bare_weights", "model"])
def test_no_two_rows_read_the_same_at_any_size_in_table_and_heat_map(shown, request, which, size):
    shown.window.resize(*size)
    open_rows(shown, request.getfixturevalue(which))
    for tab in ("weights", "sensitivity"):
        shown.workspace.detail.show_tab(tab)
        QApplication.processEvents()
        texts = shown_names(shown.layers)
        assert len(set(texts)) == len(texts)
        assert not any(text.startswith("#") for text in texts)
    read = [name.text for name in shown.workspace.detail.tab("sensitivity").map.names_shown().values()]
    assert len(set(read)) == len(read)


def test_a_name_does_not_change_while_the_table_is_scrolled_and_filtered(shown, mobile):
    open_rows(shown, mobile)
    before = shown_names(shown.layers)
    shown.layers.view.verticalScrollBar().setValue(400)
    shown.layers.filter_box.setText("depthwise")
    assert shown_names(shown.layers) == before


def test_spare_width_goes_to_names_before_plan_and_sparkline(shown, transformer):
    open_rows(shown, transformer)
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
    open_rows(shown, untimed)
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

    first = painted("conv", 0.0, in_parts=True)
    assert not pictures.has_more  # a row that has no picture yet is painted at once
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
    open_rows(shown, network(rows, "kinds"))
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
    open_rows(shown, transformer)
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


# ---------------------------------------------------------------------- columns


def border_of(header, key: str) -> QPoint:
    section = KEYS.index(key)
    return QPoint(header.sectionViewportPosition(section) + header.sectionSize(section) - 1, header.height() // 2)


def test_a_column_is_widened_by_dragging_its_border_and_remembered_per_tab_and_model(shown, mobile, model):
    open_rows(shown, mobile)
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
    open_rows(shown, model)
    assert view.own_widths == {}
    open_rows(shown, mobile)
    shown.until(lambda: view.columnWidth(KEYS.index("kind")) == wide)


def test_a_double_click_on_a_border_fits_the_column(shown, transformer, qtbot):
    open_rows(shown, transformer)
    view, header = shown.layers.view, shown.layers.view.horizontalHeader()
    assert any("…" in text for text in shown_names(shown.layers))
    spot = border_of(header, "layer")
    drag(header.viewport(), spot, spot)  # nothing moves: a click on a border widens nothing
    assert view.own_widths == {}
    qtbot.mouseDClick(header.viewport(), LEFT, pos=spot)
    assert shown_names(shown.layers) == list(shown.layers.table.names)


@pytest.mark.display
def test_a_column_is_moved_by_dragging_its_heading_and_the_order_is_remembered(shown, mobile, model):
    open_rows(shown, mobile)
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
    open_rows(shown, mobile)
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
    open_rows(shown, mobile)
    panel = shown.layers
    panel.view.sort_by(KEYS.index("macs"), Qt.SortOrder.DescendingOrder)
    assert panel.totals.texts["layer"] == "50 layers"
    panel.choose_column("macs", False)
    assert panel.totals.texts["layer"] == "50 layers, by MACs"
    panel.view.sort_by(-1)
    assert panel.totals.texts["layer"] == "50 layers"


@pytest.mark.display
def test_the_menu_of_a_heading_sorts_fits_moves_hides_and_copies(shown, mobile, qtbot):
    open_rows(shown, mobile)
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
    open_rows(shown, mobile)
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
    open_rows(shown, request.getfixturevalue(which))
    for text in ("", "conv", "size>1k"):
        shown.layers.filter_box.setText(text)
        QApplication.processEvents()
        placed = shown.layers.totals.placed()
        assert {"layer", "size"} <= {key for key, _, _ in placed}
        for key, box, said in placed:
            assert metrics(12, 400 if key == "plan" else 600).horizontalAdvance(said) <= box.width()
        for (_, a, _), (_, b, _) in itertools.combinations(placed, 2):
            assert not a.intersects(b)


# ---------------------------------------------------------------------- pins


def test_a_pinned_layer_stays_on_top_through_sort_and_filter_and_comes_back_with_its_model(shown, mobile, model, qtbot):
    open_rows(shown, mobile)
    panel, view = shown.layers, shown.layers.view
    qtbot.mouseClick(view.viewport(), LEFT, pos=row_place(view, 4))
    pinned = panel.selected()[0]
    qtbot.keyClick(view, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    assert names(panel)[0] == pinned
    assert panel.selected() == (pinned,)
    view.sort_by(KEYS.index("params"), Qt.SortOrder.DescendingOrder)
    assert names(panel)[0] == pinned
    qtbot.keyClicks(panel.filter_box, "classifier")
    assert names(panel) == [pinned, "classifier.1"]
    panel.clear_filter()
    shown.until(lambda: Memory().recall(mobile.fingerprint).view.pinned == [pinned])
    open_rows(shown, model)
    assert panel.order.pinned_count == 0
    open_rows(shown, mobile)
    shown.until(lambda: names(panel)[0] == pinned)
    panel.select([pinned])
    panel.toggle_pins()
    assert panel.order.pinned_count == 0


def test_pinned_layers_stand_first_in_the_heat_map_too(shown, mobile):
    open_rows(shown, mobile)
    shown.workspace.detail.show_tab("sensitivity")
    shown.layers.select(["classifier.1"])
    shown.layers.toggle_pins()
    assert shown.workspace.detail.tab("sensitivity").map.cells.layers[0] == "classifier.1"


# ---------------------------------------------------------------------- menus


@pytest.mark.display
def test_the_menu_of_a_row_copies_selects_plans_filters_and_pins(shown, mobile, qtbot):
    open_rows(shown, mobile)
    panel, view = shown.layers, shown.layers.view
    clipboard = QGuiApplication.clipboard()
    name = names(panel)[2]

    def menu(key: str = "layer") -> QMenu:
        return ask_for_menu(view.viewport(), row_place(view, names(panel).index(name), key))

    click_entry(qtbot, menu(), "copy_name")
    assert clipboard.text() == name
    assert panel.selected() == (name,)  # the row below the mouse became the selection
    click_entry(qtbot, menu(), "copy_row")
    assert clipboard.text().splitlines()[1].startswith(f"{name},Conv2d,128x1x3x3")
    click_entry(qtbot, menu("size"), "copy_value")
    assert clipboard.text() == panel.table.text(panel.table.layers[2], "size")
    plan = menu()
    sub = next(entry.menu() for entry in plan.actions() if entry.menu())
    sub.popup(QPoint(0, 0))
    click_entry(qtbot, sub, "plan_int8")
    plan.close()
    assert [method.badge() for method in shown.state.steps_of(name)] == ["int8"]
    click_entry(qtbot, menu(), "pin")
    assert names(panel)[0] == name
    click_entry(qtbot, menu(), "filter_kind")
    assert all("depthwise" in row.name for row in panel.visible_layers())
    panel.clear_filter()
    click_entry(qtbot, menu(), "select_alike")
    assert len(panel.selected()) == 16
    click_entry(qtbot, menu(), "show_in_graph")
    assert shown.workspace.detail.current == "graph"


@pytest.mark.display
def test_the_menu_opens_by_key_for_the_current_row(shown, mobile):
    open_rows(shown, mobile)
    view = shown.layers.view
    view.setFocus()
    menu = ask_for_menu(view.viewport(), QPoint(0, 0), QContextMenuEvent.Reason.Keyboard)
    assert menu.objectName() == "layer_menu"
    menu.close()


@pytest.mark.display
def test_the_menu_of_a_cell_plans_its_option_and_copies_its_value(shown, model, table, qtbot):
    shown.open(model)
    shown.session.update(tables={"free": table})
    shown.workspace.detail.show_tab("sensitivity")
    heat_map = shown.workspace.detail.tab("sensitivity").map
    shown.until(lambda: heat_map.cells.values.size and np.isfinite(heat_map.cells.values).all())
    place = heat_map.cell_box("layer2.0.conv2", "int4").center().toPoint()
    click_entry(qtbot, ask_for_menu(heat_map.viewport(), place), "copy_value")
    assert QGuiApplication.clipboard().text() == "0.010"
    assert shown.layers.selected() == ("layer2.0.conv2",)
    click_entry(qtbot, ask_for_menu(heat_map.viewport(), place), "plan_cell")
    assert [method.badge() for method in shown.state.steps_of("layer2.0.conv2")] == ["4-bit"]
    named = heat_map.geometry_now().name_box(0).center().toPoint()
    menu = ask_for_menu(heat_map.viewport(), named)
    assert "plan_cell" not in [entry.objectName() for entry in menu.actions()]
    menu.close()


def test_what_a_menu_cannot_do_says_why(shown, mobile):
    open_rows(shown, mobile)
    view = shown.layers.view
    menus = [
        ask_for_menu(view.viewport(), row_place(view, 0)),
        *(
            ask_for_menu(view.heading.viewport(), QPoint(view.heading.sectionViewportPosition(n) + 3, 9))
            for n in (0, 1, 9)
        ),
    ]
    off = 0
    for menu in menus:
        for entry in (e for top in menu.actions() for e in (top.menu().actions() if top.menu() else [top])):
            if not entry.isEnabled() and not entry.isSeparator():
                off += 1
                assert entry.toolTip() != entry.text()
                assert entry.toolTip().endswith(".")
        assert menu.toolTipsVisible()
        menu.close()
    assert off > 3


# ---------------------------------------------------------------------- filter


def test_the_filter_acts_on_the_heat_map_too(shown, mobile, qtbot):
    open_rows(shown, mobile)
    shown.workspace.detail.show_tab("sensitivity")
    heat_map = shown.workspace.detail.tab("sensitivity").map
    assert len(heat_map.cells.layers) == 50
    qtbot.keyClicks(shown.layers.filter_box, "project")
    assert heat_map.cells.layers == tuple(names(shown.layers))
    assert len(heat_map.cells.layers) == 16
    shown.layers.filter_box.clear()
    assert len(heat_map.cells.layers) == 50


def test_a_tab_that_is_built_later_is_filtered_as_well(shown, model, qtbot):
    shown.open(model)
    qtbot.keyClicks(shown.layers.filter_box, "layer2")
    shown.workspace.detail.show_tab("sensitivity")
    assert shown.workspace.detail.tab("sensitivity").map.cells.layers == ("layer2.0.conv1", "layer2.0.conv2")


@pytest.mark.parametrize("key", [Qt.Key.Key_Down, Qt.Key.Key_Return])
@pytest.mark.display
def test_down_and_return_enter_the_table_from_the_filter(shown, model, qtbot, key):
    shown.open(model)
    panel = shown.layers
    panel.filter_box.setFocus()
    qtbot.keyClicks(panel.filter_box, "layer2")
    qtbot.keyClick(panel.filter_box, key)
    assert panel.view.hasFocus()
    assert panel.selected() == ("layer2.0.conv1",)
    qtbot.keyClick(panel.view, Qt.Key.Key_Down)
    assert panel.selected() == ("layer2.0.conv2",)


def test_an_empty_search_says_so_in_table_and_heat_map_and_is_cleared_by_a_click(shown, model, qtbot):
    shown.open(model)
    shown.workspace.detail.show_tab("sensitivity")
    for name in ("no_layer_matches", "no_cell_matches"):
        qtbot.keyClicks(shown.layers.filter_box, "nothing")
        empty = shown.find(type(shown.layers.no_match), name)
        assert empty.isVisible()
        assert empty.words.text() == "No layer matches “nothing”."
        assert not names(shown.layers)
        shown.until(lambda empty=empty: empty.clear.height() > 0)
        qtbot.mouseClick(shown.find(QPushButton, f"{name}_clear"), LEFT)
        assert not empty.isVisible()
        assert len(names(shown.layers)) == 6


def test_an_empty_search_is_told_below_the_pinned_rows(shown, mobile, qtbot):
    open_rows(shown, mobile)
    panel = shown.layers
    panel.select([mobile.layers[3].name, mobile.layers[4].name])
    panel.toggle_pins()
    qtbot.keyClicks(panel.filter_box, "nothing")
    assert names(panel) == [mobile.layers[3].name, mobile.layers[4].name]
    assert panel.no_match.isVisible()
    assert panel.no_match.y() >= panel.view.visualRect(panel.order.index(1, 0)).bottom()


def test_selection_survives_filter_and_sort(shown, mobile, qtbot):
    open_rows(shown, mobile)
    panel = shown.layers
    chosen = [row.name for row in panel.table.layers if "project" in row.name][:3]
    panel.select(chosen)
    qtbot.keyClicks(panel.filter_box, "project")
    assert set(panel.selected()) == set(chosen)
    panel.view.sort_by(KEYS.index("layer"), Qt.SortOrder.DescendingOrder)
    assert set(panel.selected()) == set(chosen)
    panel.clear_filter()
    assert set(panel.selected()) == set(chosen)


def test_every_column_and_control_of_the_panel_says_what_it_is(shown, model):
    shown.open(model)
    assert all(column.tooltip for column in COLUMNS)
    for button in shown.layers.findChildren(QPushButton):
        assert button.toolTip()
        assert button.objectName()
