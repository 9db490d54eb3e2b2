"""Texts with the pieces that a tokenizer made of them, as chips."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from secateur.ui.theme.style import color, font, metrics, tinted

LINE: Final = 18
"""Height of a line of text, and of a line of chips."""
BETWEEN: Final = 3
GAP: Final = 4
_PAD: Final = 5


def lines_of_pieces(pieces: Sequence[str], width: int, most: int) -> list[list[tuple[str, int, int]]]:
    """Chips (piece, left, width) line by line, at most `most`; the last line ends with `+12` where more do not fit.

    That last entry has no width.
    """
    sizes = metrics(11)
    lines: list[list[tuple[str, int, int]]] = [[]]
    left = 0
    for number, piece in enumerate(pieces):
        wide = min(sizes.horizontalAdvance(piece) + 2 * _PAD, width)
        rest = len(pieces) - number
        is_last = len(lines) == most
        more = sizes.horizontalAdvance(f"+{rest}") + 4 if is_last and rest > 1 else 0
        if left and left + wide + more > width:
            if is_last:
                lines[-1].append((f"+{rest}", left, 0))
                return lines
            lines.append([])
            left = 0
        lines[-1].append((piece, left, wide))
        left += wide + BETWEEN
    return lines


def paint_pieces(painter: QPainter, pieces: Sequence[str], place: QRect, most: int = 1) -> None:
    """Chips from the left of a place, in at most `most` lines, and how many more there are where they do not fit."""
    painter.setFont(font(11))
    middle = Qt.AlignmentFlag.AlignVCenter
    for row, line in enumerate(lines_of_pieces(pieces, place.width(), most)):
        top = place.top() + row * (LINE + GAP)
        for piece, left, wide in line:
            if not wide:
                painter.setPen(color("secondary"))
                rest = QRect(place.left() + left, top, place.width() - left, LINE)
                painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | middle, piece)
                continue
            chip = QRect(place.left() + left, top, wide, LINE)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(tinted("accent", 0.14))
            painter.drawRoundedRect(chip, 4, 4)
            painter.setPen(color("secondary" if piece.startswith("[") else "text"))
            short = metrics(11).elidedText(piece, Qt.TextElideMode.ElideRight, wide - 2 * _PAD + 2)
            painter.drawText(chip, Qt.AlignmentFlag.AlignCenter, short)


class TextPieces(QWidget):
    """One sample of text: each of its texts, with its pieces in two lines below; the tooltip says all of it."""

    MOST_LINES: Final = 2

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._texts: tuple[str, ...] = ()
        self._pieces: tuple[tuple[str, ...], ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        return self._texts

    @property
    def pieces(self) -> tuple[tuple[str, ...], ...]:
        return self._pieces

    def show_texts(self, texts: tuple[str, ...], pieces: tuple[tuple[str, ...], ...]) -> None:
        """Show these texts; where two of them became one row, its pieces stand below both."""
        if (texts, pieces) == (self._texts, self._pieces):
            return
        self._texts, self._pieces = texts, pieces
        self.setAccessibleName(" | ".join(texts))
        self.setAccessibleDescription(" | ".join(" ".join(one) for one in pieces))
        self.setToolTip("\n\n".join(texts))
        self._claim()
        self.update()

    def _blocks(self) -> list[tuple[str, tuple[str, ...]]]:
        """(text, the pieces that stand below it)."""
        alone: list[tuple[str, ...]] = [() for _ in range(len(self._texts) - len(self._pieces))]
        return list(zip(self._texts, [*alone, *self._pieces], strict=False))

    def _height_of(self, pieces: tuple[str, ...]) -> int:
        count = len(lines_of_pieces(pieces, max(self.width(), 1), self.MOST_LINES)) if pieces else 0
        return LINE + 2 + count * (LINE + GAP) + GAP

    def _claim(self) -> None:
        self.setFixedHeight(max(1, sum(self._height_of(pieces) for _, pieces in self._blocks())))

    def sizeHint(self) -> QSize:
        return QSize(220, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._claim()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top = 0
        for text, pieces in self._blocks():
            painter.setFont(font(12))
            painter.setPen(color("text"))
            short = metrics(12).elidedText(text, Qt.TextElideMode.ElideRight, self.width())
            line = QRect(0, top, self.width(), LINE)
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, short)
            paint_pieces(painter, pieces, QRect(0, top + LINE + 2, self.width(), LINE), self.MOST_LINES)
            top += self._height_of(pieces)
        painter.end()
