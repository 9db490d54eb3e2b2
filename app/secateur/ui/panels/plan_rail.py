"""The plan panel folded to a rail of 40 px: a click opens it over the picture."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from secateur.ui.short_names import short_names
from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font


class PlanRail(QAbstractButton):
    """One tall button with the panel's name and subject written downwards."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plan_rail")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(self.tr("Open the plan of the selected layers"))
        self.setAccessibleName(self.tr("Plan"))
        self.setFixedWidth(40)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._subject = ""
        self._names: tuple[str, ...] = ("",)

    def set_subject(self, subject: str, names: Sequence[str] = ()) -> None:
        """Say what the plan is for; a layer's name is shortened so that it reads like no other of `names`."""
        self._names = tuple(names) if subject in names else (subject,)
        self._subject = subject
        self.setAccessibleDescription(subject)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(40, 200)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        hovered = self.underMouse()
        painter.fillRect(self.rect(), color("pressed" if self.isDown() else "hover" if hovered else "panel"))
        painter.fillRect(0, 0, 1, self.height(), color("border"))
        paint_icon(painter, QRect(12, 13, 16, 16), "plan", color("secondary"))
        paint_icon(painter, QRect(12, self.height() - 30, 16, 16), "left", color("secondary"))
        painter.save()
        painter.translate(self.width() / 2, 40)
        painter.rotate(90)
        room = QRect(0, -10, self.height() - 80, 20)
        painter.setFont(font(12, 600))
        painter.setPen(color("text"))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, self.tr("Plan"))
        room.setLeft(painter.fontMetrics().horizontalAdvance(self.tr("Plan")) + 8)
        painter.setFont(font(12))
        painter.setPen(color("secondary"))
        shown = short_names(self._names, room.width(), 12, 400)[self._subject].text
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.restore()
        if self.hasFocus():
            painter.setPen(color("accent"))
            painter.drawRect(self.rect().adjusted(1, 1, -2, -2))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -3))
