"""The Weights tab: the selected layer's histogram with its threshold, ranges per channel, SQNR by bits."""

from collections.abc import Sequence
from functools import lru_cache

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QWidget

from secateur.figures import number, share, thousands
from secateur.methods.base import Method
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra
from secateur.session.state import SessionState
from secateur.ui.panels.statistics_row import StatisticsRow
from secateur.ui.panels.tab_view import TabView
from secateur.ui.plots.channel_strip import ChannelStrip
from secateur.ui.plots.grid_levels import GridLevels, grid_of
from secateur.ui.plots.histogram import HistogramPlot
from secateur.ui.plots.sqnr_bars import BITS, SqnrBars
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented

AVAILABLE_BITS = (8, 4)
DEFAULT_GRID = 4
ROOMY = 460


class WeightsTab(TabView):
    """`ratio_wanted(ratio, merge)`: steps of one drag share `merge`; `bits_wanted(bits)` from the bars."""

    ratio_wanted = Signal(float, str)
    bits_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("weights", "Weights", parent)
        self._grid_wanted: bool | None = None
        self._gesture = 0
        self._weights_text = ""
        self._shown: tuple[Layer, Spectra, SessionState] | None = None
        self._build_header()
        self._build_histogram()
        self._build_details()
        self.show_missing("weight_pruning", self.tr("No layer selected"), self._hint())

    # ------------------------------------------------------------------ building

    def _build_header(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(12)
        self.name = ElidedLabel(size=16, weight=600)
        self.name.setObjectName("weights_layer")
        self.kind = ElidedLabel(size=12, role="secondary")
        self.more = label(kind="caption")
        self.more.setProperty("tone", "accent")
        self.more.setObjectName("weights_more")
        row.addWidget(self.name)
        row.addWidget(self.kind, 1)
        row.addWidget(self.more)
        self.column.addLayout(row)
        self.statistics = StatisticsRow()
        self.column.addWidget(self.statistics)

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
        channels.body.addWidget(self.channels)
        bars = Card(self.tr("SQNR, dB"))
        self.bars = SqnrBars("sqnr_bars", self.tr("SQNR by bit width"))
        self.bars.bits_chosen.connect(self.bits_wanted)
        bars.body.addWidget(self.bars)
        for card, stretch in ((channels, 60), (bars, 44)):
            card.setFixedHeight(184)
            row.addWidget(card, stretch)
        self.column.addLayout(row)

    def _hint(self) -> str:
        return self.tr(
            "Select a layer to see its weights: drag the threshold to prune it, click a bar to choose its bits."
        )

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the first of the selected layers; edits are for all of them."""
        layer = next((row for row in state.rows if selected and row.name == selected[0]), None)
        self._shown = None
        if layer is None:
            title = self.tr("No layer selected") if state.model else self.tr("No model open")
            self.show_missing("weight_pruning", title, self._hint())
            return
        spectra = state.spectra.get(layer.name)
        if spectra is None:
            text = self.tr("One pass over the weights; the histogram appears as soon as this layer is counted.")
            self.show_missing(
                "weight_pruning", self.tr("Counting the weights of {0}").format(layer.name), text, kind="busy"
            )
            return
        self._shown = (layer, spectra, state)
        self.name.set_text(layer.name)
        self.kind.set_text(layer_words(layer))
        self.more.setText(self.tr("and {0} more: edits apply to all").format(len(selected) - 1))
        self.more.setVisible(len(selected) > 1)
        self.statistics.show_figures(statistics(spectra))
        self._weights_text = self.tr("{0} weights").format(thousands(spectra.values.size))
        self._shed()
        self._show_histogram()
        self.channels.show_ranges(spectra.channel_ranges)
        quantize = state.step_of(layer.name, "quantize")
        self.bars.show_values(sqnr_by_bits(spectra), planned_bits(quantize), AVAILABLE_BITS)
        self.show_content()

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
            levels = grid_of(spectra, bits or DEFAULT_GRID, clipped=cuts_ranges(quantize))
        pruning = state.step_of(layer.name, "weight_pruning")
        ratio = getattr(pruning, "ratio", None)
        self.histogram.show_spectra(spectra, ratio, levels)

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


@lru_cache(maxsize=64)
def _sqnr(spectra: Spectra) -> tuple[float | None, ...]:
    return tuple(spectra.sqnr_db(bits) for bits in BITS)


def sqnr_by_bits(spectra: Spectra) -> dict[int, float | None]:
    """SQNR in decibels of symmetric per-channel rounding, by bit width."""
    return dict(zip(BITS, _sqnr(spectra), strict=True))


def planned_bits(method: Method | None) -> int | None:
    """The bit width of a planned quantization method; None where none is planned."""
    return None if method is None else int(getattr(method, "bits", 8))


def cuts_ranges(method: Method | None) -> bool:
    """Whether the method cuts weight ranges where the squared error is least."""
    return method is not None and hasattr(method, "bits") and getattr(method, "observer", "") == "mse"


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


def layer_words(layer: Layer) -> str:
    """`Conv2d 3×3 · 32 → 32`, with the number of groups where there are several."""
    kernel = "×".join(str(k) for k in layer.kernel)
    words = f"{layer.kind} {kernel}".strip()
    shape = layer.weight.shape if layer.weight else ()
    if len(shape) >= 2:
        inputs = shape[1 - min(layer.channel_axis, 1)]
        inner = inputs * layer.groups if layer.channel_axis == 0 else inputs
        words += f" · {inner} → {layer.out_channels}"
    return f"{words} · {layer.groups} groups" if layer.groups > 1 else words
