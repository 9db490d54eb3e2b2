"""The on/off switch, 28 × 16."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from secateur.ui.theme.style import color


class Switch(QAbstractButton):
    """A checkable button drawn as a switch; `toggled(bool)` and `clicked(bool)` are QAbstractButton's own.

    The widget is 32 × 20: 2 px around the switch hold the focus ring.
    """

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def set_value(self, on: bool) -> None:
        """Show a state without `toggled`."""
        blocked = self.blockSignals(True)
        self.setChecked(on)
        self.blockSignals(blocked)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(32, 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = QRectF(2, (self.height() - 16) / 2, 28, 16)
        on, enabled = self.isChecked(), self.isEnabled()
        if on:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(color("accent_fill" if enabled else "disabled"))
            painter.drawRoundedRect(body, 8, 8)
        else:
            painter.setPen(QPen(color("strong_border" if enabled else "disabled"), 1))
            painter.setBrush(color("hover" if self.underMouse() and enabled else "input"))
            painter.drawRoundedRect(body.adjusted(0.5, 0.5, -0.5, -0.5), 7.5, 7.5)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("on_accent" if on else "secondary" if enabled else "disabled"))
        centre = QPointF(body.right() - 8 if on else body.left() + 8, body.center().y())
        painter.drawEllipse(centre, 5.5 if on else 5, 5.5 if on else 5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(color("accent"), 2))
            painter.drawRoundedRect(body.adjusted(-1, -1, 1, 1), 9, 9)
