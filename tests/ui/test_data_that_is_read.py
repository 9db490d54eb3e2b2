"""The data dialog with tables, texts and masks: columns, tokenizer and task by hand, and previews that can be read."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFileDialog, QLabel, QLineEdit, QTableWidget, QWidget
from text_findings import findings

from secateur.data.metrics import kind_of, metrics_of_task
from secateur.data.preview import Preview, Shown
from secateur.data.tasks import TASKS as KINDS
from secateur.data.tasks.similarity import Pooling
from secateur.engine.events import Finished, ModelOpened
from secateur.engine.requests import DataSource, OpenData, OpenModel
from secateur.model.description import ModelSource, Port
from secateur.model.maps import FedInput
from secateur.ui.dialogs.data import DataDialog
from secateur.ui.dialogs.preview_grid import masked
from secateur.ui.dialogs.reading_form import POOLINGS, TASKS, parsed_columns, written

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
TEXT = tuple(Port(name, "int64", (None, None)) for name in ("input_ids", "attention_mask"))
ROWS = (Port("features", "float32", (None, 4)),)


def open_dialog(shown, model, inputs) -> DataDialog:
    shown.open(replace(model, inputs=inputs))
    shown.qtbot.keyClick(shown.window, Qt.Key.Key_D, CONTROL)
    shown.until(lambda: shown.window.findChild(DataDialog))
    return shown.window.findChild(DataDialog)


def seen(shown) -> set[str]:
    """Fields of the form that a person sees."""
    dialog = shown.window.findChild(DataDialog)
    names = {field.objectName() for field in dialog.form.findChildren(QLineEdit) if field.isVisibleTo(dialog)}
    return {name.removeprefix("data_") for name in names} - {"path"}


def type_in(shown, name: str, text: str) -> None:
    shown.qtbot.keyClicks(shown.find(QLineEdit, f"data_{name}"), text)


def use(shown, dialog: DataDialog, path: str) -> None:
    dialog.form.set_path(path)
    shown.qtbot.mouseClick(dialog.use, LEFT)


def sample(label: str, **more: object) -> Preview:
    return Preview(np.zeros((8, 8, 3), np.uint8), label, 0.0, 1.0, 0.5, **more)  # type: ignore[arg-type]


def test_the_fields_are_those_that_count(shown, model) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("pairs.csv")
    assert seen(shown) == {"text", "target", "tokenizer", "max_length"}
    dialog.form.set_path("photos.zip")
    assert seen(shown) == {"resize", "crop", "mean", "std", "scale"}


def test_the_task_fills_its_row_where_it_is_the_only_one(shown, model) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("photos.zip")
    task = shown.find(QComboBox, "data_task")
    shown.until(lambda: task.geometry().right() == task.parentWidget().rect().right())


def test_a_table_of_numbers_has_features_and_their_statistics(shown, model) -> None:
    dialog = open_dialog(shown, model, ROWS)
    dialog.form.set_path("flowers.parquet")
    assert seen(shown) == {"features", "one_hot", "target", "mean", "std"}


def test_columns_tokenizer_and_task_by_hand_are_what_is_asked_for(shown, model, monkeypatch) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("pairs.csv")
    type_in(shown, "text", "0, 1")
    type_in(shown, "target", "score")
    type_in(shown, "max_length", "64")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/models/tokenizer.json", ""))
    shown.qtbot.mouseClick(shown.find(QWidget, "data_tokenizer_file"), LEFT)
    task = shown.find(QComboBox, "data_task")
    task.setFocus()
    shown.qtbot.keyClicks(task, "Sim")
    for name, typed in (("metric", "Pear"), ("pooling", "First")):
        chooser = shown.find(QComboBox, f"data_{name}")
        chooser.setFocus()
        shown.qtbot.keyClicks(chooser, typed)
    shown.qtbot.mouseClick(dialog.use, LEFT)
    assert shown.engine.asked(OpenData)[-1].data == DataSource(
        "pairs.csv",
        {},
        {
            "task": "similarity",
            "metric": "pearson",
            "columns": {"text": [0, 1], "target": "score"},
            "tokenizer": "/models/tokenizer.json",
            "max_length": 64,
            "pooling": "cls",
        },
    )


def test_metrics_are_those_of_the_task_and_pooling_is_for_pairs_alone(shown, model, data, previews, evaluation) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("pairs.csv")
    task, metric, pooling = (shown.find(QComboBox, f"data_{name}") for name in ("task", "metric", "pooling"))
    assert pooling.isVisibleTo(dialog)
    task.setCurrentIndex(task.findData("regression"))
    offered = {metric.itemText(n) for n in range(1, metric.count())}
    assert offered == {kind_of(name).title for name in metrics_of_task("regression")}
    assert not pooling.isVisibleTo(dialog)
    metric.setCurrentIndex(metric.findData("spearman"))
    pooling.setCurrentIndex(pooling.findData("mean"))
    assert dialog.form.reading.said() == {"task": "regression", "metric": "spearman"}
    task.setCurrentIndex(task.findData("similarity"))
    assert dialog.form.reading.said() == {"task": "similarity", "metric": "spearman", "pooling": "mean"}
    task.setCurrentIndex(task.findData("classification"))
    assert dialog.form.reading.said() == {"task": "classification"}  # what does not fit is not asked for
    shown.qtbot.mouseClick(dialog.use, LEFT)
    read = data.model_copy(update={"said": {"pooling": "cls"}, "preprocessing": {}, "task": "similarity"})
    shown.open_data(read, previews, evaluation)
    shown.until(lambda: pooling.currentData() == "cls")
    said = f"{len(previews)} calibration samples"
    assert any(part.accessibleName() == said for part in dialog.findChildren(QWidget))


def test_data_for_a_model_that_is_being_opened_waits_and_the_form_becomes_that_models(shown, model) -> None:
    dialog = open_dialog(shown, model, ROWS)
    texts = replace(model, inputs=TEXT, source=ModelSource("texts.onnx"))
    shown.session.open_model(texts.source)
    shown.until(lambda: shown.state.loading)
    shown.settle()
    dialog.form.set_path("pairs.csv")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    assert "texts.onnx" in dialog.summary.text()
    assert not shown.engine.asked(OpenData)
    shown.engine.say(Finished(shown.engine.job_of(OpenModel), ModelOpened(texts)))
    shown.until(lambda: shown.engine.asked(OpenData))
    assert shown.engine.asked(OpenData)[-1] == OpenData(texts.source, DataSource("pairs.csv"))
    shown.until(lambda: seen(shown) == {"text", "target", "tokenizer", "max_length"})


def test_data_that_is_dropped_while_the_first_model_is_being_opened_has_its_dialog(shown, model) -> None:
    assert "Open a model first" in shown.assembly.commands.why_not("data")
    texts = replace(model, inputs=TEXT, source=ModelSource("texts.onnx"))
    shown.session.open_model(texts.source)
    shown.settle()
    shown.window.file_dropped.emit("pairs.csv")
    dialog = shown.find(DataDialog, "data_dialog")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    shown.engine.say(Finished(shown.engine.job_of(OpenModel), ModelOpened(texts)))
    shown.until(lambda: shown.engine.asked(OpenData))
    assert shown.engine.asked(OpenData)[-1].data.path == "pairs.csv"
    shown.until(lambda: seen(shown) == {"text", "target", "tokenizer", "max_length"})


def test_a_length_that_is_no_number_is_said_before_anything_is_asked(shown, model) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("pairs.csv")
    type_in(shown, "max_length", "long")
    assert not dialog.use.isEnabled()
    assert "Longest" in dialog.use.toolTip()


def test_what_was_guessed_fills_the_fields_and_goes_with_the_data(
    shown, model, data, previews, evaluation, monkeypatch
) -> None:
    dialog = open_dialog(shown, model, TEXT)
    dialog.form.set_path("pairs.csv")
    shown.qtbot.mouseClick(dialog.use, LEFT)
    said = {"columns": {"text": [0, 1], "target": "score, mean"}, "tokenizer": "/m/tokenizer.json", "max_length": 128}
    found = data.model_copy(update={"said": said, "preprocessing": {}, "notes": ("columns is taken to be …",)})
    shown.open_data(found, previews, evaluation)
    field = shown.find(QLineEdit, "data_text")
    shown.until(lambda: field.text() == "0, 1")
    assert shown.find(QLineEdit, "data_target").text() == '"score, mean"'
    assert shown.find(QLineEdit, "data_max_length").text() == "128"
    assert "columns" in shown.find(QLabel, "data_notes").text()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("others.csv", ""))
    shown.qtbot.mouseClick(shown.find(QWidget, "data_file"), LEFT)
    assert field.text() == ""


def test_texts_are_shown_with_the_pieces_they_became(shown, model, data, evaluation) -> None:
    dialog = open_dialog(shown, model, TEXT)
    use(shown, dialog, "pairs.csv")
    texts = Shown(("A man dances.", "He dances."), (("[CLS]", "a", "man", "[SEP]"), ("[CLS]", "he", "[SEP]")))
    shown.open_data(data, (sample("4.5", shown=texts), sample("0", shown=texts)), evaluation)
    shown.until(lambda: dialog.texts.count == 2)
    assert dialog.texts.isVisibleTo(dialog)
    assert not dialog.previews.isVisibleTo(dialog)
    assert "He dances." in dialog.texts.accessibleName()
    assert not dialog.texts.grab().isNull()


def test_rows_are_shown_as_the_network_is_fed(shown, model, data, evaluation) -> None:
    dialog = open_dialog(shown, model, ROWS)
    use(shown, dialog, "flowers.csv")
    rows = tuple(sample(name, shown=Shown(cells=(("length", -0.5), ("width", 1.25)))) for name in ("rose", "lily"))
    shown.open_data(data, rows, evaluation)
    table = shown.find(QTableWidget, "data_rows")
    shown.until(lambda: table.rowCount() == 2)
    assert [table.horizontalHeaderItem(n).text() for n in range(3)] == ["Target", "length", "width"]
    assert [table.item(1, n).text() for n in range(3)] == ["lily", "−0.500", "1.25"]
    assert table.isVisibleTo(dialog)


def test_every_port_of_several_is_a_column_under_its_name(shown, model, data, evaluation) -> None:
    dialog = open_dialog(shown, model, (Port("left", "float32", (None, 3, 8, 8)), Port("age", "float32", (None, 2))))
    use(shown, dialog, "pairs.npz")
    image = np.zeros((8, 8, 3), np.uint8)
    fed = (FedInput("left", (3, 8, 8), image, -1.0, 2.5), FedInput("age", (2,), image[:1, :2], 0.5, 7.0, (0.5, 7.0)))
    shown.open_data(data, (sample("rose", inputs=fed), sample("lily", inputs=fed)), evaluation)
    table = shown.find(QTableWidget, "data_ports")
    shown.until(lambda: table.rowCount() == 2)
    assert [table.horizontalHeaderItem(n).text() for n in range(3)] == ["Target", "left\n3 × 8 × 8", "age\n2"]
    assert [table.item(1, n).text() for n in range(3)] == ["lily", "−1.00 … 2.50", "0.500\n7.00"]
    assert not table.item(0, 1).data(Qt.ItemDataRole.DecorationRole).isNull()
    assert table.isVisibleTo(dialog)
    assert not dialog.previews.isVisibleTo(dialog)
    assert not findings(dialog)


def test_a_mask_lies_over_its_image_in_colours_that_tell_classes_apart() -> None:
    pixels = np.full((1, 4, 3), 200, np.uint8)
    mask = np.array([[0, 1, 2, 255]], np.uint8)
    shown = masked(pixels, mask)
    assert (shown[0, 0] == 200).all()
    assert len({tuple(pixel) for pixel in shown[0]}) == 4
    assert (shown[0, 3] == 100).all()  # judged nowhere: darkened


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", []),
        ("0, 1", [0, 1]),
        ("age, 2", ["age", 2]),
        ('"a, b", c', ["a, b", "c"]),
        ('"7"', ["7"]),
        (" x y ", ["x y"]),
    ],
)
def test_columns_are_read_as_they_are_written(text: str, columns: list[object]) -> None:
    assert parsed_columns(text) == columns
    assert parsed_columns(written(columns)) == columns


def test_the_form_offers_every_task_by_its_own_title() -> None:
    assert {key: title for key, title in TASKS.items() if key} == {kind.id: kind.title for kind in KINDS}


def test_the_form_offers_every_way_of_pooling() -> None:
    assert {key for key in POOLINGS if key} == set(get_args(Pooling))
