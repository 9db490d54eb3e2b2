"""Names under the error curve: each layer's where there is room, distinct ones; groups below them with a rule."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import QLineF, QRectF, Qt
from PySide6.QtGui import QPainter

from secateur.layer_names import ShortNames
from secateur.ui.plots.chart import Chart, Range
from secateur.ui.plots.groups import layer_groups, short_name
from secateur.ui.plots.texts import caption_width, set_caption
from secateur.ui.theme.style import color

LEAST_ROOM = 40
"""Pixels of a column from which on shortened names are written into it."""
ROOM_STEP = 8
"""Names are shortened for rooms of so many pixels more each: a zoom in small steps does not shorten every time."""

SELECTED_ROOM = 160
"""Pixels for the name of a selected layer where the others have none."""


class ErrorNames:
    """The names of the layers along the axis, and how they are written at a given width of a column."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.groups = layer_groups(names) if names else []
        own = {i: group for group, members in self.groups for i in members}
        self._in_group = [short_name(name, own[i]) for i, name in enumerate(self.names)]
        self._alone = {members[0] for _, members in self.groups if len(members) == 1}
        told = {(own[i], text) for i, text in enumerate(self._in_group)}
        self._are_distinct = len(told) == len(self.names)
        self._short: ShortNames | None = None
        self._width: float | None = None
        self._group_widths: list[float] = []

    def ticks(self, pitch: float, view: Range, selected: Collection[str]) -> list[tuple[float, str]]:
        """A text at each layer in view, where columns of `pitch` pixels have room for it; else at the selected."""
        texts = self._texts(pitch)
        ticks: list[tuple[float, str]] = []
        free_from = float("-inf")
        for i in range(max(int(view[0]), 0), min(int(view[1]) + 2, len(self.names))):
            if i in self._alone or not (texts or self.names[i] in selected):
                continue
            text = texts[i] if texts else self._selected_text(i)
            half = caption_width([text]) / 2
            if texts or i * pitch - half > free_from:
                ticks.append((float(i), text))
                free_from = i * pitch + half + 6
        return ticks

    def group_widths(self) -> list[float]:
        """Pixels that the name of each group takes."""
        if not self._group_widths:
            self._group_widths = [caption_width([group], 600) for group, _ in self.groups]
        return self._group_widths

    def _selected_text(self, i: int) -> str:
        return self._in_group[i] if self._are_distinct else self._shortened(SELECTED_ROOM)[i]

    def _texts(self, pitch: float) -> Sequence[str]:
        """What each layer reads in a column of `pitch` pixels; empty where that is too narrow."""
        if self._width is None:
            self._width = caption_width([t for i, t in enumerate(self._in_group) if i not in self._alone])
        if self._are_distinct and self._width + 4 <= pitch:
            return self._in_group
        if pitch < LEAST_ROOM:
            return ()
        return self._shortened((pitch - 6) // ROOM_STEP * ROOM_STEP)

    def _shortened(self, room: float) -> Sequence[str]:
        if self._short is None:
            self._short = ShortNames(self.names, lambda text, _: caption_width([text], 600))
        texts = self._short.texts(room)
        return [texts[name].text for name in self.names]


def paint_strong(painter: QPainter, chart: Chart, ticks: Sequence[tuple[float, str]]) -> None:
    """The names of selected layers, over the ticks that left them out."""
    area = chart.area
    set_caption(painter, "text", 600)
    for value, text in ticks:
        width, x = caption_width([text], 600), chart.pixel(value, 0.0).x()
        if area.left() - 1 <= x <= area.right() + 1:
            left = min(max(x - width / 2, 0.0), chart.width() - width)
            painter.drawText(QRectF(left - 4, area.bottom() + 3, width + 8, 16), Qt.AlignmentFlag.AlignCenter, text)


def paint_groups(painter: QPainter, chart: Chart, names: ErrorNames, selected: Collection[str]) -> None:
    """Under the names, a rule for each group of layers that is in view, with its name where there is room."""
    area = chart.area
    inset = min(3.0, chart.pitch * 0.2)
    free_from = float("-inf")
    edge, pitch = chart.pixel(-0.5, 0.0).x(), chart.pitch
    for (group, members), width in zip(names.groups, names.group_widths(), strict=True):
        left = max(edge + members[0] * pitch + inset, area.left())
        right = min(edge + (members[-1] + 1) * pitch - inset, area.right())
        if right <= left:
            continue
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(color("axis"))
        painter.drawLine(QLineF(round(left), area.bottom() + 20.5, round(right), area.bottom() + 20.5))
        strong = len(members) == 1 and names.names[members[0]] in selected
        named = min(max((left + right - width) / 2, 0.0), chart.width() - width)
        if named < free_from:
            continue
        set_caption(painter, "text" if len(members) == 1 else "secondary", 600 if strong else 500)
        box = QRectF(named - 4, area.bottom() + 23, width + 8, 15)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, group)
        free_from = named + width + 10
