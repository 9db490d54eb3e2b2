"""The progress line of 4 px."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color


class ProgressLine(QWidget):
    """`set_share(0..1)`; None where it cannot be told: then the groove alone is shown."""

    def __init__(self, name: str = "Progress", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def share(self) -> float | None:
        return self._share

    def set_share(self, share: float | None) -> None:
        self._share = None if share is None else min(max(share, 0.0), 1.0)
        self.setAccessibleDescription("" if self._share is None else f"{self._share * 100:.0f} %")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(160, 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("groove"))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        if self._share:
            painter.setBrush(color("accent"))
            painter.drawRoundedRect(QRectF(0, 0, max(4.0, self.width() * self._share), self.height()), 2, 2)
