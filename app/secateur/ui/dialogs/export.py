"""Export: write a file, open it again, run it, compare it. Only then does the word "exported" appear."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from secateur import figures
from secateur.analysis.documents import ExportedFile
from secateur.engine.events import Event, Exported, Failed, Finished, Stopped
from secateur.engine.requests import Export
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.naming import named
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.chip import Chip
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.segmented import Segmented

if TYPE_CHECKING:
    from secateur.formats.base import Format
    from secateur.session.state import SessionState

ORIGINAL = ""


def writable_formats() -> "list[Format]":
    """Formats whose files can be run here, and so be proven."""
    from secateur.formats import FORMATS

    return [candidate for candidate in FORMATS if candidate.runtime]


class ExportDialog(DialogFrame):
    """`export_wanted(format, path, run)`; then the progress of `job`, then the proof."""

    export_wanted = Signal(str, str, str)

    def __init__(self, folder: str, state: "SessionState", parent: QWidget) -> None:
        text = "The file is written beside its target, opened again, run and compared before it takes its name."
        super().__init__("export_dialog", "Export", text, parent)
        self._formats = {candidate.id: candidate for candidate in writable_formats()}
        self._folder, self._path, self.job = folder, "", 0
        self._model_name = Path(state.model.name).stem if state.model else "model"
        self.what = named(QComboBox(), "export_what")
        self.what.setAccessibleName("What to export")
        self.format = Segmented(tuple((f.id, f.title) for f in self._formats.values()), "Format")
        self.format.setObjectName("export_format")
        self.path_field = named(QLineEdit(), "export_path")
        self.path_field.setAccessibleName("File")
        self.progress = ProgressLine()
        self.verdict = Chip("neutral", "")
        self.verdict.setObjectName("export_verdict")
        self.said = label("", "secondary", wrap=True)
        self.said.setObjectName("export_said")
        self._assemble()
        self._fill_runs(state)
        self.add_button("export_close", "Close").clicked.connect(self.close)
        self.go = self.add_button("export_go", "Export", "primary", "Write the file and prove it")
        self.go.clicked.connect(self._want)
        self.format.chosen.connect(self._suggest)
        self.what.currentIndexChanged.connect(lambda _index: self._suggest(self.format.value()))
        self.path_field.textChanged.connect(lambda _text: self._check())
        self.format.set_value(next(iter(self._formats)))
        self._suggest(self.format.value())
        for answer in (self.progress, self.verdict, self.said):
            answer.hide()

    def _assemble(self) -> None:
        browse = Button("Browse…", tooltip="Choose where the file goes")
        browse.setObjectName("export_browse")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._browse)
        for title, widget, extra in (
            ("Model", self.what, None),
            ("Format", self.format, None),
            ("File", self.path_field, browse),
        ):
            row = QHBoxLayout()
            row.setSpacing(8)
            caption = label(title, "secondary")
            caption.setFixedWidth(72)
            row.addWidget(caption)
            row.addWidget(widget, 1)
            if extra is not None:
                row.addWidget(extra)
            self.body.addLayout(row)
        self.body.addWidget(self.progress)
        self.body.addWidget(self.verdict)
        self.body.addWidget(self.said)

    def _fill_runs(self, state: "SessionState") -> None:
        """The shown run first, then the other finished ones, then the original."""
        finished = [run for run in state.runs if run.document is not None]
        shown = state.run.run if state.run else ""
        for run in sorted(finished, key=lambda record: record.run != shown):
            size = figures.size(run.document.result.bytes) if run.document else ""
            self.what.addItem(f"{run.name or run.run}, {size}", run.run)
        self.what.addItem("The original, untouched", ORIGINAL)

    # ------------------------------------------------------------------ wishes

    def _suggest(self, format_id: str) -> None:
        suffix = self._formats[format_id].suffixes[0]
        stem = self._model_name if self.what.currentData() == ORIGINAL else f"{self._model_name}_small"
        self.path_field.setText(str(Path(self._folder or Path.home()) / f"{stem}{suffix}"))

    def _check(self) -> None:
        path = Path(self.path_field.text().strip())
        problem = "" if self.path_field.text().strip() else "Choose where the file goes."
        if path.is_dir():
            problem = f"{path} is a folder: add a file's name."
        self.go.setEnabled(not problem)
        self.go.setToolTip(problem or "Write the file and prove it")

    def _browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export", self.path_field.text())
        if path:
            self._folder = str(Path(path).parent)
            self.path_field.setText(path)

    def _want(self) -> None:
        self._path = self.path_field.text().strip()
        self.verdict.hide()
        self.said.setText("Writing, then opening it again and running it…")
        self.said.show()
        self.progress.show()
        self.progress.set_share(None)
        self.go.setEnabled(False)
        self.export_wanted.emit(self.format.value(), self._path, str(self.what.currentData()))

    # ------------------------------------------------------------------ what came of it

    def show_state(self, state: "SessionState") -> None:
        job = next((job for job in state.jobs if isinstance(job.request, Export)), None)
        if job is not None and str(job.request.path) == str(Path(self._path)):  # type: ignore[union-attr]
            self.job = job.job
            self.progress.set_share(job.done / job.total if job.total else None)
            self.said.setText(job.text or self.said.text())

    def receive(self, event: Event) -> None:
        """The proof, or why there is none."""
        match event:
            case Finished(result=Exported(file)) if Path(file.path) == Path(self._path):
                self._show_file(file)
            case Failed() if event.job == self.job:
                self._end("negative", "not exported", f"{event.sentence} {event.hint}".strip())
            case Stopped() if event.job == self.job:
                self._end("warn", "stopped", "Nothing was written.")

    def _show_file(self, file: ExportedFile) -> None:
        deviation = f"largest deviation {figures.number(file.max_deviation)}" if file.max_deviation is not None else ""
        agreement = f"same answer on {figures.share(file.agreement)}" if file.agreement is not None else ""
        speed = (
            f"{figures.milliseconds(file.latency_ms.median)} in {file.latency_ms.runtime}" if file.latency_ms else ""
        )
        proof = " · ".join(part for part in (figures.size(file.bytes), agreement, deviation, speed) if part)
        if file.verified:
            self._end("positive", "exported", f"{file.path}\n{proof}")
        else:
            self._end("negative", "not verified", f"{file.sentence}\n{proof}")

    def _end(self, kind: str, word: str, sentence: str) -> None:
        self.progress.hide()
        self.verdict.set_content(kind, word)
        self.verdict.show()
        self.said.setText(sentence)
        set_tone(self.said, "negative" if kind == "negative" else "")
        self.job = 0
        self._check()
