"""One sample through the network, in the window: which one, every layer's maps, and where the answer changes."""

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from text_findings import findings

from secateur.engine.events import Failed, Finished, MapsRead, Partial, RunRecord, SampleFollowed, SamplesShown
from secateur.engine.requests import DataSource, FollowSample, ReadMaps, Sample, ShowSamples
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.model.description import Port
from secateur.model.documents import RunDocument
from secateur.model.maps import AnswerAt, Guess, LayerMaps, TakenSample, Thumbnail
from secateur.ui.theme.palette import DARK, LIGHT
from secateur.ui.theme.style import apply_theme
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.number_field import NumberField

LEFT = Qt.MouseButton.LeftButton
MAPS = ("conv1", "layer1.0.conv1", "layer1.0.conv2", "layer2.0.conv1", "layer2.0.conv2")
LAYERS = (*MAPS, "linear")


def maps_of(layer: str, channels: int = 8, removed: tuple[int, ...] = (), seed: int = 0) -> LayerMaps:
    random = np.random.default_rng(seed)
    if layer == "linear":
        before = random.normal(size=10).astype(np.float16)
        change = (before * 0.1).astype(np.float16)
        return LayerMaps(layer, "features", (10,), before, before + change, change, 0, 10, sqnr_db=20.0)
    before = random.normal(size=(min(channels, 64), 6, 6)).astype(np.float16)
    change = (before * 0.1).astype(np.float16)
    after = before + change
    after[list(removed)] = change[list(removed)] = np.nan
    shape = (channels, 6, 6)
    return LayerMaps(
        layer, "maps", shape, before, after, change, 0, channels, (1, 1), -3.0, 3.0, removed,
        None if layer == "conv1" else 20.0, layer == "conv1",
    )  # fmt: skip


@pytest.fixture
def view(shown, model, data, previews, evaluation, spectra):
    """The tab on One sample, with data and a plan; the question is on its way."""
    shown.open(model, spectra)
    shown.session.open_data(DataSource("sample:mnist"))
    shown.open_data(data, previews, evaluation)
    shown.session.set_method(["conv1", "linear"], "weight_pruning", MagnitudePruning(ratio=0.5))
    shown.workspace.detail.show_tab("activations")
    tab = shown.workspace.detail.tab("activations")
    segment = tab.view.findChild(QWidget, "segment_sample")
    shown.qtbot.mouseClick(segment, LEFT)
    shown.until(lambda: shown.engine.asked(FollowSample))
    return tab.sample


def answer(shown, layers=LAYERS, flip: int | None = 3, beside: str = "the plan", **changes) -> None:
    """Let the engine answer the newest question, piece by piece."""
    job = shown.engine.job_of(FollowSample)
    image = np.full((6, 6, 3), 90, np.uint8)
    title = f"sample {shown.engine.requests[job - 1].sample.index}"
    said = [TakenSample(image, title, "7", layers, tuple("0123456789"), beside)]
    said += [changes.get(layer.replace(".", "_")) or maps_of(layer) for layer in layers]
    said += [AnswerAt("", 0.9, 3.0, 7, 0.0)]
    for n, layer in enumerate(layers):
        flipped = flip is not None and n >= flip
        said.append(AnswerAt(layer, 0.2 if flipped else 0.8, -1.0 if flipped else 2.0, 1 if flipped else 7, 0.1 * n))
    best = (Guess("7", 0.9), Guess("1", 0.1)), (Guess("1", 0.8), Guess("7", 0.2))
    shown.engine.say(*(Partial(job, value) for value in said), Finished(job, SampleFollowed(*best)))
    shown.until(lambda: shown.state.followed.end is not None)
    sample = shown.workspace.detail.tab("activations").sample
    shown.until(lambda: sample.shown is shown.state.followed)  # states are shown once a frame


def texts(view) -> str:
    return " ".join(child.text() for child in view.findChildren(QLabel) if child.isVisible())


