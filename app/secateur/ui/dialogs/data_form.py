"""The form of the data dialog: where samples come from, and what happens to an image before the network sees it."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from secateur.errors import UserError
from secateur.ui.naming import named
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.segmented import Segmented

SAMPLE, RANDOM = "sample:mnist", "random"
FILES = "Data (*.zip *.npz *.csv *.parquet *.yaml *.yml *.py);;All files (*)"
FIELDS: tuple[tuple[str, str, str, str], ...] = (
    ("resize", "Resize", "256, or 224 × 224", "Shorter side in pixels, or height × width exactly"),
    ("crop", "Crop", "224", "Side of the square cut from the middle, or height × width"),
    ("mean", "Mean", "0.485, 0.456, 0.406", "Subtracted after scaling to 0…1, one value for each channel"),
    ("std", "Std", "0.229, 0.224, 0.225", "Divides after the mean, one value for each channel"),
)
_SAID = {
    "file": "A folder with a folder of images for each class, a zip of one, an .npz, a .csv, or a data.yaml.",
    SAMPLE: "5,000 handwritten digits, bundled with the program.",
    RANDOM: "Random numbers in the model's input shape: speed and agreement only, no accuracy.",
}


class DataForm(QWidget):
    """`path` and `preprocessing()` are what a person wants; `changed` when either is edited."""

    changed = Signal()

    def __init__(self, folder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = folder
        self.source = Segmented((("file", "File or folder"), (SAMPLE, "Sample digits"), (RANDOM, "Random")), "Source")
        self.source.setObjectName("data_source")
        self.path_field = named(QLineEdit(placeholderText="images.zip or a folder"), "data_path")
        self.path_field.setAccessibleName("Data file or folder")
        self.said = label("", "caption", wrap=True)
        self.fields: dict[str, QLineEdit] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.source)
        column.addWidget(self._make_path_row())
        column.addWidget(self.said)
        column.addWidget(label("Preprocessing", "title"))
        column.addWidget(label("Empty fields are taken from the model's input and the data.", "caption", wrap=True))
        column.addLayout(self._make_fields())
        column.addStretch(1)
        self.source.chosen.connect(self._on_source)
        self.path_field.textChanged.connect(lambda _text: self.changed.emit())
        self._on_source("file")

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
        for name, field in self.fields.items():
            field.setText(written(values.get(name)))

    def preprocessing(self) -> dict[str, object]:
        """The values that were filled in; UserError names the field that is no number."""
        values = {name: parsed(name, field.text()) for name, field in self.fields.items()}
        return {name: value for name, value in values.items() if value is not None}

    def _on_source(self, kind: str) -> None:
        self._path_row.setVisible(kind == "file")
        self.said.setText(_SAID[kind])
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


def parsed(name: str, text: str) -> object:
    """The value of a field: whole numbers for sizes, decimal ones for mean and std; None where it is empty."""
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


def written(value: object) -> str:
    """A value as the field shows it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(f"{part:.6g}" for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
