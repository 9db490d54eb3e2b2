"""What a person does with plans and runs as files: recipes in and out, the command for a script, the run's folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog

from secateur.engine.events import RunRecord
from secateur.errors import UserError
from secateur.recipe.reading import load_recipe, parse_recipe
from secateur.recipe.recipe import Recipe
from secateur.session.run_table import csv_of_runs

if TYPE_CHECKING:
    from secateur.engine.requests import DataSource
    from secateur.model.description import ModelSource
    from secateur.session.session import Session
    from secateur.ui.dialogs.opened import Dialogs

TABLES = "Tables (*.csv);;All files (*)"
RECIPES = "Recipes (*.yaml *.yml);;All files (*)"


class Recipes(QObject):
    """`refused(what, why)` where something cannot be done."""

    refused = Signal(str, str)

    def __init__(self, session: "Session", dialogs: "Dialogs", parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._dialogs = session, dialogs

    # ------------------------------------------------------------------ the plan

    def choose(self) -> None:
        """Ask for a recipe file, and take it over as the plan."""
        path, _ = QFileDialog.getOpenFileName(self._dialogs.window, "Load a recipe", self._dialogs.folder, RECIPES)
        if path:
            self._dialogs.remember_folder(path)
            self.open(path)

    def open(self, path: str) -> None:
        """Take over a recipe file as the plan (undoable); what of it does not fit is told layer by layer."""
        from secateur.session.misfits import misfits

        model = self._session.state.model
        if model is None:
            self.refused.emit("Open a model first.", "A recipe is a plan for the layers of a model.")
            return
        try:
            recipe = load_recipe(Path(path))
        except UserError as error:
            self.refused.emit(error.sentence, error.hint)
            return
        left_out = misfits(recipe, model.weighted_layers)
        self._session.load_recipe(recipe, told=not left_out)
        if left_out:
            self._dialogs.recipe_report(Path(path).name, recipe, left_out)

    def use_preset(self, name: str) -> None:
        """Make a bundled recipe the plan (undoable), if it is one for the open model."""
        from secateur.recipe.presets import preset

        model, wanted = self._session.state.model, preset(name)
        if model is None:
            return
        if reason := wanted.why_not_for(model):
            self.refused.emit(f"{wanted.title} is not for {model.name}.", reason)
        else:
            self._session.load_recipe(wanted.recipe())

    def save(self) -> None:
        """Write the plan as a recipe file, where a person chooses."""
        start = str(Path(self._dialogs.folder or Path.home()) / "recipe.yaml")
        path, _ = QFileDialog.getSaveFileName(self._dialogs.window, "Save plan as recipe", start, RECIPES)
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(path).with_suffix(".yaml")
        self._dialogs.remember_folder(path)
        self._write(target, self._session.state.recipe.to_yaml())

    def show_command(self) -> None:
        """Show the command that would carry out the present plan."""
        state = self._session.state
        if state.model is not None:
            self._show(state.model.source, state.data_source, state.recipe)

    # ------------------------------------------------------------------ runs

    def want(self, wish: str, run: str, text: str) -> None:
        """Do what the table of runs asks for: one of `panels.runs.MORE`."""
        history = self._session.history
        match wish:
            case "rename":
                history.rename(run, text)
            case "tag":
                history.tag(run, text)
            case "notes":
                history.annotate(run, text)
            case "delete":
                history.delete(run)
            case "folder":
                self._show_folder(run)
            case "copy_recipe":
                self._copy_recipe(run)
            case "show_command":
                self._show_command_of(run)

    def copy_table(self, runs: Sequence[RunRecord]) -> None:
        """Put these runs on the clipboard as CSV."""
        QGuiApplication.clipboard().setText(csv_of_runs(runs))

    def save_table(self, runs: Sequence[RunRecord]) -> None:
        """Write these runs as a CSV file, where a person chooses."""
        start = str(Path(self._dialogs.folder or Path.home()) / "runs.csv")
        path, _ = QFileDialog.getSaveFileName(self._dialogs.window, "Save the runs as CSV", start, TABLES)
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(path).with_suffix(".csv")
        self._dialogs.remember_folder(path)
        self._write(target, csv_of_runs(runs))

    def _write(self, target: Path, text: str) -> None:
        from secateur.files import write_text
        from secateur.session.reasons import guard_of

        try:
            replace(guard_of(self._session.state), replace=True).check(target)  # the file dialog has asked
            write_text(target, text)
        except (UserError, OSError) as error:
            sentence = error.sentence if isinstance(error, UserError) else f"{target} cannot be written: {error}."
            self.refused.emit(sentence, getattr(error, "hint", "Choose another folder."))

    def _show_folder(self, run: str) -> None:
        record = self._session.history.find(run)
        if record is None:
            return
        if Path(record.folder).is_dir():
            QDesktopServices.openUrl(QUrl.fromLocalFile(record.folder))
        else:
            self.refused.emit(f"The folder {record.folder} is not there any more.", "Run its plan again to make one.")

    def _copy_recipe(self, run: str) -> None:
        record = self._session.history.find(run)
        if record is not None:
            QGuiApplication.clipboard().setText(record.recipe_yaml)

    def _show_command_of(self, run: str) -> None:
        import yaml

        record, model = self._session.history.find(run), self._session.state.model
        if record is None or model is None:
            return
        source, data = record.model_source or model.source, record.data_source or self._session.state.data_source
        try:
            recipe = parse_recipe(yaml.safe_load(record.recipe_yaml))
        except UserError as error:  # of a version that knew other methods
            self.refused.emit(error.sentence, error.hint)
            return
        self._show(source, data, recipe, record.exports)

    def _show(
        self, model: "ModelSource", data: "DataSource | None", recipe: Recipe, exports: tuple[str, ...] = ()
    ) -> None:
        from secateur.engine.places import home
        from secateur.session.command import compress_command
        from secateur.session.session import EXPORTS

        wanted = tuple(name for name in exports or EXPORTS if name != "onnx")  # which the command writes anyway
        settings = self._session.state.settings
        self._dialogs.command(compress_command(model, data, recipe, wanted, home() / "recipes", settings))