def test_choosing_one_sample_follows_the_first_of_the_test_split_beside_the_plan(shown, view):
    asked = shown.engine.asked(FollowSample)[0]
    assert asked.sample == Sample(0)
    assert asked.recipe == shown.state.recipe
    assert not asked.run
    answer(shown)
    assert view.answer.title.text() == "sample 0"
    assert view.answer.label.text() == "labelled 7"
    assert "the layers up to it from the plan, the rest from the original" in texts(view)


def test_the_table_gives_room_to_the_picture(shown, view):
    width = shown.layers.width()
    distribution = shown.workspace.detail.tab("activations").view.findChild(QWidget, "segment_distribution")
    shown.qtbot.mouseClick(distribution, LEFT)
    assert shown.layers.width() > width


def test_the_layer_where_the_answer_changes_is_named_and_drawn(shown, view):
    answer(shown, flip=3)
    assert view.answer.answers.flip == "layer2.0.conv1"
    assert "Another class is answered from layer2.0.conv1 on." in texts(view)
    assert view.answer.answers.values == pytest.approx([0.8, 0.8, 0.8, 0.2, 0.2, 0.2])


def test_an_answer_that_stays_is_said_to_stay(shown, view):
    answer(shown, flip=None)
    assert view.answer.answers.flip == ""
    assert "is the original's at every layer" in texts(view)


def test_margin_and_distance_are_drawn_by_a_click(shown, view):
    answer(shown, flip=3)
    shown.qtbot.mouseClick(view.answer.kind.findChild(QWidget, "segment_margin"), LEFT)
    assert view.answer.answers.values == pytest.approx([2, 2, 2, -1, -1, -1])
    shown.qtbot.mouseClick(view.answer.kind.findChild(QWidget, "segment_deviation"), LEFT)
    assert view.answer.answers.values == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_arrow_keys_step_through_the_layers_and_the_table_follows(shown, view):
    answer(shown)
    grid = view.layer.grid
    grid.setFocus()
    for name in MAPS[1:3]:
        shown.qtbot.keyClick(grid, Qt.Key.Key_Right)
        assert shown.layers.selected() == (name,)
        assert grid.maps.layer == name
    shown.qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert shown.layers.selected() == (MAPS[1],)
    shown.qtbot.mouseClick(shown.find(IconButton, "layer_after"), LEFT)
    assert shown.layers.selected() == (MAPS[2],)


def test_the_vector_of_a_linear_layer_is_a_chart_that_the_arrows_leave_again(shown, view):
    answer(shown)
    shown.layers.select(["linear"])
    assert view.layer.chart.isVisible()
    assert view.layer.chart.maps.layer == "linear"
    view.layer.chart.setFocus()
    shown.qtbot.keyClick(view.layer.chart, Qt.Key.Key_Left)
    assert shown.layers.selected() == ("layer2.0.conv2",)
    assert view.layer.grid.isVisible()


def test_selecting_a_layer_in_the_table_shows_its_maps_with_its_sqnr(shown, view):
    answer(shown)
    shown.layers.select(["layer2.0.conv1"])
    assert view.layer.grid.maps.layer == "layer2.0.conv1"
    assert "layer 4 of 6 · 8 × 6 × 6" in view.layer.figures.text()
    assert "20.0" in view.layer.figures.text()
    shown.layers.select(["conv1"])
    assert view.layer.figures.text().endswith("unchanged")


def test_original_and_compressed_have_one_scale_and_the_difference_its_own(shown, view):
    answer(shown)
    outputs, differences = view.layer.grid.scales
    assert outputs.low == -outputs.high  # signed values: zero is the middle
    assert differences.high < outputs.high / 5
    assert "…" in view.layer.outputs.accessibleName()
    assert "…" in view.layer.differences.accessibleName()


