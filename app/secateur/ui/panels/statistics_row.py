"""A line of small statistics that sheds from the right where it has no room."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSize
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font

_APART = 14.0


class StatisticsRow(QWidget):
    """`show_figures([(name, value), …])`: name in secondary, value in 600."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures: tuple[tuple[str, str], ...] = ()
        self.setAccessibleName(self.tr("Statistics"))
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_figures(self, figures: Sequence[tuple[str, str]]) -> None:
        self._figures = tuple(figures)
        whole = ", ".join(f"{name} {value}" for name, value in figures)
        self.setAccessibleDescription(whole)
        self.setToolTip(whole)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(400, 18)

    def minimumSizeHint(self) -> QSize:
        return QSize(60, 18)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        plain, strong = font(11), font(11, 600)
        x = 0.0
        for name, value in self._figures:
            before = QFontMetricsF(plain).horizontalAdvance(name)
            after = QFontMetricsF(strong).horizontalAdvance(value)
            if x + before + 6 + after > self.width() + 0.5:
                break
            painter.setFont(plain)
            painter.setPen(color("secondary"))
            painter.drawText(QPointF(x, 13), name)
            painter.setFont(strong)
            painter.setPen(color("text"))
            painter.drawText(QPointF(x + before + 6, 13), value)
            x += before + 6 + after + _APART
        painter.end()
