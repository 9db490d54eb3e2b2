"""Autopilot: what may be lost, what is being tried and why, and the best of it."""

from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from secateur.data.metrics import kind_of
from secateur.engine.autopilot import AutopilotDocument
from secateur.recipe.autopilot import Goal
from secateur.session.piloting import running_pilot
from secateur.session.reasons import why_not
from secateur.session.state import JobState, SessionState
from secateur.ui.panels.trials import HEADER_HEIGHT, ROW_HEIGHT, TrialsTable
from secateur.ui.theme.style import icon, notifier, set_role
from secateur.ui.widgets.button import Button, IconButton
from secateur.ui.widgets.card import label
from secateur.ui.widgets.elided_label import ElidedLabel
from secateur.ui.widgets.number_field import NumberField
from secateur.ui.widgets.why_not import set_why_not

HEAD_HEIGHT, MARGIN = 32, 8
HEIGHT = HEAD_HEIGHT + HEADER_HEIGHT + 6 * ROW_HEIGHT + MARGIN
"""Whole rows: half a row at the foot could not be read."""
FORM_WIDTH, FIELD_WIDTH = 244, 84


class AutopilotPanel(QWidget):
    """`start_wanted`, `resume_wanted`, `stop_wanted(job)`, `goal_changed(goal)`, `close_wanted`.

    Of a trial: `take_wanted(number)`, `compare_wanted(run)`, `export_wanted(run)`.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {"baseline", "data_source", "jobs", "model", "pilot", "progress", "questions"}
    )

    start_wanted = Signal()
    resume_wanted = Signal()
    stop_wanted = Signal(int)
    goal_changed = Signal(object)
    take_wanted = Signal(int)
    compare_wanted = Signal(str)
    export_wanted = Signal(str)
    close_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("autopilot_panel")
        self.setAccessibleName(self.tr("Autopilot"))
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT)
        self._job: JobState | None = None
        self._best = ""
        self._unit = ""
        self._reasons: tuple[str, str] | None = None
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, MARGIN)
        outer.setSpacing(0)
        outer.addWidget(self._make_head())
        body = QHBoxLayout()
        body.setContentsMargins(16, 0, 16, 0)
        body.setSpacing(16)
        body.addWidget(self._make_form())
        body.addWidget(self._make_list(), 1)
        outer.addLayout(body, 1)
        notifier.theme_changed.connect(self._draw_icons)
        self.show_state(SessionState())

    # ------------------------------------------------------------------ build

    def _make_head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(HEAD_HEIGHT)
        row = QHBoxLayout(head)
        row.setContentsMargins(16, 0, 12, 0)
        row.setSpacing(8)
        self._icon = QLabel()
        self.words = ElidedLabel("", role="secondary", mode=Qt.TextElideMode.ElideRight)
        self.words.setObjectName("autopilot_words")
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.stop = Button(self.tr("Stop"), "outline", "stopped", self.tr("Stop autopilot; the best so far is kept"))
        self.stop.setObjectName("autopilot_stop")
        self.stop.clicked.connect(self._stop)
        self.export = Button(self.tr("Export best…"), "outline", "export")
        self.export.setObjectName("autopilot_export")
        self.export.clicked.connect(lambda: self.export_wanted.emit(self._best))
        close = IconButton("close", self.tr("Close this panel; autopilot goes on"))
        close.setObjectName("autopilot_close")
        close.clicked.connect(self.close_wanted)
        row.addWidget(self._icon)
        row.addWidget(label(self.tr("Autopilot"), "strong"))
        row.addWidget(self.words, 1)
        for widget in (self.stop, self.export, close):
            row.addWidget(widget)
        return head

    def _make_form(self) -> QWidget:
        form = QWidget()
        form.setFixedWidth(FORM_WIDTH)
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        self._grid = QGridLayout()
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(0, 1)
        self.drop = self._drop_field(is_share=True)
        self.size_limit = self._limit("autopilot_size", self.tr("Size at most"), self.tr("of the file, 100 %: any"))
        self.latency_limit = self._limit(
            "autopilot_latency", self.tr("Time at most"), self.tr("of the milliseconds, 100 %: any")
        )
        self._metric = self._add_row(self.tr("May lose"), self.drop)
        for limit in (self.size_limit, self.latency_limit):
            self._add_row(limit.accessibleName(), limit)
        column.addLayout(self._grid)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        self.start = Button(self.tr("Start"), "primary", "run")
        self.start.setObjectName("autopilot_start")
        self.start.clicked.connect(self.start_wanted)
        self.resume = Button(self.tr("Resume"), "outline", "run")
        self.resume.setObjectName("autopilot_resume")
        self.resume.clicked.connect(self.resume_wanted)
        buttons.addWidget(self.start)
        buttons.addWidget(self.resume)
        buttons.addStretch(1)
        column.addLayout(buttons)
        self.reason = label("", "caption", wrap=True)
        self.reason.setObjectName("autopilot_reason")
        column.addWidget(self.reason)
        column.addStretch(1)
        return form

    def _add_row(self, words: str, field: NumberField) -> QLabel:
        """The field below those that are there, with its words before it."""
        said, place = label(words, "secondary"), self._grid.count() // 2
        self._grid.addWidget(said, place, 0)
        self._grid.addWidget(field, place, 1)
        return said

    def _drop_field(self, *, is_share: bool) -> NumberField:
        """The field for what may be lost: points of a share, or the metric's own numbers."""
        if is_share:
            made = NumberField(0.0, 1.0, scale=0.01, suffix="\u00a0pt", name=self.tr("What may be lost"))
        else:
            made = NumberField(0.0, 1e9, name=self.tr("What may be lost"))
        return self._of_goal(
            made,
            "autopilot_drop",
            self.tr("How much of the metric may be lost; what loses more is never taken for the best"),
        )

    def _limit(self, name: str, title: str, unit: str) -> NumberField:
        made = NumberField(0.0, 1.0, scale=0.01, suffix="\u00a0%", open_minimum=True, name=title)
        made.set_value(1.0)
        help_text = self.tr("Percent {}. A plan that is within goes before one that gains more").format(unit)
        return self._of_goal(made, name, help_text)

    def _of_goal(self, field: NumberField, name: str, help_text: str) -> NumberField:
        """The field, which changes what is asked for."""
        field.setObjectName(name)
        field.setFixedWidth(FIELD_WIDTH)
        field.set_help(help_text)
        field.edited.connect(lambda _: self._change())
        return field

    def _make_list(self) -> QWidget:
        self.table = TrialsTable()
        self.table.take_wanted.connect(self.take_wanted)
        self.table.compare_wanted.connect(self.compare_wanted)
        self._nothing = label(
            self.tr(
                "Autopilot measures how sensitive the layers are, then tries plans one after the other: encodings, "
                "encodings with training, fewer channels. Each is a run in the list below, and the best that was "
                "proven and loses no more is kept. It can be stopped at any time, and goes on from there."
            ),
            "secondary",
            wrap=True,
        )
        self._nothing.setObjectName("autopilot_nothing")
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._nothing.setMaximumWidth(620)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._nothing)
        self._stack.addWidget(self.table)
        return self._stack

    # ------------------------------------------------------------------ show

    def show_state(self, state: SessionState) -> None:
        """Show the search that goes on or was there before, and what is asked for."""
        self._job = job = running_pilot(state)
        document = state.pilot.document
        self._show_goal(state)
        self.table.show_document(document)
        has_trials = document is not None and bool(document.trials)
        self._stack.setCurrentWidget(self.table if has_trials else self._nothing)
        self.words.set_text(_words(job, document))
        self.stop.setVisible(job is not None)
        best = document.best_trial if document is not None else None
        self._best = best.run if best is not None else ""
        self.export.setVisible(best is not None)
        self.export.setToolTip(self.tr("Write the best model to a file, in any format"))
        self._show_buttons(state, document)

    def _show_goal(self, state: SessionState) -> None:
        goal = state.pilot.goal_on(state.baseline)
        metric = state.baseline.metric if state.baseline is not None else None
        kind = kind_of(metric.name if metric is not None else "top1")
        if kind.unit != self._unit:
            fresh = self._drop_field(is_share=kind.is_share)
            self._grid.replaceWidget(self.drop, fresh)
            self.drop.deleteLater()
            self.drop, self._unit = fresh, kind.unit
        self._metric.setText(self.tr("{} may lose").format(kind.title) if metric is not None else self.tr("May lose"))
        self.drop.set_value(goal.drop)
        self.size_limit.set_value(goal.size or 1.0)
        self.latency_limit.set_value(goal.latency or 1.0)

    def _show_buttons(self, state: SessionState, document: AutopilotDocument | None) -> None:
        start, resume = why_not(state, "start_autopilot"), why_not(state, "resume_autopilot")
        set_why_not(self.start, start, self.tr("Begin a new search, in a folder of its own"))
        set_why_not(self.resume, resume, self.tr("Go on with this search: what was tried counts"))
        self.start.setText(self.tr("Start anew") if document is not None and document.trials else self.tr("Start"))
        self.resume.setVisible(document is not None)
        for button, is_primary in ((self.resume, not resume), (self.start, bool(resume))):
            set_role(button, "primary" if is_primary else "outline")
        if self._reasons != (start, resume):  # an icon has the colour of its button
            self._reasons = start, resume
            self._draw_icons()
        told = ""
        if document is not None and document.ahead is not None and (self._job is not None or not resume):
            told = self.tr("To go on: {}.").format(document.ahead.words)
        self.reason.setText(told or start or (resume if document is not None else ""))

    def _draw_icons(self) -> None:
        for button in (self.start, self.resume):
            button.set_icon("run", "" if button.isEnabled() else "disabled")
        self.stop.set_icon("stopped")
        self.export.set_icon("export")
        self._icon.setPixmap(icon("compass", "accent").pixmap(QSize(16, 16), self.devicePixelRatioF()))

    def focus_goal(self) -> None:
        """Give the keyboard to what may be lost."""
        self.drop.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.drop.selectAll()

    # ------------------------------------------------------------------ what a person does

    def _change(self) -> None:
        limits = (field.value() for field in (self.size_limit, self.latency_limit))
        size, latency = (value if value < 1.0 else None for value in limits)
        self.goal_changed.emit(Goal(self.drop.value(), size, latency))

    def _stop(self) -> None:
        if self._job is not None:
            self.stop_wanted.emit(self._job.job)


def _words(job: JobState | None, document: AutopilotDocument | None) -> str:
    """What it tries at the moment and why (how far that is tells the job), or how the search that was ended."""
    trial = document.trials[-1] if document is not None and document.trials else None
    if job is not None and document is not None and trial is not None:
        is_on = trial.state == document.state == "running"
        return f"Trial {trial.number}: {trial.title}. {trial.why}" if is_on else job.text
    if job is not None:
        return job.text or "starting"
    if document is None:
        return ""
    if document.state == "interrupted":
        return "It broke off. What was tried is kept."
    if document.state == "running":
        return "Another window is at it."
    return document.sentence