def test_the_values_under_the_mouse_are_read_out(shown, view):
    answer(shown)
    maps = shown.state.followed.maps["conv1"]
    place = view.layer.grid.cell(2)
    words = view.layer.grid.words_at(QPointF(place.left() + 1, place.top() + 1))
    assert words.startswith("channel 2, row 0, column 0:")
    shown.qtbot.mouseMove(view.layer.grid, place.topLeft() + QPoint(2, 2))
    shown.until(lambda: view.layer.read_out.text().startswith("channel 2"))
    before = f"{float(maps.original[2, 0, 0]):.3g}".replace("-", "\u2212")
    assert before in words
    assert "→" in words


def test_a_click_enlarges_a_map_and_escape_goes_back(shown, view):
    answer(shown)
    place = view.layer.grid.cell(1)
    shown.qtbot.mouseClick(view.layer.grid, LEFT, pos=place.center())
    asked = shown.engine.asked(ReadMaps)[-1]
    assert (asked.layer, asked.first, asked.count) == ("conv1", 1, 1)
    assert view.layer.alone.isVisible()
    whole = LayerMaps("conv1", "maps", (8, 6, 6), *[np.ones((1, 6, 6), np.float16)] * 3, first=1, channels=8)
    shown.engine.say(Finished(shown.engine.job_of(ReadMaps), MapsRead(whole)))
    shown.until(lambda: view.layer.alone.maps is whole)
    shown.qtbot.keyClick(view.layer.alone, Qt.Key.Key_Escape)
    assert view.layer.grid.isVisible()


def test_the_keyboard_enlarges_a_map_too(shown, view):
    answer(shown)
    view.layer.grid.setFocus()
    shown.qtbot.keyClick(view.layer.grid, Qt.Key.Key_Down)
    shown.qtbot.keyClick(view.layer.grid, Qt.Key.Key_Return)
    assert shown.engine.asked(ReadMaps)[-1].first == 1
    assert view.layer.alone.hasFocus()


def test_more_channels_than_are_shown_come_by_a_button(shown, view):
    answer(shown, conv1=maps_of("conv1", channels=100))
    assert "channels 0–63" in view.layer.figures.text()
    shown.qtbot.mouseClick(shown.find(IconButton, "channels_after"), LEFT)
    asked = shown.engine.asked(ReadMaps)[-1]
    assert (asked.layer, asked.first) == ("conv1", 64)
    rest = np.zeros((36, 6, 6), np.float16)
    page = LayerMaps("conv1", "maps", (100, 6, 6), rest, rest, rest, first=64, channels=100)
    shown.engine.say(Finished(shown.engine.job_of(ReadMaps), MapsRead(page)))
    shown.until(lambda: "channels 64–99" in view.layer.figures.text())


def test_removed_channels_are_marked_and_said(shown, view):
    answer(shown, conv1=maps_of("conv1", removed=(1, 4)))
    assert "2 removed" in view.layer.figures.text()
    place = view.layer.grid.cell(4)
    assert view.layer.grid.words_at(QPointF(place.left() + 1, place.top() + 1)).endswith("removed")


def test_the_next_sample_is_followed_and_the_older_question_is_given_up(shown, view):
    first = shown.engine.job_of(FollowSample)
    shown.qtbot.mouseClick(shown.find(IconButton, "next_sample"), LEFT)
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(1))
    assert first in shown.engine.cancelled
    shown.engine.say(Partial(first, maps_of("conv1")))  # what was on its way already
    answer(shown)
    assert view.answer.title.text() == "sample 1"


def test_a_sample_is_chosen_by_its_number(shown, view):
    field = shown.find(NumberField, "sample_number")
    field.setFocus()
    field.selectAll()
    shown.qtbot.keyClicks(field, "42")
    shown.qtbot.keyClick(field, Qt.Key.Key_Return)
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(42))


