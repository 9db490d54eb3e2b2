"""A label that shortens its text where there is no room, and then tells the whole in a tooltip."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.layer_names import split_name
from secateur.ui.short_names import SLACK, short_names
from secateur.ui.theme.style import color, font, metrics


class ElidedLabel(QWidget):
    """Text of one line; with `layer_name`, all up to the last dot is secondary, the last part strong.

    `set_name(name, among)` shortens a layer's name so that it reads like none of `among`; `set_variants(texts)` says
    the longest of some texts that has room, instead of a part of one.
    """

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
        self._among: tuple[str, ...] = ()
        self._variants: tuple[str, ...] = ()
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def text(self) -> str:
        return self._text

    def set_name(self, name: str, among: Sequence[str]) -> None:
        """Show a layer's name, where it is narrow as a table of all these names would."""
        self.set_text(name)
        self._among = tuple(among) if name in among else ()

    def set_variants(self, texts: Sequence[str]) -> None:
        """Show the first of these texts that has room, or nothing; the first is the whole, which the tooltip says."""
        self.set_text(texts[0])
        self._variants = tuple(texts)

    def set_text(self, text: str, role: str = "") -> None:
        self._role = role or self._role
        self._among = self._variants = ()
        if text != self._text:
            self._text = text
            self.setAccessibleName(text)
            self.updateGeometry()
        self.update()

    setText = set_text  # noqa: N815 - as QLabel has it

    def is_elided(self) -> bool:
        """Whether the text is shortened at the present width."""
        prefix, last = self._shown(self._metrics())
        return prefix + last != self._text

    def _metrics(self) -> QFontMetrics:
        return metrics(self._size, max(self._weight, 600 if self._layer_name else 0))

    def sizeHint(self) -> QSize:
        measures = self._metrics()
        return QSize(measures.horizontalAdvance(self._text) + 1, measures.height())

    def minimumSizeHint(self) -> QSize:
        measures = self._metrics()
        return QSize(min(measures.horizontalAdvance(self._text) + 1, 24), measures.height())

    def _shown(self, measures: QFontMetrics) -> tuple[str, str]:
        """What is drawn in secondary, and what behind it."""
        width = self.width()
        if self._variants:
            return "", next((text for text in self._variants if measures.horizontalAdvance(text) <= width), "")
        if self._among:
            strong = max(self._weight, 600) if self._layer_name else self._weight
            short = short_names(self._among, width + SLACK, self._size, strong, self._weight)[self._text]
            return short if self._layer_name else ("", short.text)
        shown = measures.elidedText(self._text, self._mode, width)
        return split_name(shown) if self._layer_name else ("", shown)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        measures = self._metrics()
        prefix, last = self._shown(measures)
        shown = prefix + last
        self.setToolTip(self._text if shown != self._text else "")
        rect, flags = self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        role = self._role if self.isEnabled() else "disabled"
        if prefix:
            painter.setFont(font(self._size, self._weight))
            painter.setPen(color("secondary" if self.isEnabled() else "disabled"))
            painter.drawText(rect, flags, prefix)
            rect.setLeft(rect.left() + painter.fontMetrics().horizontalAdvance(prefix))
        painter.setFont(font(self._size, max(self._weight, 600) if self._layer_name else self._weight))
        painter.setPen(color(role))
        painter.drawText(rect, flags, last)
