"""The plan panel over the picture: where the window is narrow it is a rail, and a click opens it on top."""

from PySide6.QtCore import QEvent, QObject, QPoint, QRect
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QSplitter, QWidget

from secateur.ui.panels.plan import PlanPanel

RAIL_WIDTH = 40
OPEN_WIDTH = 288


class PlanOverlay(QObject):
    """Lifts the panel out of the splitter while it is open; a click elsewhere or Esc puts it back."""

    def __init__(self, plan: PlanPanel, splitter: QSplitter, parent: QWidget) -> None:
        super().__init__(parent)
        self._plan, self._splitter, self._host = plan, splitter, parent
        self._place: QWidget | None = None

    @property
    def is_open(self) -> bool:
        return self._place is not None

    def open(self) -> None:
        """Show the whole panel over the right edge of the picture."""
        if self._place is not None:
            return
        self._place = QWidget(objectName="plan_place")
        self._place.setFixedWidth(RAIL_WIDTH)
        self._splitter.replaceWidget(self._splitter.indexOf(self._plan), self._place)
        self._plan.setParent(self._host)
        self._plan.set_rail(False)
        area = self._splitter.geometry()
        self._plan.setGeometry(QRect(area.right() - OPEN_WIDTH + 1, area.top(), OPEN_WIDTH, area.height()))
        self._plan.show()
        self._plan.raise_()
        self._plan.setFocus()
        QApplication.instance().installEventFilter(self)

    def close_over(self) -> None:
        """Back to the rail, in its old place."""
        if self._place is None:
            return
        QApplication.instance().removeEventFilter(self)
        place, self._place = self._place, None
        self._splitter.replaceWidget(self._splitter.indexOf(place), self._plan)
        place.deleteLater()
        self._plan.set_rail(True)
        self._plan.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        outside = isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress
        if outside and isinstance(watched, QWidget) and watched.window() is self._host.window():
            corner = self._plan.mapToGlobal(QPoint(0, 0))
            if not QRect(corner, self._plan.size()).contains(event.globalPosition().toPoint()):
                self.close_over()
        elif isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            if event.key() == Qt.Key.Key_Escape and self._host.isVisible():
                self.close_over()
                event.accept()
                return True
        return False
