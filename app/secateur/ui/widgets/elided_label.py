"""A label that shortens its text where there is no room, and then tells the whole in a tooltip."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font, metrics


class ElidedLabel(QWidget):
    """Text of one line; with `layer_name`, all up to the last dot is secondary, the last part strong."""

    def __init__(
        self,
        text: str = "",
        *,
        size: float = 12,
        weight: int = 400,
        role: str = "text",
        layer_name: bool = False,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text, self._size, self._weight, self._role = text, size, weight, role
        self._layer_name, self._mode = layer_name, mode
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        return self._text

    def set_text(self, text: str, role: str = "") -> None:
        self._role = role or self._role
        if text != self._text:
            self._text = text
            self.setAccessibleName(text)
            self.updateGeometry()
        self.update()

    setText = set_text  # noqa: N815 - as QLabel has it

    def is_elided(self) -> bool:
        """Whether the text is shortened at the present width."""
        return self._metrics().horizontalAdvance(self._text) > self.width()

    def _metrics(self) -> QFontMetrics:
        return metrics(self._size, max(self._weight, 600 if self._layer_name else 0))

    def sizeHint(self) -> QSize:
        measures = self._metrics()
        return QSize(measures.horizontalAdvance(self._text) + 1, measures.height())

    def minimumSizeHint(self) -> QSize:
        measures = self._metrics()
        return QSize(min(measures.horizontalAdvance(self._text) + 1, 24), measures.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        measures = self._metrics()
        shown = measures.elidedText(self._text, self._mode, self.width())
        self.setToolTip(self._text if shown != self._text else "")
        rect, flags = self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        role = self._role if self.isEnabled() else "disabled"
        prefix, dot, last = shown.rpartition(".") if self._layer_name else ("", "", shown)
        if dot:
            painter.setFont(font(self._size, self._weight))
            painter.setPen(color("secondary" if self.isEnabled() else "disabled"))
            painter.drawText(rect, flags, prefix + dot)
            rect.setLeft(rect.left() + painter.fontMetrics().horizontalAdvance(prefix + dot))
        painter.setFont(font(self._size, max(self._weight, 600) if self._layer_name else self._weight))
        painter.setPen(color(role))
        painter.drawText(rect, flags, last)
