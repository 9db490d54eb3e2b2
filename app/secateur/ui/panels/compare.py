"""The Compare tab: two models side by side, the bad news first."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from secateur.model.deviation import reasons_missing, sentence_of
from secateur.model.documents import LayerError
from secateur.model.run_details import PartChange
from secateur.model.spectrum import Spectrum
from secateur.session.comparing import Shown, is_comparing, name_of, shown
from secateur.session.remedies import PlanRemedy, remedy_of
from secateur.session.state import SessionState
from secateur.ui.panels.banner import Banner
from secateur.ui.panels.class_changes import ClassChanges
from secateur.ui.panels.compare_figures import Figure, figures_between, figures_of
from secateur.ui.panels.compare_head import CompareHead
from secateur.ui.panels.metric_card import MetricCard
from secateur.ui.panels.tab_view import GAP, TabView
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.legend import Entry, Legend
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.state_panel import StatePanel

CARDS = ("metric", "file", "latency", "macs", "loss", "agreement")
NARROW = 900
PLOT_HEIGHT = 176
"""What a curve keeps where the window is low: the tab scrolls instead."""
REASONS = 2
"""Sentences under the curve about layers that could not be compared; the others are told where the layer is read."""


@dataclass(frozen=True)
class Told:
    """What is known of the two that stand beside each other."""

    figures: dict[str, Figure]
    layers: tuple[LayerError, ...]
    headline: str
    warnings: tuple[str, ...]
    parts: tuple[PartChange, ...] = ()


def told_of(state: SessionState, pair: Shown) -> Told | None:
    """A run's own document, or the comparison of the chosen two; None where there is none yet."""
    document = pair.record.document if pair.record is not None else None
    if document is not None:
        rest = tuple(w for w in document.warnings if w != document.headline and w not in document.notes)
        return Told(figures_of(document), document.layers, document.headline, rest, document.parts)
    if state.comparison is None:
        return None
    made = state.comparison.comparison
    told = figures_between(made.a, made.b, made.agreement)
    return Told(told, made.layers, made.headline, made.warnings, made.parts)


