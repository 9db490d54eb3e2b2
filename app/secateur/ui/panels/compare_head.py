"""The head of the Compare tab: which two models stand beside each other, and what can be done with the run."""

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from secateur.engine.events import RunRecord
from secateur.figures import size
from secateur.model.documents import RunDocument
from secateur.session.comparing import Shown, name_of, with_other
from secateur.session.state import SessionState, Side
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.chooser import Chooser
from secateur.ui.widgets.why_not import set_why_not

OPEN = "open"
"""What stands for the last entry of a chooser: any file."""


class CompareHead(QWidget):
    """`pair_wanted(left, right)` and `file_wanted(side)`, which is `left` or `right`."""

    pair_wanted = Signal(object, object)
    file_wanted = Signal(str)
    report_wanted = Signal()
    export_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare_head")
        self._pair: Shown | None = None
        self._sides: tuple[Side, ...] = ()
        self._listed: tuple[str, ...] = ()
        self.left = self._chooser("compare_left", self.tr("What stands at the left: it is compared against"), "left")
        self.right = self._chooser("compare_runs", self.tr("What stands at the right: it is compared"), "right")
        self.report = Button(self.tr("Report"), "default", "file-text", self.tr("Open the report of this run"))
        self.report.setObjectName("compare_report")
        self.report.clicked.connect(self.report_wanted)
        self.export = Button(self.tr("Export"), "default", "export")
        self.export.setObjectName("compare_export")
        self.export.setToolTip(self.tr("Write the result to a file, run that file and compare it"))
        self.export.clicked.connect(self.export_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.left, 1)
        row.addWidget(label("→", "secondary"))
        row.addWidget(self.right, 1)
        row.addStretch(0)
        row.addWidget(self.report)
        row.addWidget(self.export)

    def _chooser(self, name: str, words: str, side: str) -> QComboBox:
        chooser = Chooser()
        chooser.setObjectName(name)
        chooser.setAccessibleName(words)
        chooser.setToolTip(f"{words}: the original, a finished run, or any file")
        chooser.setMinimumWidth(120)
        chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        chooser.setMinimumContentsLength(10)
        chooser.setMaximumWidth(400)
        chooser.activated.connect(lambda index: self._chosen(side, index))
        return chooser

    # ------------------------------------------------------------------ state in

    def show_state(self, state: SessionState, pair: Shown | None) -> None:
        """List the original, the finished runs and the files that were chosen; show which two stand here."""
        self._pair = pair
        runs = [run for run in state.runs if run.document is not None]
        sides = (Side(), *(Side(run=run.run) for run in runs), *(Side(source=file) for file in state.compared_files))
        listed = tuple(side_words(state, side) for side in sides)
        if (sides, listed) != (self._sides, self._listed):
            self._sides, self._listed = sides, listed
            for chooser in (self.left, self.right):
                self._fill(chooser, listed)
        for chooser, side in ((self.left, pair.left if pair else Side()), (self.right, pair.right if pair else None)):
            chooser.setCurrentIndex(sides.index(side) if side in sides else -1)
        has_record = pair is not None and pair.record is not None
        reason = "" if has_record else self.tr("Choose the original on the left and a run on the right.")
        set_why_not(self.report, reason, self.tr("Open the report of this run"))
        set_why_not(self.export, reason)

    def _fill(self, chooser: QComboBox, listed: Sequence[str]) -> None:
        chooser.clear()
        for place, words in enumerate(listed):
            chooser.addItem(words, place)
        chooser.insertSeparator(chooser.count())
        chooser.addItem(self.tr("Open file…"), OPEN)

    def _chosen(self, side: str, index: int) -> None:
        chooser = self.left if side == "left" else self.right
        chosen = chooser.itemData(index)
        if chosen == OPEN:
            pair = self._pair
            shown = (pair.left if side == "left" else pair.right) if pair else Side()
            if pair is not None or side == "left":  # the file is not chosen yet
                chooser.setCurrentIndex(self._sides.index(shown) if shown in self._sides else -1)
            self.file_wanted.emit(side)
        elif isinstance(chosen, int):
            self.choose(side, self._sides[chosen])

    def choose(self, side: str, chosen: Side) -> None:
        """Say that `chosen` is wanted at this side."""
        left, right = with_other(self._pair, side, chosen)
        if left != right:
            self.pair_wanted.emit(left, right)


def side_words(state: SessionState, side: Side) -> str:
    """A side in a chooser: the original with its model, a run with its size and verdict, a file's name."""
    if side.is_original:
        return f"Original · {state.model.name}" if state.model else "Original"
    record = next((run for run in state.runs if run.run == side.run), None) if side.run else None
    return run_words(record) if record is not None else name_of(state, side)


def run_words(run: RunRecord) -> str:
    """A run in a chooser: its name, size and the verdict on its files."""
    document: RunDocument | None = run.document
    if document is None:
        return run.name
    formats = ", ".join(f.format.upper() for f in document.files)
    worst = max((file.verdict for file in document.files), key=["proven", "differs", "broken"].index, default="")
    tail = f" · {formats}, {worst}" if formats else ""
    return f"{run.name} · {size(document.result.bytes)}{tail}"
