"""Jobs and runs: what runs now, what was run, and all runs as a picture of size against metric."""

from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from secateur.engine.events import RunRecord
from secateur.model.documents import Predicted
from secateur.session.run_table import matching
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.job_card import JobCard, progress_words, share_done
from secateur.ui.panels.pareto_choosers import ParetoChoosers
from secateur.ui.panels.runs import RunsTable
from secateur.ui.panels.runs_filter import RunsFilter
from secateur.ui.plots.pareto import ParetoPlot
from secateur.ui.theme.style import font
from secateur.ui.widgets.button import IconButton
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.progress_line import ProgressLine

OPEN_HEIGHT, CLOSED_HEIGHT = 156, 30
PLOT_FROM = 900
"""Below this width the picture gives way to the list."""


class JobsPanel(QWidget):
    """30 px line, and below it job, runs and picture; `set_open(bool)` folds it, `opened(bool)` says so.

    `table_copied(runs)` and `table_saved(runs)` are for the runs that are shown: those that the filter leaves.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {"baseline", "deleted", "engine", "engine_ready", "jobs", "progress", "recipe", "runs"}
    )

    stop_wanted = Signal(int)
    restore_wanted = Signal(str)
    run_shown = Signal(str)
    resume_wanted = Signal(str)
    compare_wanted = Signal(str, str)
    wanted = Signal(str, str, str)
    table_copied = Signal(object)
    table_saved = Signal(object)
    bring_back_wanted = Signal()
    opened = Signal(bool)
    engine_menu_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("jobs_panel")
        self.setAccessibleName(self.tr("Jobs and runs"))
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._is_open = True
        self._job: JobState | None = None
        self._shown: tuple[RunRecord, ...] = ()
        self._predicted: Predicted | None = None
        self._no_runs = self.tr(
            "No runs yet. Run plan keeps every result here: size, metric, and the plan to go back to."
        )
        self._no_match = self.tr("No run has all of these words. Clear the filter (Esc) to see them all.")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._line())
        self._body = self._make_body()
        outer.addWidget(self._body, 1)
        self.set_open(True)
        self.show_state(SessionState())

    # ------------------------------------------------------------------ build

    def _line(self) -> QWidget:
        line = QWidget()
        line.setFixedHeight(CLOSED_HEIGHT)
        row = QHBoxLayout(line)
        row.setContentsMargins(12, 0, 16, 0)
        row.setSpacing(8)
        self.fold = IconButton("down", self.tr("Close jobs and runs (Ctrl+J)"))
        self.fold.setObjectName("fold_jobs")
        self.fold.clicked.connect(self._fold)
        self._dot = label("●", "caption")
        self._words = ElidedLabel("", role="secondary", mode=Qt.TextElideMode.ElideRight)
        self._words.setObjectName("jobs_words")
        self._line_progress = ProgressLine(self.tr("Progress of the job"))
        self._line_progress.setFixedWidth(160)
        self._line_stop = IconButton("close", self.tr("Stop the job (Esc)"))
        self._line_stop.setObjectName("stop_job_line")
        self._line_stop.clicked.connect(self._stop)
        self._engine = ElidedLabel("", size=12, role="secondary", mode=Qt.TextElideMode.ElideRight)
        self._engine.setObjectName("engine_text")
        row.addWidget(self.fold)
        row.addWidget(label(self.tr("Jobs and runs"), "strong"))
        row.addWidget(self._dot)
        row.addWidget(self._words)
        row.addStretch(1)
        self.filter = RunsFilter()
        self.filter.textChanged.connect(self._filter_changed)
        row.addWidget(self.filter)
        for button in self._table_buttons():
            row.addWidget(button)
        self.axes = ParetoChoosers()
        row.addWidget(self.axes)
        row.addWidget(self._line_progress)
        row.addWidget(self._line_stop)
        row.addWidget(self._engine)
        self.engine_menu = IconButton("settings", self.tr("Choose device and threads of the engine"))
        self.engine_menu.setObjectName("engine_menu")
        self.engine_menu.clicked.connect(self.engine_menu_wanted.emit)
        row.addWidget(self.engine_menu)
        return line

    def _table_buttons(self) -> tuple[IconButton, IconButton]:
        self.copy = IconButton("copy", self.tr("Copy the runs that are shown as CSV"))
        self.copy.setObjectName("copy_runs")
        self.copy.clicked.connect(lambda: self.table_copied.emit(self._shown))
        self.save = IconButton("save", self.tr("Save the runs that are shown as a CSV file"))
        self.save.setObjectName("save_runs")
        self.save.clicked.connect(lambda: self.table_saved.emit(self._shown))
        return self.copy, self.save

    def _make_body(self) -> QWidget:
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(16, 0, 16, 8)
        row.setSpacing(16)
        left = QVBoxLayout()
        left.setSpacing(4)
        self.job = JobCard()
        self.job.stop_wanted.connect(self.stop_wanted)
        self.job.log_wanted.connect(self._show_log)
        left.addWidget(self.job)
        self._stack = QStackedWidget()
        self._nothing = label(self._no_runs, "secondary", wrap=True)
        self._nothing.setObjectName("no_runs")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self.runs = RunsTable()
        self.runs.restore_wanted.connect(self.restore_wanted)
        self.runs.run_shown.connect(self.run_shown)
        self.runs.resume_wanted.connect(self.resume_wanted)
        self.filter.left_downwards.connect(self.runs.setFocus)
        self.runs.compare_wanted.connect(self.compare_wanted)
        self.runs.wanted.connect(self.wanted)
        self.runs.bring_back_wanted.connect(self.bring_back_wanted)
        self._log = QPlainTextEdit()
        self._log.setObjectName("log_text")
        self._log.setAccessibleName(self.tr("Log of the job"))
        self._log.setReadOnly(True)
        self._log.setFont(font(11))
        for page in (self._nothing, self.runs, self._log):
            self._stack.addWidget(page)
        left.addWidget(self._stack, 1)
        row.addLayout(left, 64)
        self.plot = ParetoPlot()
        self.plot.restore_wanted.connect(self.restore_wanted)
        self.axes.changed.connect(self.plot.set_axes)
        row.addWidget(self.plot, 36)
        return body

    # ------------------------------------------------------------------ show

    def show_state(self, state: SessionState, predicted: Predicted | None = None) -> None:
        """Show jobs and runs; with `predicted` the picture holds the present plan."""
        self._job = state.running
        self._last_state = state
        self._engine.set_text(state.engine, "secondary" if state.engine_ready else "warn")
        self.job.setVisible(self._job is not None)
        if self._job is not None:
            self.job.show_job(self._job, waiting=len(state.jobs) - 1)
            self._line_progress.set_share(share_done(self._job))
        self._predicted = predicted
        self._show_runs(state)
        self._show_words(state)
        self._fit()

    def _show_runs(self, state: SessionState) -> None:
        """The runs that the filter leaves, in list and picture."""
        self._shown = matching(state.runs, self.filter.text()) if self.filter.text().strip() else state.runs
        self.runs.show_runs(self._shown, can_bring_back=bool(state.deleted))
        self._nothing.setText(self._no_match if state.runs else self._no_runs)
        self._show_page()
        self.plot.show_runs(self._shown, state.baseline, self._predicted, bool(state.recipe.steps))

    def _filter_changed(self) -> None:
        self._show_runs(self._last_state)
        self._show_words(self._last_state)

    def _show_words(self, state: SessionState) -> None:
        job = self._job
        kept = f"{len(state.runs)} {'run' if len(state.runs) == 1 else 'runs'} kept"
        if len(self._shown) != len(state.runs):
            kept = f"{len(self._shown)} of {len(state.runs)} runs shown"
        if job is None:
            text = kept if state.runs else self.tr("nothing running")
        elif self._is_open:
            text = (
                f"{len(state.jobs)} running · {kept}"
                if len(state.jobs) == 1
                else f"1 running · {len(state.jobs) - 1} waiting · {kept}"
            )
        else:
            text = ", ".join(part for part in (job.title, job.text) if part)
            text = " · ".join(part for part in (text, progress_words(job)) if part)
        self._words.set_text(text)
        self._last_state = state
        self._dot.setVisible(job is not None)
        set_tone(self._dot, "accent")

    def _show_page(self) -> None:
        job = self._job
        if job is not None and self.job.log.isChecked():
            text = "\n".join(job.log)
            if text != self._log.toPlainText():
                self._log.setPlainText(text)
                self._log.verticalScrollBar().setValue(self._log.verticalScrollBar().maximum())
            self._stack.setCurrentWidget(self._log)
        else:
            self._stack.setCurrentWidget(self.runs if self.runs.runs.rowCount() else self._nothing)

    def _show_log(self, on: bool) -> None:
        self._show_page()

    def _stop(self) -> None:
        if self._job is not None:
            self.stop_wanted.emit(self._job.job)

    # ------------------------------------------------------------------ open and closed

    @property
    def is_open(self) -> bool:
        return self._is_open

    def set_open(self, on: bool) -> None:
        """Open the panel, or close it to one line with progress and stop."""
        self._is_open = on
        self._body.setVisible(on)
        self.setFixedHeight(OPEN_HEIGHT if on else CLOSED_HEIGHT)
        self.fold.set_icon("down" if on else "up")
        words = self.tr("Close jobs and runs (Ctrl+J)") if on else self.tr("Open jobs and runs (Ctrl+J)")
        self.fold.setToolTip(words)
        self.fold.setAccessibleName(words)
        if hasattr(self, "_last_state"):
            self._show_words(self._last_state)
        self._fit()

    def _fold(self, _checked: bool = False) -> None:
        self.set_open(not self._is_open)
        self.opened.emit(self._is_open)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        closed_job = self._job is not None and not self._is_open
        self._line_progress.setVisible(closed_job)
        self._line_stop.setVisible(closed_job)
        self._engine.setVisible(self._is_open or self._job is None)
        self.plot.setVisible(self.width() >= PLOT_FROM)
        has_tools = self._is_open and self.width() >= PLOT_FROM and hasattr(self, "_last_state")
        for tool in (self.filter, self.copy, self.save, self.axes):
            tool.setVisible(has_tools and bool(self._last_state.runs))

    def minimumSizeHint(self) -> QSize:
        return QSize(480, CLOSED_HEIGHT)
