"""What the graph looks like: its colours, the badges of the plan, pictures of it, and what is drawn of it from afar."""

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QComboBox
from walked_graph import leaf_of, open_graph

from secateur.engine.events import RunRecord
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.documents import LayerError, RunDocument
from secateur.recipe.editing import with_method
from secateur.ui.graph.colouring import Colouring, choices, colouring, first_choice, write_damage
from secateur.ui.graph.overlays import Legend
from secateur.ui.plots.pictures import save_picture
from secateur.ui.theme.palette import LIGHT
from secateur.ui.theme.style import apply_theme

# ---------------------------------------------------------------------- colours


def test_it_is_coloured_by_damage_as_soon_as_there_is_a_score_and_by_size_before(state):
    assert first_choice(state) == "damage:int4"
    assert first_choice(state.with_(tables={})) == "size"


def test_what_is_not_known_cannot_be_chosen_and_says_why(state):
    reasons = {choice.key: choice.why_not for choice in choices(state)}
    assert not reasons["size"]
    assert not reasons["damage:int8"]
    assert "not measured" in reasons["ms"]
    assert "Run a plan" in reasons["error"]


def test_choosing_another_number_changes_legend_and_nodes(qtbot, shown_tab):
    legend = shown_tab.findChild(Legend, "graph_legend")
    leaf = leaf_of(shown_tab, "linear")
    before = shown_tab._faces.of(leaf)
    legend.chosen.emit("size")
    assert "Size" in legend.title.text()
    assert shown_tab._faces.of(leaf).right != before.right
    box = shown_tab.findChild(QComboBox, "graph_colour")
    assert box.currentData() == "size"


def test_the_largest_value_is_brightest_and_for_the_error_the_least_decibels(state, model):
    sizes = colouring(state, "size")
    largest = max(model.layers, key=lambda layer: layer.size_bytes)
    assert sizes.share_of([largest.name]) == pytest.approx(1.0)
    errors = tuple(LayerError(layer=layer.name, weight_sqnr_db=None, output_sqnr_db=10.0 + 5 * n)
                   for n, layer in enumerate(model.layers))  # fmt: skip
    worst = colouring(with_run(state, errors), "error")
    assert worst.share_of([model.layers[0].name]) == pytest.approx(1.0)
    assert worst.of([model.layers[0].name])[1] == "10.0\u00a0dB"


def with_run(state, errors):
    from secateur.model.documents import Evaluation

    evaluation = Evaluation(
        metric=None, loss=None, samples=0, bytes=1, zip_bytes=1, params=1, nonzero_params=1, macs=1, latency_ms=None
    )
    document = RunDocument(run="r", name="r", original=evaluation, result=evaluation, files=(), layers=errors)
    record = RunRecord("r", "r", "m", "f", "d", "", "finished", 0.0, "", document=document)
    return state.with_(runs=(record,))


def test_a_folded_block_shows_the_sum_of_sizes_and_the_worst_damage():
    values = {"a": 100.0, "b": 300.0}
    by_size = Colouring("size", values=values, range=(100.0, 300.0), is_log=True, write=str)
    by_damage = Colouring("damage:int4", values=values, range=(100.0, 300.0), is_log=True, write=str)
    assert by_size.of(["a", "b"]) == (1.0, "400.0")
    assert by_damage.of(["a", "b"]) == (1.0, "300.0")
    assert by_size.of(["c"]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.00381, "0.0038"), (0.048, "0.048"), (4.3e-5, "4.3×10⁻⁵"), (3.14159, "3.142")]
)
def test_damages_show_two_digits_that_say_something(value, text):
    assert write_damage(value) == text


def test_badges_of_the_plan_stand_on_the_nodes(shown_tab, state):
    recipe = with_method(state.recipe, ["conv1"], "weight_pruning", MagnitudePruning(ratio=0.5))
    recipe = with_method(recipe, ["conv1"], "quantize", StaticInt8())
    shown_tab.show_state(state.with_(recipe=recipe), ())
    face = shown_tab._faces.of(leaf_of(shown_tab, "conv1"))
    assert [text for _, text in face.badges] == ["prune 50 %", "int8"]
    assert "prune 50 %, int8" in face.tip


# ---------------------------------------------------------------------- pictures, themes, from afar


def test_the_whole_graph_is_saved_as_svg_with_real_text_and_as_png(shown_tab, tmp_path):
    shown_tab.view.set_zoom(3.0)
    whole = shown_tab.picture()
    save_picture(whole, tmp_path / "graph.svg")
    text = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "<text" in text
    assert all(name in text for name in ("linear", "conv2", "image 3×8×8"))
    save_picture(whole, tmp_path / "graph.png")
    assert (tmp_path / "graph.png").stat().st_size > 1000


@pytest.mark.display
def test_copying_the_picture_copies_the_graph(shown, model, graph):
    open_graph(shown, model, graph)
    shown.assembly.commands.trigger("copy_picture")
    assert QGuiApplication.clipboard().pixmap().width() > 300


@pytest.mark.display
def test_both_looks_and_every_zoom_can_be_painted(qapp, shown_tab):
    dark = shown_tab.grab().toImage()
    apply_theme(qapp, LIGHT)
    assert shown_tab.grab().toImage() != dark
    for zoom in (0.05, 0.3, 0.5, 0.99, 2.0):
        shown_tab.view.set_zoom(zoom)
        assert not shown_tab.grab().isNull()


def test_from_afar_colours_and_names_of_blocks_are_all_that_is_painted(shown_tab, monkeypatch):
    painted = []
    monkeypatch.setattr("secateur.ui.graph.face_pictures.paint_face", lambda *args: painted.append(args))
    shown_tab.view.graph.pictures.forget()
    shown_tab.view.set_zoom(0.4)
    shown_tab.view.grab()
    assert not painted
    shown_tab.view.set_zoom(0.9)
    shown_tab.view.fit()
    shown_tab.view.grab()
    assert painted
