"""The recently opened models: kept in the preferences, shown by the empty panel."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from secateur.session.preferences import RecentModel
from secateur.ui.main_window import MainWindow

if TYPE_CHECKING:
    from secateur.session.state import SessionState
    from secateur.ui.commands import Commands


class Recents(QObject):
    """Notes every model that was opened, and opens one again."""

    def __init__(self, window: MainWindow, commands: "Commands") -> None:
        super().__init__(window)
        self._window, self._commands = window, commands
        window.empty.recent_wanted.connect(self.open)
        window.empty.clear_recent_wanted.connect(self.clear)
        self.show()

    def show(self) -> None:
        self._window.empty.show_recent(list(self._window.preferences.recent))

    def note(self, state: "SessionState") -> None:
        """Put the open model first in the list, with what is known of it now."""
        model = state.model
        if model is None:
            return
        finished = [run.document.result.bytes for run in state.runs if run.document is not None]
        runs = f"{len(finished)} run{'s' if len(finished) != 1 else ''}, best {_size(min(finished))}" if finished else "inspected only"
        path = model.source.path
        where = path if not path or path.startswith("sample:") else str(Path(path).expanduser().absolute())
        noted = RecentModel(where, model.source.factory, model.name, model.format, model.source_bytes, time.time(), runs)
        first = next(iter(self._window.preferences.recent), None)
        if first is None or replace(first, opened=0.0) != replace(noted, opened=0.0):
            self._window.preferences = self._window.preferences.with_recent(noted)
            self.show()

    def open(self, label: str) -> None:
        """Open the recent model whose path (or factory, where it has no path) is `label`."""
        for recent in self._window.preferences.recent:
            if label in (recent.path, recent.factory):
                self._commands.open_model(recent.path, recent.factory)
                return
        self._commands.open_path(label)

    def clear(self) -> None:
        self._window.preferences = replace(self._window.preferences, recent=())
        self.show()


def _size(size_bytes: int) -> str:
    from secateur import figures

    return figures.size(size_bytes)
