"""A figure of the result with what it was before: label, value, delta chip, and one line of detail."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from secateur.ui.theme.style import color, font

_PILL = {
    "positive": ("positive", "positive_tint"),
    "negative": ("negative", "negative_tint"),
    "": ("secondary", "pressed"),
}


class MetricCard(QFrame):
    """`show_figure(value, unit, delta, detail, tone, alarm)`: `tone` colours the delta, `alarm` the left edge."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setProperty("role", "card")
        self.setAccessibleName(title)
        self._title, self._value, self._unit, self._delta, self._detail = title, "–", "", "", ""
        self._tone, self._alarm = "", False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(84)

    def show_figure(
        self, figure: str, delta: str = "", detail: str = "", *, tone: str = "", alarm: bool = False, title: str = ""
    ) -> None:
        """`figure` is a number with its unit after a no-break space, as `secateur.figures` writes it."""
        self._value, _, self._unit = figure.partition("\u00a0")
        self._delta, self._detail, self._tone, self._alarm = delta, detail, tone, alarm
        self._title = title or self._title
        self.setAccessibleName(self._title)
        self.setAccessibleDescription(f"{figure} {delta}, {detail}".strip(" ,"))
        self.setToolTip(f"{self._title}: {figure} {delta}\n{detail}".strip())
        self.update()

    def figure(self) -> str:
        """The shown number with its unit."""
        return f"{self._value}\u00a0{self._unit}".strip()

    def sizeHint(self) -> QSize:
        return QSize(176, 84)

    def minimumSizeHint(self) -> QSize:
        return QSize(104, 84)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        if self._alarm:
            painter.fillRect(QRectF(1, 6, 3, self.height() - 12), color("negative"))
        inner = QRectF(self.rect()).adjusted(14, 0, -10, 0)
        pill = self._paint_pill(painter, inner)
        self._line(painter, inner.adjusted(0, 8, 0, 0), 16, self._title, 11, "secondary")
        self._paint_value(painter, inner, inner.width() - pill)
        self._line(painter, inner.adjusted(0, 58, 0, 0), 16, self._detail, 11, "secondary")
        painter.end()

    def _paint_value(self, painter: QPainter, inner: QRectF, room: float) -> None:
        metrics = QFontMetricsF(font(22, 600))
        painter.setFont(font(22, 600))
        painter.setPen(color("text"))
        box = QRectF(inner.left(), 25, inner.width(), 32)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, self._value)
        used = metrics.horizontalAdvance(self._value) + 5
        if used + QFontMetricsF(font(12)).horizontalAdvance(self._unit) <= room:
            painter.setFont(font(12))
            painter.setPen(color("secondary"))
            unit = QRectF(inner.left() + used, 29, inner.width() - used, 28)
            painter.drawText(unit, Qt.AlignmentFlag.AlignVCenter, self._unit)

    def _paint_pill(self, painter: QPainter, inner: QRectF) -> float:
        """The delta at the right of the value, or in the corner where the value needs the line; its width."""
        if not self._delta:
            return 0.0
        ink, tint = _PILL[self._tone]
        width = QFontMetricsF(font(11, 600)).horizontalAdvance(self._delta) + 16
        value = QFontMetricsF(font(22, 600)).horizontalAdvance(self._value)
        unit = QFontMetricsF(font(12)).horizontalAdvance(self._unit)
        beside = inner.width() >= value + unit + 12 + width
        box = QRectF(inner.right() - width, 32 if beside else 6, width, 20)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color(tint))
        painter.drawRoundedRect(box, 10, 10)
        painter.setFont(font(11, 600 if self._tone else 500))
        painter.setPen(color(ink))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._delta)
        return width if beside else 0.0

    def _line(self, painter: QPainter, area: QRectF, height: float, text: str, size: float, role: str) -> None:
        made = font(size)
        shown = QFontMetricsF(made).elidedText(text, Qt.TextElideMode.ElideRight, area.width())
        painter.setFont(made)
        painter.setPen(color(role))
        painter.drawText(QRectF(area.left(), area.top(), area.width(), height), Qt.AlignmentFlag.AlignVCenter, shown)
