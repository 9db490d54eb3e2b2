"""The box that leaves some of the runs: by words in their name, tags, notes, data, state or recipe."""

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget


class RunsFilter(QLineEdit):
    """Escape clears it; ↓ and Return say `left_downwards`."""

    left_downwards = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runs_filter")
        self.setAccessibleName(self.tr("Filter runs"))
        self.setPlaceholderText(self.tr("Filter runs"))
        self.setToolTip(
            self.tr("Show only runs with these words in name, tags, notes, data or recipe; tag:word looks at tags")
        )
        self.setClearButtonEnabled(True)
        self.setFixedSize(150, 24)

    def event(self, event: QEvent) -> bool:
        """Escape means this box while there is something in it, and not the job."""
        is_asked = event.type() == QEvent.Type.ShortcutOverride and bool(self.text())
        if is_asked and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.left_downwards.emit()
        else:
            super().keyPressEvent(event)
