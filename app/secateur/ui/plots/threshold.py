"""The pruning threshold of the histogram: its grip, its read-out and the field to type it in."""

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QWidget

from secateur.figures import SPACE, decibels, number, thousands
from secateur.model.spectrum import Spectra
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.theme.style import color

GRIP = (10.0, 28.0)
GRIP_AT = 0.64
"""Share of the plot's height above the middle of the grip."""


def threshold_read_out(spectra: Spectra, ratio: float, threshold: float) -> ReadOut:
    """What a ratio means for this layer: the cut, the share that becomes zero, the SQNR, the count."""
    size = spectra.values.size
    decibel = spectra.pruned_sqnr_db(ratio)
    quality = "" if decibel is None else f" · {decibels(decibel)}"
    return ReadOut(
        f"|w| < {number(threshold)}",
        (
            (f"{ratio * 100:.1f}{SPACE}% zero{quality}", ""),
            (f"{thousands(ratio * size)} of {thousands(size)}", ""),
        ),
    )


def parse_ratio(text: str) -> float | None:
    """The ratio (0..1) that `60`, `60 %` or `60,5%` means; None where it is no percentage of 0 to 100."""
    cleaned = text.replace("%", "").replace(SPACE, "").strip().replace(",", ".")
    try:
        percent = float(cleaned)
    except ValueError:
        return None
    return percent / 100 if 0.0 <= percent <= 100.0 else None


def grip_box(area: QRectF, x: float) -> QRectF:
    """Where the grip of a line at the pixel `x` stands: a little below the middle of the plot."""
    width, height = GRIP
    return QRectF(round(x) - width / 2, area.top() + area.height() * GRIP_AT - height / 2, width, height)


def paint_grip(painter: QPainter, box: QRectF, *, planned: bool, hovered: bool) -> None:
    """The handle: filled where pruning is planned, an outline to be dragged out where it is not."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    role = "pruned" if planned or hovered else "strong_border"
    painter.setPen(QPen(color(role), 1.25))
    painter.setBrush(color("pruned") if planned else color("panel"))
    painter.drawRoundedRect(box, 3, 3)
    painter.setPen(QPen(color("panel") if planned else color(role), 1.0))
    for offset in (-4.0, 0.0, 4.0):
        y = box.center().y() + offset
        painter.drawLine(QLineF(box.left() + 3, y, box.right() - 3, y))


class RatioField(QLineEdit):
    """The inline field of a double click on the grip; Return gives `accepted(ratio)`, Escape closes it."""

    accepted = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._plot = parent
        self.setObjectName("histogram_ratio_field")
        self.setAccessibleName(self.tr("Share of zero weights, percent"))
        self.setToolTip(self.tr("Share of the weights that become zero, 0 to 100 %"))
        self.setFixedSize(84, 28)
        self.hide()
        self.returnPressed.connect(self._accept)
        self.editingFinished.connect(self.hide)

    def open_at(self, position: QPointF, ratio: float) -> None:
        """Show the field beside `position` with the present ratio selected."""
        x = min(max(position.x(), 0.0), self._plot.width() - self.width())
        self.move(round(x), round(position.y()))
        self.setText(f"{ratio * 100:.1f} %")
        self.selectAll()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _accept(self) -> None:
        ratio = parse_ratio(self.text())
        if ratio is None:
            self.selectAll()
            return
        self.hide()
        self._plot.setFocus()
        self.accepted.emit(ratio)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
            self._plot.setFocus()
            return
        super().keyPressEvent(event)
