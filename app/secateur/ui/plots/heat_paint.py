"""How a heat map's cells look: colour, chosen outline, hatch, dot, printed value, header."""

from functools import cache
from typing import Final

from PySide6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from secateur.layer_names import ShortName
from secateur.ui.plots.heat_cells import HeatCells, grouped
from secateur.ui.plots.heat_geometry import GAP, HEADER, MARGIN, PRINTED, HeatGeometry
from secateur.ui.plots.strokes import crisp, line_pen
from secateur.ui.plots.texts import set_caption
from secateur.ui.plots.ticks import damage_text
from secateur.ui.theme.colormaps import viridis
from secateur.ui.theme.icons import paint_icon
from secateur.ui.theme.style import color, font, tinted

LOCK = 12
INK, PAPER = QColor("#000000"), QColor("#ffffff")


def map_color(share: float) -> QColor:
    """The colour map's colour at 0..1."""
    return _map_entry(int(min(max(share, 0.0), 1.0) * 255))


@cache
def _map_entry(index: int) -> QColor:
    red, green, blue = viridis[index]
    return QColor(int(red), int(green), int(blue))


BETWEEN_TITLES: Final = 6.0
"""Pixels between the titles of two groups at least, where narrow columns let them stand out over their group."""


def ink_on(fill: QColor) -> QColor:
    """Black on what is brighter than a relative luminance of 0.18, else white (WCAG 2.2)."""
    parts = [fill.redF(), fill.greenF(), fill.blueF()]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return INK if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 else PAPER


def paint_header(painter: QPainter, cells: HeatCells, geometry: HeatGeometry, hovered: int) -> None:
    """Group titles over a rule, and the options' labels; the hovered column in 600."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    _paint_titles(painter, cells, geometry)
    for _, columns in grouped(cells.options):
        left = geometry.lefts[columns[0]]
        right = geometry.lefts[columns[-1]] + geometry.cell
        painter.setPen(line_pen("axis"))
        painter.drawLine(QLineF(left, crisp(20), right, crisp(20)))
        for column in columns:
            strong = column == hovered
            set_caption(painter, "text" if strong else "secondary", 600 if strong else 400)
            box = QRectF(geometry.lefts[column] - 8, 24, geometry.cell + 16, 18)
            painter.drawText(
                box, Qt.AlignmentFlag.AlignCenter, _fitting(cells.options[column].label, geometry.cell, painter)
            )


def _paint_titles(painter: QPainter, cells: HeatCells, geometry: HeatGeometry) -> None:
    """Each group's title over the middle of its columns; beyond them where its neighbours leave room for it."""
    set_caption(painter, "text", 600)
    metrics = QFontMetricsF(painter.font())
    groups = grouped(cells.options)
    if not groups:
        return
    wide = [metrics.horizontalAdvance(title) for title, _ in groups]
    middles = [(geometry.lefts[of[0]] + geometry.lefts[of[-1]] + geometry.cell) / 2 for _, of in groups]
    ends = [middle - width / 2 for middle, width in zip(middles[1:], wide[1:], strict=True)]
    ends.append(geometry.right + MARGIN + BETWEEN_TITLES)
    begin = geometry.names - BETWEEN_TITLES
    for (title, of), middle, width, end in zip(groups, middles, wide, ends, strict=True):
        right = max(geometry.lefts[of[-1]] + geometry.cell, end - BETWEEN_TITLES)
        begin = min(begin + BETWEEN_TITLES, geometry.lefts[of[0]])
        left = max(begin, min(middle - width / 2, right - width))
        text = metrics.elidedText(title, Qt.TextElideMode.ElideRight, right - left)
        painter.drawText(QRectF(left, 0, right - left, 18), Qt.AlignmentFlag.AlignVCenter, text)
        begin = left + min(width, right - left)


