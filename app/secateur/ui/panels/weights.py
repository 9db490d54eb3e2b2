"""The Weights tab: five ways to look at the selected layer's weights, and the channel that all of them show."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Protocol, cast

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGraphicsView, QHBoxLayout, QStackedWidget, QWidget

from secateur.model.description import Layer
from secateur.session.state import SessionState
from secateur.ui.models.layer_words import heading_words
from secateur.ui.panels.tab_view import TabView
from secateur.ui.panels.weights_distribution import DistributionView
from secateur.ui.turns import turns
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.segmented import Segmented

VIEWS: tuple[tuple[str, str, str], ...] = (
    ("distribution", "Distribution", "Histogram with the pruning threshold, ranges per channel, SQNR (Alt+1)"),
    ("kernels", "Kernels", "The filters of a convolution as pictures (Alt+2)"),
    ("matrix", "Matrix", "Every weight as a heat map, before and after the plan (Alt+3)"),
    ("channels", "Channels", "The figures of each output channel as a table (Alt+4)"),
    ("rank", "Rank", "The singular values, with the cut that low rank makes (Alt+5)"),
)
"""Key, title and tooltip of each way to look at a weight."""


class WeightView(Protocol):
    """What each of them offers, besides `channel_chosen(channel)` and `look_wanted(kind, request)`."""

    def show_layer(self, layer: Layer, state: SessionState) -> None: ...


class WeightsTab(TabView):
    """`ratio_wanted(ratio, merge)`, `rank_wanted(rank, merge)`: steps of one drag share `merge`.

    `bits_wanted(bits)` comes from the bars, `look_wanted(kind, request)` is a question for the engine,
    `channel_wanted(layer, channel)` a channel that a person selected.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "activations",
            "channel",
            "chosen_step",
            "jobs",
            "looks",
            "model",
            "progress",
            "recipe",
            "singular_values",
            "spectra",
            "target",
        }
    )

    ratio_wanted = Signal(float, str)
    rank_wanted = Signal(float, str)
    bits_wanted = Signal(int)
    look_wanted = Signal(str, object)
    channel_wanted = Signal(str, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("weights", "Weights", parent)
        self._shown: tuple[Layer, SessionState] | None = None
        self._seen: tuple[object, ...] = ()
        self._selected: tuple[str, ...] = ()
        self._views: dict[str, QWidget] = {}
        self._build_header()
        self.stack = QStackedWidget()
        self.column.addWidget(self.stack, 1)
        self.distribution = cast("DistributionView", self.view("distribution"))
        self.show_missing("weight_pruning", self.tr("No layer selected"), self._hint())

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
        self.views = Segmented(
            [(key, self.tr(title)) for key, title, _ in VIEWS], self.tr("How to look at the weights")
        )
        self.views.setObjectName("weights_views")
        for key, _, tip in VIEWS:
            self.views.set_tooltip(key, self.tr(tip))
        self.views.set_value("distribution")
        self.views.chosen.connect(self.show_view)
        line = QHBoxLayout()
        line.addWidget(self.views)
        line.addStretch(1)
        self.column.addLayout(line)

    def _hint(self) -> str:
        return self.tr(
            "Select a layer to see its weights: drag the threshold to prune it, click a bar to choose its bits."
        )

    # ------------------------------------------------------------------ the views

    def view(self, key: str) -> QWidget:
        """One of the views, built now if it was not."""
        if key not in self._views:
            made = self._views[key] = _MAKERS[key]()
            self.stack.addWidget(made)
            made.channel_chosen.connect(self._on_channel)  # type: ignore[attr-defined]
            if isinstance(made, DistributionView):
                made.ratio_wanted.connect(self.ratio_wanted)
                made.bits_wanted.connect(self.bits_wanted)
            else:
                made.look_wanted.connect(self.look_wanted)  # type: ignore[attr-defined]
            if key == "rank":
                made.rank_wanted.connect(self.rank_wanted)  # type: ignore[attr-defined]
        return self._views[key]

    def show_view(self, key: str) -> None:
        """Look at the weights in this way, until another is chosen."""
        self.views.set_value(key)
        self.stack.setCurrentWidget(self.view(key))
        self._show_shown()

    def _on_channel(self, channel: int) -> None:
        if self._shown is not None:
            self.channel_wanted.emit(self._shown[0].name, channel)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the first of the selected layers; edits are for all of them."""
        spectra = state.spectra.get(selected[0]) if selected else None
        seen = (
            state.model,
            spectra,
            state.recipe,
            state.looks,
            state.channel,
            state.activations,
            state.singular_values,
        )
        is_same = tuple(selected) == self._selected and bool(self._seen)
        if is_same and all(a is b for a, b in zip(seen, self._seen, strict=True)):
            return  # the progress of a job changes nothing here
        self._seen, self._selected = seen, tuple(selected)
        layer = next((row for row in state.rows if selected and row.name == selected[0]), None)
        self._shown = None
        if layer is None:
            title = self.tr("No layer selected") if state.model else self.tr("No model open")
            self.show_missing("weight_pruning", title, self._hint())
            return
        if spectra is None:
            text = self.tr("One pass over the weights; the histogram appears as soon as this layer is counted.")
            self.show_missing(
                "weight_pruning", self.tr("Counting the weights of {0}").format(layer.name), text, kind="busy"
            )
            return
        self._shown = (layer, state)
        self.name.set_name(layer.name, [row.name for row in state.rows])
        self.kind.set_variants(heading_words(layer))
        self.more.setText(self.tr("and {0} more: edits apply to all").format(len(selected) - 1))
        self.more.setVisible(len(selected) > 1)
        if self.is_filled:
            self._show_shown()
        else:  # laid out first, filled in a turn of its own, and its plots painted each in one
            self.show_content()
            for plot in self.stack.findChildren(QGraphicsView):
                turns.paint(plot)
            turns.add(self._show_shown, alone=True)

    def picture(self) -> QWidget:
        finish = getattr(self.stack.currentWidget(), "finish", None)
        if callable(finish):  # what is drawn over several frames is whole then
            finish()
        return super().picture()

    def _show_shown(self) -> None:
        if self._shown is not None:
            cast("WeightView", self.stack.currentWidget()).show_layer(*self._shown)


def _kernels() -> QWidget:
    from secateur.ui.panels.weights_kernels import KernelsView

    return KernelsView()


def _matrix() -> QWidget:
    from secateur.ui.panels.weights_matrix import MatrixView

    return MatrixView()


def _channels() -> QWidget:
    from secateur.ui.panels.weights_channels import ChannelsView

    return ChannelsView()


def _rank() -> QWidget:
    from secateur.ui.panels.weights_rank import RankView

    return RankView()


_MAKERS: dict[str, Callable[[], QWidget]] = {
    "distribution": DistributionView,
    "kernels": _kernels,
    "matrix": _matrix,
    "channels": _channels,
    "rank": _rank,
}
