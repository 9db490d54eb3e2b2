"""How a layer's weights are distributed: the histogram with its threshold, ranges per channel, SQNR by bits."""

from functools import lru_cache

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QVBoxLayout, QWidget

from secateur.figures import number, share, thousands
from secateur.methods import dragged_value
from secateur.methods.base import Method
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra
from secateur.recipe.options import OPTIONS
from secateur.session.state import SessionState
from secateur.ui.panels.statistics_row import StatisticsRow
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.grid_levels import GridLevels, Marker, grid_of
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.sqnr_bars import BITS, SqnrBars
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented

DEFAULT_GRID = 4
ROOMY = 460


class DistributionView(QWidget):
    """`ratio_wanted(ratio, merge)`: steps of one drag share `merge`; `bits_wanted(bits)` from the bars.

    `channel_chosen(channel)` when a person picks one in the strip of ranges.
    """

    ratio_wanted = Signal(float, str)
    bits_wanted = Signal(int)
    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_distribution")
        self.setAccessibleName(self.tr("Distribution"))
        self._grid_wanted: bool | None = None
        self._gesture = 0
        self._weights_text = ""
        self._shown: tuple[Layer, Spectra, SessionState] | None = None
        self._channel: int | None = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(8)
        self.statistics = StatisticsRow()
        self.column.addWidget(self.statistics)
        self._build_histogram()
        self._build_details()

    def _build_histogram(self) -> None:
        card = Card(self.tr("Weight histogram"))
        self.grid_box = QCheckBox()
        self.grid_box.setObjectName("weights_grid")
        self.grid_box.setToolTip(self.tr("Draw the values that a weight can take once it is quantized"))
        self.grid_box.clicked.connect(self._on_grid)
        self.scale = Segmented([("linear", self.tr("Linear")), ("log", self.tr("Log"))], self.tr("Count axis"))
        self.scale.setObjectName("weights_scale")
        self.scale.set_value("log")
        self.scale.set_tooltip("log", self.tr("Logarithmic counts: rare values can be seen"))
        self.scale.set_tooltip("linear", self.tr("Counts as they are"))
        card.add_trailing(self.grid_box)
        card.add_trailing(self.scale)
        self.histogram = HistogramPlot("weight_histogram", self.tr("Weight histogram"))
        self.scale.chosen.connect(lambda key: self.histogram.set_log(key == "log"))
        self.histogram.ratio_moved.connect(self._on_moved)
        self.histogram.ratio_settled.connect(self._on_settled)
        card.body.addWidget(self.histogram, 1)
        self._histogram_card = card
        self.column.addWidget(card, 1)

    def _build_details(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        channels = Card(self.tr("Range per channel"))
        self.channel_text = ElidedLabel(size=11, role="secondary")
        channels.add_trailing(self.channel_text)
        self.channels = ChannelStrip("channel_ranges", self.tr("Range of each output channel"))
        self.channels.named.connect(self.channel_text.set_text)
        self.channels.chosen.connect(self.channel_chosen)
        channels.body.addWidget(self.channels)
        bars = Card(self.tr("SQNR, dB"))
        self.bars = SqnrBars("sqnr_bars", self.tr("SQNR by bit width"))
        self.bars.bits_chosen.connect(self.bits_wanted)
        bars.body.addWidget(self.bars)
        for card, stretch in ((channels, 60), (bars, 44)):
            card.setFixedHeight(184)
            row.addWidget(card, stretch)
        self.column.addLayout(row)

    # ------------------------------------------------------------------ state in

    def show_layer(self, layer: Layer, state: SessionState) -> None:
        """Show a layer whose spectra are there."""
        spectra = state.spectra[layer.name]
        chosen = state.channel
        self._shown = (layer, spectra, state)
        self._channel = chosen.channel if chosen is not None and chosen.layer == layer.name else None
        self.statistics.show_figures(statistics(spectra))
        self._weights_text = self.tr("{0} weights").format(thousands(spectra.values.size))
        self._shed()
        self._show_histogram()
        self.channels.show_ranges(spectra.channel_ranges, self._channel)
        quantize = state.step_of(layer.name, "quantize")
        self.bars.show_values(sqnr_by_bits(spectra), planned_bits(quantize), available_bits())

    def _show_histogram(self) -> None:
        if self._shown is None:
            return
        layer, spectra, state = self._shown
        quantize = state.step_of(layer.name, "quantize")
        bits = planned_bits(quantize)
        drawn = bool(bits) if self._grid_wanted is None else self._grid_wanted
        self.grid_box.setText(self.tr("{0}-bit grid").format(bits or DEFAULT_GRID))
        self.grid_box.setChecked(drawn)
        levels: GridLevels | None = None
        if drawn:
            levels = grid_of(spectra, bits or DEFAULT_GRID, clipped=quantize is not None and quantize.cuts_ranges)
        ratio = dragged_value(state.steps_of(layer.name), "weight_histogram", "threshold")
        self.histogram.show_spectra(spectra, ratio, levels, channel_markers(spectra, self._channel))

    def _shed(self) -> None:
        """Secondary words go before they would be shortened."""
        roomy = self.width() >= ROOMY
        self._histogram_card.set_title(self.tr("Weight histogram"), self._weights_text if roomy else "")
        self.channel_text.setVisible(roomy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._shed()

    # ------------------------------------------------------------------ what a person does

    def _on_grid(self, drawn: bool) -> None:
        self._grid_wanted = drawn
        self._show_histogram()

    def _on_moved(self, ratio: float) -> None:
        self.ratio_wanted.emit(ratio, f"threshold {self._gesture}")

    def _on_settled(self, ratio: float) -> None:
        self.ratio_wanted.emit(ratio, f"threshold {self._gesture}")
        self._gesture += 1


@lru_cache(maxsize=1)
def available_bits() -> tuple[int, ...]:
    """The bit widths that are options, widest first."""
    widths = {option.method.stored_bits for option in OPTIONS}
    return tuple(sorted((bits for bits in widths if bits is not None), reverse=True))


def channel_markers(spectra: Spectra, channel: int | None) -> tuple[Marker, ...]:
    """Where the range of the selected channel ends, as lines of the histogram."""
    if channel is None or not 0 <= channel < len(spectra.channel_ranges):
        return ()
    low, high = float(spectra.channel_ranges[channel, 0]), float(spectra.channel_ranges[channel, 3])
    return Marker(low, f"ch {channel} min"), Marker(high, f"ch {channel} max")


@lru_cache(maxsize=64)
def _sqnr(spectra: Spectra) -> tuple[float | None, ...]:
    return tuple(spectra.sqnr_db(bits) for bits in BITS)


def sqnr_by_bits(spectra: Spectra) -> dict[int, float | None]:
    """SQNR in decibels of symmetric per-channel rounding, by bit width."""
    return dict(zip(BITS, _sqnr(spectra), strict=True))


def planned_bits(method: Method | None) -> int | None:
    """The bit width of a planned quantization method; None where none is planned."""
    return None if method is None else method.stored_bits


def statistics(spectra: Spectra) -> list[tuple[str, str]]:
    """What the header says about the weights, most telling first."""
    values = spectra.values
    figures = [
        ("min", number(values.minimum)),
        ("max", number(values.maximum)),
        ("mean", number(values.mean)),
        ("std", number(values.std)),
        ("zeros", share(values.sparsity)),
        ("kurtosis", f"{values.kurtosis:.1f}"),
    ]
    broken = [("not finite", thousands(values.non_finite))] if values.non_finite else []
    return broken + figures
