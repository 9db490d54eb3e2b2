"""The sums that stand under the columns of the layer table, each within its own column."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from secateur.model.description import Layer
from secateur.ui.models.layer_sums import sums
from secateur.ui.models.layer_table import COLUMNS
from secateur.ui.panels.layer_header import HEADER_HEIGHT
from secateur.ui.panels.layer_rows import FIRST_PADDING, PADDING
from secateur.ui.panels.layer_view import LayerView
from secateur.ui.theme.style import color, font, metrics


class TotalsRow(QWidget):
    """Sums of the layers shown. Columns are as wide as their sums; words are said shorter where there is no room."""

    def __init__(self, view: LayerView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._texts: dict[str, tuple[str, ...]] = {}
        self.setObjectName("layer_totals")
        self.setFixedHeight(HEADER_HEIGHT)
        view.resized.connect(self.update)
        view.horizontalHeader().sectionResized.connect(self.update)
        view.horizontalHeader().sectionMoved.connect(self.update)
        view.horizontalScrollBar().valueChanged.connect(self.update)

    def show_layers(self, layers: Sequence[Layer], all_layers: int, is_planned: Callable[[str], bool]) -> None:
        """Totals of `layers`; `all_layers` is how many there are without the filter."""
        planned = sum(is_planned(layer.name) for layer in layers)
        count = f"{len(layers):,}"
        shown = f"{count} of {all_layers:,}" if len(layers) != all_layers else count
        words = f"{shown} layer" if shown == "1" else f"{shown} layers"
        self._texts = {
            "layer": (words, shown, count),
            **{key: (text,) for key, text in sums(layers).items()},
            "plan": (f"{planned:,} of {count} planned", f"{planned:,} planned", f"{planned:,}"),
        }
        self.setAccessibleName(", ".join(variants[0] for variants in self._texts.values()))
        self.update()

    @property
    def texts(self) -> dict[str, str]:
        """By column, what is said where there is room for it."""
        return {key: variants[0] for key, variants in self._variants().items()}

    def _variants(self) -> dict[str, tuple[str, ...]]:
        """By column, what can be said, the longest first; also by what the rows are sorted, if no arrow shows it."""
        key = self._view.sorted_by
        if not self._texts or not key or key in self._view.shown_columns:
            return self._texts
        words, *shorter = self._texts["layer"]
        title = next(column.title for column in COLUMNS if column.key == key)
        return {**self._texts, "layer": (f"{words}, by {title}", words, *shorter)}

    def placed(self) -> list[tuple[str, QRect, str]]:
        """(column, box, text) of all that is drawn: each text fits its box, and no two boxes overlap."""
        found, texts = [], self._variants()
        header = self._view.horizontalHeader()
        for section, column in enumerate(COLUMNS):
            if column.key not in texts or self._view.isColumnHidden(section):
                continue
            left, width = header.sectionViewportPosition(section), header.sectionSize(section)
            box = QRect(left, 0, width, self.height())
            box = box.adjusted(FIRST_PADDING if section == 0 else PADDING, 0, -PADDING, 0)
            measures = metrics(12, _weight(column.key))
            fitting = (text for text in texts[column.key] if measures.horizontalAdvance(text) <= box.width())
            text = next(fitting, "")
            if text:
                found.append((column.key, box, text))
        return found

    def sizeHint(self) -> QSize:
        return QSize(200, HEADER_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(QRect(0, 0, self.width(), 1), color("border"))
        painter.setClipRect(0, 0, self._view.viewport().width(), self.height())
        for key, box, text in self.placed():
            painter.setFont(font(12, _weight(key)))
            painter.setPen(color("secondary" if key == "plan" else "text"))
            side = Qt.AlignmentFlag.AlignLeft if key in {"layer", "plan"} else Qt.AlignmentFlag.AlignRight
            painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


def _weight(key: str) -> int:
    return 400 if key == "plan" else 600
