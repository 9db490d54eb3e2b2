"""Choose data: source, preprocessing, a preview of what the network is fed, and the baseline check."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.engine.events import Event, Failed
from secateur.engine.requests import OpenData
from secateur.errors import UserError
from secateur.session.fit import kept_preprocessing
from secateur.ui.dialogs.data_form import DataForm
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.dialogs.preview_grid import PreviewGrid
from secateur.ui.dialogs.preview_ports import PortsPreview
from secateur.ui.dialogs.preview_reading import RowsPreview, TextPreview
from secateur.ui.widgets.card import Card, label, set_tone
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.session.state import SessionState


class DataDialog(DialogFrame):
    """`data_wanted(DataSource)` when a person wants to use it; the dialog then shows what came of it."""

    data_wanted = Signal(object)

    def __init__(self, path: str, folder: str, state: "SessionState", parent: QWidget) -> None:
        text = "What the model is measured on. The preview shows what the network is really fed."
        super().__init__("data_dialog", "Data", text, parent)
        self._job = 0
        self._shown: object = None
        self._state = state
        self.form = DataForm(folder, state.model)
        self.previews, self.texts, self.rows, self.ports = PreviewGrid(), TextPreview(), RowsPreview(), PortsPreview()
        for widget in (self.texts, self.rows, self.ports):
            widget.hide()
        self.summary = label("", "strong", wrap=True)
        self.summary.setObjectName("data_summary")
        self.baseline = label("", "secondary", wrap=True)
        self.baseline.setObjectName("data_baseline")
        self.problem = label("", wrap=True)
        self.problem.setObjectName("data_problem")
        self.notes = label("", "secondary", wrap=True)
        self.notes.setObjectName("data_notes")
        self.notes.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._notes_title = label("How it is read", "strong")
        self._notes_area = QScrollArea()
        self._notes_area.setFrameShape(QScrollArea.Shape.NoFrame)
        self._notes_area.setWidgetResizable(True)
        self._notes_area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._notes_area.setWidget(self.notes)
        self._show_notes(())
        self._fed = Card("As the network is fed", "calibration samples")
        self.progress = ProgressLine()
        self._assemble()
        self.add_button("data_close", "Close").clicked.connect(self.close)
        self.use = self.add_button(
            "data_use", "Use this data", "primary", "Open the data, show a preview and check the baseline"
        )
        self.use.clicked.connect(self._want)
        self.form.changed.connect(self._check)
        self.form.path_chosen.connect(self._keep_what_fits)
        source = state.data_source
        self.form.set_path(path or (source.path if source else ""))
        self.show_state(state)
        self._keep_what_fits()
        self._check()

    def _assemble(self) -> None:
        right = self._fed
        for widget in (self.previews, self.texts, self.rows, self.ports):
            right.body.addWidget(widget)
        right.body.addWidget(self.progress)
        right.body.addWidget(self.summary)
        right.body.addWidget(self.baseline)
        right.body.addWidget(self.problem)
        right.body.addStretch(1)
        left = QVBoxLayout()
        left.addWidget(self.form)
        left.addWidget(self._notes_title)
        left.addWidget(self._notes_area, 1)
        row = QHBoxLayout()
        row.setSpacing(16)
        row.addLayout(left)
        row.addWidget(right, 1)
        self.form.setFixedWidth(360)
        self.body.addLayout(row, 1)
        self.resize(840, 580)

    # ------------------------------------------------------------------ wishes

    def _check(self) -> None:
        """Say at once what is wrong with the form."""
        problem = ""
        try:
            self.form.wanted()
        except UserError as error:
            problem = str(error)
        if not self.form.path:
            problem = "Choose a file or folder first."
        set_why_not(self.use, problem, "Open the data, show a preview and check the baseline")

    def _keep_what_fits(self) -> None:
        """Of the preprocessing in use, another data set gets what fits it; the one in use gets all."""
        state = self._state
        if state.data is None:
            return
        source = state.data_source
        if source is not None and self.form.path == source.path:
            self.form.keep(state.data.preprocessing, ())
        else:
            self.form.reading.forget()
            self.form.keep(*kept_preprocessing(state.data.preprocessing, state.model, self.form.path))

    def _want(self) -> None:
        self.problem.setText("")
        if self._state.loading:
            self.summary.setText(f"Opened as soon as {Path(self._state.loading).name} is open.")
        self.data_wanted.emit(self.form.wanted())

    # ------------------------------------------------------------------ what came of it

    def show_state(self, state: "SessionState") -> None:
        """Preview, summary and baseline of the data in use; progress while it is being opened."""
        before, self._state = self._state.model, state
        if state.model is not before:
            self.form.show_for(state.model)
        opening = next((job for job in state.jobs if isinstance(job.request, OpenData)), None)
        self.progress.setVisible(opening is not None)
        if opening is not None:
            self._job = opening.job
            self.progress.set_share(opening.done / opening.total if opening.total else None)
            self.summary.setText(opening.text or "Opening the data…")
        shown = (state.data, state.baseline, opening is None)
        if opening is not None or shown == self._shown:
            return
        self._shown = shown
        self._show_previews(state)
        data = state.data
        if data is None:
            self.summary.setText("No data yet.")
            return
        numbers = [(data.train, "training"), (data.validation, "validation"), (data.test, "test")]
        parts = " · ".join(f"{figures.thousands(count)} {name}" for count, name in numbers)
        self.summary.setText(f"{data.name}: {parts}")
        self.form.show_preprocessing(data.preprocessing)
        asked = state.data_source.said if state.data_source else {}
        chosen = {key: asked.get(key, "") for key in ("task", "metric")}
        self.form.reading.show_said({**data.said, **chosen}, data.task)
        self._show_baseline(state)

    def _show_previews(self, state: "SessionState") -> None:
        """Pictures, texts with their pieces, rows, or what each of several ports is fed: what the samples are."""
        ways = (self.texts, self.rows, self.ports, self.previews)
        for way in ways:
            way.show_previews(state.previews)
        chosen = next((way for way in ways if way.count), self.previews)
        shown = figures.counted(chosen.count, "calibration sample") if chosen.count else "calibration samples"
        self._fed.set_title("As the network is fed", shown)
        for widget in ways:
            widget.setVisible(False)  # all before one is shown: two at once would make the dialog taller
        chosen.setVisible(True)

    def _show_baseline(self, state: "SessionState") -> None:
        data, baseline = state.data, state.baseline
        metric = baseline.metric if baseline else None
        if metric is not None:
            kind = kind_of(metric.name)
            low, high = (kind.write(bound) for bound in metric.ci95)
            self.baseline.setText(f"Untouched model: {kind.title} {kind.write(metric.value)} ({low} to {high})")
        else:
            self.baseline.setText("No baseline: this data has no labels.")
        self.problem.setText(data.warning if data else "")
        set_tone(self.problem, "warn")
        self._show_notes(data.notes if data else ())

    def _show_notes(self, notes: tuple[str, ...]) -> None:
        """What was assumed, left out or read differently, below the form that can change it."""
        self.notes.setText("\n".join(notes))
        self._notes_title.setVisible(bool(notes))
        self._notes_area.setVisible(bool(notes))

    def receive(self, event: Event) -> None:
        """A failure of opening is said here as well, beside the form that can mend it."""
        if isinstance(event, Failed) and event.job == self._job:
            self.summary.setText("The data could not be opened.")
            self.baseline.setText("")
            self._show_notes(())
            self.problem.setText(f"{event.sentence} {event.hint}".strip())
            set_tone(self.problem, "negative")
