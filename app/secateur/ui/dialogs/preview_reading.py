"""Samples that are read, not looked at: texts with the pieces they became, rows of a table with what is fed of them."""

from collections.abc import Sequence

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from secateur import figures
from secateur.engine.events import Preview
from secateur.ui.theme.style import color, font, metrics
from secateur.ui.widgets.text_pieces import GAP, LINE, paint_pieces

SAMPLES = 4
LABEL_WIDTH = 56
WIDTH = 392


class TextPreview(QWidget):
    """Up to four samples: their texts, and under each the pieces that the tokenizer made of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data_texts")
        self._previews: tuple[Preview, ...] = ()
        self.setMinimumSize(QSize(WIDTH, 120))

    def show_previews(self, previews: Sequence[Preview]) -> None:
        self._previews = tuple(one for one in previews if one.shown and one.shown.texts)[:SAMPLES]
        shown = [one.shown for one in self._previews if one.shown]
        self.setAccessibleName("; ".join(" | ".join(one.texts) for one in shown) or "No texts yet")
        self.setToolTip("\n\n".join("\n".join(one.texts) for one in shown))
        self.setMinimumHeight(max(120, sum(_height(one) for one in self._previews)))
        self.update()

    @property
    def count(self) -> int:
        return len(self._previews)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = 0
        for number, preview in enumerate(self._previews):
            if number:
                painter.fillRect(QRect(0, top - GAP - 1, self.width(), 1), color("border"))
            self._paint_sample(painter, preview, top)
            top += _height(preview)
        painter.end()

    def _paint_sample(self, painter: QPainter, preview: Preview, top: int) -> None:
        shown = preview.shown
        if shown is None:
            return
        painter.setFont(font(12, 600))
        painter.setPen(color("text"))
        place = QRect(self.width() - LABEL_WIDTH, top, LABEL_WIDTH, LINE)
        words = metrics(12, 600).elidedText(preview.label, Qt.TextElideMode.ElideRight, LABEL_WIDTH)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)
        wide = self.width() - LABEL_WIDTH - 8
        joined = len(shown.tokens) < len(shown.texts)
        for number, text in enumerate(shown.texts):
            painter.setFont(font(12))
            painter.setPen(color("text"))
            line = QRect(0, top, wide, LINE)
            short = metrics(12).elidedText(text, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
            top += LINE + 2
            if not joined:
                paint_pieces(painter, shown.tokens[number], QRect(0, top, self.width(), LINE))
                top += LINE + GAP
        if joined:
            paint_pieces(painter, shown.tokens[0], QRect(0, top, self.width(), LINE))


def _height(preview: Preview) -> int:
    shown = preview.shown
    if shown is None:
        return 0
    return len(shown.texts) * (LINE + 2) + len(shown.tokens) * (LINE + GAP) + 2 * GAP


class RowsPreview(QTableWidget):
    """Rows of a table as the network is fed: a column for each number, the target first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("data_rows")
        self.setAccessibleName("Rows as the network is fed")
        self.setToolTip("What the network is fed of each row, standardised")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(26)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.setMinimumSize(QSize(WIDTH, 240))

    def show_previews(self, previews: Sequence[Preview]) -> None:
        rows = [(one.label, one.shown.cells) for one in previews if one.shown and one.shown.cells]
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(1 + len(rows[0][1]) if rows else 0)
        for column, name in enumerate(["Target", *(name for name, _ in rows[0][1])] if rows else []):
            self.setHorizontalHeaderItem(column, _cell(name, is_number=column > 0))
        for row, (target, cells) in enumerate(rows):
            for column, words in enumerate((target, *(figures.number(value) for _, value in cells))):
                self.setItem(row, column, _cell(words, is_number=column > 0))

    @property
    def count(self) -> int:
        return self.rowCount()


def _cell(words: str, *, is_number: bool) -> QTableWidgetItem:
    """A cell or a head: numbers to the right, the target to the left."""
    item = QTableWidgetItem(words)
    side = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item
