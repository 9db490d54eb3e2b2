"""Open a network from Python code: the function that builds it, and the file with its weights."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QWidget

from secateur.ui.dialogs.factory_check import Checked, check_factory, check_weights, functions_in
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.dialogs.kinds import weights_filter
from secateur.ui.naming import named
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.why_not import set_why_not


class OpenCodeDialog(DialogFrame):
    """Both fields are checked while they are typed; `accepted_model(weights, factory)` when Open is pressed."""

    accepted_model = Signal(str, str)

    def __init__(self, path: str, folder: str, parent: QWidget) -> None:
        text = "The function is run in the engine, not in this window. Weights are read without running code from them."
        super().__init__("open_code", "Open from Python code", text, parent)
        self._folder = folder
        self.factory, self.factory_said = self._field(
            "factory", "Function", "models.py:resnet20 or package.module:factory", "Python (*.py)"
        )
        self.weights, self.weights_said = self._field(
            "weights", "Weights", "optional: .safetensors, .pt, .pth", weights_filter()
        )
        self.add_button("code_cancel", "Cancel").clicked.connect(self.close)
        self.open_button = self.add_button("code_open", "Open", "primary")
        self.open_button.clicked.connect(self._accept)
        self.factory.textChanged.connect(self._check)
        self.weights.textChanged.connect(self._check)
        if path.endswith(".py"):
            self.factory.setText(suggested_factory(path))
        else:
            self.weights.setText(path)
        self._check()

    def _field(self, name: str, title: str, example: str, pattern: str) -> tuple[QLineEdit, QLabel]:
        row = QHBoxLayout()
        row.setSpacing(8)
        caption = label(title, "secondary")
        caption.setFixedWidth(72)
        field = named(QLineEdit(placeholderText=example), f"{name}_field")
        field.setAccessibleName(title)
        browse = Button("Browse…", tooltip=f"Choose the file: {title.lower()}")
        browse.setObjectName(f"{name}_browse")
        browse.setAutoDefault(False)
        browse.clicked.connect(lambda: self._browse(field, title, pattern))
        said = label("", "caption", wrap=True)
        said.setObjectName(f"{name}_said")
        said.setContentsMargins(80, 0, 0, 4)
        row.addWidget(caption)
        row.addWidget(field, 1)
        row.addWidget(browse)
        self.body.addLayout(row)
        self.body.addWidget(said)
        return field, said

    def _browse(self, field: QLineEdit, title: str, pattern: str) -> None:
        path, _ = QFileDialog.getOpenFileName(self, title, self._folder, pattern)
        if path:
            self._folder = str(Path(path).parent)
            field.setText(suggested_factory(path) if path.endswith(".py") else path)

    def _check(self) -> None:
        checks: tuple[tuple[Checked, QLineEdit, QLabel], ...] = (
            (check_factory(self.factory.text()), self.factory, self.factory_said),
            (check_weights(self.weights.text()), self.weights, self.weights_said),
        )
        for checked, field, said in checks:
            said.setText(checked.sentence)
            set_tone(said, "" if checked.fits or not field.text() else "negative")
        problems = [checked.sentence for checked, _, _ in checks if not checked.fits]
        set_why_not(self.open_button, problems[0] if problems else "", "Build the network and load the weights")

    def _accept(self) -> None:
        factory, weights = self.factory.text().strip(), self.weights.text().strip()
        self.close()
        self.accepted_model.emit(weights, factory)


def suggested_factory(path: str) -> str:
    """`file.py:name` with the first function of the file; `file.py:` where there is none to be seen."""
    try:
        names = functions_in(Path(path))
    except (SyntaxError, UnicodeDecodeError, OSError):
        names = []
    return f"{path}:{names[0] if names else ''}"
