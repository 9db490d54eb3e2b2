"""How data is read, where a guess is wrong: task, metric, columns, tokenizer, pooling. Empty fields are guessed."""

import re
from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QHBoxLayout, QLineEdit, QWidget

from secateur.data.metrics import METRIC_KINDS, kind_of, metrics_of_task
from secateur.errors import UserError
from secateur.session.fit import Kind
from secateur.ui.naming import named
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label

TASKS = {
    "": "Guessed",
    "classification": "Classification",
    "multilabel": "Several labels",
    "regression": "Regression",
    "similarity": "Similarity of pairs",
    "segmentation": "Segmentation",
    "none": "No task",
}
POOLINGS = {
    "": "Guessed",
    "mean": "Mean of the tokens",
    "cls": "First token",
    "output": "The network's own vector",
}
COLUMNS: tuple[tuple[str, str, str, str, tuple[Kind, ...]], ...] = (
    ("text", "Text", "0, 1", "One column of text, or two: their names, or numbers from 0", ("text",)),
    ("features", "Features", "age, height", "Columns of numbers, in the order the network takes them", ("numbers",)),
    ("one_hot", "Words", "colour", "Columns of words: each word is fed as a 0 or 1", ("numbers",)),
    ("target", "Target", "score", "What the answers are compared with", ("text", "numbers")),
)
CAPTION_WIDTH = 72


