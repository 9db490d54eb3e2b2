"""Opens the dialogs, one of each kind at a time, keeps them up to date, and remembers the last folder."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, QPoint, Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QWidget

from secateur.ui.dialogs.kinds import model_filter
from secateur.ui.main_window import MainWindow

if TYPE_CHECKING:
    from secateur.engine.events import Event
    from secateur.formats.base import WriteOptions
    from secateur.recipe.recipe import Recipe
    from secateur.session.command import Command
    from secateur.session.misfits import Misfit
    from secateur.session.state import SessionState, TrustQuestion
    from secateur.ui.commands import Commands
    from secateur.ui.plots.saving import Saving

D = TypeVar("D", bound=QDialog)


class Dialogs(QObject):
    """One method for each dialog; the heavy ones are imported when they are opened."""

    def __init__(self, window: MainWindow, commands: "Commands") -> None:
        super().__init__(window)
        self._window, self._commands = window, commands
        self._asked: TrustQuestion | None = None

    # ------------------------------------------------------------------ keeping them

    def _show(self, name: str, make: Callable[[], D]) -> D:
        """The open dialog of this name brought to the front, or a new one."""
        found = self._window.findChild(QDialog, name)
        if found is not None:
            found.close()
        made = make()
        made.show()
        made.activateWindow()  # its keys, not the window's behind it
        return made

    def _live(self) -> list[QWidget]:
        return [
            dialog
            for dialog in self._window.findChildren(QDialog, options=Qt.FindChildOption.FindDirectChildrenOnly)
            if hasattr(dialog, "show_state")
        ]

    def show_state(self, state: "SessionState") -> None:
        if state.trust is not self._asked:
            self._asked = state.trust
            if state.trust is not None:
                self._ask_trust(state.trust)
        for dialog in self._live():
            dialog.show_state(state)  # type: ignore[attr-defined]

    def receive(self, event: "Event") -> None:
        for dialog in self._live():
            dialog.receive(event)  # type: ignore[attr-defined]

    @property
    def window(self) -> MainWindow:
        """What the dialogs stand before."""
        return self._window

    @property
    def folder(self) -> str:
        return self._window.preferences.folder

    def remember_folder(self, path: str) -> None:
        self._window.preferences = replace(self._window.preferences, folder=str(Path(path).parent))

    # ------------------------------------------------------------------ one method for each

    def open_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self._window, "Open a model", self.folder, model_filter())
        if path:
            self.remember_folder(path)
            self._commands.open_path(path)

    def compare_file(self, side: str) -> None:
        """Choose the file that stands at the `left` or `right` of a comparison."""
        from secateur.model.description import ModelSource
        from secateur.session.comparing import shown, with_other
        from secateur.session.state import Side

        path, _ = QFileDialog.getOpenFileName(self._window, "Compare with a model", self.folder, model_filter())
        if not path:
            return
        self.remember_folder(path)
        session = self._commands.session
        session.comparing.choose(*with_other(shown(session.state), side, Side(source=ModelSource(path))))

    def open_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self._window, "Open a folder with a model", self.folder)
        if path:
            self.remember_folder(path)
            self._commands.open_model(path, "")

    def open_code(self, path: str) -> None:
        from secateur.ui.dialogs.open_code import OpenCodeDialog

        made = self._show("open_code", lambda: OpenCodeDialog(path, self.folder, self._window))
        made.accepted_model.connect(self._commands.open_model)

    def _ask_trust(self, question: "TrustQuestion") -> None:
        from secateur.ui.dialogs.trust import TrustDialog

        made = self._show("trust_dialog", lambda: TrustDialog(question, self._window))
        made.answered.connect(lambda trusted: self._commands.session.answer_trust(trusted=trusted))

    def may_close(self) -> bool:
        """Whether nothing would be lost; else a person is asked, and closes the window with the answer."""
        from secateur.session.reasons import lost_on_closing
        from secateur.ui.dialogs.closing import ClosingDialog

        state = self._commands.session.state
        if not lost_on_closing(state):
            return True
        made = self._show("closing_dialog", lambda: ClosingDialog(state, self._window))
        made.close_wanted.connect(self._window.end)
        return False

    def data(self, path: str = "") -> None:
        from secateur.ui.dialogs.data import DataDialog

        session = self._commands.session
        made = self._show("data_dialog", lambda: DataDialog(path, self.folder, session.state, self._window))
        made.data_wanted.connect(session.open_data)

    def export(self) -> None:
        from secateur.engine.requests import Export
        from secateur.ui.dialogs.export import ExportDialog

        session = self._commands.session
        made = self._show("export_dialog", lambda: ExportDialog(self.folder, session.state, self._window))

        def export(format_id: str, path: str, run: str, options: "WriteOptions", replace: bool, accept: bool) -> None:
            self.remember_folder(path)
            model = session.state.model
            if model is not None:
                data = session.state.data_source
                session.export(Export(model.source, data, format_id, Path(path), run, options, replace, accept))

        made.export_wanted.connect(export)
        made.formats_wanted.connect(session.ask_formats)
        made.ask()

    def recipe_report(self, name: str, recipe: "Recipe", left_out: "Sequence[Misfit]") -> None:
        from secateur.ui.dialogs.recipe_report import RecipeReportDialog

        self._show("recipe_report", lambda: RecipeReportDialog(name, recipe, left_out, self._window))

    def command(self, command: "Command") -> None:
        from secateur.ui.dialogs.command import CommandDialog

        self._show("command_dialog", lambda: CommandDialog(command, self._window))

    def find_action(self) -> None:
        from secateur.ui.dialogs.find_action import FindActionDialog

        made = self._show("find_action", lambda: FindActionDialog(self._commands.why_not, self._window))
        left = (self._window.width() - made.width()) // 2
        made.move(self._window.mapToGlobal(QPoint(left, 56)))
        made.chosen.connect(self._commands.trigger)

    def help(self, panel: QWidget) -> None:
        from secateur.ui.dialogs.help import HelpDialog

        self._show("help", lambda: HelpDialog(panel, self._window))

    def report_bug(self, sentence: str, details: str) -> None:
        from secateur.ui.dialogs.report_bug import ReportBugDialog

        self._show("report_bug", lambda: ReportBugDialog(sentence, details, self._window))

    # ------------------------------------------------------------------ pictures

    def copy_picture(self) -> None:
        from secateur.ui.plots.pictures import copy_picture

        copy_picture(self._commands.workspace.detail.picture())

    def save_picture(self) -> None:
        """Save the shown picture as PNG or SVG, where a person chooses."""
        from secateur.ui.plots.saving import Saving

        self._save(Saving(self._commands.workspace.detail.picture()))

    def hear_plots(self) -> None:
        """From now on, files that a plot's menu asks for are saved here."""
        from secateur.ui.plots.saving import saver

        saver.wanted.connect(self._save)

    def _save(self, saving: "Saving") -> None:
        """Save a plot's picture or its data, where a person chooses."""
        from secateur.errors import UserError
        from secateur.session.reasons import guard_of

        if saving.widget.window() is not self._window:
            return
        title, suffix, kinds = ("Save picture", "png", "Pictures (*.png *.svg)")
        if saving.table is not None:
            title, suffix, kinds = ("Save data", "csv", "Tables (*.csv)")
        stem = saving.widget.objectName() or self._commands.workspace.detail.current
        start = str(Path(self.folder or Path.home()) / f"{stem}.{suffix}")
        path, _ = QFileDialog.getSaveFileName(self._window, title, start, kinds)
        if not path:
            return
        self.remember_folder(path)
        try:
            replace(guard_of(self._commands.session.state), replace=True).check(Path(path))  # the file dialog has asked
            saving.write(path)
        except UserError as error:
            self._commands.refused.emit(error.sentence, error.hint)
