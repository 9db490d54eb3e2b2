"""The Graph tab: asked for when first seen, folded and walked, tied to the table both ways, searched, laid out."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget
from walked_graph import CONTROL, LEFT, block, click, leaf_of, open_graph, place_of, press

from secateur.engine.events import Failed, Finished, GraphRead, Started
from secateur.engine.requests import Compress, DataSource, ReadGraph
from secateur.model.graph import GraphNode, NetworkGraph
from secateur.recipe.recipe import Recipe
from secateur.session.state import SessionState
from secateur.ui.graph.overlays import MiniMap
from secateur.ui.graph.view import GraphView

# ---------------------------------------------------------------------- asked for, busy, failed


def test_without_a_model_it_says_what_would_fill_it(tab):
    tab.show_state(SessionState(), ())
    assert not tab.is_filled
    assert "open a model" in tab.missing.accessibleName()


def test_the_graph_is_asked_for_when_the_tab_is_shown_and_only_once(shown, model):
    shown.open(model)
    assert not shown.engine.asked(ReadGraph)
    shown.workspace.detail.show_tab("graph")
    shown.until(lambda: shown.engine.asked(ReadGraph))
    shown.workspace.detail.show_tab("weights")
    shown.workspace.detail.show_tab("graph")
    shown.session.measure_latency()
    assert len(shown.engine.asked(ReadGraph)) == 1


def test_the_graph_that_arrives_is_shown_and_kept_for_the_next_visit(shown, model, graph):
    open_graph(shown, model, graph)
    tab = shown.workspace.detail.tab("graph")
    shown.until(lambda: tab.is_filled)
    shown.workspace.detail.show_tab("weights")
    shown.workspace.detail.show_tab("graph")
    assert tab.is_filled
    assert len(shown.engine.asked(ReadGraph)) == 1


def test_a_graph_that_cannot_be_read_says_why_and_is_tried_again_on_demand(shown, model):
    shown.open(model)
    shown.workspace.detail.show_tab("graph")
    shown.until(lambda: shown.engine.asked(ReadGraph))
    shown.engine.say(Failed(shown.engine.job_of(ReadGraph), "Nothing says how they are connected.", "Open a network."))
    tab = shown.workspace.detail.tab("graph")
    shown.until(lambda: "no graph" in tab.missing.accessibleName())
    assert "Nothing says how they are connected. Open a network." in tab.missing.accessibleName()
    assert len(shown.engine.asked(ReadGraph)) == 1
    shown.qtbot.mouseClick(tab.missing.button, LEFT)
    shown.until(lambda: len(shown.engine.asked(ReadGraph)) == 2)


def test_while_a_job_runs_the_graph_is_shown_and_the_job_stays_alone_in_its_panel(shown, model, graph):
    shown.open(model)
    running = Compress(model.source, DataSource("d.npz"), Recipe(), "r", name="Distilling")
    shown.engine.say(Started(500, running))
    shown.until(lambda: shown.state.running is not None)
    shown.window.setFocus()
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    shown.until(lambda: shown.engine.asked(ReadGraph))
    job = shown.engine.job_of(ReadGraph)
    shown.engine.say(Started(job, shown.engine.requests[job - 1]))
    shown.until(lambda: "about a second" in shown.workspace.detail.tab("graph").missing.accessibleName())
    shown.until(lambda: shown.find(QWidget, "jobs_words").text().startswith("1 running"))
    assert shown.find(QWidget, "job_title").text() == "Distilling"
    shown.engine.say(Finished(job, GraphRead(graph)))
    shown.until(lambda: shown.workspace.detail.tab("graph").is_filled)
    assert [known.job for known in shown.state.jobs] == [500]


def test_the_graph_of_another_model_takes_the_place_of_the_first(tab, state, graph):
    tab.show_state(state, ())
    other = NetworkGraph(graph.nodes[:3], ((0, 1), (1, 2)))
    tab.show_state(state.with_(graph=other), ())
    assert set(tab.view.graph.boxes) == {0, 1, 2}


# ---------------------------------------------------------------------- folding


def test_a_small_network_is_shown_open(shown_tab, graph):
    assert set(shown_tab.view.graph.boxes) == set(range(len(graph.nodes)))


def test_a_click_on_the_title_of_a_block_folds_it_and_a_double_click_opens_it_again(qtbot, shown_tab):
    number = block(shown_tab, "layer1.0")
    x, y, *_ = shown_tab.view.graph.drawing.frames[number]
    title = shown_tab.view.viewportTransform().map(QPointF(x + 20, y + 10)).toPoint()
    qtbot.mouseClick(shown_tab.view.viewport(), LEFT, pos=title)
    assert number not in shown_tab.opened
    folded = shown_tab._tree.count + number
    assert folded in shown_tab.view.graph.boxes
    qtbot.mouseDClick(shown_tab.view.viewport(), LEFT, pos=place_of(shown_tab, "layer1.0.conv1"))
    assert number in shown_tab.opened


def test_all_blocks_fold_and_unfold_at_once(qtbot, shown_tab, graph):
    qtbot.mouseClick(shown_tab.tools.fold, LEFT)
    assert shown_tab.opened == frozenset()
    assert len(shown_tab.view.graph.boxes) == 6
    qtbot.mouseClick(shown_tab.tools.unfold, LEFT)
    assert len(shown_tab.view.graph.boxes) == len(graph.nodes)


def test_what_is_looked_at_stays_where_it_is_when_a_block_folds(qtbot, shown_tab):
    shown_tab.view.set_zoom(1.0)
    click(qtbot, shown_tab, "linear")
    before = place_of(shown_tab, "linear")
    shown_tab.toggle(block(shown_tab, "layer1.0"))
    assert (place_of(shown_tab, "linear") - before).manhattanLength() <= 2


# ---------------------------------------------------------------------- selection, both ways


def test_a_click_on_a_node_selects_its_layer_and_control_adds_another(qtbot, shown, model, graph):
    open_graph(shown, model, graph)
    tab = shown.workspace.detail.tab("graph")
    click(qtbot, tab, "layer2.0.conv1")
    assert shown.layers.selected() == ("layer2.0.conv1",)
    click(qtbot, tab, "conv1", CONTROL)
    assert shown.layers.selected() == ("conv1", "layer2.0.conv1")
    click(qtbot, tab, "conv1", CONTROL)
    assert shown.layers.selected() == ("layer2.0.conv1",)


def test_selecting_in_the_table_highlights_the_node_and_brings_it_into_view(qtbot, shown, model, graph):
    open_graph(shown, model, graph)
    tab = shown.workspace.detail.tab("graph")
    tab.view.set_zoom(3.0)
    tab.view.pan(-4000, -4000)
    shown.layers.select(["linear"])
    leaf = leaf_of(tab, "linear")
    shown.until(lambda: tab.view.selected == {leaf})
    assert tab.view.seen().contains(tab.view.graph.box(leaf))


def test_a_selected_layer_in_a_folded_block_highlights_the_block(shown_tab, state):
    shown_tab.fold_all()
    shown_tab.show_state(state, ("layer1.0.conv2",))
    assert shown_tab.view.selected == {leaf_of(shown_tab, "layer1.0.conv2")}
    assert shown_tab._tree.is_block(next(iter(shown_tab.view.selected)))


def test_a_click_on_a_folded_block_selects_all_layers_in_it(qtbot, shown_tab):
    shown_tab.fold_all()
    with qtbot.waitSignal(shown_tab.layers_selected) as selected:
        click(qtbot, shown_tab, "layer2.0.conv1")
    assert selected.args == [["layer2.0.conv1", "layer2.0.conv2"]]


def test_an_operator_selects_nothing(qtbot, shown_tab):
    with qtbot.assertNotEmitted(shown_tab.layers_selected):
        click(qtbot, shown_tab, "layer1.0.Add")
    assert shown_tab.view.current == leaf_of(shown_tab, "layer1.0.Add")


# ---------------------------------------------------------------------- keyboard


def test_arrow_keys_walk_along_the_edges_and_select(qtbot, shown_tab):
    selected = []
    shown_tab.layers_selected.connect(selected.append)
    press(qtbot, shown_tab, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right)
    assert selected == [["conv1"], ["layer1.0.conv1"]]
    press(qtbot, shown_tab, Qt.Key.Key_Left)
    assert selected[-1] == ["conv1"]
    assert "conv1" in shown_tab.view.accessibleDescription()


def test_enter_folds_the_block_around_and_opens_it_again(qtbot, shown_tab):
    click(qtbot, shown_tab, "layer1.0.conv2")
    number = block(shown_tab, "layer1.0")
    press(qtbot, shown_tab, Qt.Key.Key_Return)
    assert number not in shown_tab.opened
    press(qtbot, shown_tab, Qt.Key.Key_Return)
    assert number in shown_tab.opened


def test_plus_and_minus_zoom_and_zero_shows_everything(qtbot, shown_tab):
    begin = shown_tab.view.zoom
    press(qtbot, shown_tab, Qt.Key.Key_Plus, Qt.Key.Key_Plus)
    assert shown_tab.view.zoom > begin
    press(qtbot, shown_tab, Qt.Key.Key_Minus)
    press(qtbot, shown_tab, Qt.Key.Key_0)
    seen = shown_tab.view.seen()
    assert all(seen.contains(box) for box in shown_tab.view.graph.boxes.values())


# ---------------------------------------------------------------------- mouse, map


@pytest.mark.display
def test_dragging_pans_and_selects_nothing(qtbot, shown_tab):
    before = shown_tab.view.seen().center()
    with qtbot.assertNotEmitted(shown_tab.layers_selected):
        view = shown_tab.view.viewport()
        start = place_of(shown_tab, "conv1")
        qtbot.mousePress(view, LEFT, pos=start)
        for step in (10, 30, 60):
            qtbot.mouseMove(view, start + QPoint(-step, 0))
        qtbot.mouseRelease(view, LEFT, pos=start + QPoint(-60, 0))
    assert shown_tab.view.seen().center().x() > before.x()


def test_zooming_keeps_the_point_under_the_mouse(shown_tab):
    place = QPointF(place_of(shown_tab, "linear"))
    before = shown_tab.view.scene_at(place)
    shown_tab.view.set_zoom(shown_tab.view.zoom * 1.7, place)
    after = shown_tab.view.scene_at(place)
    assert (after - before).manhattanLength() * shown_tab.view.zoom < 3


def test_the_map_goes_where_it_is_pressed(qtbot, shown_tab):
    shown_tab.view.set_zoom(3.0)
    small = shown_tab.findChild(MiniMap, "graph_map")
    qtbot.mousePress(small, LEFT, pos=QPoint(small.width() - 12, small.height() - 12))
    right = shown_tab.view.seen().center()
    qtbot.mousePress(small, LEFT, pos=QPoint(12, 12))
    left = shown_tab.view.seen().center()
    assert right.x() > left.x()
    assert right.y() > left.y()


def test_rows_follow_the_width_of_the_window_until_a_person_moves_the_picture(qtbot, shown_tab):
    before = shown_tab.view.graph.drawing
    shown_tab.resize(500, 600)
    qtbot.waitUntil(lambda: shown_tab.view.graph.drawing is not before)
    assert shown_tab.view.graph.drawing.width < before.width


# ---------------------------------------------------------------------- search


def test_search_goes_from_match_to_match_and_unfolds_what_hides_them(qtbot, shown_tab):
    shown_tab.fold_all()
    box = shown_tab.findChild(QLineEdit, "graph_search")
    box.setText("conv2")
    selected = []
    shown_tab.layers_selected.connect(selected.append)
    for _ in range(3):
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert selected == [["layer1.0.conv2"], ["layer2.0.conv2"], ["layer1.0.conv2"]]
    assert block(shown_tab, "layer1.0") in shown_tab.opened
    assert shown_tab.view.seen().contains(shown_tab.view.graph.box(leaf_of(shown_tab, "layer1.0.conv2")))


def test_a_search_without_a_match_shows_it_and_moves_nothing(qtbot, shown_tab):
    box = shown_tab.findChild(QLineEdit, "graph_search")
    box.setText("nowhere")
    before = shown_tab.view.seen()
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert box.property("tone") == "negative"
    assert shown_tab.view.seen() == before


# ---------------------------------------------------------------------- names, keys, large graphs


def test_the_graph_hides_the_plan_panel_and_has_a_key(qtbot, shown, model):
    shown.open(model)
    qtbot.keyClick(shown.window, Qt.Key.Key_4, CONTROL)
    shown.until(lambda: shown.workspace.detail.current == "graph")
    assert not shown.workspace.plan.isVisible()


def test_every_control_has_a_name_and_says_what_it_does(shown_tab):
    for control in [*shown_tab.findChildren(QPushButton), shown_tab.search, shown_tab.legend.box]:
        if control is not shown_tab.missing.button:
            assert control.objectName()
            assert control.accessibleName()
            assert control.toolTip()


def test_a_network_of_two_thousand_nodes_is_laid_out_off_the_windows_thread(qtbot, tab, state):
    nodes = tuple(GraphNode(f"b{n // 10}.n{n}", f"n{n}", "Conv2d", f"b{n // 10}.n{n}", (f"b{n // 10}",), "8 → 8")
                  for n in range(2000))  # fmt: skip
    graph = NetworkGraph(nodes, tuple((n, n + 1) for n in range(1999)))
    tab.show_state(state.with_(graph=graph), ())
    tab.unfold_all()
    assert tab.layouter.is_busy
    qtbot.waitUntil(lambda: not tab.layouter.is_busy and len(tab.view.graph.boxes) == 2000, timeout=30_000)
    assert not tab.grab().isNull()


def test_closing_while_a_graph_is_laid_out_leaves_no_thread(tab, state):
    nodes = tuple(GraphNode(f"n{n}", f"n{n}", "Conv2d", f"n{n}", (), "8 → 8") for n in range(1500))
    tab.show_state(state.with_(graph=NetworkGraph(nodes, tuple((n, n + 1) for n in range(1499)))), ())
    assert tab.layouter.is_busy
    tab.stop()
    assert not tab.layouter.is_busy


def test_the_view_is_named_for_a_screen_reader(shown_tab):
    view = shown_tab.findChild(GraphView, "graph_view")
    assert view.accessibleName()
    assert shown_tab.findChild(QWidget, "graph_zoom_fit").accessibleName()
