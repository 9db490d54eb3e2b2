"""The Sensitivity tab: the heat map of layers × options, its depth, and the button that measures."""

from collections.abc import Sequence
from typing import ClassVar

from PySide6.QtCore import QPoint, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QWidget

from secateur.engine.requests import ScoreSensitivity
from secateur.figures import duration, thousands
from secateur.methods.base import Effect
from secateur.methods.offers import Option
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.options import OPTIONS
from secateur.session.reasons import why_not
from secateur.session.state import JobState, SessionState
from secateur.targets import target_named
from secateur.ui.naming import named
from secateur.ui.panels.sensitivity_cells import chosen_cells
from secateur.ui.panels.sensitivity_trust import TrustChip
from secateur.ui.panels.shown_rows import ShownRows
from secateur.ui.panels.tab_view import MARGIN, TabView
from secateur.ui.plots.heat_cells import UNIT_WORDS, paired
from secateur.ui.plots.heat_legend import COLUMN, HeatLegend, Trust
from secateur.ui.plots.heat_map import HeatMap
from secateur.ui.theme.style import set_role
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card
from secateur.ui.widgets.chooser import Chooser
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.no_match import NoMatch
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.segmented import Segmented
from secateur.ui.widgets.state_panel import StatePanel
from secateur.ui.widgets.why_not import set_why_not

NARROW = 900
SAMPLES = (64, 128, 256, 512)
BAR = 14
"""Room for the map's scroll bar."""
UNLIMITED = 16777215
"""Qt's own largest width."""


