"""The Compare tab: original and result side by side, the bad news first."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from secateur.analysis.deviation import sentence_of
from secateur.analysis.documents import RunDocument
from secateur.engine.events import RunRecord
from secateur.figures import size
from secateur.session.remedies import PlanRemedy, remedy_of
from secateur.session.state import SessionState
from secateur.ui.panels.banner import Banner
from secateur.ui.panels.compare_figures import figures_of
from secateur.ui.panels.metric_card import MetricCard
from secateur.ui.panels.tab_view import GAP, TabView
from secateur.ui.plots.error_curve import ErrorCurve
from secateur.ui.plots.legend import Entry, Legend
from secateur.ui.plots.spectrum_pair import SpectrumPair
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import Card, label
from secateur.ui.widgets.elided_label import ElidedLabel

CARDS = ("metric", "file", "latency", "macs", "loss", "agreement")
NARROW = 900


class CompareTab(TabView):
    """`run_shown(run)`, `export_wanted`, `report_wanted(path)`, `layer_selected(name)`.

    `plan_wanted(recipe)` is the remedy of the bad news, `run_wanted` comes once that is the plan.
    """

    run_shown = Signal(str)
    export_wanted = Signal()
    report_wanted = Signal(str)
    layer_selected = Signal(str)
    plan_wanted = Signal(object)
    run_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("compare", "Compare", parent)
        self._record: RunRecord | None = None
        self._listed: tuple[tuple[str, str], ...] = ()
        self._build_head()
        self.banner = Banner("compare_banner")
        self.banner.link_wanted.connect(self._take_remedy)
        self._remedy: PlanRemedy | None = None
        self._is_planned = False
        self.column.addWidget(self.banner)
        self._grid = QGridLayout()
        self._grid.setSpacing(GAP)
        self.cards = {name: MetricCard(f"card_{name}", name.capitalize()) for name in CARDS}
        self.column.addLayout(self._grid)
        self._place_cards(3)
        self._build_plots()

    # ------------------------------------------------------------------ building

    def _build_head(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.original = ElidedLabel(role="secondary")
        self.runs = QComboBox()
        self.runs.setObjectName("compare_runs")
        self.runs.setAccessibleName(self.tr("Run to compare with the original"))
        self.runs.setToolTip(self.tr("Which finished run stands beside the original"))
        self.runs.setMinimumWidth(150)
        self.runs.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.runs.setMinimumContentsLength(14)
        self.runs.setMaximumWidth(400)
        self.runs.activated.connect(lambda index: self.run_shown.emit(self.runs.itemData(index)))
        self.report = Button(self.tr("Report"), "default", "file-text", self.tr("Open the report of this run"))
        self.report.setObjectName("compare_report")
        self.report.clicked.connect(self._ask_report)
        self.export = Button(self.tr("Export"), "default", "export")
        self.export.setObjectName("compare_export")
        self.export.setToolTip(self.tr("Write the result to a file, run that file and compare it"))
        self.export.clicked.connect(self.export_wanted)
        row.addWidget(label(self.tr("Original"), "strong"))
        row.addWidget(self.original)
        row.addWidget(label("→", "secondary"))
        row.addWidget(self.runs, 1)
        row.addStretch(0)
        row.addWidget(self.report)
        row.addWidget(self.export)
        self.column.addLayout(row)

    def _build_plots(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(GAP)
        errors = Card(self.tr("Error along the network"), self.tr("SQNR against the original"))
        errors.add_trailing(
            Legend(
                [
                    Entry(self.tr("weights"), "original", opacity=0.5),
                    Entry(self.tr("layer output"), "result", line=True),
                ]
            )
        )
        self.errors = ErrorCurve("error_curve", self.tr("Error along the network"))
        self.errors.layer_selected.connect(self.layer_selected)
        errors.body.addWidget(self.errors, 1)
        self.no_errors = label(self.tr("This run compared no layers."), "secondary", wrap=True)
        errors.body.addWidget(self.no_errors)
        self._spectrum_card = Card(self.tr("Spectrum"))
        self._pair_legend = Legend(
            [Entry(self.tr("original"), "original", opacity=0.5), Entry(self.tr("result"), "result")]
        )
        self._spectrum_card.add_trailing(self._pair_legend)
        self.pair = SpectrumPair("spectrum_pair", self.tr("Spectrum of original and result"))
        self.pair_text = label(kind="caption", wrap=True)
        self.pair_text.setObjectName("compare_layer_text")
        self._spectrum_card.body.addWidget(self.pair, 1)
        self._spectrum_card.body.addWidget(self.pair_text)
        for card in (errors, self._spectrum_card):
            card.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            card.setMinimumWidth(220)
        row.addWidget(errors, 3)
        row.addWidget(self._spectrum_card, 2)
        self.column.addLayout(row, 1)

    def _place_cards(self, columns: int) -> None:
        for place, card in enumerate(self.cards.values()):
            self._grid.addWidget(card, place // columns, place % columns)

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, selected: Sequence[str]) -> None:
        """Show the chosen run, and the selected layer's weights before and after it."""
        self._record = state.run
        document = self._record.document if self._record else None
        if state.model is None or self._record is None or document is None:
            title = self.tr("Nothing to compare yet")
            text = self.tr("Run a plan: size, speed, quality and the error of every layer then stand side by side.")
            self.show_missing("compare", title, text)
            return
        self.original.set_text(state.model.name)
        self._list_runs(state)
        self._show_banner(document, state)
        for name, figure in figures_of(document).items():
            self.cards[name].show_figure(
                figure.figure, figure.delta, figure.detail, tone=figure.tone, alarm=figure.alarm, title=figure.title
            )
        self.errors.show_errors(document.layers, frozenset(selected))
        self.errors.setVisible(bool(document.layers))
        self.no_errors.setVisible(not document.layers)
        self._show_spectrum(state, document, selected)
        self.show_content()

    def _list_runs(self, state: SessionState) -> None:
        runs = [run for run in state.runs if run.document is not None]
        listed = tuple((run.run, run_words(run)) for run in runs)
        if listed != self._listed:
            self._listed = listed
            self.runs.clear()
            for run, words in listed:
                self.runs.addItem(words, run)
        if self._record is not None:
            self.runs.setCurrentIndex(self.runs.findData(self._record.run))

    def _show_banner(self, document: RunDocument, state: SessionState) -> None:
        """The bad news, and a link that makes what would help the plan, or runs it once it is."""
        rest = [text for text in document.warnings if text != document.headline and text not in document.notes]
        self.banner.setVisible(bool(document.headline or rest))
        self._remedy = remedy_of(self._record, state.model) if self._record is not None and state.model else None
        self._is_planned = self._remedy is not None and self._remedy.recipe == state.recipe
        link = self._remedy.words if self._remedy is not None else ""
        tooltip = self.tr("Makes this run's plan, changed in that, the present one; can be undone (Ctrl+Z)")
        if self._is_planned:
            link, tooltip = self.tr("It is planned: run it"), self.tr("Runs the present plan (Ctrl+Return)")
        if document.headline:
            self.banner.show_words("negative", document.headline, " ".join(rest), link, tooltip)
        elif rest:
            self.banner.show_words("warn", rest[0], " ".join(rest[1:]), link, tooltip)

    def _take_remedy(self) -> None:
        if self._remedy is not None and not self._is_planned:
            self.plan_wanted.emit(self._remedy.recipe)
        elif self._remedy is not None:
            self.run_wanted.emit()

    def _show_spectrum(self, state: SessionState, document: RunDocument, selected: Sequence[str]) -> None:
        name = selected[0] if selected else ""
        spectra = state.spectra.get(name)
        result = state.run_spectra.get(name)
        self.pair.show_pair(spectra.values if spectra else None, result)
        self.pair.setVisible(spectra is not None)
        self._pair_legend.setVisible(result is not None)
        title = self.tr("Spectrum of {0}").format(name) if name else self.tr("Spectrum")
        self._spectrum_card.set_title(title)
        self.pair_text.setText(self._layer_words(document, name, has_result=result is not None))
        self.pair_text.setVisible(bool(self.pair_text.text()))

    def _layer_words(self, document: RunDocument, name: str, *, has_result: bool) -> str:
        if not name:
            return self.tr("Select a layer, here or in the table.")
        error = next((e for e in document.layers if e.layer == name), None)
        if error is None:
            return self.tr("{0} has no counterpart in the result.").format(name)
        if has_result:
            return ""
        return " ".join((sentence_of(self.tr("Weights"), error.weight), sentence_of(self.tr("Output"), error.output)))

    # ------------------------------------------------------------------ what a person does

    def _ask_report(self) -> None:
        if self._record is not None:
            self.report_wanted.emit(str(Path(self._record.folder) / "report.html"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        self._place_cards(3 if narrow else len(CARDS))
        self._spectrum_card.setVisible(not narrow)


def run_words(run: RunRecord) -> str:
    """A run in the chooser: its name, size and the verdict on its files."""
    document = run.document
    if document is None:
        return run.name
    formats = ", ".join(f.format.upper() for f in document.files)
    worst = max((file.verdict for file in document.files), key=["proven", "differs", "broken"].index, default="")
    tail = f" · {formats}, {worst}" if formats else ""
    return f"{run.name} · {size(document.result.bytes)}{tail}"
