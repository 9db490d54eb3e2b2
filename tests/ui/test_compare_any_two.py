"""Any two models stand beside each other: the original, runs, files. With the mouse and the keys, in the window."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QPushButton

from secateur.data.source import DataSource
from secateur.engine.events import Compared, Failed, Finished, RunRecord, RunsListed, Started
from secateur.engine.requests import Compare, ListRuns
from secateur.model.description import ModelSource
from secateur.model.documents import Comparison, ExportedFile, LayerError, RunDocument
from secateur.session.state import Side

LEFT = Qt.MouseButton.LeftButton
SHAPES = "Its weights have another shape, 8×3×3×3 against 6×3×3×3."


def file_of(run):
    return ExportedFile(
        format="onnx", path=f"/runs/{run}/model.onnx", bytes=4000, verified=True, max_deviation=0.0,
        agreement=1.0, latency_ms=None,
    )  # fmt: skip


@pytest.fixture
def errors(model):
    def error(place, layer):
        if place == 0:
            return LayerError(layer=layer.name, weight_sqnr_db=None, output_sqnr_db=None,
                              weight_note="unchanged", output_note="unchanged")  # fmt: skip
        if place == 1:
            return LayerError(layer=layer.name, weight_sqnr_db=None, output_sqnr_db=20.0, weight_note=SHAPES)
        return LayerError(layer=layer.name, weight_sqnr_db=25.0, output_sqnr_db=30.0 - place)

    return tuple(error(place, layer) for place, layer in enumerate(model.layers))


@pytest.fixture
def opened(shown, model, spectra, evaluation, errors):
    """Two finished runs of the open model, and the Compare tab."""
    shown.open(model, spectra)
    records = []
    for run in ("first", "second"):
        document = RunDocument(
            run=run, name=run, original=evaluation, result=evaluation, files=(file_of(run),), agreement=0.9,
            layers=errors,
        )  # fmt: skip
        records.append(
            RunRecord(run, run, model.name, model.fingerprint, "d", "", "finished", 0.0, f"/runs/{run}", "", document)
        )
    shown.engine.say(Finished(shown.engine.job_of(ListRuns), RunsListed(tuple(records))))
    shown.until(lambda: len(shown.state.runs) == 2)
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    shown.until(lambda: tab(shown).isVisible() and tab(shown).cards["file"].isVisible())
    return shown


def tab(shown):
    return shown.workspace.detail.tab("compare")


def answer(shown, comparison, spectra):
    job = shown.engine.job_of(Compare)
    values = {name: own.values for name, own in spectra.items()}
    shown.engine.say(Started(job, shown.engine.requests[job - 1]), Finished(job, Compared(comparison, values, values)))
    shown.until(lambda: shown.state.comparison is not None)


@pytest.fixture
def comparison(evaluation, errors):
    second = evaluation.model_copy(update={"bytes": 20_000})
    return Comparison(a=evaluation, b=second, agreement=0.5, layers=errors, headline="Larger: 16.0 → 20.0 kB, +25 %.")


def test_two_runs_are_compared_with_the_keys_and_figures_errors_and_spectra_are_theirs(opened, comparison, spectra):
    left = opened.find(QComboBox, "compare_left")
    left.setFocus()
    opened.qtbot.keyClick(left, Qt.Key.Key_Down)  # the first run stands at the right already: they change places
    opened.until(lambda: opened.engine.asked(Compare))
    (asked,) = opened.engine.asked(Compare)
    assert (asked.a, asked.b) == (ModelSource("/runs/first/model.onnx"), opened.state.model.source)
    right = opened.find(QComboBox, "compare_runs")
    opened.until(lambda: left.currentText().startswith("first") and right.currentText().startswith("Original"))
    right.setFocus()
    right.setCurrentIndex(1)
    opened.qtbot.keyClick(right, Qt.Key.Key_Down)
    opened.until(lambda: opened.state.right == Side(run="second"))
    asked = opened.engine.asked(Compare)[-1]
    assert (asked.a, asked.b) == (ModelSource("/runs/first/model.onnx"), ModelSource("/runs/second/model.onnx"))
    assert asked.data == DataSource("random")  # no data is open: both get the same numbers
    opened.until(lambda: "first and second" in tab(opened).pending.accessibleName())
    assert tab(opened).pending.isVisible()
    assert not tab(opened).cards["file"].isVisible()
    answer(opened, comparison, spectra)
    opened.until(tab(opened).cards["file"].isVisible)
    assert tab(opened).cards["file"].figure() == "20.0\u00a0kB"
    assert tab(opened).banner.accessibleName() == "Larger: 16.0 → 20.0 kB, +25 %."
    opened.layers.select(["conv1"])
    opened.until(lambda: "Weights: unchanged. Output: unchanged." in tab(opened).pair_text.text())
    assert tab(opened).pair.isVisible()


def test_a_file_is_chosen_with_the_last_entry_and_stays_to_be_chosen_again(opened, monkeypatch, tmp_path):
    path = str(tmp_path / "other.onnx")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (path, ""))
    right = opened.find(QComboBox, "compare_runs")
    right.setFocus()
    right.setCurrentIndex(right.count() - 2)
    opened.qtbot.keyClick(right, Qt.Key.Key_Down)
    opened.until(lambda: opened.state.right == Side(source=ModelSource(path)))
    opened.until(lambda: right.currentText() == "other.onnx")
    opened.qtbot.keyClick(right, Qt.Key.Key_Up)
    opened.until(lambda: right.currentText().startswith("second"))
    assert opened.state.comparison is None
    opened.qtbot.keyClick(right, Qt.Key.Key_Down)
    opened.until(lambda: right.currentText() == "other.onnx")


def test_what_cannot_be_compared_says_why_in_place_and_is_tried_again_with_a_click(opened, comparison, spectra):
    opened.session.comparing.choose(Side(run="first"), Side(run="second"))
    job = opened.engine.job_of(Compare)
    opened.engine.say(
        Started(job, opened.engine.requests[job - 1]), Failed(job, "The file is gone.", "Choose another.")
    )
    pending = tab(opened).pending
    opened.until(lambda: "could not be compared" in pending.accessibleName())
    assert "The file is gone. Choose another." in pending.accessibleName()
    assert not opened.state.notices  # said once
    opened.qtbot.mouseClick(pending.findChild(QPushButton, "state_button"), LEFT)
    opened.until(lambda: len(opened.engine.asked(Compare)) == 2)
    answer(opened, comparison, spectra)
    opened.until(lambda: not pending.isVisible())


def test_unchanged_layers_do_not_flatten_the_axis_and_missing_ones_say_why_in_place(opened):
    curve = tab(opened).errors
    opened.until(tab(opened).reasons.isVisible)
    assert tab(opened).reasons.text() == f"No number for layer1.0.conv1: {SHAPES[:1].lower()}{SHAPES[1:]}"
    curve.grab()
    assert 25 <= curve.full[1][1] < 60
    opened.layers.select(["layer1.0.conv1"])
    opened.until(lambda: "another shape" in tab(opened).pair_text.text())


def test_a_click_on_a_run_stands_it_beside_the_original_again(opened):
    opened.session.comparing.choose(Side(run="first"), Side(run="second"))
    opened.until(tab(opened).pending.isVisible)
    opened.assembly.commands.show_run("second")
    opened.until(tab(opened).cards["file"].isVisible)
    assert (opened.state.left, opened.state.right, opened.state.shown_run) == (Side(), None, "second")
    assert opened.engine.cancelled  # nobody waits for that comparison any more


def test_a_run_that_was_deleted_makes_room_for_what_is_left(opened):
    opened.session.comparing.choose(Side(run="first"), Side(run="second"))
    (first, _) = opened.state.runs
    opened.session.update(runs=(first,))
    opened.session.update(left=Side(), right=Side(run="second"))
    opened.until(lambda: tab(opened).head.right.currentText().startswith("first"))