class SensitivityTab(TabView):
    """`option_chosen(layers, option)`, `layer_selected(name)`, `score_wanted(depth)`, `filter_cleared()`.
    `samples_wanted(n)`: to be measured on so many samples.

    `menu_wanted(layer, (option, value), place)` on the map, both texts empty on a name.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "activations",
            "chosen_step",
            "data",
            "data_source",
            "jobs",
            "kept",
            "measured_on",
            "model",
            "progress",
            "recipe",
            "singular_values",
            "spectra",
            "tables",
            "target",
        }
    )

    option_chosen = Signal(list, str)
    menu_wanted = Signal(str, tuple, QPoint)
    filter_cleared = Signal()
    layer_selected = Signal(str)
    score_wanted = Signal(str)
    samples_wanted = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("sensitivity", "Sensitivity", parent)
        self._state = SessionState()
        self._selected: tuple[str, ...] = ()
        self._depth = ""
        self._sized: tuple[ModelDescription | None, dict[str, int]] = (None, {})
        """A model, and bytes by row: found once for each, not at every key in the filter box."""
        self._build_controls()
        self._build_busy()
        self.card = Card()
        self.map = HeatMap("heat_map", self.tr("Damage of every option of every layer"))
        self.map.option_chosen.connect(self.option_chosen)
        self.map.layer_selected.connect(self.layer_selected)
        self.map.menu_wanted.connect(self._ask_for_menu)
        self.rows = ShownRows()
        self.no_match = NoMatch("no_cell_matches", self.map.viewport())
        self.no_match.clear_wanted.connect(self.filter_cleared)
        self.legend = HeatLegend()
        self.unmeasured = StatePanel()
        self.unmeasured.setObjectName("sensitivity_unmeasured")
        self.unmeasured.wanted.connect(lambda: self.score_wanted.emit(self.depth_choice.value()))
        self.pane = QWidget()
        self._pair = QBoxLayout(QBoxLayout.Direction.TopToBottom, self.pane)
        self._pair.setContentsMargins(0, 0, 0, 0)
        self._pair.setSpacing(8)
        self._pair.addWidget(self.map, 1)
        self._pair.addWidget(self.legend)
        self._pair.addStretch(0)
        self.card.body.addWidget(self.pane, 1)
        self.card.body.addWidget(self.unmeasured, 1)
        self.column.addWidget(self.card, 1)

    def _build_controls(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        depths = [
            ("free", self.tr("Data-free")),
            ("estimate", self.tr("Estimated")),
            ("measure", self.tr("Measured")),
        ]
        self.depth_choice = Segmented(depths, self.tr("Depth of the score"))
        self.depth_choice.setObjectName("sensitivity_depth")
        self.depth_choice.set_tooltip("free", self.tr("From the weights alone, at once"))
        self.depth_choice.set_tooltip(
            "estimate", self.tr("Measured on few samples, on more where the order is open: seconds, not minutes")
        )
        self.depth_choice.set_tooltip(
            "measure", self.tr("Each option swapped in alone, the rest of the network run on samples")
        )
        self.depth_choice.chosen.connect(self._on_depth)
        self.chip = TrustChip()
        words = [("damage", self.tr("Damage")), ("per_kb", self.tr("per kB"))]
        self.measure_of = Segmented(words, self.tr("What the colour shows"))
        self.measure_of.setObjectName("sensitivity_metric")
        self.measure_of.set_value("damage")
        self.measure_of.set_tooltip("damage", self.tr("What the option costs in quality"))
        self.measure_of.set_tooltip("per_kb", self.tr("What it costs for each kilobyte that it saves"))
        self.measure_of.chosen.connect(lambda _: self._refresh())
        self.samples = named(Chooser(), "sensitivity_samples", self.tr("Samples to measure on"))
        self.samples.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for count in SAMPLES:
            self.samples.addItem(self.tr("n = {0}").format(count), count)
        self.samples.activated.connect(lambda _row: self.samples_wanted.emit(self.samples.currentData()))
        self.measure = Button(self.tr("Measure"), "default", "measure")
        self.measure.setObjectName("sensitivity_measure")
        self.measure.clicked.connect(lambda: self.score_wanted.emit(self._deeper()))
        row.addWidget(self.depth_choice)
        row.addWidget(self.chip)
        row.addStretch(1)
        row.addWidget(self.measure_of)
        row.addWidget(self.samples)
        row.addWidget(self.measure)
        self.column.addLayout(row)

    def _build_busy(self) -> None:
        self.busy = QWidget()
        self.busy.setObjectName("sensitivity_busy")
        row = QHBoxLayout(self.busy)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.busy_text = ElidedLabel(size=12, weight=500)
        self.busy_line = ProgressLine(self.tr("Progress of the measurement"))
        row.addWidget(self.busy_text)
        row.addWidget(self.busy_line, 1)
        self.column.addWidget(self.busy)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the tables of the open model; a running measurement fills its cells in place."""
        self._state, self._selected = state, tuple(selected)
        if not state.rows:
            text = self.tr("Every option of every layer with what it costs: open a model to see it.")
            self.show_missing("sensitivity", self.tr("No sensitivity yet"), text)
            return
        self._refresh()
        self.show_content()

    def show_rows(self, rows: ShownRows) -> None:
        """Show the layers that the table shows, its pinned ones first."""
        self.rows = rows
        if self._state.model is not None:
            self._refresh()

    def _ask_for_menu(self, layer: str, option: str, place: QPoint) -> None:
        value = self.map.value_text(layer, option) if option else ""
        self.menu_wanted.emit(layer, (option, value), place)

    def _on_depth(self, depth: str) -> None:
        self._depth = depth
        self._refresh()

    def _refresh(self) -> None:
        state = self._state
        job = next((job for job in state.jobs if isinstance(job.request, ScoreSensitivity)), None)
        depth = self._depth or next(each for each in ("measure", "estimate", "free") if each in (*state.tables, "free"))
        table = state.tables.get(depth)
        self.depth_choice.set_value(depth)
        self._show_busy(job)
        self._show_button(job)
        self._show_samples(job, depth)
        self.chip.show_trust(state, depth, narrow=self.width() < NARROW)
        waiting = table is None and depth != "free" and job is None
        self.pane.setVisible(not waiting)
        self.unmeasured.setVisible(waiting)
        if waiting:
            self._show_unmeasured(depth)
        else:
            self._show_map(depth, table)

    def _show_map(self, depth: str, table: SensitivityTable | None) -> None:
        state = self._state
        per_kilobyte = self.measure_of.value() == "per_kb"
        fingerprint = state.model.fingerprint if state.model else ""
        if self._sized[0] is not state.model:
            self._sized = state.model, {row.name: row.size_bytes for row in state.rows}
        sizes = self._sized[1]
        names = list(sizes)
        known = set(names)
        shown = [name for name in self.rows.names if name in known]  # those of another model are about to be replaced
        self.map.show_table(
            shown if self.rows.filter or shown else names,
            OPTIONS,
            table,
            estimate=state.tables.get("free"),
            sizes=sizes,
            chosen=chosen_cells(state),
            selected=frozenset(self._selected),
            per_kilobyte=per_kilobyte,
            range_key=(fingerprint, depth, per_kilobyte),
            effect=self._effect,
            where=target_named(state.target).where,
            all_layers=names,
            pinned=len(self.rows.pinned),
            kept=state.kept,
        )
        below = self.map.geometry_now().name_box(len(self.map.cells.layers)).top()
        self.no_match.show_filter(self.rows.filter if self.rows.is_empty else "", round(below))
        self._show_legend(depth, table)
        self._arrange()

    def _show_legend(self, depth: str, table: SensitivityTable | None) -> None:
        cells = self.map.cells
        unit = table.unit if table else "" if depth != "free" else "relative error"
        kind = self.tr("Damage per kB saved") if "per kB" in cells.unit else self.tr("Damage")
        marks = ["chosen", *(["kept"] if self._state.kept else [])]
        if cells.reasons:
            marks.append("unavailable")
        if depth != "free":
            marks += ["measured", *(["estimated"] if cells.estimated.any() else [])]
            known = len(cells.reasons) + int((cells.values == cells.values).sum())
            marks += ["pending"] if known < cells.values.size else []
        title = ", ".join(filter(None, (kind, UNIT_WORDS.get(unit, unit), "log")))
        self.legend.show_legend(title, cells.range, tuple(marks), self._trust())

    def _trust(self) -> Trust | None:
        measured = self._state.measured
        if measured is None or measured.within_option_correlation is None:
            return None
        estimates, truths = paired(self._state.tables.get("free"), measured)
        basis = self.tr("{0} cells, {1} samples").format(thousands(len(truths)), thousands(measured.samples))
        return Trust(estimates, truths, measured.within_option_correlation.mean, basis)

    def _effect(self, layer: str, option: Option) -> Effect | None:
        facts, model = self._state.facts.get(layer), self._state.model
        return None if model is None or facts is None else option.method.predict(model.layer(layer), facts)

    # ------------------------------------------------------------------ what stands around the map

    def _show_busy(self, job: JobState | None) -> None:
        self.busy.setVisible(job is not None)
        if job is None:
            return
        counted = f" {thousands(job.done)} {self.tr('of')} {thousands(job.total)}" if job.total else ""
        left = f" · {duration(job.eta_s)} {self.tr('left')}" if job.eta_s is not None else ""
        self.busy_text.set_text(f"{job.text or job.title}{counted if not job.text else ''}{left}")
        self.busy_line.set_share(job.done / job.total if job.total else None)

    def _deeper(self) -> str:
        """What the button asks for: the measurement, where no estimate is looked at that is not there yet."""
        lacks = self.depth_choice.value() == "estimate" and self._state.estimated is None
        return "estimate" if lacks and self._state.measured is None else "measure"

    def _show_button(self, job: JobState | None) -> None:
        state = self._state
        reason = self.tr("The measurement is running; stop it in the jobs panel (Esc).") if job else ""
        reason = reason or why_not(state, "measure")
        if state.measured is not None and not reason:
            reason = self.tr("All cells are measured on these samples, and kept. Choose more samples, or other data.")
        words = self.tr("Estimate") if self._deeper() == "estimate" else self.tr("Measure")
        if job is None and self._deeper() == "measure" and state.measured_in_part is not None:
            words = self.tr("Continue")
        elif state.measured is not None:
            words = self.tr("Measured")
        self.measure.setText(words)
        cost = self.tr("Swap each option into the network alone and run samples; the model stays as it is")
        set_why_not(self.measure, reason, cost)
        set_role(self.measure, "default")

    def _show_samples(self, job: JobState | None, depth: str) -> None:
        self.samples.setVisible(depth == "measure")
        self.samples.setCurrentIndex(max(0, self.samples.findData(self._state.measured_on)))
        reason = self.tr("The measurement is running; stop it in the jobs panel (Esc).") if job else ""
        tip = self.tr("On how many samples each cell is measured: 64 order the layers well in an eighth of the time")
        if reason and self.samples.hasFocus():
            self.map.setFocus()  # else the keys went to whatever comes next in the window
        set_why_not(self.samples, reason, tip)

    def _show_unmeasured(self, depth: str) -> None:
        reason = why_not(self._state, "measure")
        if depth == "estimate":
            text = self.tr("Runs every cell on 16 samples, then more where the order of layers or options is open.")
            title, wanted = self.tr("Not estimated yet"), self.tr("Estimate")
            self.unmeasured.show_content("measure", title, text, wanted, why_not=reason)
            return
        text = self.tr(
            "Swaps each option into the network alone and runs {0} samples. Cells appear as they finish."
        ).format(self._state.measured_on)
        self.unmeasured.show_content("measure", self.tr("Not measured yet"), text, self.tr("Measure"), why_not=reason)

    # ------------------------------------------------------------------ arrangement

    def _arrange(self) -> None:
        """The legend beside the map where the widest cells leave room for it, else below."""
        room = self.width() - 2 * MARGIN - 24
        beside = room - self.map.widest() >= COLUMN + 24
        direction = QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom
        if self._pair.direction() != direction:
            self._pair.setDirection(direction)
            self.legend.set_column(beside)
        widest = round(self.map.widest()) + BAR
        self.map.setMinimumWidth(widest if beside else 0)
        self.map.setMaximumWidth(widest if beside else UNLIMITED)
        self._pair.setStretch(2, 1 if beside else 0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.chip.show_trust(self._state, self.depth_choice.value(), narrow=self.width() < NARROW)
        self._arrange()
