"""The filters of a convolution as small pictures, sorted and marked; a click selects the channel everywhere."""

from typing import Any, cast

import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QStackedLayout, QWidget

from secateur.engine.requests import ReadChannels, ReadFilters, WeightPlan
from secateur.figures import number, thousands
from secateur.model.description import Layer
from secateur.model.weight_views import ChannelFigures, FilterPage, Order
from secateur.session.looked import weight_plan
from secateur.session.state import SessionState
from secateur.ui.panels.look_parts import ORDERS, foot_label, order_control, order_words
from secateur.ui.plots.kernel_grid import GridContent, KernelGrid
from secateur.ui.plots.kernel_pictures import tiling
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.state_panel import StatePanel

MOST_VALUES = 1 << 22
"""Values in one page of filters: it crosses to the window in a few milliseconds."""
MOST_PAGES = 6


class KernelsView(QWidget):
    """`look_wanted(kind, request)` asks for what is in view; `channel_chosen(channel)` by click and keys."""

    look_wanted = Signal(str, object)
    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_kernels")
        self.setAccessibleName(self.tr("Kernels"))
        self._shown: tuple[Layer, SessionState] | None = None
        self._subject: tuple[Any, ...] = ()
        self._content_of: tuple[Any, ...] = ()
        self._content: GridContent | None = None
        self._pages: dict[int, FilterPage] = {}
        self.missing = StatePanel()
        self.missing.setObjectName("kernels_missing")
        self._build_card()
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(self._card)

    def _build_card(self) -> None:
        self._card = Card(self.tr("Filters"))
        self.order = order_control("kernels_order", self.tr("Order of the filters"))
        self.order.chosen.connect(lambda _: self._refresh())
        self.variant = Segmented(
            [("before", self.tr("Before")), ("after", self.tr("After"))], self.tr("Before or after the plan")
        )
        self.variant.setObjectName("kernels_variant")
        self.variant.set_value("before")
        self.variant.chosen.connect(lambda _: self._refresh())
        self.own_scale = QCheckBox(self.tr("Own scale"))
        self.own_scale.setObjectName("kernels_own_scale")
        self.own_scale.setToolTip(self.tr("Colour each filter by its own largest weight, not by the layer's"))
        self.rgb = QCheckBox(self.tr("RGB"))
        self.rgb.setObjectName("kernels_rgb")
        self.rgb.setToolTip(self.tr("Show the three inputs of each filter as red, green and blue"))
        for box in (self.own_scale, self.rgb):
            box.clicked.connect(lambda _: self._show_look())
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.order)
        line.addStretch(1)
        line.addWidget(self.variant)
        self._card.body.addLayout(line)
        self.grid = KernelGrid()
        self.grid.chosen.connect(self.channel_chosen)
        self.grid.view_changed.connect(self._ask_for_pages)
        self._card.body.addWidget(self.grid, 1)
        foot = QHBoxLayout()
        foot.setSpacing(12)
        self.words = foot_label("kernels_words")
        foot.addWidget(self.words, 1)
        foot.addWidget(self.rgb, 0, Qt.AlignmentFlag.AlignTop)
        foot.addWidget(self.own_scale, 0, Qt.AlignmentFlag.AlignTop)
        self._card.body.addLayout(foot)

    # ------------------------------------------------------------------ state in

    def show_layer(self, layer: Layer, state: SessionState) -> None:
        """Show the filters of a convolution, or why this layer has none."""
        self._shown = (layer, state)
        shape = layer.weight.shape if layer.weight else ()
        if len(shape) < 3:
            text = self.tr("Every weight of a {0} stands for itself: look at its matrix.").format(layer.kind)
            self.missing.show_content("weight_pruning", self.tr("No kernels in {0}").format(layer.name), text)
            self._stack.setCurrentWidget(self.missing)
            return
        self._refresh()

    def _refresh(self) -> None:
        if self._shown is None:
            return
        layer, state = self._shown
        assert state.model is not None  # noqa: S101 - a layer is of a model
        plan = weight_plan(state, layer.name)
        self._show_controls(layer, plan)
        subject = (state.model.source, layer.name, plan, self.order.value(), self.variant.value())
        if subject != self._subject:
            is_elsewhere = subject[:2] != self._subject[:2] or subject[3] != self._subject[3]
            self._subject, self._pages = subject, {}
            if is_elsewhere:  # the pictures are of other filters than those that will be named below them
                self.grid.show_pages(self._pages)
                self.grid.verticalScrollBar().setValue(0)
        self.look_wanted.emit("channels", ReadChannels(state.model.source, layer.name, plan))
        figures = self._figures(state)
        if not self._show_problem(state, figures) and figures is not None:
            self._stack.setCurrentWidget(self._card)
            self._show_figures(figures, state)
            self._take_page(state)
            self._ask_for_pages()

    def _show_controls(self, layer: Layer, plan: WeightPlan) -> None:
        planned = bool(plan.methods or plan.channel_steps)
        self.variant.set_enabled_keys(("before", "after") if planned else ("before",), self.tr("Nothing is planned."))
        if not planned:
            self.variant.set_value("before")
        self.rgb.setVisible(_inputs(layer) == 3)
        self.grid.set_native(_native(layer))

    def _figures(self, state: SessionState) -> ChannelFigures | None:
        """The channels' figures, of this layer and its plan as it is now."""
        look = state.looks.get("channels")
        is_ours = look is not None and look.request == ReadChannels(*self._subject[:3])
        return look.answer if look is not None and is_ours and isinstance(look.answer, ChannelFigures) else None

    def _show_problem(self, state: SessionState, figures: ChannelFigures | None) -> bool:
        """Say in the view's place why there is nothing to see, or that it is on its way."""
        layer = self._subject[1]
        look = state.looks.get("channels")
        problem = look.problem if look is not None and look.request == ReadChannels(*self._subject[:3]) else ("", "")
        if problem[0]:
            self.missing.show_content("warn", problem[0], problem[1], kind="failed")
            self._stack.setCurrentWidget(self.missing)
        elif figures is None and self._content is None:
            self.missing.show_content("weight_pruning", self.tr("Reading {0}").format(layer), "", kind="busy")
            self._stack.setCurrentWidget(self.missing)
        return bool(problem[0])

    def _show_figures(self, figures: ChannelFigures, state: SessionState) -> None:
        order = self.order.value()
        key = (figures, order)
        if len(self._content_of) != 2 or self._content_of[0] is not figures or self._content_of[1] != order:
            self._content_of = key
            empty = ~figures.gone & (figures.zeros + figures.zeroed == figures.size)
            self._content = GridContent(
                figures.order(cast("Order", order)),
                figures.gone,
                empty,
                lambda channel: channel_words(figures, channel),
            )
        chosen = state.channel
        channel = chosen.channel if chosen is not None and chosen.layer == self._subject[1] else None
        channel = channel if channel is not None and channel < figures.count else None
        if self._content is not None:
            self.grid.show_content(self._content, channel)
        self._card.set_title(self.tr("Filters"), self._title_words(figures))
        waiting = order == "similarity" and figures.by_similarity is None
        if waiting and figures.why_unordered:
            self.words.setText(figures.why_unordered)
        elif waiting:
            self.words.setText(self.tr("Comparing the channels…"))
        elif figures.why_not_marked and channel is None:
            self.words.setText(figures.why_not_marked)
        else:
            self.words.setText(channel_words(figures, channel) if channel is not None else order_words(order))

    def _title_words(self, figures: ChannelFigures) -> str:
        gone = int(figures.gone.sum())
        words = f"{thousands(figures.count)} × {thousands(figures.size)}"
        return words + (self.tr(" · {0} leave").format(thousands(gone)) if gone else "")

    # ------------------------------------------------------------------ pages of filters

    def _take_page(self, state: SessionState) -> None:
        look = state.looks.get("filters")
        if look is None or not isinstance(look.answer, FilterPage) or not isinstance(look.request, ReadFilters):
            return
        request, page = look.request, look.answer
        is_ours = (request.model, request.layer, request.plan, request.order) == self._subject[:4]
        if not is_ours or request.is_after != (self._subject[4] == "after") or self._pages.get(page.first) is page:
            return
        kept = list(self._pages.items())[-(MOST_PAGES - 1) :]
        self._pages = {**dict(kept), page.first: page}
        self.grid.show_pages(self._pages)

    def _ask_for_pages(self) -> None:
        """Ask for the page of the first filter in view that is not there, once it is known how many there are."""
        if self._shown is None or not self._subject or self._figures(self._shown[1]) is None:
            return
        source, layer, plan, order, variant = self._subject
        first, last = self.grid.in_view
        step = max(MOST_VALUES // max(self._size_of_filter(), 1), 1)
        for start in range(first // step * step, last, step):
            if start not in self._pages:
                request = ReadFilters(
                    source, layer, cast("Order", order), start, start + step, plan, variant == "after"
                )
                self.look_wanted.emit("filters", request)
                return

    def _size_of_filter(self) -> int:
        figures = self._content_of[0] if self._content_of else None
        return figures.size if isinstance(figures, ChannelFigures) else 1

    def _show_look(self) -> None:
        self.grid.set_look(rgb=self.rgb.isChecked(), common=not self.own_scale.isChecked())

    def finish(self) -> None:
        """Draw all filters that are in view, for a picture of them."""
        self.grid.finish()

    # ------------------------------------------------------------------ keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_S:
            names = [name for name, _, _ in ORDERS]
            self.order.set_value(names[(names.index(self.order.value()) + 1) % len(names)])
            self._refresh()
        elif key == Qt.Key.Key_P and self._subject and (self._subject[2].methods or self._subject[2].channel_steps):
            self.variant.set_value("before" if self.variant.value() == "after" else "after")
            self._refresh()
        else:
            super().keyPressEvent(event)


def _inputs(layer: Layer) -> int:
    shape = layer.weight.shape if layer.weight else ()
    return int(np.prod(shape)) // max(shape[layer.channel_axis] * int(np.prod(shape[-2:])), 1) if len(shape) > 3 else 0


def _native(layer: Layer) -> int:
    """Pixels of one filter's picture at one for each weight."""
    shape = layer.weight.shape if layer.weight else ()
    if len(shape) < 3:
        return 0
    numbers = int(np.prod(shape)) // max(shape[layer.channel_axis], 1)
    height, width = shape[-2:] if len(shape) > 3 else (1, shape[-1])
    inputs = numbers // max(height * width, 1)
    across, down, gap = tiling(inputs, height, width)
    return max(across * (width + gap), down * (height + gap)) - gap


def channel_words(figures: ChannelFigures, channel: int) -> str:
    """`ch 12 · norm 0.53 · −0.21 … 0.34 · 0.93 like ch 40 · removed by the plan`."""
    parts = [
        f"ch {channel}",
        f"norm {number(float(figures.norm[channel]))}",
        f"{number(float(figures.minimum[channel]))} … {number(float(figures.maximum[channel]))}",
    ]
    if figures.nearest is not None and figures.similarity is not None and figures.nearest[channel] >= 0:
        parts.append(f"{figures.similarity[channel]:.2f} like ch {figures.nearest[channel]}")
    if figures.gone[channel]:
        parts.append("removed by the plan")
    elif figures.zeroed[channel]:
        parts.append(f"{thousands(int(figures.zeroed[channel]))} of {thousands(figures.size)} pruned")
    return " · ".join(parts)