def paint_name(painter: QPainter, box: QRectF, name: ShortName, *, selected: bool, hovered: bool) -> None:
    """A layer's name: prefix in secondary, last part in text, as much of it as tells it from the others."""
    if selected or hovered:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color("selection" if selected else "hover"))
        painter.drawRoundedRect(box, 4, 4)
    inner = name_words(box)
    painter.setFont(font(11))
    painter.setPen(color("secondary"))
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, name.prefix)
    inner.setLeft(inner.left() + QFontMetricsF(painter.font()).horizontalAdvance(name.prefix))
    painter.setFont(font(11, 600 if selected else 500))
    painter.setPen(color("text"))
    painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, name.own)


def paint_lock(painter: QPainter, box: QRectF) -> None:
    """At the right edge of a layer's name: what is planned for it is kept."""
    place = QRect(round(box.right()) - LOCK // 2, round(box.center().y()) - LOCK // 2, LOCK, LOCK)
    paint_icon(painter, place, "keep", color("accent"))


def _fitting(label: str, width: float, painter: QPainter) -> str:
    """An option's label, without its per cent sign where the column is too narrow for that."""
    advance = QFontMetricsF(painter.font()).horizontalAdvance(label)
    return label if advance <= width else label.removesuffix("\u00a0%").removesuffix(" %")


def name_words(box: QRectF) -> QRectF:
    """Where the words of a name are inside its box."""
    return box.adjusted(8, 0, -6, 0)


def paint_pins_end(painter: QPainter, geometry: HeatGeometry, row: int, scrolled: float) -> None:
    """A rule above this row: those before it are pinned."""
    y = crisp(geometry.name_box(row, scrolled).top() - GAP)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    painter.setPen(QPen(color("strong_border"), 1.0))
    painter.drawLine(QLineF(8, y, geometry.right, y))


def paint_cell(painter: QPainter, box: QRectF, share: float, *, estimated: bool) -> None:
    """One coloured cell; `estimated` puts a dot in its corner."""
    fill = map_color(share)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(fill)
    painter.drawRoundedRect(box, 2, 2)
    if estimated:
        painter.setBrush(ink_on(fill))
        painter.drawEllipse(QPointF(box.right() - 4.5, box.top() + 4.5), 1.6, 1.6)


def paint_value(painter: QPainter, box: QRectF, value: float, share: float, *, strong: bool) -> None:
    """The value in the cell, black or white by the cell's luminance; nothing where it does not fit."""
    text = damage_text(value)
    made = font(11, 600 if strong else 500)
    if box.width() < PRINTED or QFontMetricsF(made).horizontalAdvance(text) > box.width() - 2:
        return
    painter.setFont(made)
    painter.setPen(ink_on(map_color(share)))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def paint_hatch(painter: QPainter, box: QRectF) -> None:
    """A cell that is unavailable: diagonal lines, so that it is not taken for a low value."""
    painter.save()
    painter.setClipRect(box)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setPen(QPen(tinted("axis", 0.55), 1.0))
    height = box.height()
    start = box.left() - height
    # anchored to the cell's own left edge: a scrolled row keeps its pattern
    x = start
    while x < box.right():
        painter.drawLine(QLineF(x, box.bottom(), x + height, box.top()))
        x += 5.0
    painter.restore()


def paint_pending(painter: QPainter, box: QRectF) -> None:
    """A cell that has no number yet: a hairline, to be filled in place."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color("border"), 1.0))
    painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)


def paint_chosen(painter: QPainter, box: QRectF) -> None:
    """The plan's own cell: white on a dark outline, readable on every colour of the map."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for width, ink in ((3.5, INK), (1.75, PAPER)):
        painter.setPen(QPen(ink, width))
        painter.drawRoundedRect(box.adjusted(0.9, 0.9, -0.9, -0.9), 2, 2)


def paint_hovered(painter: QPainter, box: QRectF) -> None:
    """The cell under the mouse or the keyboard."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(color("panel"), 4.0))
    painter.drawRoundedRect(box, 2, 2)
    painter.setPen(QPen(color("accent"), 2.0))
    painter.drawRoundedRect(box, 2, 2)


def header_area(width: float) -> QRectF:
    """The strip above the rows, which does not scroll."""
    return QRectF(0, 0, width, HEADER)
