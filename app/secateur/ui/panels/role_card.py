"""Teacher and student: a small card with an edge in its series' colour."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font


class RoleCard(QWidget):
    """Title, subject and one line of detail; `role` is the palette role of the edge."""

    def __init__(self, role: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role, self._title, self._subject, self._detail = role, title, "", ""
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(58)

    def show_words(self, subject: str, detail: str) -> None:
        self._subject, self._detail = subject, detail
        self.setAccessibleDescription(f"{subject}, {detail}")
        self.setToolTip(f"{self._title}: {subject}\n{detail}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(130, 58)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("hover"))
        painter.drawRoundedRect(QRectF(self.rect()), 4, 4)
        painter.fillRect(QRectF(0, 5, 3, self.height() - 10), color(self._role))
        y = 4.0
        lines = ((self._title, font(11), "secondary"), (self._subject, font(12, 600), "text"))
        for text, made, role in (*lines, (self._detail, font(11), "secondary")):
            room = self.width() - 18
            shown = QFontMetricsF(made).elidedText(text, Qt.TextElideMode.ElideRight, room)
            painter.setFont(made)
            painter.setPen(color(role))
            painter.drawText(QRectF(11, y, room, 17), Qt.AlignmentFlag.AlignVCenter, shown)
            y += 17
        painter.end()
