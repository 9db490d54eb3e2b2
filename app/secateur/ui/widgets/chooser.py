"""A combo box that shortens what it shows where there is no room: its list, and a tooltip, have it whole."""

from PySide6.QtCore import QEvent, QMargins, QRect, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPaintEvent
from PySide6.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter, QToolTip

GAP = 4
"""Pixels that the style keeps around the text."""


class Chooser(QComboBox):
    """As QComboBox; a plain one cuts the shown text at the arrow, amid a letter."""

    def sizeHint(self) -> QSize:
        """Room for every entry whole, as `shown_text` counts it."""
        return super().sizeHint().grownBy(QMargins(GAP, 0, GAP, 0))

    def _option(self) -> tuple[QStyleOptionComboBox, QRect]:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        return option, self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self)

    def shown_text(self) -> str:
        """The chosen entry, its middle left out where the box is too narrow for it."""
        _, room = self._option()
        return self.fontMetrics().elidedText(self.currentText(), Qt.TextElideMode.ElideMiddle, room.width() - 2 * GAP)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option, _ = self._option()
        option.currentText = self.shown_text()
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        painter.end()

    def showPopup(self) -> None:
        """The list is as wide as its widest entry."""
        wanted = self.view().sizeHintForColumn(0) + 2 * GAP
        self.view().setMinimumWidth(min(max(wanted, self.width()), self.screen().availableSize().width() // 2))
        super().showPopup()

    def event(self, event: QEvent) -> bool:
        is_asked = isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip
        if is_asked and self.shown_text() != self.currentText():
            place = event.globalPos()  # type: ignore[attr-defined]  # a help event, as asked above
            QToolTip.showText(place, f"{self.currentText()}\n{self.toolTip()}".strip(), self)
            return True
        return super().event(event)
