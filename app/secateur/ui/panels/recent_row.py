"""One recent model: name and folder, format, size, what was done with it, and when."""

from typing import ClassVar

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from secateur import figures
from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font


class RecentRow(QAbstractButton):
    """A row that is one button. `details` are format, bytes (None where unknown), note and time.

    A model that is no longer there stays in the list and says so.
    """

    HEIGHT: ClassVar[int] = 49

    def __init__(
        self,
        name: str,
        folder: str,
        details: tuple[str, int | None, str, str],
        *,
        missing: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name, self._folder, self._details, self._missing = name, folder, details, missing
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setFixedHeight(self.HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Open {}").format(name))
        self.setAccessibleDescription(f"{folder}, {', '.join(self.note_texts())}")
        self.setToolTip(f"{folder}/{name}")

    def note_texts(self) -> list[str]:
        """Format, size, note and time as they are shown."""
        kind, size_bytes, note, when = self._details
        return [kind, figures.size(size_bytes), self.tr("file has moved") if self._missing else note, when]

    def sizeHint(self) -> QSize:
        return QSize(720, self.HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.underMouse() or self.isDown():
            painter.fillRect(self.rect(), color("pressed" if self.isDown() else "hover"))
        painter.fillRect(QRect(0, self.height() - 1, self.width(), 1), color("border"))
        middle = self.height() // 2
        glyph, tint = ("warn", "warn") if self._missing else ("model", "secondary")
        paint_icon(painter, QRect(14, middle - 8, 16, 16), glyph, color(tint))
        self._line(painter, QRect(44, 6, 248, 18), self._name, font(13, 500), "secondary" if self._missing else "text")
        self._line(painter, QRect(44, 25, 248, 16), self._folder, font(11), "secondary")
        kind, size, note, when = self.note_texts()
        width, full = self.width(), QRect(0, 0, 0, self.height() - 1)
        self._line(painter, full.adjusted(300, 0, 380, 0), kind, font(12), "secondary")
        self._line(painter, full.adjusted(380, 0, 454, 0), size, font(12), "text", right=True)
        role = "warn" if self._missing else "secondary"
        self._line(painter, full.adjusted(474, 0, width - 96, 0), note, font(12), role)
        self._line(painter, full.adjusted(width - 92, 0, width - 12, 0), when, font(12), "secondary", right=True)
        if self.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -2, -2), 4, 4)

    @staticmethod
    def _line(painter: QPainter, box: QRect, text: str, face: QFont, role: str, *, right: bool = False) -> None:
        painter.setFont(face)
        painter.setPen(color(role))
        shown = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideMiddle, box.width())
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, shown)