def test_the_strip_shows_thumbnails_and_takes_clicks_and_keys(shown, view):
    shown.until(lambda: shown.engine.asked(ShowSamples))
    image = np.zeros((8, 8, 3), np.uint8)
    thumbnails = tuple(Thumbnail(n, image, str(n)) for n in range(24))
    shown.engine.say(Finished(shown.engine.job_of(ShowSamples), SamplesShown(1000, thumbnails)))
    shown.until(lambda: shown.state.followed.total == 1000)
    strip = view.chooser.strip
    shown.qtbot.mouseClick(strip, LEFT, pos=strip.place(3).center())
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(3))
    strip.setFocus()
    shown.qtbot.keyClick(strip, Qt.Key.Key_Right)
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(4))


def test_a_plan_that_changes_is_followed_again_when_it_stands_still(shown, view):
    answer(shown)
    before = len(shown.engine.asked(FollowSample))
    for ratio in (0.6, 0.7, 0.8):
        shown.session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=ratio))
    shown.until(lambda: len(shown.engine.asked(FollowSample)) > before)
    assert len(shown.engine.asked(FollowSample)) == before + 1
    assert shown.engine.asked(FollowSample)[-1].recipe == shown.state.recipe


def drop(widget: QWidget, path: str) -> bool:
    """Drag a file over a widget and drop it; whether the widget took it."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path)])
    where, copy, keys = QPoint(20, 20), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(where, copy, mime, LEFT, keys)
    QApplication.sendEvent(widget, enter)
    if not enter.isAccepted():
        return False
    QApplication.sendEvent(widget, QDropEvent(QPointF(where), copy, mime, LEFT, keys))
    return True


def test_a_dropped_image_is_the_sample_and_a_dropped_model_is_left_to_the_window(shown, view, tmp_path):
    assert drop(view, str(tmp_path / "cat.png"))
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].sample == Sample(file=str(tmp_path / "cat.png")))
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(tmp_path / "other.onnx"))])
    enter = QDragEnterEvent(QPoint(20, 20), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    view.dragEnterEvent(enter)
    assert not enter.isAccepted()


def test_what_cannot_be_followed_is_said_where_the_maps_would_be(shown, view):
    job = shown.engine.job_of(FollowSample)
    shown.engine.say(Failed(job, "wrong.npy has the shape 5, and the network takes n × 3.", "Give another."))
    shown.until(lambda: "wrong.npy has the shape" in texts(view))
    assert not any("wrong.npy" in notice.sentence for notice in shown.state.notices)


def test_thumbnails_that_cannot_be_read_are_not_asked_for_again_and_again(shown, view):
    shown.until(lambda: shown.engine.asked(ShowSamples))
    shown.engine.say(Failed(shown.engine.job_of(ShowSamples), "The data cannot be read.", ""))
    asked = len(shown.engine.asked(ShowSamples))
    answer(shown)
    shown.session.set_method(["conv1"], "weight_pruning", MagnitudePruning(ratio=0.25))
    shown.until(lambda: view.wanted() is not None and view.wanted().recipe == shown.state.recipe)
    assert len(shown.engine.asked(ShowSamples)) == asked


def test_after_one_that_failed_the_next_sample_is_asked_for_once(shown, view):
    job = shown.engine.job_of(FollowSample)
    shown.engine.say(Failed(job, "wrong.npy has the shape 5.", "Give another."))
    shown.until(lambda: "wrong.npy has the shape" in texts(view))
    before = len(shown.engine.asked(FollowSample))
    view.choose(Sample(3))
    QApplication.processEvents()
    assert len(shown.engine.asked(FollowSample)) == before + 1


def test_weights_without_a_network_say_why_no_sample_goes_through(shown, model):
    from dataclasses import replace

    bare = replace(model, runnable=False, trainable=False, reason="It holds tensors alone.")
    shown.session.update(model=bare)
    shown.workspace.detail.show_tab("activations")
    tab = shown.workspace.detail.tab("activations")
    shown.qtbot.mouseClick(tab.view.findChild(QWidget, "segment_sample"), LEFT)
    shown.until(lambda: "weights alone" in tab.sample.missing.accessibleName())
    assert not shown.engine.asked(FollowSample)


def test_without_data_a_file_may_still_be_dropped(shown, model, spectra, tmp_path):
    shown.open(model, spectra)
    shown.workspace.detail.show_tab("activations")
    tab = shown.workspace.detail.tab("activations")
    shown.qtbot.mouseClick(tab.view.findChild(QWidget, "segment_sample"), LEFT)
    shown.until(lambda: "No sample yet" in tab.sample.missing.accessibleName())
    assert drop(tab.sample, str(tmp_path / "cat.png"))
    shown.until(lambda: bool(shown.engine.asked(FollowSample)))
    assert shown.engine.asked(FollowSample)[0].data is None


def test_outputs_that_are_no_class_scores_are_followed_by_their_distance(shown, view):
    job = shown.engine.job_of(FollowSample)
    said = [TakenSample(None, "a text", "", LAYERS, (), "the plan"), *(maps_of(layer) for layer in LAYERS)]
    said += [AnswerAt("", deviation=0.0), *(AnswerAt(layer, deviation=0.1) for layer in LAYERS)]
    shown.engine.say(*(Partial(job, value) for value in said), Finished(job, SampleFollowed()))
    shown.until(lambda: view.shown is not None and view.shown.end is not None)
    assert view.answer.kind.value() == "deviation"
    assert view.answer.answers.values == pytest.approx([0.1] * 6)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("size", [(1024, 700), (1440, 900), (2560, 1440)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_no_text_of_the_view_is_cut_or_lies_on_another(shown, qapp, view, size, theme):
    apply_theme(qapp, theme)
    shown.window.resize(*size)
    answer(shown, conv1=maps_of("conv1", channels=100, removed=(1, 4)))
    for layer in ("conv1", "linear"):
        shown.layers.select([layer])

        def is_clean():
            found = [str(finding) for finding in findings(view)]
            assert not found, found

        shown.qtbot.waitUntil(is_clean, timeout=30_000)  # layouts settle within a few turns


def test_a_network_of_tokens_takes_a_text(shown, model, spectra):
    from dataclasses import replace

    ports = (Port("input_ids", "int64", (None, None)), Port("attention_mask", "int64", (None, None)))
    shown.open(replace(model, inputs=ports), spectra)
    shown.workspace.detail.show_tab("activations")
    tab = shown.workspace.detail.tab("activations")
    shown.qtbot.mouseClick(tab.view.findChild(QWidget, "segment_sample"), LEFT)
    field = tab.sample.chooser.text
    shown.until(field.isVisible)
    field.setFocus()
    shown.qtbot.keyClicks(field, "a cat sat")
    shown.qtbot.keyClick(field, Qt.Key.Key_Return)
    shown.until(lambda: bool(shown.engine.asked(FollowSample)))
    assert shown.engine.asked(FollowSample)[-1].sample == Sample(text="a cat sat")


def test_a_finished_run_stands_beside_the_original_by_a_click(shown, view, evaluation):
    answer(shown)
    assert not view.against.findChild(QWidget, "segment_run").isEnabled()
    document = RunDocument(
        run="r1", name="my run", original=evaluation, result=evaluation, files=(), agreement=1.0, layers=(), recipe={},
        headline="", seconds=1.0,
    )  # fmt: skip
    record = RunRecord("r1", "my run", "small", "f" * 8, "", "", "finished", 0.0, "", document=document)
    shown.session.update(runs=(record,))
    shown.until(view.against.findChild(QWidget, "segment_run").isEnabled)
    shown.qtbot.mouseClick(view.against.findChild(QWidget, "segment_run"), LEFT)
    shown.until(lambda: shown.engine.asked(FollowSample)[-1].run == "r1")
    answer(shown, beside="my run")
    assert "the layers up to it from my run" in texts(view)
