"""The form of the data dialog: where samples come from, and what happens to an image before the network sees it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from secateur.data.presets import PRESETS, SCALE, preset
from secateur.data.source import TABLE_SUFFIXES, is_table
from secateur.engine.requests import DataSource
from secateur.errors import UserError
from secateur.session.fit import Kind, image_shape, kind_of_input
from secateur.ui.dialogs.reading_form import ReadingForm
from secateur.ui.naming import named
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.segmented import Segmented

if TYPE_CHECKING:
    from secateur.model.description import ModelDescription

SAMPLE, RANDOM = "sample:mnist", "random"
_SUFFIXES = (".zip", ".npz", *TABLE_SUFFIXES, ".yaml", ".yml", ".py")
FILES = f"Data ({' '.join(f'*{suffix}' for suffix in _SUFFIXES)});;All files (*)"
FIELDS: tuple[tuple[str, str, str, str], ...] = (
    ("resize", "Resize", "256, or 224 × 224", "Shorter side in pixels, or height × width exactly"),
    ("crop", "Crop", "224", "Side of the square cut from the middle, or height × width"),
    ("mean", "Mean", "0.485, 0.456, 0.406", "Subtracted after scaling to 0…1, one value for each channel"),
    ("std", "Std", "0.229, 0.224, 0.225", "Divides after the mean, one value for each channel"),
    ("scale", "Scale", "1/255", "Multiplies the pixel values 0 to 255 first of all"),
)
AUTOMATIC = "automatic"
_PRESETS = ((AUTOMATIC, "Auto"), *((preset.id, preset.title) for preset in PRESETS))
_SAID = {
    "file": "Images in a folder or zip (one folder a class, or images/ and masks/), an .npz, a table, or a data.yaml.",
    SAMPLE: "5,000 handwritten digits, bundled with the program.",
    RANDOM: "Random numbers in the model's input shape: speed and agreement only, no accuracy.",
}


class DataForm(QWidget):
    """`path` and `preprocessing()` are what a person wants; `changed` when either is edited.

    `path_chosen` when another source was chosen, or typed to its end.
    """

    changed = Signal()
    path_chosen = Signal()

    def __init__(self, folder: str, model: "ModelDescription | None" = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self._takes: tuple[int | None, tuple[int | None, int | None]] = (None, (None, None))
        self._kind: Kind = "images"
        self._read_inputs(model)
        self._shown: dict[str, str] = {}
        self.source = Segmented((("file", "File or folder"), (SAMPLE, "Sample digits"), (RANDOM, "Random")), "Source")
        self.source.setObjectName("data_source")
        self.path_field = named(QLineEdit(placeholderText="images.zip or a folder"), "data_path")
        self.path_field.setAccessibleName("Data file or folder")
        self.told = label("", "caption", wrap=True)
        self.reading = ReadingForm(folder)
        self.fields: dict[str, QLineEdit] = {}
        self._captions: dict[str, QLabel] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.source)
        column.addWidget(self._make_path_row())
        column.addWidget(self.told)
        column.addWidget(label("Reading", "title"))
        column.addWidget(self.reading)
        self._preparing = label("Preprocessing", "title")
        column.addWidget(self._preparing)
        column.addWidget(self._make_presets())
        column.addLayout(self._make_fields())
        self.kept = label("Empty fields are taken from the model's input and the data.", "caption", wrap=True)
        self.kept.setObjectName("data_kept")
        column.addWidget(self.kept)
        column.addStretch(1)
        self.source.chosen.connect(self._on_source)
        self.path_field.textChanged.connect(lambda _text: self.changed.emit())
        self.reading.changed.connect(self.changed)
        self.path_field.editingFinished.connect(self.path_chosen)
        self.source.chosen.connect(lambda _kind: self.path_chosen.emit())
        self.changed.connect(self._mark_preset)
        self.changed.connect(self._show_what_counts)
        self._on_source("file")

    def _read_inputs(self, model: "ModelDescription | None") -> None:
        if model is not None:
            self._takes, self._kind = image_shape(model), kind_of_input(model)

    def show_for(self, model: "ModelDescription | None") -> None:
        """Another model is open: its inputs say which fields count."""
        self._read_inputs(model)
        self.changed.emit()

    def _make_path_row(self) -> QWidget:
        self._path_row = QWidget()
        row = QHBoxLayout(self._path_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        file_button = Button("File…", tooltip="Choose a file with samples")
        folder_button = Button("Folder…", tooltip="Choose a folder with a folder of images for each class")
        file_button.clicked.connect(self._browse_file)
        folder_button.clicked.connect(self._browse_folder)
        row.addWidget(self.path_field, 1)
        for name, button in (("data_file", file_button), ("data_folder", folder_button)):
            button.setObjectName(name)
            button.setAutoDefault(False)
            row.addWidget(button)
        return self._path_row

    def _make_presets(self) -> QWidget:
        self.presets = Segmented(_PRESETS, "Usual preprocessing")
        self.presets.setObjectName("data_presets")
        self.presets.set_tooltip(AUTOMATIC, "Empty the fields: what the model's input and the data say")
        for entry in PRESETS:
            self.presets.set_tooltip(entry.id, entry.said[:1].upper() + entry.said[1:])
        self.presets.chosen.connect(self._take_preset)
        return self.presets

    def _take_preset(self, name: str) -> None:
        self._fill({} if name == AUTOMATIC else preset(name).values(*self._takes))

    def _fill(self, values: Mapping[str, object]) -> None:
        for name, field in self.fields.items():
            field.setText(written(values.get(name)))

    def _mark_preset(self) -> None:
        """Mark the preset whose mean, standard deviation and scale the fields say, whatever the size."""
        try:
            said = self.preprocessing()
        except UserError:
            self.presets.set_value("")
            return
        alike = (entry.id for entry in PRESETS if _normalised(entry.values(self._takes[0])) == _normalised(said))
        self.presets.set_value(next(alike, "") if said else AUTOMATIC)

    def _show_what_counts(self) -> None:
        """Of a table its columns and, for numbers, mean and standard deviation; of all else what images need."""
        of_table = self.source.value() == "file" and is_table(self.path)
        self.reading.show_for(self._kind if of_table else "images", is_table=of_table)
        needs = ("mean", "std") if of_table and self._kind == "numbers" else () if of_table else tuple(self.fields)
        self.presets.setVisible(not of_table)
        for name, _, example, _ in FIELDS:
            self.fields[name].setPlaceholderText("that of the training rows" if of_table else example)
        self._preparing.setVisible(bool(needs))
        for name, field in self.fields.items():
            field.setVisible(name in needs)
            self._captions[name].setVisible(name in needs)

    def wanted(self) -> DataSource:
        """What a person wants; UserError names the field that makes no sense."""
        return DataSource(self.path, self.preprocessing(), self.reading.said())

    def _make_fields(self) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(6)
        for row, (name, title, example, tooltip) in enumerate(FIELDS):
            field = named(QLineEdit(placeholderText=example), f"data_{name}")
            field.setAccessibleName(title)
            field.setToolTip(tooltip)
            field.textChanged.connect(lambda _text: self.changed.emit())
            caption = label(title, "secondary")
            caption.setFixedWidth(72)
            self._captions[name] = caption
            grid.addWidget(caption, row, 0)
            grid.addWidget(field, row, 1)
            self.fields[name] = field
        return grid

    # ------------------------------------------------------------------ what is wanted

    @property
    def path(self) -> str:
        kind = self.source.value()
        return self.path_field.text().strip() if kind == "file" else kind

    def set_path(self, path: str) -> None:
        kind = path if path in (SAMPLE, RANDOM) else "file"
        self.source.set_value(kind)
        if kind == "file":
            self.path_field.setText(path)
        self._on_source(kind)

    def show_preprocessing(self, values: Mapping[str, object]) -> None:
        """Fill the fields with what is in use."""
        self._fill(values)
        self._shown = {name: field.text() for name, field in self.fields.items()}

    def keep(self, values: Mapping[str, object], told: Sequence[str]) -> None:
        """For another source: of what was in use only `values` stay, and what a person has typed since."""
        for name, field in self.fields.items():
            if field.text() == self._shown.get(name, ""):
                field.setText(written(values.get(name)))
                self._shown[name] = field.text()
        self.kept.setText(" ".join(told) or "Empty fields are taken from the model's input and the data.")

    def preprocessing(self) -> dict[str, object]:
        """The values that were filled in; UserError names the field that is no number."""
        counted = {name: field for name, field in self.fields.items() if not field.isHidden()}
        values = {name: parsed(name, field.text()) for name, field in counted.items()}
        return {name: value for name, value in values.items() if value is not None}

    def _on_source(self, kind: str) -> None:
        self._path_row.setVisible(kind == "file")
        self.told.setText(_SAID[kind])
        self.changed.emit()

    def _browse_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Choose data", self._folder, FILES)
        self._take(path)

    def _browse_folder(self) -> None:
        self._take(QFileDialog.getExistingDirectory(self, "Choose a folder of images", self._folder))

    def _take(self, path: str) -> None:
        if path:
            self._folder = str(Path(path).parent)
            self.path_field.setText(path)
            self.path_chosen.emit()


def parsed(name: str, text: str) -> object:
    """The value of a field: whole numbers for sizes, decimal ones for mean and std; None where it is empty."""
    if name == "scale":
        return _parsed_scale(text)
    parts = [part for part in re.split(r"[\s,;×x\[\]()]+", text.strip()) if part]
    if not parts:
        return None
    try:
        numbers: Sequence[float] = [int(p) if name in {"resize", "crop"} else float(p) for p in parts]
    except ValueError:
        raise UserError(f"{name} = {text!r} is not a number.", "Write numbers with commas between them.") from None
    if name in {"resize", "crop"}:
        return numbers[0] if len(numbers) == 1 else list(numbers)
    return list(numbers)


def _normalised(values: Mapping[str, object]) -> tuple[object, ...]:
    """(mean, std, scale) to be compared: one value for all channels where they are the same."""
    found: list[object] = []
    for key in ("mean", "std"):
        parts = values.get(key)
        rounded = [round(float(part), 6) for part in parts] if isinstance(parts, list | tuple) else None
        found.append(rounded[:1] if rounded and len(set(rounded)) == 1 else rounded)
    return (*found, round(float(str(values.get("scale", SCALE))), 6))


def _parsed_scale(text: str) -> float | None:
    """A fraction like 1/255, or a decimal number."""
    if not text.strip():
        return None
    try:
        above, _, below = text.partition("/")
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        raise UserError(f"scale = {text!r} is not a number.", "Write 1/255, or a decimal number.") from None


def written(value: object) -> str:
    """A value as the field shows it."""
    if value == SCALE:
        return "1/255"
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:.6g}" for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
