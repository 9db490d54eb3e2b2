"""The recently opened models: kept in the preferences, shown by the empty panel."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from secateur import figures
from secateur.session.preferences import RecentModel
from secateur.ui.main_window import MainWindow
from secateur.ui.panels.empty import Recent

if TYPE_CHECKING:
    from secateur.session.state import SessionState


class Recents(QObject):
    """Notes every model that was opened."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.empty.clear_recent_wanted.connect(self.clear)
        self.show()

    def show(self) -> None:
        self._window.empty.show_recent([shown(model) for model in self._window.preferences.recent])

    def note(self, state: "SessionState") -> None:
        """Put the open model first in the list, with what is known of it now."""
        model = state.model
        if model is None:
            return
        finished = [run.document.result.bytes for run in state.runs if run.document is not None]
        runs = (
            f"{len(finished)} run{'s' if len(finished) != 1 else ''}, best {figures.size(min(finished))}"
            if finished
            else "inspected only"
        )
        path = model.source.path
        where = path if not path or path.startswith("sample:") else str(Path(path).expanduser().absolute())
        noted = RecentModel(
            where, model.source.factory, model.name, model.format, model.source_bytes, time.time(), runs
        )
        first = next(iter(self._window.preferences.recent), None)
        if first is None or replace(first, opened=0.0) != replace(noted, opened=0.0):
            self._window.preferences = self._window.preferences.with_recent(noted)
            self.show()

    def find(self, key: str) -> RecentModel:
        """The recent model that `key` names (see `key_of`); a key that is not in the list is a path."""
        return next((r for r in self._window.preferences.recent if key_of(r) == key), RecentModel(key))

    def clear(self) -> None:
        self._window.preferences = replace(self._window.preferences, recent=())
        self.show()


def key_of(model: RecentModel) -> str:
    """What stands for a recent model in the list: its path, with the factory where there is one."""
    return f"{model.path}|{model.factory}" if model.factory else model.path


def shown(model: RecentModel) -> Recent:
    """A recent model as the empty panel shows it."""
    place = Path(model.path)
    is_file = bool(model.path) and not model.path.startswith("sample:")
    return Recent(
        path=model.path,
        format=model.format,
        size_bytes=model.size_bytes or None,
        note=model.note,
        when=day(model.opened),
        missing=is_file and not place.exists(),
        name=model.name,
        key=key_of(model),
    )


def day(seconds: float) -> str:
    """`today`, `yesterday`, or the date as `18 Nov`."""
    then, today = datetime.fromtimestamp(seconds).astimezone().date(), datetime.now().astimezone().date()
    age = (today - then).days
    if age < 2:
        return "yesterday" if age == 1 else "today"
    return f"{then.day} {then:%b}" if then.year == today.year else f"{then.day} {then:%b %Y}"
