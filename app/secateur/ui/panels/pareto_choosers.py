"""The two choosers of what the picture of runs shows: across, and upwards."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from secateur.ui.plots.pareto_axes import ACROSS, COSTS, METRIC, UPWARDS, known_axes
from secateur.ui.theme.style import font
from secateur.ui.widgets.chooser import Chooser


class ParetoChoosers(QWidget):
    """`changed(across, upwards)` when a person chose other axes."""

    changed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pareto_axes")
        self.upwards = self._chooser("pareto_upwards", self.tr("What the picture of runs shows upwards"), UPWARDS)
        self.across = self._chooser("pareto_across", self.tr("What the picture of runs shows across"), ACROSS)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.upwards)
        row.addWidget(self.across)
        self.choose()

    def _chooser(self, name: str, words: str, entries: tuple[str, ...]) -> QComboBox:
        made = Chooser()
        made.setObjectName(name)
        made.setAccessibleName(words)
        made.setToolTip(words)
        made.setFont(font(12))
        made.setFixedHeight(24)
        for entry in entries:
            made.addItem(self.tr("Metric") if entry == METRIC else COSTS[entry].title, entry)
        made.activated.connect(self._chosen)
        return made

    @property
    def chosen(self) -> dict[str, str]:
        """What is shown, as `choose` takes it."""
        return {"across": str(self.across.currentData()), "upwards": str(self.upwards.currentData())}

    def choose(self, across: str = "", upwards: str = "", **_later: str) -> None:
        """Show these axes, the usual ones for what is not known."""
        axes = known_axes(across, upwards)
        for chooser, entry in zip((self.across, self.upwards), axes, strict=True):
            chooser.setCurrentIndex(chooser.findData(entry))
        self.changed.emit(*axes)

    def _chosen(self) -> None:
        """The same on both axes tells nothing: the metric takes its place."""
        self.choose(**self.chosen)