class CompareTab(TabView):
    """`pair_wanted(left, right)`, `file_wanted(side)`, `again_wanted`, `export_wanted`, `report_wanted(path)`,
    `layer_selected(name)`.

    `plan_wanted(recipe)` is the remedy of the bad news, `run_wanted` comes once that is the plan.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "chosen_step",
            "compared_files",
            "comparison",
            "comparison_failure",
            "jobs",
            "left",
            "model",
            "recipe",
            "right",
            "run_spectra",
            "runs",
            "shown_run",
            "spectra",
        }
    )

    pair_wanted = Signal(object, object)
    file_wanted = Signal(str)
    again_wanted = Signal()
    export_wanted = Signal()
    report_wanted = Signal(str)
    layer_selected = Signal(str)
    plan_wanted = Signal(object)
    run_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("compare", "Compare", parent)
        self._pair: Shown | None = None
        self._state = SessionState()
        self._selected: tuple[str, ...] = ()
        self._clicked = ""
        self._remedy: PlanRemedy | None = None
        self._is_planned = False
        self.head = CompareHead()
        self.head.pair_wanted.connect(self.pair_wanted)
        self.head.file_wanted.connect(self.file_wanted)
        self.head.report_wanted.connect(self._ask_report)
        self.head.export_wanted.connect(self.export_wanted)
        self.banner = Banner("compare_banner")
        self.banner.link_wanted.connect(self._take_remedy)
        self.pending = StatePanel()
        self.pending.setObjectName("compare_pending")
        self.pending.wanted.connect(self.again_wanted)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)
        self.cards = {name: MetricCard(f"card_{name}", name.capitalize()) for name in CARDS}
        self._figures, self._plots = QWidget(), QWidget()
        self._figures.setLayout(self._grid)
        self._place_cards(3)
        self._build_plots()
        self.column.addWidget(self.head)
        self.column.addWidget(self.banner)
        self.column.addWidget(self._figures)
        self.column.addWidget(self._plots, 1)
        self.column.addWidget(self._make_classes())
        self.column.addWidget(self.pending, 1)

    # ------------------------------------------------------------------ building

    def _build_plots(self) -> None:
        row = QHBoxLayout(self._plots)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        self._errors_card = Card(self.tr("Error along the network"), self.tr("SQNR against the original"))
        self._errors_card.add_trailing(
            Legend(
                [
                    Entry(self.tr("weights"), "original", opacity=0.5),
                    Entry(self.tr("layer output"), "result", line=True),
                ]
            )
        )
        self.errors = ErrorCurve("error_curve", self.tr("Error along the network"))
        self.errors.layer_selected.connect(self._select)
        self._errors_card.body.addWidget(self.errors, 1)
        self.no_errors = label(self.tr("This run compared no layers."), "secondary", wrap=True)
        self._errors_card.body.addWidget(self.no_errors)
        self.reasons = label(kind="caption", wrap=True)
        self.reasons.setObjectName("compare_reasons")
        self._errors_card.body.addWidget(self.reasons)
        self._spectrum_card = Card(self.tr("Spectrum"))
        self._legends = [
            Legend([Entry(first, "original", opacity=0.5), Entry(second, "result")])
            for first, second in (("original", "result"), ("left", "right"))
        ]
        for legend in self._legends:
            self._spectrum_card.add_trailing(legend)
        self.pair = SpectrumPair("spectrum_pair", self.tr("Spectrum of original and result"))
        self.pair_text = label(kind="caption", wrap=True)
        self.pair_text.setObjectName("compare_layer_text")
        self._spectrum_card.body.addWidget(self.pair, 1)
        self._spectrum_card.body.addWidget(self.pair_text)
        for plot in (self.errors, self.pair):
            plot.setMinimumHeight(PLOT_HEIGHT)
        for card in (self._errors_card, self._spectrum_card):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            card.setMinimumWidth(220)
        row.addWidget(self._errors_card, 3)
        row.addWidget(self._spectrum_card, 2)

    def _make_classes(self) -> Card:
        self._classes_card = Card(self.tr("Lost by class"))
        self._classes_card.setObjectName("classes_card")
        self.classes = ClassChanges()
        copy = IconButton("copy", self.tr("Copy what was lost by class as CSV (Ctrl+C)"))
        copy.setObjectName("copy_classes")
        copy.clicked.connect(self.classes.copy_csv)
        self._classes_card.add_trailing(copy)
        self._classes_card.body.addWidget(self.classes)
        return self._classes_card

    def _place_cards(self, columns: int) -> None:
        for place, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, place // columns, place % columns)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the chosen two, and the selected layer's weights in both."""
        self._state, self._selected = state, tuple(selected)
        self._pair = pair = shown(state)
        if state.model is None:
            title = self.tr("Nothing to compare yet")
            self.show_missing("compare", title, self.tr("Open a model first."))
            return
        self.head.show_state(state, pair)
        told = told_of(state, pair) if pair is not None else None
        for part in (self._figures, self._plots):
            part.setVisible(told is not None)
        self._classes_card.setVisible(told is not None and bool(told.parts))
        self.pending.setVisible(told is None)
        if pair is None or told is None:
            self.banner.hide()
            self._show_pending(state, pair)
        else:
            self._show_told(state, pair, told)
        self.show_content()

    def _show_pending(self, state: SessionState, pair: Shown | None) -> None:
        """Why no figures stand here: nothing was run, the two are being compared, or they cannot be."""
        if pair is None:
            text = self.tr(
                "Run a plan, or choose a file above: size, speed, quality and the error of every layer then stand "
                "side by side."
            )
            self.pending.show_content("compare", self.tr("Nothing to compare yet"), text)
            return
        names = f"{name_of(state, pair.left)} and {name_of(state, pair.right)}"
        if state.comparison_failure and not is_comparing(state):
            title = self.tr("{0} could not be compared").format(names)
            self.pending.show_content("warn", title, state.comparison_failure, self.tr("Compare again"), kind="failed")
        elif is_comparing(state):
            text = self.tr("Both are evaluated on the same samples and timed in turns, then compared layer by layer.")
            self.pending.show_content("compare", self.tr("Comparing {0}").format(names), text, kind="busy")
        else:
            title = self.tr("{0} are not compared yet").format(names)
            self.pending.show_content("compare", title, "", self.tr("Compare"))

    def _show_told(self, state: SessionState, pair: Shown, told: Told) -> None:
        self._show_banner(told, state)
        for name, figure in told.figures.items():
            self.cards[name].show_figure(
                figure.figure, figure.delta, figure.detail, tone=figure.tone, alarm=figure.alarm, title=figure.title
            )
        against = self.tr("the original") if pair.left.is_original else name_of(state, pair.left)
        self._errors_card.set_title(self.tr("Error along the network"), self.tr("SQNR against {0}").format(against))
        name = self._layer_shown(told)
        self.errors.show_errors(told.layers, frozenset((*self._selected, name)))
        self.errors.setVisible(bool(told.layers))
        self.no_errors.setVisible(not told.layers)
        both = dict.fromkeys((error.layer, side) for error in told.layers for side in (error.weight, error.output))
        self.reasons.setText(" ".join(reasons_missing(list(both))[:REASONS]))
        self.reasons.setVisible(bool(self.reasons.text()))
        self._show_spectrum(state, told, name)
        self._show_classes(told.parts)

    def _show_classes(self, parts: tuple[PartChange, ...]) -> None:
        """What was lost on which class, or, where there are none, on which part of the samples."""
        self.classes.show_parts(parts)
        if parts:
            title = self.tr("Lost by class") if parts[0].is_share else self.tr("Lost by part of the samples")
            lost = sum(part.is_lost for part in parts)
            surely = self.tr("surely worse on {0} of {1}").format(lost, len(parts)) if lost else self.tr("no sure loss")
            self._classes_card.set_title(title, f"{parts[0].measure} · {surely}")

    def _show_banner(self, told: Told, state: SessionState) -> None:
        """The bad news, and a link that makes what would help the plan, or runs it once it is."""
        self.banner.setVisible(bool(told.headline or told.warnings))
        record = self._pair.record if self._pair is not None else None
        self._remedy = remedy_of(record, state.model) if record is not None and state.model else None
        self._is_planned = self._remedy is not None and self._remedy.recipe == state.recipe
        link = self._remedy.words if self._remedy is not None else ""
        tooltip = self.tr("Makes this run's plan, changed in that, the present one; can be undone (Ctrl+Z)")
        if self._is_planned:
            link, tooltip = self.tr("It is planned: run it"), self.tr("Runs the present plan (Ctrl+Return)")
        if told.headline:
            self.banner.show_words("negative", told.headline, " ".join(told.warnings), link, tooltip)
        elif told.warnings:
            self.banner.show_words("warn", told.warnings[0], " ".join(told.warnings[1:]), link, tooltip)

    def _take_remedy(self) -> None:
        if self._remedy is not None and not self._is_planned:
            self.plan_wanted.emit(self._remedy.recipe)
        elif self._remedy is not None:
            self.run_wanted.emit()

    def _layer_shown(self, told: Told) -> str:
        """The selected layer; of models that are not open in the table, the one that was clicked here."""
        names = {error.layer for error in told.layers}
        if self._clicked in names and self._clicked not in {row.name for row in self._state.rows}:
            return self._clicked
        return self._selected[0] if self._selected else ""

    def _spectra(self, state: SessionState, name: str) -> tuple[Spectrum | None, Spectrum | None]:
        if self._pair is not None and self._pair.record is None and state.comparison is not None:
            return state.comparison.spectra_a.get(name), state.comparison.spectra_b.get(name)
        own = state.spectra.get(name)
        return own.values if own else None, state.run_spectra.get(name)

    def _show_spectrum(self, state: SessionState, told: Told, name: str) -> None:
        first, second = self._spectra(state, name)
        is_run = self._pair is not None and self._pair.record is not None
        self.pair.show_pair(first, second)
        self.pair.setVisible(first is not None)
        for legend, is_its in zip(self._legends, (is_run, not is_run), strict=True):
            legend.setVisible(second is not None and is_its)
        self._spectrum_card.set_title(self.tr("Spectrum of {0}").format(name) if name else self.tr("Spectrum"))
        self.pair_text.setText(self._layer_words(told, name))

    def _layer_words(self, told: Told, name: str) -> str:
        if not name:
            return self.tr("Select a layer, here or in the table.")
        error = next((e for e in told.layers if e.layer == name), None)
        if error is None:
            return self.tr("{0} was not compared.").format(name)
        return " ".join((sentence_of(self.tr("Weights"), error.weight), sentence_of(self.tr("Output"), error.output)))

    # ------------------------------------------------------------------ what a person does

    def _select(self, name: str) -> None:
        self._clicked = name
        if name in {row.name for row in self._state.rows}:
            self.layer_selected.emit(name)
        else:
            self.show_state(self._state, self._selected)

    def _ask_report(self) -> None:
        if self._pair is not None and self._pair.record is not None:
            self.report_wanted.emit(str(Path(self._pair.record.folder) / "report.html"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        self._place_cards(3 if narrow else len(CARDS))
        self._spectrum_card.setVisible(not narrow)
