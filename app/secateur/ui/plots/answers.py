"""Softened answers: teacher and student probabilities of each class side by side, for one sample."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter
from PySide6.QtWidgets import QWidget

from secateur.ui.plots.axes import Axis, caption_width, paint_base_line, paint_y_axis, set_caption
from secateur.ui.plots.bars import bar_path
from secateur.ui.plots.plot import Plot
from secateur.ui.plots.ticks import nice_step
from secateur.ui.theme.style import color, font

Floats = NDArray[np.float64]
MOST = 12
"""Classes shown at once; of more, those that the teacher finds likeliest."""
LABELLED = 0.05


def softmax(logits: NDArray[np.float32], temperature: float) -> Floats:
    """Probabilities (classes,) of logits (classes,) at a temperature > 0."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    probabilities: Floats = powers / powers.sum()
    return probabilities


class AnswerBars(Plot):
    """`show_answers(classes, teacher, student, label)`: probabilities (classes,) of both."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent)
        self._classes: tuple[str, ...] = ()
        self._bars: Floats = np.zeros((0, 2))
        self._label = ""
        self._staggered = False

    def show_answers(self, classes: Sequence[str], teacher: Floats, student: Floats, label: str) -> None:
        """Show one sample's answers; `label` is its true class, written in 600."""
        both = np.column_stack([teacher, student])
        names = list(classes) if len(classes) == len(both) else [str(n) for n in range(len(both))]
        if len(names) > MOST:
            likeliest = np.sort(np.argsort(-both[:, 0], kind="stable")[:MOST])
            both, names = both[likeliest], [names[i] for i in likeliest]
        self._bars, self._classes, self._label = both, tuple(names), label
        top = int(np.argmax(both[:, 0])) if len(both) else 0
        if len(both):
            said = f"{names[top]}: teacher {both[top, 0] * 100:.0f} %, student {both[top, 1] * 100:.0f} %"
            self.setAccessibleDescription(said)
        self.renew(self._classes, self._bars.tobytes(), label)

    def paint_plot(self, painter: QPainter) -> None:
        if not len(self._bars):
            return
        highest = float(self._bars.max())
        step = nice_step(max(highest * 1.12, 0.05), 4)
        y = Axis(0.0, max(highest * 1.12, step), 0.0, 1.0)
        ticks = [(value, f"{value * 100:.3g} %") for value, _ in y.ticks(4)]
        left = caption_width([text for _, text in ticks]) + 12
        pitch = max(self.width() - left - 4, 20) / len(self._bars)
        # names that do not fit beside each other stand in two rows
        self._staggered = caption_width(self._classes, 600) + 2 > pitch
        foot = 40 if self._staggered else 26
        self.area = QRectF(left, 14, max(self.width() - left - 4, 20), max(self.height() - 14 - foot, 20))
        y = Axis(y.low, y.high, self.area.bottom(), self.area.top())
        paint_y_axis(painter, self.area, y, ticks, "")
        for index in range(len(self._bars)):
            self._paint_class(painter, index, pitch, y)
        paint_base_line(painter, self.area)

    def _paint_class(self, painter: QPainter, index: int, pitch: float, y: Axis) -> None:
        middle = self.area.left() + (index + 0.5) * pitch
        width = round(min(max(pitch * 0.36, 3), 22))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        highest = self.area.bottom()
        for side, role in ((0, "original"), (1, "result")):
            top = min(y.pixel(float(self._bars[index, side])), self.area.bottom() - 1)
            highest = min(highest, top)
            painter.setBrush(color(role))
            left = round(middle) - width - 1 if side == 0 else round(middle) + 1
            painter.drawPath(bar_path(QRectF(left, top, width, self.area.bottom() - top)))
        teacher, student = self._bars[index]
        if max(teacher, student) >= LABELLED and pitch > 34:
            set_caption(painter, "text", 600)
            box = QRectF(middle - pitch, highest - 18, 2 * pitch, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{teacher * 100:.0f} · {student * 100:.0f}")
        self._paint_name(painter, index, middle, pitch)

    def _paint_name(self, painter: QPainter, index: int, middle: float, pitch: float) -> None:
        name = self._classes[index]
        true = name == self._label
        set_caption(painter, "text" if true else "secondary", 600 if true else 400)
        metrics = QFontMetricsF(font(11, 600 if true else 400))
        room = 2 * pitch if self._staggered else pitch
        shown = metrics.elidedText(name, Qt.TextElideMode.ElideRight, room - 4)
        drop = 15 if self._staggered and index % 2 else 0
        box = QRectF(middle - room / 2, self.area.bottom() + 4 + drop, room, 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, shown)
