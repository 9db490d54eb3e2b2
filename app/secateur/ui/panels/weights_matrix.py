"""Every weight of a layer as a heat map, before and after the plan; zooming in asks for the part in view, finer."""

from functools import lru_cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QStackedLayout, QWidget

from secateur.engine.requests import ReadMatrix, WeightPlan
from secateur.figures import thousands
from secateur.model.description import Layer
from secateur.model.weight_views import Blocks, MatrixTile, Order, Variant
from secateur.session.looked import LookKind, weight_plan
from secateur.session.state import SessionState
from secateur.ui.panels.look_parts import ORDERS, foot_label
from secateur.ui.plots.levels_plot import LevelsPlot
from secateur.ui.plots.matrix_plot import MatrixPlot
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.state_panel import StatePanel

SETTLED_MS: Final = 60
"""How long the view rests before the part in it is asked for."""
ALL: Final = (0, 1 << 40)
EVEN: Final = 64
"""Tiles are asked for in multiples of so many pixels: a drag of a splitter does not ask anew at every step."""
MARGIN: Final = 0.25
"""What is asked for around the part in view, as a share of it: a little way can be panned without asking."""


class MatrixView(QWidget):
    """`look_wanted(kind, request)` asks for tiles; `channel_chosen(channel)` by a click on a row or with ↑ ↓.

    Keys: D shows the difference or goes back, P changes between before and after, S and Shift+S sort rows and columns,
    M shows means of blocks.
    """

    look_wanted = Signal(str, object)
    channel_chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weights_matrix")
        self.setAccessibleName(self.tr("Matrix"))
        self._shown: tuple[Layer, SessionState] | None = None
        self._subject: tuple[Any, ...] = ()
        self._whole: MatrixTile | None = None
        self._part: MatrixTile | None = None
        self._limits: dict[tuple[str, bool], float] = {}
        self._variant_before: Variant = "before"
        self._counted: tuple[object, ...] = ()
        self._channel: int | None = None
        self.missing = StatePanel()
        self.missing.setObjectName("matrix_missing")
        self._build_card()
        self._settling = QTimer(self, singleShot=True, interval=SETTLED_MS)
        self._settling.timeout.connect(self._ask_for_part)
        self.plot.part_changed.connect(self._settling.start)
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self.missing)
        self._stack.addWidget(self._card)

    def _build_card(self) -> None:
        self._card = Card(self.tr("Matrix"))
        options = [("before", self.tr("Before")), ("after", self.tr("After")), ("difference", self.tr("Difference"))]
        self.variant = Segmented(options, self.tr("Before or after the plan, or the difference"))
        self.variant.setObjectName("matrix_variant")
        self.variant.set_value("before")
        self.variant.chosen.connect(lambda _: self._show_tiles())
        self._card.add_trailing(self.variant)
        self.rows, self.columns = self._order_box("rows"), self._order_box("columns")
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self.rows)
        line.addWidget(self.columns)
        line.addStretch(1)
        self._card.body.addLayout(line)
        self.plot = MatrixPlot("weight_matrix", self.tr("Weight matrix"))
        self.plot.chosen.connect(self.channel_chosen)
        self._card.body.addWidget(self.plot, 1)
        self.levels = LevelsPlot("matrix_levels")
        self.levels.limit_moved.connect(self._on_limit)
        self._card.body.addWidget(self.levels)
        self.words = foot_label("matrix_words")
        self.means = QCheckBox(self.tr("Mean"))
        self.means.setObjectName("matrix_mean")
        self.means.setToolTip(
            self.tr("Show the mean of each block of weights instead of the weight of the greatest magnitude (M)")
        )
        self.means.clicked.connect(lambda _: self._refresh())
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self.words, 1)
        foot.addWidget(self.means, 0, Qt.AlignmentFlag.AlignTop)
        self._card.body.addLayout(foot)

    def _order_box(self, axis: str) -> QComboBox:
        box = QComboBox()
        box.setObjectName(f"matrix_{axis}")
        words = {"rows": self.tr("Rows by {0}"), "columns": self.tr("Columns by {0}")}[axis]
        box.setAccessibleName(words.format(self.tr("order")))
        for key, title, tip in ORDERS:
            box.addItem(words.format(title.lower()), key)
            box.setItemData(box.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        box.setToolTip(self.tr("How they stand (S for rows, Shift+S for columns)"))
        box.activated.connect(lambda _: self._refresh())
        return box

    # ------------------------------------------------------------------ state in

    def show_layer(self, layer: Layer, state: SessionState) -> None:
        """Show a layer's weight as a matrix; what was seen stays until the new one is there."""
        self._shown = (layer, state)
        self._refresh()

    def _refresh(self) -> None:
        if self._shown is None:
            return
        layer, state = self._shown
        assert state.model is not None  # noqa: S101 - a layer is of a model
        plan = weight_plan(state, layer.name)
        blocks = "mean" if self.means.isChecked() else "greatest"
        orders = self.rows.currentData(), self.columns.currentData()
        subject = (state.model.source, layer.name, plan, *orders, blocks)
        if subject != self._subject:
            if self._subject[:1] != subject[:1]:
                self._limits = {}  # a layer of the same name in another model has weights of its own
            if self._subject[:2] != subject[:2]:
                self._whole = None
            self._subject, self._part = subject, None
        self._show_controls(plan)
        chosen = state.channel
        channel = chosen.channel if chosen is not None and chosen.layer == layer.name else None
        moved, self._channel = channel != self._channel, channel
        self.look_wanted.emit("matrix", self._request(ALL, ALL, *self._pixels()))
        self._whole = self._answer("matrix") or self._whole
        self._part = self._answer("tile") or self._part
        self._show(layer, state)
        if moved:
            self.plot.reveal(channel)

    def _show(self, layer: Layer, state: SessionState) -> None:
        look = state.looks.get("matrix")
        problem = look.problem if look is not None and self._is_ours(look.request) else ("", "")
        if problem[0]:
            self.missing.show_content("warn", problem[0], problem[1], kind="failed")
            self._stack.setCurrentWidget(self.missing)
        elif self._whole is None:
            if self._stack.currentWidget() is self.missing:
                self.missing.show_content("weight_pruning", self.tr("Reading {0}").format(layer.name), "", kind="busy")
        else:
            self._stack.setCurrentWidget(self._card)
            self._show_tiles()

    def _show_controls(self, plan: WeightPlan) -> None:
        planned = bool(plan.methods or plan.channel_steps)
        keys = ("before", "after", "difference") if planned else ("before",)
        self.variant.set_enabled_keys(keys, self.tr("Nothing is planned for this layer."))
        if planned:
            self.variant.set_tooltip("after", self.tr("What the plan makes of the weights, before any training (P)"))
            self.variant.set_tooltip("difference", self.tr("What the plan changes (D shows it and goes back)"))
        else:
            self.variant.set_value("before")

    def _show_tiles(self) -> None:
        whole = self._whole
        if whole is None or self._shown is None:
            return
        layer, _state = self._shown
        wanted = cast("Variant", self.variant.value() or "before")
        variant: Variant = wanted if whole.picture(wanted) is not None else "before"
        limit, usual, full = self._limit_of(whole, variant)
        shape = layer.weight.shape if layer.weight else ()
        kernel = (shape[-2] if len(shape) > 3 else 1, shape[-1]) if len(shape) > 2 else (1, 1)
        part = self._part if self._part is not None and self._part.picture(variant) is not None else None
        self.plot.show_tiles(whole, part, variant, limit, channel=self._channel, kernel=kernel)
        counted = (whole, variant, full)
        if any(a is not b for a, b in zip(counted, self._counted or (None,) * 3, strict=True)):
            self._counted = counted
            values = whole.picture(variant)
            if values is not None:
                self.levels.show_values(values, full)
        self.levels.set_limit(limit, usual)
        self.means.setVisible(not whole.is_exact)
        self._card.set_title(self.tr("Matrix"), f"{thousands(whole.shape[0])} × {thousands(whole.shape[1])}")
        self.words.setText(self._caption(whole, variant))

    def _caption(self, whole: MatrixTile, variant: Variant) -> str:
        assert self._shown is not None  # noqa: S101 - there is a matrix
        look = self._shown[1].looks.get("matrix")
        if look is not None and look.is_waiting:
            return self.tr("Sorting…") if "similarity" in self._subject[3:5] else self.tr("Reading…")
        if whole.notes:
            return " ".join(whole.notes)
        words = []
        if variant != "before" and _has_gaps(whole):
            words.append(self.tr("What is left blank leaves the network"))
        if not self._is_seen_exactly(whole):
            means = whole.blocks == "mean"
            words.append(
                self.tr("A pixel shows the mean of its block")
                if means
                else self.tr("A pixel shows the weight of the greatest magnitude in its block")
            )
        words.append(self.tr("D: difference") if whole.after is not None else self.tr("wheel zooms, 0 shows all"))
        return " · ".join(words)

    def _is_seen_exactly(self, whole: MatrixTile) -> bool:
        """Whether what is in view is single weights."""
        part = self._part
        if whole.is_exact or part is None or not part.is_exact:
            return whole.is_exact
        rows, columns = self.plot.part
        return _covers(part.row_edges, rows) and _covers(part.column_edges, columns)

    # ------------------------------------------------------------------ colours

    def _limit_of(self, whole: MatrixTile, variant: Variant) -> tuple[float, float, float]:
        """Where the colours end, where they usually do, and the greatest magnitude there is."""
        assert self._shown is not None  # noqa: S101 - there is a matrix
        layer, state = self._shown
        is_difference = variant == "difference"
        full = whole.change_limit if is_difference else whole.limit
        spectra = state.spectra.get(layer.name)
        usual = full
        if not whole.is_exact:  # the greatest of many are all large
            usual = min(_magnitude(whole, variant), full) or full
        elif not is_difference and spectra is not None:
            usual = min(spectra.values.magnitude_percentile(0.999), full) or full
        return self._limits.get((layer.name, is_difference), usual) or 1.0, usual, full

    def _on_limit(self, limit: float) -> None:
        if self._shown is not None:
            self._limits[(self._shown[0].name, self.variant.value() == "difference")] = limit
            self._show_tiles()

    # ------------------------------------------------------------------ asking

    def _request(self, rows: tuple[int, int], columns: tuple[int, int], height: int, width: int) -> ReadMatrix:
        source, layer, plan, *orders, blocks = self._subject
        row_order, column_order = (cast("Order", order) for order in orders)
        most = (height, width)
        return ReadMatrix(source, layer, rows, columns, most, row_order, column_order, plan, cast("Blocks", blocks))

    def _pixels(self) -> tuple[int, int]:
        """Pixels of the picture, as even numbers that change seldom."""
        ratio = self.devicePixelRatioF()
        return tuple(  # type: ignore[return-value]
            max(-(-round(length * ratio) // EVEN) * EVEN, 4 * EVEN)
            for length in (self.plot.height(), self.plot.width())
        )

    def _is_ours(self, request: object) -> bool:
        if not isinstance(request, ReadMatrix):
            return False
        orders = request.row_order, request.column_order
        return (request.model, request.layer, request.plan, *orders, request.blocks) == self._subject

    def _answer(self, kind: LookKind) -> MatrixTile | None:
        assert self._shown is not None  # noqa: S101 - asked while a layer is shown
        look = self._shown[1].looks.get(kind)
        is_tile = look is not None and isinstance(look.answer, MatrixTile) and self._is_ours(look.request)
        return cast("MatrixTile", look.answer) if look is not None and is_tile else None

    def _ask_for_part(self) -> None:
        """Ask for what is in view where it can be seen finer than it is shown."""
        whole = self._whole
        if whole is None or self._shown is None or whole is not self._answer("matrix") or whole.is_exact:
            return
        self.words.setText(self._caption(whole, cast("Variant", self.variant.value())))
        rows, columns = self.plot.part
        height, width = self._pixels()
        wanted = (_blocks(rows, whole.shape[0], height), _blocks(columns, whole.shape[1], width))
        shown = self._part or whole
        finer = wanted[0][1] < _step(shown.row_edges) or wanted[1][1] < _step(shown.column_edges)
        inside = _covers(shown.row_edges, rows) and _covers(shown.column_edges, columns)
        is_fine_enough = wanted[0][1] >= _step(whole.row_edges) and wanted[1][1] >= _step(whole.column_edges)
        if is_fine_enough or (inside and not finer):
            return
        (row_span, row_step), (column_span, column_step) = wanted
        most = (-(-(row_span[1] - row_span[0]) // row_step), -(-(column_span[1] - column_span[0]) // column_step))
        self.look_wanted.emit("tile", self._request(row_span, column_span, *most))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._settling.start()

    # ------------------------------------------------------------------ keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        planned = self._whole is not None and self._whole.after is not None
        match event.key():
            case Qt.Key.Key_D if planned:
                here = cast("Variant", self.variant.value())
                if here == "difference":
                    self.variant.set_value(self._variant_before)
                else:
                    self._variant_before = here
                    self.variant.set_value("difference")
                self._show_tiles()
            case Qt.Key.Key_P if planned:
                self.variant.set_value("before" if self.variant.value() == "after" else "after")
                self._show_tiles()
            case Qt.Key.Key_M if self.means.isVisible():
                self.means.click()
            case Qt.Key.Key_S:
                is_shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
                box = self.columns if is_shifted else self.rows
                box.setCurrentIndex((box.currentIndex() + 1) % box.count())
                self._refresh()
            case _:
                super().keyPressEvent(event)


@lru_cache(maxsize=8)
def _magnitude(tile: MatrixTile, variant: Variant) -> float:
    """The magnitude that all but half a percent of the blocks keep within."""
    values = tile.picture(variant)
    sizes = np.abs(values[np.isfinite(values)]) if values is not None else np.zeros(0)
    return float(np.quantile(sizes[:: max(len(sizes) // 50_000, 1)], 0.995)) if len(sizes) else 0.0


def _step(edges: NDArray[np.int64]) -> int:
    return int(edges[1] - edges[0])


def _covers(edges: NDArray[np.int64], span: tuple[int, int]) -> bool:
    return bool(edges[0] <= span[0] and span[1] <= edges[-1])


def _blocks(seen: tuple[int, int], count: int, pixels: int) -> tuple[tuple[int, int], int]:
    """(span, block): what to ask for around what is seen, in whole blocks, none of them smaller than a pixel.

    Smaller ones would be dropped when they are painted, and outliers with them.
    """
    length = max(seen[1] - seen[0], 1)
    block = -(-length // pixels)
    around = round(length * MARGIN)
    first = max(seen[0] - around, 0) // block * block
    last = min(-(-(seen[1] + around) // block) * block, count)
    return (first, last), block


def _has_gaps(tile: MatrixTile) -> bool:
    return tile.after is not None and bool((tile.after != tile.after).any())
