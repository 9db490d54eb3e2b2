"""What the window shows while nothing is open: where to drop a model, how else to open one, and the recent ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from secateur.ui.panels.recent_row import RecentRow
from secateur.ui.theme.style import color, icon, notifier, tinted
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.chip import Chip

WIDTH, DROP_HEIGHT = 720, 292
FORMATS = (
    ("ONNX", "safetensors", "PyTorch .pt .pth", "torch.export .pt2", "TorchScript", "Hugging Face"),
    ("GGUF", "TFLite", "OpenVINO IR", "numpy .npz", "package.module:factory"),
)
"""What can be opened, in a person's words, row by row."""

KEYS = (
    ("Ctrl+O", "open"),
    ("Ctrl+Shift+O", "open sample"),
    ("Ctrl+K", "find an action"),
    ("F1", "what each panel does"),
)


@dataclass(frozen=True)
class Recent:
    """A model that was open before. `when` is ready to show; `key` (else the path) is what is asked for again."""

    path: str
    format: str
    size_bytes: int | None
    note: str
    when: str
    missing: bool = False
    name: str = ""
    key: str = ""


class DropArea(QFrame):
    """The dashed area; `path_dropped(path)` for the first local file or folder dropped on it."""

    path_dropped = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("drop_area")
        self.setAcceptDrops(True)
        self._hot = False

    def sizeHint(self) -> QSize:
        return QSize(WIDTH, DROP_HEIGHT)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._set_hot(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_hot(False)
        path = next((url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()), "")
        if path:
            event.acceptProposedAction()
            self.path_dropped.emit(path)

    def _set_hot(self, on: bool) -> None:
        self._hot = on
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(color("accent" if self._hot else "strong_border"), 1.5)
        pen.setDashPattern([5, 3])
        painter.setPen(pen)
        painter.setBrush(color("selection" if self._hot else "panel"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 10, 10)


class EmptyPanel(QWidget):
    """Drop area, buttons, formats, recent models and the keys to begin with."""

    open_wanted = Signal()
    folder_wanted = Signal()
    sample_wanted = Signal()
    code_wanted = Signal()
    path_dropped = Signal(str)
    recent_wanted = Signal(str)
    clear_recent_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("empty_panel")
        self.setAccessibleName(self.tr("Open a model"))
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(16, 16, 16, 16)
        column = QVBoxLayout()
        column.setSpacing(12)
        outer.addStretch(1)
        outer.addLayout(column)
        outer.addStretch(1)
        column.addStretch(2)
        column.addWidget(self._drop_area())
        column.addSpacing(8)
        column.addWidget(self._recent_area())
        column.addStretch(3)
        column.addWidget(self._keys())
        notifier.theme_changed.connect(self._draw_icon)
        self.show_recent(())

    # ------------------------------------------------------------------ build

    def _drop_area(self) -> QWidget:
        self.drop = DropArea()
        self.drop.setFixedSize(WIDTH, DROP_HEIGHT)
        self.drop.path_dropped.connect(self.path_dropped)
        column = QVBoxLayout(self.drop)
        column.setContentsMargins(24, 24, 24, 16)
        column.setSpacing(8)
        self._tile = _IconTile()
        title, words = label(self.tr("Drop a model here"), "drop-title"), label("", "secondary")
        words.setText(
            self.tr("A file or folder, or weights with the code that builds the network. Nothing of it is changed.")
        )
        centre = Qt.AlignmentFlag.AlignHCenter
        column.addStretch(1)
        column.addWidget(self._tile, 0, centre)
        column.addSpacing(4)
        column.addWidget(title, 0, centre)
        column.addWidget(words, 0, centre)
        column.addSpacing(4)
        column.addLayout(self._buttons())
        column.addSpacing(4)
        for row in FORMATS:
            column.addLayout(_centred([Chip("neutral", text) for text in row], 6))
        column.addStretch(1)
        return self.drop

    def _buttons(self) -> QHBoxLayout:
        made = []
        for name, text, role, glyph, wanted in (
            ("open_file", self.tr("Open file…"), "primary", "open", self.open_wanted),
            ("open_folder", self.tr("Open folder…"), "default", "folder", self.folder_wanted),
            ("open_sample", self.tr("Open sample"), "default", "sample", self.sample_wanted),
            ("open_code", self.tr("From Python code…"), "default", "code", self.code_wanted),
        ):
            button = Button(text, role, glyph)
            button.setObjectName(name)
            button.clicked.connect(wanted)
            made.append(button)
        made[0].setToolTip(self.tr("Open a model file; the file itself is never changed (Ctrl+O)"))
        made[1].setToolTip(self.tr("Open a folder with a model: of Hugging Face, or with one model file (Ctrl+Alt+O)"))
        made[2].setToolTip(self.tr("Open the bundled network and digits, to try everything out (Ctrl+Shift+O)"))
        made[3].setToolTip(self.tr("Open a network that a Python function builds, with its weights"))
        return _centred(made, 8)

    def _recent_area(self) -> QWidget:
        self._recent = QWidget()
        self._recent.setFixedWidth(WIDTH)
        column = QVBoxLayout(self._recent)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Recent"), "title"))
        head.addStretch(1)
        self.clear = Button(self.tr("Clear list"), "link")
        self.clear.setObjectName("clear_recent")
        self.clear.setToolTip(self.tr("Forget these models; the files stay"))
        self.clear.clicked.connect(self.clear_recent_wanted)
        head.addWidget(self.clear)
        column.addLayout(head)
        inner = QWidget()
        self._rows = QVBoxLayout(inner)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(0)
        self._rows.addStretch(1)
        self._list = QScrollArea()
        self._list.setObjectName("recent_list")
        self._list.setFrameShape(QFrame.Shape.NoFrame)
        self._list.setWidgetResizable(True)
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setViewport(QWidget())  # our own: asking for Qt's costs 25 ms before the first frame
        self._list.setWidget(inner)
        inner.setAutoFillBackground(False)
        column.addWidget(self._list)
        return self._recent

    def _keys(self) -> QWidget:
        holder = QWidget()
        holder.setLayout(_centred([label(f"{keys}  {what}", "secondary") for keys, what in KEYS], 20))
        return holder

    # ------------------------------------------------------------------ show

    def show_recent(self, recent: Sequence[Recent]) -> None:
        """Show the models that were open before, newest first."""
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for number, entry in enumerate(recent):
            row = RecentRow(
                name=entry.name or entry.path.rstrip("/\\").replace("\\", "/").rpartition("/")[2],
                folder=_short(entry.path),
                details=(entry.format, entry.size_bytes, entry.note, entry.when),
                missing=entry.missing,
            )
            row.setObjectName(f"recent_{number}")
            row.clicked.connect(lambda _=False, key=entry.key or entry.path: self.recent_wanted.emit(key))
            self._rows.addWidget(row)
        self._rows.addStretch(1)
        self._list.setFixedHeight(min(len(recent), 5) * RecentRow.HEIGHT)
        self._recent.setVisible(bool(recent))

    def _draw_icon(self) -> None:
        self._tile.draw()


class _IconTile(QLabel):
    """The 56 px tile with the model's icon."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(56, 56)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.draw()

    def draw(self) -> None:
        self.setPixmap(icon("model", "accent").pixmap(QSize(24, 24), self.devicePixelRatioF()))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(tinted("accent", 0.15))
        painter.drawRoundedRect(QRectF(self.rect()), 10, 10)
        painter.end()
        super().paintEvent(event)


def _centred(widgets: Sequence[QWidget], spacing: int) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(spacing)
    row.addStretch(1)
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def _short(path: str) -> str:
    """The folder of a path, with the home folder as ~."""
    from pathlib import Path

    folder, home = Path(path).parent, Path.home()
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)
