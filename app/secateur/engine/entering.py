"""The entry of one run in the history, from its begin to its end.

A run does not fail because the history cannot be written.
"""

from dataclasses import dataclass, field, replace

from secateur.engine.events import RunRecord, RunState
from secateur.engine.reporting import Reporter
from secateur.engine.store import HistoryError, RunStore
from secateur.model.documents import RunDocument


@dataclass
class Entry:
    """Begins with the run. Where the history cannot be written, the log says so, and the end tries once more."""

    store: RunStore
    record: RunRecord
    reporter: Reporter
    _is_entered: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._begin()

    def end(self, state: RunState, *, error: str = "", document: RunDocument | None = None) -> RunRecord:
        """The record as it is now, whether the history has it or not."""
        ended = replace(self.record, state=state, error=error, document=document)
        if not self._is_entered:
            self._begin()
        try:
            return self.store.end(self.record.run, state, error=error, document=document) if self._is_entered else ended
        except HistoryError as failure:
            self._tell(failure)
            return ended

    def forget_others(self) -> None:
        """Take out the runs whose files have been written over by this one's."""
        try:
            self.store.forget_others(self.record.folder, self.record.run)
        except HistoryError as failure:
            self._tell(failure)

    def _begin(self) -> None:
        try:
            self.store.begin(self.record)
            self._is_entered = True
        except HistoryError as failure:
            self._tell(failure)

    def _tell(self, failure: HistoryError) -> None:
        self.reporter.log(f"{failure.sentence} {failure.hint}")
