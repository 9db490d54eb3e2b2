"""What stands in place of rows when a filter leaves none: what was looked for, and the way back."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label

LONGEST = 40


class NoMatch(QWidget):
    """Stands in `over`; an empty filter hides it. `clear_wanted` when a person wants all layers again."""

    clear_wanted = Signal()

    def __init__(self, name: str, over: QWidget) -> None:
        super().__init__(over)
        self._over, self._top = over, 0
        self.setObjectName(name)
        self.words = label(kind="secondary", wrap=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.clear = Button(self.tr("Show all layers"), "link", tooltip=self.tr("Empty the filter box"))
        self.clear.setObjectName(f"{name}_clear")
        self.clear.clicked.connect(self.clear_wanted)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 24, 16, 8)
        column.setSpacing(4)
        column.addWidget(self.words)
        column.addWidget(self.clear, 0, Qt.AlignmentFlag.AlignHCenter)
        over.installEventFilter(self)
        self.hide()

    def show_filter(self, text: str, top: int) -> None:
        """Say that no layer matches this filter, below the pinned rows, which end at `top`."""
        self._top = top
        said = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        self.words.setText(self.tr("No layer matches “{0}”.").format(said))
        self.setAccessibleName(self.words.text())
        self.setVisible(bool(text))
        self._place()

    def _place(self) -> None:
        width = self._over.width()
        self.setGeometry(0, self._top, width, max(self.heightForWidth(width), self.sizeHint().height()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False
