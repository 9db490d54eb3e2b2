"""What every action does, once session and panels are there."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QMessageBox

from secateur.engine.requests import Autopilot, Configure, DataSource, ScoreSensitivity
from secateur.model.description import ModelSource
from secateur.recipe.options import OPTIONS
from secateur.session import reasons
from secateur.session.keeping import BETWEEN
from secateur.session.notices import REFUSAL
from secateur.session.state import Side
from secateur.ui.actions import PRESETS, TABS, WEIGHT_VIEWS, remedy
from secateur.ui.dialogs.kinds import kind_of_path, whole_of
from secateur.ui.dialogs.opened import Dialogs
from secateur.ui.main_window import MainWindow
from secateur.ui.moving import Moving
from secateur.ui.recipes import Recipes

if TYPE_CHECKING:
    from secateur.session.session import Session
    from secateur.session.state import SessionState
    from secateur.ui.workspace import Workspace

ASK_AFTER_S = 60.0
"""Stopping a job that has run for longer than this is asked about first."""

SELECT_FIRST = "Select a layer first."


class Commands(QObject):
    """`trigger(action)` does it, or says why it cannot be done now."""

    refused = Signal(str, str)

    def __init__(self, window: MainWindow, workspace: "Workspace", session: "Session") -> None:
        super().__init__(window)
        self.window, self.workspace, self.session = window, workspace, session
        self.moving = Moving(window, workspace)
        self.dialogs = Dialogs(window, self)
        self.recipes = Recipes(session, self.dialogs, self)
        self.recipes.refused.connect(self.refused)
        self._started: dict[int, float] = {}
        self._to_resume = ""
        self._do = self._handlers()

    def _handlers(self) -> dict[str, Callable[[], None]]:
        tabs: dict[str, Callable[[], None]] = {f"tab_{key}": partial(self.moving.show_tab, key) for key, _ in TABS}
        views = {f"weights_{key}": partial(self.moving.show_weights, key) for key in WEIGHT_VIEWS}
        presets = {f"preset_{key}": partial(self.recipes.use_preset, key) for key in PRESETS}
        return {
            **tabs,
            **views,
            **presets,
            "open": self.dialogs.open_file,
            "open_folder": self.dialogs.open_folder,
            "install": self._copy_install,
            "open_sample": self._in_session(lambda session: session.open_sample()),
            "open_code": self._open_code,
            "data": self.dialogs.data,
            "use_data": self._in_session(lambda session: session.remembering.use_proposed()),
            "analyse": self._analyse,
            "record_activations": self._in_session(lambda session: session.record_activations()),
            "budget": self._in_workspace(lambda workspace: workspace.plan_bar.focus_budget()),
            "autopilot": self._autopilot,
            "resume_autopilot": self._resume_autopilot,
            "run": self._run,
            "stop": self._stop,
            "resume": self._resume_last,
            "export": self.dialogs.export,
            "open_recipe": self.recipes.choose,
            "save_recipe": self.recipes.save,
            "show_command": self.recipes.show_command,
            "bring_back": self._in_session(lambda session: session.history.bring_back()),
            "undo": self._in_session(lambda session: session.undo()),
            "redo": self._in_session(lambda session: session.redo()),
            "reset_plan": self._in_session(lambda session: session.reset_plan()),
            **{f"int{bits}": partial(self.choose_bits, bits) for bits in (8, 7, 6, 5, 4, 3, 2)},
            "float": self._in_session(lambda session: session.clear_layers(self._selected())),
            "select_alike": self._in_workspace(lambda workspace: workspace.layers.select_alike()),
            "pin": self._in_workspace(lambda workspace: workspace.layers.toggle_pins()),
            "keep": self._in_session(lambda session: session.keeping.toggle(self._selected())),
            "free": self._in_session(lambda session: session.keeping.free(session.state.kept)),
            "front": self._in_workspace(lambda workspace: workspace.front_panel().toggle()),
            "check": self._in_session(lambda session: session.checking.check()),
            "nearest": self._in_session(lambda session: session.budget.take_nearest()),
            "copy_names": self._in_workspace(lambda workspace: workspace.layers.copy_names()),
            "copy_table": self._in_workspace(lambda workspace: workspace.layers.copy_csv()),
            "filter": self.moving.filter_layers,
            "jobs": self.moving.toggle_jobs,
            "next_panel": partial(self.moving.cycle, 1),
            "previous_panel": partial(self.moving.cycle, -1),
            "copy_picture": self.dialogs.copy_picture,
            "save_picture": self.dialogs.save_picture,
            "theme": self.moving.switch_theme,
            "find": self.dialogs.find_action,
            "help": self._help,
            "target": self._show_target_menu,
            "engine": self._show_engine_menu,
            "restart_engine": self._in_session(lambda session: session.engine.restart()),
            "quit": self._quit,
        }

    def _in_session(self, call: "Callable[[Session], None]") -> Callable[[], None]:
        return lambda: call(self.session)

    def _in_workspace(self, call: "Callable[[Workspace], None]") -> Callable[[], None]:
        return lambda: call(self.workspace)

    def _help(self) -> None:
        panel = self.moving.focused_panel()
        detail = self.workspace.detail
        self.dialogs.help(detail.current_tab() if panel is detail else panel)

    def _quit(self) -> None:
        self.window.close()

    # ------------------------------------------------------------------ doing

    @property
    def handled(self) -> frozenset[str]:
        """Ids of the actions that can be triggered."""
        return frozenset(self._do)

    def trigger(self, name: str) -> None:
        """Do the action, or tell why it cannot be done.

        `resume:RUN` and `bring_back:RUN` are remedies of one run, `free:LAYERS` is one of some layers.
        """
        base, _, argument = name.partition(":")
        entry = remedy(base)
        if argument:
            of_one: dict[str, Callable[[str], None]] = {
                "bring_back": self.session.history.bring_back,
                "free": lambda layers: self.session.keeping.free(layers.split(BETWEEN)),
            }
            of_one.get(base, self._resume)(argument)
            return
        reason = self.why_not(entry.why_not)
        if not reason:
            self.session.answered(REFUSAL)
            self._do[entry.id]()
        elif entry.id != "stop":  # Esc with nothing to stop is no mistake worth a sentence
            self.refused.emit(entry.id, reason)

    def why_not(self, asked: str) -> str:
        """Why this cannot be done now; empty where it can. `asked` is an action's `why_not`."""
        if asked == "selection":
            return "" if self._selected() else SELECT_FIRST
        if asked == "resume":
            return "" if self._broken_run() else "No run of this model broke off."
        return self.session.why_not(asked) if asked else ""

    def _selected(self) -> tuple[str, ...]:
        return self.workspace.layers.selected()

    # ------------------------------------------------------------------ opening

    def open_path(self, path: str) -> None:
        """A file or folder that was dropped or chosen: a model, data for it, a recipe, or Python code.

        A file of a Hugging Face folder stands for the folder: alone it would be weights without their network.
        """
        path = whole_of(path)
        match kind_of_path(path):
            case "code":
                self.dialogs.open_code(path)
            case "data":
                self._open_dropped_data(path)
            case "recipe":
                self.recipes.open(path)
            case _:
                self.open_model(path, "")

    def open_model(self, path: str, factory: str) -> None:
        self.session.open_model(ModelSource(path, factory))

    def _open_code(self) -> None:
        """From Python code; weights that are open without their network are what its function is for."""
        model = self.session.state.model
        self.dialogs.open_code("" if model is None or model.runnable or model.blocked else model.source.path)

    def _copy_install(self) -> None:
        """Put the command that installs what the open model lacks on the clipboard."""
        QGuiApplication.clipboard().setText(reasons.install_for(self.session.state))
        self.refused.emit("The command is copied.", "Run it in a terminal, then open the model again.")

    def open_data(self, path: str) -> None:
        """Open data for the open model; where one is on its way, its data is opened with it."""
        if self.session.state.model is None:
            self.session.update(data_source=DataSource(path))
        else:
            self.session.open_data(DataSource(path))

    def _open_dropped_data(self, path: str) -> None:
        reason = self.why_not("data")
        if reason:
            self.refused.emit("data", reason)
        else:
            self.dialogs.data(path)

    # ------------------------------------------------------------------ plan, jobs, runs

    def choose_bits(self, bits: int) -> None:
        """Plan this bit width for the selection, computed in integers where data tells their ranges.

        Widths without an option are not offered.
        """
        wide = [option for option in OPTIONS if option.method.stored_bits == bits]
        has_data = self.session.state.data is not None
        fitting = [option for option in wide if has_data or not option.method.wants_data]
        if wide:
            self.session.choose_option(self._selected(), (fitting or wide)[0].id)

    def _analyse(self) -> None:
        self.moving.show_tab("sensitivity")
        self.session.analyse()

    def _run(self) -> None:
        session, workspace = self.session, self.workspace
        workspace.jobs.set_open(not workspace.is_narrow)
        if session.state.model_step("distil") is not None:
            self.moving.show_tab("distil")
        session.run_plan()

    def _autopilot(self) -> None:
        """Open autopilot's panel with the keyboard in it; close it where it is open."""
        is_open = not self.session.state.pilot.is_open
        self.session.piloting.show(is_open=is_open)
        self.workspace.show_autopilot(is_open=is_open)
        if is_open:
            self.workspace.autopilot.focus_goal()

    def _resume_autopilot(self) -> None:
        self.session.piloting.show(is_open=True)
        self.session.piloting.resume()

    def _show_engine_menu(self) -> None:
        from secateur.ui.engine_menu import engine_menu

        button = self.workspace.jobs.engine_menu
        place = button if button.isVisible() else self.window.toolbar.more  # with nothing open there are no jobs to see
        menu = engine_menu(self.session.state, self._configure, place)
        menu.popup(place.mapToGlobal(place.rect().bottomLeft()))

    def _show_target_menu(self) -> None:
        from secateur.ui.target_menu import target_menu

        button = self.workspace.plan_bar.target
        place = button if button.isVisible() else self.window.toolbar.more  # in a narrow window the bar has no room
        menu = target_menu(self.session.state, self.session.timing.choose, place)
        menu.popup(place.mapToGlobal(place.rect().topLeft()))

    def _configure(self, settings: Configure) -> None:
        preferences = replace(self.window.preferences, device=settings.device, threads=settings.threads)
        self.window.preferences = preferences
        self.session.configure(settings)

    def _stop(self) -> None:
        running = self.session.state.running
        if running is not None:
            self.stop_job(running.job)

    def stop_job(self, job: int) -> None:
        """Stop a job; asks first where more than a minute of work would be lost."""
        started = self._started.get(job)
        running = next((entry.request for entry in self.session.state.jobs if entry.job == job), None)
        kept = isinstance(running, (ScoreSensitivity, Autopilot))  # nothing is lost, so nothing is asked
        if not kept and started is not None and time.monotonic() - started > ASK_AFTER_S:
            answer = QMessageBox.question(
                self.window,
                "Stop the job?",
                "This job has been running for more than a minute. A run can be resumed from its last checkpoint; "
                "other work starts again from the beginning.",
            )
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.session.stop(job)

    def watch(self, state: "SessionState") -> None:
        """Remember since when each job runs; resume what waited for the list of runs."""
        now = time.monotonic()
        self._started = {job.job: self._started.get(job.job, now) for job in state.jobs}
        wanted = self._to_resume
        if wanted and any(record.run == wanted for record in state.runs):
            self._to_resume = ""
            self.session.history.resume(wanted)

    def show_run(self, run: str) -> None:
        self.session.comparing.show_run(run)
        self.moving.show_tab("compare")

    def export_run(self, run: str) -> None:
        """Write a run's result to a file."""
        self.session.comparing.show_run(run)
        self.trigger("export")

    def compare_runs(self, one: str, other: str) -> None:
        """Two runs side by side, down to the layer."""
        self.session.comparing.choose(Side(run=one), Side(run=other))
        self.moving.show_tab("compare")

    def _broken_run(self) -> str:
        runs = self.session.state.runs
        return next((r.run for r in runs if r.state in {"interrupted", "stopped", "failed"}), "")

    def _resume_last(self) -> None:
        self._resume(self._broken_run())

    def _resume(self, run: str) -> None:
        """Go on with a run; after the engine's death that waits until the new one has listed the runs."""
        self._to_resume = run
        self.watch(self.session.state)

    def open_report(self, run: str) -> None:
        """Show the run's HTML report in the browser."""
        record = next((r for r in self.session.state.runs if r.run == run), None)
        report = Path(record.folder) / "report.html" if record else None
        if report is None or not report.exists():
            self.refused.emit("The report of this run is not there any more.", "Run the plan again to make one.")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(report)))
