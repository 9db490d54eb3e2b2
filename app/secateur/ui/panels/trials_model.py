"""The rows of autopilot's trials: ready strings for each, and what a click on a cell asks for."""

from typing import Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QWidget

from secateur import figures
from secateur.engine.autopilot import OWN_SPLITS, AutopilotDocument, TrialDocument
from secateur.ui.theme.style import color, font, icon

Index = QModelIndex | QPersistentModelIndex

COLUMNS: Final = ("number", "verdict", "plan", "why", "size", "speed", "lost", "test", "compare", "take")
HEADS: Final = {
    "number": "",
    "verdict": "",
    "plan": "Plan",
    "why": "Why",
    "size": "Smaller",
    "speed": "Faster",
    "lost": "{Choose}",
    "test": "{Judge}",
    "compare": "",
    "take": "",
}
_HEAD_TIPS: Final = {
    "size": "How many times smaller the file is than the original",
    "speed": "How many times faster it runs than the original, timed in turns",
    "lost": "What the metric changes on the samples by which autopilot chooses: {choose}",
    "test": "What the metric changes on the samples that judge the choice: {judge}",
}
LEFT: Final = frozenset({"number", "plan", "why", "verdict"})
LINKS: Final = {"compare": "Compare", "take": "Take plan"}


class TrialsModel(QAbstractTableModel):
    """Ready strings for each trial of a search; the newest last, as they were tried."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document: AutopilotDocument | None = None

    def set_document(self, document: AutopilotDocument | None) -> None:
        if document is not self._document:
            self.beginResetModel()
            self._document = document
            self.endResetModel()

    def trial(self, row: int) -> TrialDocument:
        assert self._document is not None  # noqa: S101 - a row is of a document
        return self._document.trials[row]

    def action(self, row: int, column: int) -> str:
        """What a click on this cell asks for: `compare`, `take`, or nothing."""
        name = COLUMNS[column]
        if name == "compare":
            return name if self.trial(row).state == "finished" else ""
        return name if name in LINKS else ""

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() or self._document is None else len(self._document.trials)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        name = COLUMNS[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._sampled(HEADS[name])
            case Qt.ItemDataRole.ToolTipRole:
                return self._sampled(_HEAD_TIPS.get(name, "")) or None
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(name)
        return None

    def _sampled(self, text: str) -> str:
        """A text of the head with the samples of this search in it."""
        splits = self._document.splits if self._document is not None else OWN_SPLITS
        choose, judge = splits.choose, splits.judge
        return text.format(choose=choose, judge=judge, Choose=choose.capitalize(), Judge=judge.capitalize())

    def data(self, index: Index, role: int = 0) -> Any:
        if self._document is None:
            return None
        trial, name = self._document.trials[index.row()], COLUMNS[index.column()]
        is_best = trial.number == self._document.best
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(self._document, index.row(), name)
            case Qt.ItemDataRole.DecorationRole if name == "verdict":
                return icon(*_icon(trial, is_best=is_best, is_on=self._document.state == "running"))
            case Qt.ItemDataRole.ToolTipRole:
                return self._tooltip(self._document, trial, name)
            case Qt.ItemDataRole.TextAlignmentRole:
                return _side(name)
            case Qt.ItemDataRole.ForegroundRole:
                return color("accent" if name in LINKS else "secondary" if name in ("number", "why") else "text")
            case Qt.ItemDataRole.FontRole:
                return font(12, 600 if is_best and name not in ("number", "why") else 500 if name in LINKS else 400)
        return None

    def _text(self, document: AutopilotDocument, row: int, name: str) -> str:
        trial = document.trials[row]
        match name:
            case "number":
                return str(trial.number)
            case "plan":
                return trial.title
            case "why":
                above = document.trials[row - 1].why if row else ""
                return trial.why if trial.why != above else ""  # as in the row above
            case "size":
                return figures.ratio(1.0, trial.size) if trial.size else figures.UNKNOWN
            case "speed":
                return figures.ratio(1.0, trial.latency) if trial.latency else figures.UNKNOWN
            case "lost":
                return document.change_words(trial.drop)
            case "test":
                return document.change_words(trial.test_drop)
            case "verdict":
                return document.verdict_on(trial)
            case "compare" if trial.state != "finished":
                return ""
        return LINKS[name]

    @staticmethod
    def _tooltip(document: AutopilotDocument, trial: TrialDocument, name: str) -> str:
        match name:
            case "compare":
                return "Show this trial beside the original"
            case "take":
                return "Make this trial's plan the present one; can be undone (Ctrl+Z)"
            case "lost" if trial.interval is not None:
                low, high = (document.change_words(end) for end in trial.interval)
                return f"95 % of what was seen: {low} … {high}"
            case "verdict" if trial.error:
                return trial.error
        took = f" It took {figures.duration(trial.seconds)}." if trial.seconds else ""
        return f"{trial.title}. {trial.why}{took}"


def _icon(trial: TrialDocument, *, is_best: bool, is_on: bool) -> tuple[str, str]:
    if trial.state == "running":
        return ("job", "accent") if is_on else ("stopped", "secondary")
    if is_best:
        return "star", "positive"
    return ("done", "positive") if trial.keeps else ("failed", "secondary")


def _side(name: str) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if name in LEFT else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
