"""Export: write a file, open it again, run it, compare it. Only then does the word "exported" appear."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLineEdit, QWidget

from secateur import figures
from secateur.engine.events import Event, Exported, Failed, Finished, FormatAnswer, FormatsAnswered, Started, Stopped
from secateur.engine.requests import Export
from secateur.files import free_name
from secateur.model.documents import ExportedFile
from secateur.session.effects import file_stem
from secateur.session.reasons import guard_of
from secateur.ui.dialogs.frame import DialogFrame
from secateur.ui.naming import named
from secateur.ui.panels.plan_form import FieldsForm
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label, set_tone
from secateur.ui.widgets.chip import Chip
from secateur.ui.widgets.progress_line import ProgressLine
from secateur.ui.widgets.question import Question
from secateur.ui.widgets.why_not import set_why_not

if TYPE_CHECKING:
    from secateur.formats.base import Format
    from secateur.session.state import SessionState

ORIGINAL = ""
CAPTION_WIDTH = 96


def written_formats() -> "list[Format]":
    """Formats that are written, ONNX first: what is not installed is shown with what installs it."""
    from secateur.formats import FORMATS

    written = [candidate for candidate in FORMATS if candidate.writes]
    return sorted(written, key=lambda candidate: candidate.id != "onnx")


WRITING = "A file is being written: wait until it is proven."
ANSWER_FIRST = "Answer the question above first."


class ExportDialog(DialogFrame):
    """`formats_wanted(run)` whenever another model is chosen; `export_wanted(format, path, run, options,
    replace, accept)`; then the progress of `job`, then the proof. A file that is there already is asked about first.
    One that runs but differs from the simulation lies aside until a person wants it.
    """

    export_wanted = Signal(str, str, str, object, bool, bool)
    formats_wanted = Signal(str)

    def __init__(self, folder: str, state: "SessionState", parent: QWidget) -> None:
        text = "The file is written beside its target, opened again, run and compared before it takes its name."
        super().__init__("export_dialog", "Export", text, parent)
        self._formats = {candidate.id: candidate for candidate in written_formats()}
        self._missing = {name: candidate.missing() or "" for name, candidate in self._formats.items()}
        self._answers: dict[str, FormatAnswer] = {}
        self._folder, self._path, self.job = folder, "", 0
        self._model, self._guard = state.model, guard_of(state)
        self._runs = {run.run: run for run in state.runs}
        self._make_fields()
        self._assemble()
        self._fill_formats()
        self._fill_runs(state)
        self.add_button("export_close", "Close").clicked.connect(self.close)
        self.go = self.add_button("export_go", "Export", "primary", "Write the file and prove it")
        self.go.clicked.connect(self._want)
        self.format.currentIndexChanged.connect(lambda _index: self._suggest())
        self.what.currentIndexChanged.connect(lambda _index: self._choose_model())
        self.path_field.textChanged.connect(lambda _text: self._take_back())
        self._suggest()
        for answer in (self.progress, self.verdict, self.said):
            answer.hide()

    def ask(self) -> None:
        """Say what is chosen, so that the formats answer for it."""
        self.formats_wanted.emit(str(self.what.currentData()))

    def _make_fields(self) -> None:
        self.what = named(QComboBox(), "export_what", "What to export")
        self.format = named(QComboBox(), "export_format", "Format")
        self.path_field = named(QLineEdit(), "export_path", "File")
        self.forms = {name: self._form(candidate) for name, candidate in self._formats.items()}
        self.reason = label("", "secondary", wrap=True)
        self.reason.setObjectName("export_reason")
        self.reason.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)  # it may hold a command
        self.progress = ProgressLine()
        self.verdict = Chip("neutral", "")
        self.verdict.setObjectName("export_verdict")
        self.said = label("", "secondary", wrap=True)
        self.said.setObjectName("export_said")
        self.question = Question("export_question", "Replace", "Cancel")
        self.question.answered.connect(self._answer)
        self.differing = Question("export_differing", "Export all the same", "Leave it aside")
        self.differing.answered.connect(self._accept_differing)

    def _form(self, candidate: "Format") -> FieldsForm:
        form = FieldsForm(candidate.options, label_width=CAPTION_WIDTH)
        form.setObjectName(f"export_options_{candidate.id}")
        form.show_values(candidate.options())
        return form

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
            caption.setFixedWidth(CAPTION_WIDTH)
            row.addWidget(caption)
            row.addWidget(widget, 1)
            if extra is not None:
                row.addWidget(extra)
            self.body.addLayout(row)
        for below in (
            *self.forms.values(), self.reason, self.question, self.progress, self.verdict, self.said, self.differing
        ):  # fmt: skip
            self.body.addWidget(below)

    def _fill_formats(self) -> None:
        """Every format, with what is not installed marked as such."""
        for name, candidate in self._formats.items():
            mark = " (not installed)" if self._missing[name] else ""
            self.format.addItem(f"{candidate.title}{mark}", name)
            help_text = " ".join((candidate.__doc__ or "").split())
            self.format.setItemData(self.format.count() - 1, help_text, Qt.ItemDataRole.ToolTipRole)

    def _fill_runs(self, state: "SessionState") -> None:
        """The shown run first, then the other finished ones, then the original."""
        finished = [run for run in state.runs if run.document is not None]
        shown = state.run.run if state.run else ""
        for run in sorted(finished, key=lambda record: record.run != shown):
            size = figures.size(run.document.result.bytes) if run.document else ""
            self.what.addItem(f"{run.name or run.run}, {size}", run.run)
        self.what.addItem("The original, untouched", ORIGINAL)

    # ------------------------------------------------------------------ wishes

    @property
    def _format_id(self) -> str:
        return str(self.format.currentData())

    def _choose_model(self) -> None:
        """Another model: what was answered for the one before does not count any more."""
        self._answers = {}
        self._suggest()
        self.ask()

    def _suggest(self) -> None:
        """A file name for the chosen format that is not taken yet, and that format's options."""
        suffix = self._formats[self._format_id].suffixes[0]
        stem = file_stem(self._model, self._runs.get(str(self.what.currentData()))) if self._model else "model"
        for name, form in self.forms.items():
            form.setVisible(name == self._format_id and form.has_fields)
        self.path_field.setText(str(free_name(Path(self._folder or Path.home()) / f"{stem}{suffix}")))
        self._check()

    def _check(self) -> None:
        """Whether the file can be written: what is in the way is said, and what the file would leave out."""
        text, answer = self.path_field.text().strip(), self._answers.get(self._format_id)
        refusal = self._missing[self._format_id] or (answer.refusal if answer else "")
        kept = self._guard.refusal(Path(text)) if text else ""
        refusal = refusal or (f"{kept} Choose another name." if kept else "")
        problem = refusal or ("" if text else "Choose where the file goes.")
        if not problem and Path(text).is_dir() and Path(text).suffix not in self._formats[self._format_id].suffixes:
            problem = f"{text} is a folder: add a file's name."
        said = refusal or (answer.loss if answer else "")
        self.reason.setText(said)
        self.reason.setVisible(bool(said))
        set_tone(self.reason, "negative" if refusal else "")
        problem = problem or (WRITING if self.job else ANSWER_FIRST if self.question.is_open else "")
        set_why_not(self.go, problem, "Write the file and prove it")

    def _browse(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export", self.path_field.text())
        if path:
            self._folder = str(Path(path).parent)
            self.path_field.setText(path)

    def _want(self) -> None:
        """Export, or ask first where a file of that name is there."""
        self._path = self.path_field.text().strip()
        if os.path.lexists(self._path):
            self._ask(f"{Path(self._path).name} exists already. Replace it?")
        else:
            self._go(replace=False)

    def _ask(self, sentence: str) -> None:
        set_why_not(self.go, ANSWER_FIRST)
        set_why_not(self.path_field, ANSWER_FIRST)
        self.verdict.hide()
        self.said.hide()
        self.question.ask(sentence)

    def _answer(self, yes: bool) -> None:
        set_why_not(self.path_field, "")
        if yes:
            self._go(replace=True)
            return
        self._check()
        self.path_field.setFocus()
        self.path_field.selectAll()

    def _take_back(self) -> None:
        """Another name: a question about the one before is answered."""
        self.question.hide()
        self.differing.hide()
        set_why_not(self.path_field, "")
        self._check()

    def reject(self) -> None:
        """Esc takes back the question before it closes the dialog."""
        asking = next((question for question in (self.question, self.differing) if question.is_open), None)
        if asking is not None:
            asking.no.click()
        else:
            super().reject()

    def _accept_differing(self, yes: bool) -> None:
        if yes:
            self._go(replace=os.path.lexists(self._path), accept=True)

    def _go(self, *, replace: bool, accept: bool = False) -> None:
        self.verdict.hide()
        self.differing.hide()
        self.said.setText("Writing, then opening it again and running it…")
        self.said.show()
        self.progress.show()
        self.progress.set_share(None)
        set_why_not(self.go, WRITING)
        options = self.forms[self._format_id].values
        self.export_wanted.emit(self._format_id, self._path, str(self.what.currentData()), options, replace, accept)

    # ------------------------------------------------------------------ what came of it

    def show_state(self, state: "SessionState") -> None:
        self._guard = guard_of(state)
        job = next((job for job in state.jobs if isinstance(job.request, Export)), None)
        if job is not None and str(job.request.path) == str(Path(self._path)):  # type: ignore[union-attr]
            self.job = job.job
            self.progress.set_share(job.done / job.total if job.total else None)
            self.said.setText(job.text or self.said.text())

    def receive(self, event: Event) -> None:
        """The proof, or why there is none."""
        match event:
            case Started(request=Export(path=path)) if path == Path(self._path):
                self.job = event.job
            case Finished(result=FormatsAnswered(run, answers)) if run == str(self.what.currentData()):
                self._answers = {answer.format: answer for answer in answers}
                self._check()
            case Finished(result=Exported(file)) if event.job == self.job:
                self._show_file(file)
            case Failed(existing=existing) if existing and event.job == self.job:
                self.job = 0
                self.progress.hide()
                self._ask(f"{event.sentence} Replace {'it' if len(existing) == 1 else 'them'}?")
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
            told = proof if file.proof == "outputs" else f"{proof}\n{file.sentence}"
            self._end("positive", "exported", f"{file.path}\n{told}")
        elif file.verdict == "differs":
            self._end("warn", "differs", f"{file.sentence}\n{proof}")
            if file.path != str(Path(self._path)):
                self.differing.ask(f"It lies aside as {Path(file.path).name}. Give it its name all the same?")
        else:
            self._end("negative", "broken", f"{file.sentence}\n{proof}")

    def _end(self, kind: str, word: str, sentence: str) -> None:
        self.progress.hide()
        self.verdict.set_content(kind, word)
        self.verdict.show()
        self.said.setText(sentence)
        set_tone(self.said, "negative" if kind == "negative" else "")
        self.job = 0
        self._check()
