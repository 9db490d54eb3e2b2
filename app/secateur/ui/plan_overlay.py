"""The plan panel over the picture: where the window is narrow it is a rail, and a click opens it on top."""

from PySide6.QtCore import QCoreApplication, QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QSplitter, QWidget

from secateur.ui.naming import named
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
    def _application(self) -> QCoreApplication:
        application = QCoreApplication.instance()
        if application is None:
            raise RuntimeError("a widget without an application")
        return application

    @property
    def is_open(self) -> bool:
        return self._place is not None

    def open(self) -> None:
        """Show the whole panel over the right edge of the picture."""
        if self._place is not None:
            return
        self._place = named(QWidget(), "plan_place")
        self._place.setFixedWidth(RAIL_WIDTH)
        self._splitter.replaceWidget(self._splitter.indexOf(self._plan), self._place)
        self._plan.setParent(self._host)
        self._plan.set_rail(False)
        area = self._splitter.geometry()
        self._plan.setGeometry(QRect(area.right() - OPEN_WIDTH + 1, area.top(), OPEN_WIDTH, area.height()))
        self._plan.show()
        self._plan.raise_()
        self._plan.setFocus()
        self._application.installEventFilter(self)

    def close_over(self) -> None:
        """Back to the rail, in its old place."""
        if self._place is None:
            return
        self._application.removeEventFilter(self)
        place, self._place = self._place, None
        self._splitter.replaceWidget(self._splitter.indexOf(place), self._plan)
        place.deleteLater()
        self._plan.set_rail(True)
        self._plan.show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QMouseEvent) and event.type() == QEvent.Type.MouseButtonPress:
            if self._is_outside(watched, event):
                self.close_over()
            return False
        is_key = isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride
        if not is_key or event.key() != Qt.Key.Key_Escape:  # type: ignore[attr-defined]
            return False
        self.close_over()
        event.accept()
        return True

    def _is_outside(self, watched: QObject, event: QMouseEvent) -> bool:
        if not isinstance(watched, QWidget) or watched.window() is not self._host.window():
            return False
        corner = self._plan.mapToGlobal(QPoint(0, 0))
        return not QRect(corner, self._plan.size()).contains(event.globalPosition().toPoint())