class ReadingForm(QWidget):
    """`said()` is what a person filled in, under the keys of a data.yaml; `changed` when it is edited."""

    changed = Signal()

    def __init__(self, folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._kind: Kind = "images"
        self._is_table = False
        self._shown: dict[str, object] = {}
        self._fields: dict[str, QLineEdit] = {}
        self._rows: dict[str, tuple[QWidget, ...]] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        self._read_as = ""
        self._metrics: tuple[str, ...] = ()
        self.task_choice = self._add_choice(
            "task", "Task", "What the network's answers mean; it changes nothing in the model"
        )
        self.metric_choice = self._add_choice(
            "metric", "Metric", "What the answers are judged by, of those of the task"
        )
        _fill(self.task_choice, TASKS)
        self._offer_metrics()
        self.task_choice.currentIndexChanged.connect(lambda _index: self._on_task())
        self.metric_choice.currentIndexChanged.connect(lambda _index: self.changed.emit())
        for key, title, example, tooltip, _ in COLUMNS:
            self._add_field(key, title, example, tooltip)
        self._add_field(
            "tokenizer", "Tokenizer", "found beside the model", "A tokenizer.json, or the folder it lies in"
        )
        browse = named(Button("File…", tooltip="Choose a tokenizer.json"), "data_tokenizer_file", "Choose a tokenizer")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        holder = QWidget()  # hidden as one: an empty layout in the grid would push the other rows to the middle
        place = QHBoxLayout(holder)
        place.setContentsMargins(0, 0, 0, 0)
        place.setSpacing(8)
        place.addWidget(self._fields["tokenizer"], 1)
        place.addWidget(browse)
        self._grid.addWidget(holder, self._grid.rowCount() - 1, 1)
        self._rows["tokenizer"] = (self._rows["tokenizer"][0], holder)
        self._add_field("max_length", "Longest", "128", "Tokens of the longest text; longer ones are cut")
        tip = "How the tokens of a text become the one vector that pairs are compared by"
        self.pooling_choice = self._add_choice("pooling", "Pooling", tip)
        _fill(self.pooling_choice, POOLINGS)
        self.pooling_choice.currentIndexChanged.connect(lambda _index: self.changed.emit())
        self.show_for("images", is_table=False)

    def _add_row(self, key: str, title: str, widget: QWidget) -> None:
        row = self._grid.rowCount()
        caption = label(title, "secondary")
        caption.setFixedWidth(CAPTION_WIDTH)
        self._grid.addWidget(caption, row, 0)
        self._grid.addWidget(widget, row, 1)
        self._rows[key] = (caption, widget)

    def _add_choice(self, key: str, title: str, tooltip: str) -> QComboBox:
        chooser = named(QComboBox(), f"data_{key}", title)
        chooser.setToolTip(tooltip)
        self._add_row(key, title, chooser)
        return chooser

    def _add_field(self, key: str, title: str, example: str, tooltip: str) -> None:
        field = named(QLineEdit(placeholderText=example), f"data_{key}", title)
        field.setToolTip(tooltip)
        field.textChanged.connect(lambda _text: self.changed.emit())
        self._fields[key] = field
        self._add_row(key, title, field)

    # ------------------------------------------------------------------ what is shown

    def show_for(self, kind: Kind, *, is_table: bool) -> None:
        """Show the fields that count for a network that takes this, fed from a table or from something else."""
        self._kind, self._is_table = kind, is_table
        for key, _, _, _, kinds in COLUMNS:
            self._show_row(key, is_table and kind in kinds)
        for key in ("tokenizer", "max_length"):
            self._show_row(key, is_table and kind == "text")
        self._show_row("pooling", is_table and kind == "text" and self._task() in {"", "similarity"})

    def _task(self) -> str:
        """The task that is chosen, else the one that the data in use is for; empty where neither is known."""
        return str(self.task_choice.currentData() or "") or self._read_as

    def _on_task(self) -> None:
        self._offer_metrics()
        self.show_for(self._kind, is_table=self._is_table)
        self.changed.emit()

    def _offer_metrics(self) -> None:
        """Those of the task; what was chosen stays where it is one of them."""
        task, chosen = self._task(), self.metric_choice.currentData()
        names = metrics_of_task(task) if task else tuple(kind.name for kind in METRIC_KINDS)
        if names == self._metrics:
            return
        self._metrics = names
        with QSignalBlocker(self.metric_choice):
            self.metric_choice.clear()
            _fill(self.metric_choice, {"": "The usual one", **{name: kind_of(name).title for name in names}})
            self.metric_choice.setCurrentIndex(max(0, self.metric_choice.findData(chosen)))

    def _show_row(self, key: str, is_shown: bool) -> None:
        for widget in self._rows[key]:
            widget.setVisible(is_shown)

    def show_said(self, said: Mapping[str, object], read_as: str = "") -> None:
        """Fill the fields with how the data in use was read; what is asked for next is what a person changes of it.

        `read_as` is the task that it is for, said or guessed.
        """
        self._read_as = read_as
        columns = said.get("columns")
        values = {**(columns if isinstance(columns, dict) else {}), "tokenizer": said.get("tokenizer", "")}
        values["max_length"] = said.get("max_length", "")
        with QSignalBlocker(self):
            for key, field in self._fields.items():
                field.setText(written(values.get(key, "")))
            self.task_choice.setCurrentIndex(max(0, self.task_choice.findData(said.get("task", ""))))
            self._offer_metrics()
            for chooser, key in ((self.metric_choice, "metric"), (self.pooling_choice, "pooling")):
                chooser.setCurrentIndex(max(0, chooser.findData(said.get(key, ""))))
        self.show_for(self._kind, is_table=self._is_table)
        self._shown = self.said()
        self.changed.emit()

    def forget(self) -> None:
        """For another source: nothing of how the one before was read stays, but what a person typed since."""
        if self._shown and self.said() == self._shown:
            self.show_said({})

    # ------------------------------------------------------------------ what is wanted

    def said(self) -> dict[str, object]:
        """Keys of a data.yaml; UserError names the field that makes no sense."""
        found: dict[str, object] = {}
        task = str(self.task_choice.currentData() or "")
        if task:
            found["task"] = task
        if metric := str(self.metric_choice.currentData() or ""):
            found["metric"] = metric
        if not self._is_table:
            return found
        columns: dict[str, object] = {}
        for key, _, _, _, kinds in COLUMNS:
            parts = parsed_columns(self._fields[key].text())
            if parts and self._kind in kinds:
                columns[key] = parts[0] if len(parts) == 1 else parts
        if columns:
            found["columns"] = columns
        if self._kind == "text":
            if self._fields["tokenizer"].text().strip():
                found["tokenizer"] = self._fields["tokenizer"].text().strip()
            length = self._fields["max_length"].text().strip()
            if length and not length.isdigit():
                raise UserError(f"Longest = {length!r} is no number.", "Write a whole number of tokens.")
            if length:
                found["max_length"] = int(length)
            pooling = str(self.pooling_choice.currentData() or "")
            if pooling and self._task() in {"", "similarity"}:
                found["pooling"] = pooling
        return found

    def _browse(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Choose a tokenizer", self._folder, "Tokenizer (tokenizer.json *.json)"
        )
        if path:
            self._fields["tokenizer"].setText(path)


def _fill(chooser: QComboBox, titles: Mapping[str, str]) -> None:
    for key, title in titles.items():
        chooser.addItem(title, key)


def parsed_columns(text: str) -> list[str | int]:
    """Names or numbers between commas; a name in quotes may hold a comma or be a number."""
    parts = re.findall(r'"([^"]*)"|([^,"]+)', text)
    found: list[str | int] = []
    for quoted, plain in parts:
        word = plain.strip()
        if quoted:
            found.append(quoted)
        elif word:
            found.append(int(word) if word.isdigit() else word)
    return found


def written(value: object) -> str:
    """Columns as the field shows them: commas between, in quotes where a name could be read otherwise."""
    if isinstance(value, list | tuple):
        return ", ".join(written(part) for part in value)
    text = str(value)
    return f'"{text}"' if isinstance(value, str) and ("," in text or text.isdigit()) else text
