"""Softened answers: teacher and student probabilities of each class side by side, for one sample."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from secateur.figures import SPACE, share
from secateur.layer_names import ShortNames
from secateur.ui.plots.chart import Chart, Floats
from secateur.ui.plots.columns import ColumnBars
from secateur.ui.plots.crosshair import Reading
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.table import Cell, Table
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.plots.ticks import tick_text
from secateur.ui.theme.style import color

MOST = 12
"""Classes shown at once; of more, those that the teacher finds likeliest."""
LABELLED = 0.05
ROWS = 3
"""Rows of class names, at most."""


def softmax(logits: NDArray[np.float32], temperature: float) -> Floats:
    """Probabilities (classes,) of logits (classes,) at a temperature > 0."""
    scaled = logits.astype(np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    probabilities: Floats = powers / powers.sum()
    return probabilities


class AnswerBars(Chart):
    """`show_answers(classes, teacher, student, label)`: probabilities (classes,) of both, or of the student alone."""

    def __init__(self, name: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(name, title, parent, zoom="")
        self._classes: tuple[str, ...] = ()
        self._bars: Floats = np.zeros((0, 2))
        self._roles: tuple[str, ...] = ()
        self._label = ""
        self._names: list[tuple[float, str]] = []
        self._teacher, self._student = ColumnBars(self), ColumnBars(self)
        self.add(self._teacher, self._student)
        self.left_axis.texts = lambda value, spacing: f"{tick_text(value * 100, spacing * 100)}{SPACE}%"

    def show_answers(self, classes: Sequence[str], teacher: Floats | None, student: Floats, label: str) -> None:
        """Show one sample's answers; `label` is its true class, written in 600; `teacher` may be missing."""
        both = np.column_stack([student] if teacher is None else [teacher, student])
        self._roles = ("student",) if teacher is None else ("teacher", "student")
        names = list(classes) if len(classes) == len(both) else [str(n) for n in range(len(both))]
        if len(names) > MOST:
            likeliest = np.sort(np.argsort(-both[:, 0], kind="stable")[:MOST])
            both, names = both[likeliest], [names[i] for i in likeliest]
        self._bars, self._classes, self._label = both, tuple(names), label
        if len(both):
            top = int(np.argmax(both[:, 0]))
            said = ", ".join(f"{role} {value * 100:.0f} %" for role, value in zip(self._roles, both[top], strict=True))
            self.setAccessibleDescription(f"{names[top]}: {said}")
            self.show_range((-0.5, len(both) - 0.5), (0.0, max(float(both.max()) * 1.12, 0.05)))
        self.renew(self._classes, self._roles, both.tobytes(), label)

    # ------------------------------------------------------------------ drawing

    def redraw(self) -> None:
        self.plot.setVisible(len(self._bars) > 0)
        if not len(self._bars):
            return
        self._name_classes()
        places = np.arange(len(self._bars), dtype=np.float64)
        width = round(min(max(self.pitch * 0.36, 3), 22))
        zero = np.zeros(len(places))
        alone = len(self._roles) == 1
        self._teacher.setVisible(not alone)
        if not alone:
            self._teacher.show_bars(places, zero, self._bars[:, 0], width, color("original"), -(width / 2 + 1))
        shift = 0.0 if alone else width / 2 + 1
        self._student.show_bars(places, zero, self._bars[:, -1], width, color("result"), shift)

    def _name_classes(self) -> None:
        """Names that do not fit beside each other stand in up to three rows, shortened where that is too narrow."""
        needed = caption_width(self._classes, 600) + 2
        rows = next((rows for rows in range(1, ROWS) if needed <= rows * self.pitch), ROWS)
        room = rows * self.pitch - 6
        texts = ShortNames(self._classes, lambda text, _: caption_width([text], 600)).texts(round(room))
        lines = ["\n" * (i % rows) for i in range(len(self._classes))]
        shown = [texts[name].text for name in self._classes]
        self._names = [(float(i), line + text) for i, (line, text) in enumerate(zip(lines, shown, strict=True))]
        self.pad(top=14, right=max(round((caption_width(shown[-1:], 600) - self.pitch) / 2) + 2, 8))
        self.bottom_axis.name_columns(rows)
        self.bottom_axis.set_names([(i, "" if self._is_true(i) else text) for i, text in self._names])

    def _is_true(self, place: float) -> bool:
        return self._classes[int(place)] == self._label

    def paint_over(self, painter: QPainter) -> None:
        """The figures over the likely classes, and the true one's name, which is stronger than the axis' texts."""
        area, pitch = self.area, self.pitch
        for place, text in self._names:
            middle = self.pixel(place, 0.0).x()
            if self._is_true(place):
                set_caption(painter, "text", 600)
                box = QRectF(middle - 100, area.bottom() + 5 + 14 * text.count("\n"), 200, 15)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text.strip())
            values = self._bars[int(place)]
            if values.max() >= LABELLED and pitch > 34:
                set_caption(painter, "text", 600)
                top = self.pixel(place, float(values.max())).y()
                box = QRectF(middle - pitch, top - 17, 2 * pitch, 16)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, " · ".join(f"{v * 100:.0f}" for v in values))

    # ------------------------------------------------------------------ the crosshair and the data

    def reading_at(self, x: float, y: float) -> Reading | None:
        if not len(self._bars):
            return None
        at = min(max(round(x), 0), len(self._bars) - 1)
        words = {"teacher": self.tr("teacher"), "student": self.tr("student")}
        rows = tuple((words[role], share(float(v))) for role, v in zip(self._roles, self._bars[at], strict=True))
        title = self._classes[at] + (self.tr(", the true class") if self._is_true(at) else "")
        return Reading(float(at), ReadOut(title, rows))

    def stops(self) -> Sequence[float]:
        return [float(place) for place in range(len(self._bars))]

    def table(self) -> Table | None:
        if not len(self._bars):
            return None
        rows: list[list[Cell]] = [
            [name, *(float(v) for v in values)] for name, values in zip(self._classes, self._bars, strict=True)
        ]
        return Table(("class", *self._roles), rows)
