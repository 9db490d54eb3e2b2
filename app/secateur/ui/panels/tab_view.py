"""The base of the detail tabs: the content, or in its place one panel that says what is missing."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from secateur.ui.turns import turns
from secateur.ui.widgets.state_panel import StatePanel

MARGIN = 16
GAP = 8


class TabView(QWidget):
    """`column` is the layout of the content; `show_content()` or `show_missing(…)` say which is seen."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(f"{name}_tab")
        self.setAccessibleName(title)
        self.setProperty("role", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.missing = StatePanel()
        self.missing.setObjectName(f"{name}_missing")
        self.content = QWidget()
        self.content.setObjectName(f"{name}_content")
        self.column = QVBoxLayout(self.content)
        self.column.setContentsMargins(MARGIN, 12, MARGIN, MARGIN)
        self.column.setSpacing(GAP)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidget(self.content)
        self._scroll.viewport().setAutoFillBackground(False)
        self.content.setAutoFillBackground(False)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(self._scroll)

    def minimumSizeHint(self) -> QSize:
        # tabs share one place: the widest must not widen the window of the others, it scrolls instead
        return QSize(320, 200)

    def show_content(self) -> None:
        if self._stack.currentWidget() is not self._scroll:
            turns.paint(self._scroll)
            self._stack.setCurrentWidget(self._scroll)

    def show_missing(
        self,
        icon: str,
        title: str,
        text: str,
        button: str = "",
        *,
        kind: str = "empty",
        share: float | None = None,
        why_not: str = "",
    ) -> None:
        """Show what would fill the tab and what it costs, with at most one button."""
        self.missing.show_content(icon, title, text, button, kind=kind, share=share, why_not=why_not)
        self._stack.setCurrentWidget(self.missing)

    @property
    def is_filled(self) -> bool:
        """Whether the content is seen."""
        return self._stack.currentWidget() is self._scroll

    def picture(self) -> QWidget:
        """The widget that a copied or saved picture shows."""
        return self.content if self.is_filled else self.missing
