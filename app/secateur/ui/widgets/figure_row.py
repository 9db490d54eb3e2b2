"""A line of the effect card: label, before → after, change."""

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font, metrics

_DELTA = 60


class FigureRow(QWidget):
    """Before in secondary, after in 600, the change coloured by `tone` (`positive`, `negative` or plain)."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._before, self._after, self._delta, self._tone = name, "", "", "", ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_figures(self, before: str, after: str, delta: str = "", tone: str = "", name: str = "") -> None:
        """`before` may be empty: then only the value is shown."""
        self._name = name or self._name
        self._before, self._after, self._delta, self._tone = before, after, delta, tone
        self.setAccessibleName(self._name)
        words = f"{before} to {after}" if before else after
        self.setAccessibleDescription(f"{words}, {delta}" if delta else words)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(220, 20)

    def minimumSizeHint(self) -> QSize:
        return QSize(180, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = Qt.AlignmentFlag.AlignVCenter
        area = self.rect().adjusted(0, 0, 0, -1)
        painter.fillRect(QRect(0, self.height() - 1, self.width(), 1), color("border"))
        painter.setFont(font(12))
        painter.setPen(color("secondary"))
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignLeft, self._name)
        painter.setPen(color(self._tone or "secondary"))
        painter.setFont(font(12, 500 if self._tone else 400))
        painter.drawText(area, middle | Qt.AlignmentFlag.AlignRight, self._delta)
        right = area.adjusted(0, 0, -self._room_of_delta(area.width()), 0)
        painter.setFont(font(12, 600))
        painter.setPen(color("text"))
        painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, self._after)
        if self._before:
            width = metrics(12, 600).horizontalAdvance(self._after)
            painter.setFont(font(12))
            painter.setPen(color("secondary"))
            before = right.adjusted(0, 0, -width - 4, 0)
            painter.drawText(before, middle | Qt.AlignmentFlag.AlignRight, f"{self._before} →")

    def _room_of_delta(self, width: int) -> int:
        """The changes of all rows stand in one column; a row too full for that gives its own no more than it needs."""
        plain = metrics(12).horizontalAdvance
        before = plain(f"{self._before} →") + 4 if self._before else 0
        wanted = plain(self._name) + 8 + before + metrics(12, 600).horizontalAdvance(self._after)
        own = plain(self._delta) + 8
        column = max(_DELTA, own)
        return column if wanted + column <= width else own
