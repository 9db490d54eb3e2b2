"""What every action does. Before the session is there, what a person asked for waits."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from secateur.ui.actions import ACTIONS, action, remedy
from secateur.ui.main_window import MainWindow
from secateur.ui.theme.style import apply_theme, current_theme, other_theme
from secateur.ui.toolbar import STARTING

if TYPE_CHECKING:
    from secateur.session.session import Session
    from secateur.ui.dialogs.opened import Dialogs
    from secateur.ui.display import Display
    from secateur.ui.workspace import Workspace

ASK_AFTER_S = 60.0
"""Stopping a job that has run for longer than this is asked about first."""

SELECT_FIRST = "Select a layer first."


class Commands(QObject):
    """`trigger(action)` does it, or says why it cannot be done now."""

    refused = Signal(str, str)

    def __init__(self, window: MainWindow, dialogs: "Callable[[Commands], Dialogs]") -> None:
        super().__init__(window)
        self.window = window
        self.session: Session | None = None
        self.display: Display | None = None
        self.dialogs = dialogs(self)
        self._waiting: list[Callable[[], None]] = []
        self._started: dict[int, float] = {}
        self._do = self._handlers()
        window.action_wanted.connect(self.trigger)
        window.file_dropped.connect(self.open_path)
        empty = window.empty
        empty.open_wanted.connect(lambda: self.trigger("open"))
        empty.sample_wanted.connect(lambda: self.trigger("open_sample"))
        empty.code_wanted.connect(lambda: self.trigger("open_code"))
        empty.path_dropped.connect(self.open_path)

    def _handlers(self) -> dict[str, Callable[[], None]]:
        tabs = {a.id: (lambda key=a.id.removeprefix("tab_"): self._tab(key)) for a in ACTIONS if a.id.startswith("tab_")}
        return {
            **tabs,
            "open": self.dialogs.open_file,
            "open_sample": lambda: self.need_session().open_sample(),
            "open_code": lambda: self.dialogs.open_code(""),
            "data": self.dialogs.data,
            "analyse": self._analyse,
            "record_activations": lambda: self.need_session().record_activations(),
            "budget": lambda: self._workspace().plan_bar.focus_budget(),
            "run": self._run,
            "stop": self._stop,
            "resume": lambda: self._resume(self._broken_run()),
            "export": self.dialogs.export,
            "undo": lambda: self.need_session().undo(),
            "redo": lambda: self.need_session().redo(),
            "reset_plan": lambda: self.need_session().reset_plan(),
            "int8": lambda: self.choose_bits(8),
            "int4": lambda: self.choose_bits(4),
            "float": lambda: self.need_session().clear_layers(self._selected()),
            "select_alike": lambda: self._workspace().layers.select_alike(),
            "copy_table": lambda: self._workspace().layers.copy_csv(),
            "filter": self._filter,
            "jobs": self._toggle_jobs,
            "next_panel": lambda: self._cycle(1),
            "previous_panel": lambda: self._cycle(-1),
            "copy_picture": self.dialogs.copy_picture,
            "save_picture": self.dialogs.save_picture,
            "theme": self._switch_theme,
            "find": self.dialogs.find_action,
            "help": lambda: self.dialogs.help(self.focused_panel()),
            "restart_engine": lambda: self.need_session().engine.restart(),
            "quit": lambda: self.window.close() and None,
        }

    # ------------------------------------------------------------------ doing

    def attach(self, session: "Session", display: "Display") -> None:
        """The session is there: do what waited for it."""
        self.session, self.display = session, display
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def when_ready(self, call: Callable[[], None]) -> None:
        """Do it now, or as soon as the session is there."""
        if self.session is None:
            self._waiting.append(call)
        else:
            call()

    def trigger(self, name: str) -> None:
        """Do the action, or show why it cannot be done; `resume:RUN` is a remedy with its run."""
        base, _, argument = name.partition(":")
        if argument:
            self.when_ready(lambda: self._resume(argument))
            return
        entry = remedy(base)
        if entry.id in {"theme", "quit", "open", "help", "find", "next_panel", "previous_panel"}:
            self._do[entry.id]()
            return
        self.when_ready(lambda: self._trigger_now(entry.id))

    def _trigger_now(self, name: str) -> None:
        reason = self.why_not(action(name).why_not)
        if not reason:
            self._do[name]()
        elif name != "stop":  # Esc with nothing to stop is no mistake worth a sentence
            self.refused.emit(name, reason)

    def why_not(self, asked: str) -> str:
        """Why this cannot be done now; empty where it can. `asked` is an action's `why_not`."""
        if not asked:
            return ""
        if self.session is None or self.display is None:
            return STARTING
        if asked == "selection":
            return "" if self.display.selected else SELECT_FIRST
        if asked == "resume":
            return "" if self._broken_run() else "No run of this model broke off."
        return self.session.why_not(asked)

    def need_session(self) -> "Session":
        if self.session is None:
            raise RuntimeError("asked for the session before it was there")
        return self.session

    def _workspace(self) -> "Workspace":
        if self.window.workspace is None:
            raise RuntimeError("asked for the workspace before it was there")
        return self.window.workspace

    def _selected(self) -> tuple[str, ...]:
        return self.display.selected if self.display else ()

    # ------------------------------------------------------------------ opening

    def open_path(self, path: str) -> None:
        """A file or folder that was dropped or chosen: a model, data for it, a recipe, or Python code."""
        from secateur.ui.dialogs.kinds import kind_of_path

        match kind_of_path(path):
            case "code" | "weights":
                self.dialogs.open_code(path)
            case "data":
                self.when_ready(lambda: self.dialogs.data(path))
            case "recipe":
                self.when_ready(lambda: self._open_recipe(path))
            case _:
                self.open_model(path, "")

    def open_model(self, path: str, factory: str) -> None:
        def open_it() -> None:
            from secateur.model.description import ModelSource

            self.need_session().open_model(ModelSource(path, factory))

        self.when_ready(open_it)

    def open_data(self, path: str) -> None:
        def open_it() -> None:
            from secateur.engine.requests import DataSource

            session = self.need_session()
            if session.state.model is None:  # a model is on its way: its data is opened with it
                session.update(data_source=DataSource(path))
            else:
                session.open_data(DataSource(path))

        self.when_ready(open_it)

    def _open_recipe(self, path: str) -> None:
        from secateur.errors import UserError
        from secateur.recipe.recipe import load_recipe

        try:
            self.need_session().load_recipe(load_recipe(Path(path)))
        except UserError as error:
            self.refused.emit(error.sentence, error.hint)

    # ------------------------------------------------------------------ plan, jobs, runs

    def choose_bits(self, bits: int) -> None:
        """Plan this bit width for the selection; widths without an option are not offered."""
        from secateur.ui.wiring import OPTION_OF_BITS

        if bits in OPTION_OF_BITS:
            self.need_session().choose_option(self._selected(), OPTION_OF_BITS[bits])

    def _analyse(self) -> None:
        self._tab("sensitivity")
        self.need_session().score("measure")

    def _run(self) -> None:
        session, workspace = self.need_session(), self._workspace()
        workspace.jobs.set_open(not workspace.is_narrow)
        if session.state.model_step("distil") is not None:
            self._tab("distil")
        session.run_plan()

    def _stop(self) -> None:
        running = self.need_session().state.running
        if running is not None:
            self.stop_job(running.job)

    def stop_job(self, job: int) -> None:
        """Stop a job; asks first where more than a minute of work would be lost."""
        started = self._started.get(job)
        if started is not None and time.monotonic() - started > ASK_AFTER_S:
            answer = QMessageBox.question(
                self.window,
                "Stop the job?",
                "This job has been running for more than a minute. A run can be resumed from its last checkpoint; "
                "other work starts again from the beginning.",
            )
            if answer != QMessageBox.StandardButton.Yes:
                return
        self.need_session().stop(job)

    def watch_jobs(self, jobs: list[int]) -> None:
        """Remember since when each job runs."""
        now = time.monotonic()
        self._started = {job: self._started.get(job, now) for job in jobs}

    def show_run(self, run: str) -> None:
        self.need_session().show_run(run)
        self._tab("compare")

    def _broken_run(self) -> str:
        runs = self.session.state.runs if self.session else ()
        return next((r.run for r in runs if r.state in {"interrupted", "stopped", "failed"}), "")

    def _resume(self, run: str) -> None:
        self.need_session().resume(run)

    def open_report(self, run: str) -> None:
        """Show the run's HTML report in the browser."""
        record = next((r for r in self.need_session().state.runs if r.run == run), None)
        report = Path(record.folder) / "report.html" if record else None
        if report is None or not report.exists():
            self.refused.emit("The report of this run is not there any more.", "Run the plan again to make one.")
            return
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(report)))

    # ------------------------------------------------------------------ moving about

    def select_layer(self, name: str) -> None:
        self._workspace().layers.select([name])

    def _tab(self, key: str) -> None:
        self._workspace().detail.show_tab(key)

    def _filter(self) -> None:
        box = self._workspace().layers.filter_box
        box.setFocus()
        box.selectAll()

    def _toggle_jobs(self) -> None:
        jobs = self._workspace().jobs
        jobs.set_open(not jobs.is_open)

    def panels(self) -> list[QWidget]:
        """Toolbar first, then what is shown below it."""
        below = list(self.window.workspace.panels) if self.window.workspace else []
        shown = self.window.stack.currentWidget() is self.window.workspace
        return [self.window.toolbar, *(below if shown else [self.window.empty])]

    def focused_panel(self) -> QWidget:
        """The panel that has the keyboard; the detail area where none has."""
        focus = QApplication.focusWidget()
        for panel in self.panels():
            if focus is not None and (panel is focus or panel.isAncestorOf(focus)):
                return panel
        return self.panels()[-1] if len(self.panels()) < 3 else self.panels()[2]

    def _cycle(self, step: int) -> None:
        panels = self.panels()
        start = panels.index(self.focused_panel())
        for distance in range(1, len(panels) + 1):
            target = first_focusable(panels[(start + step * distance) % len(panels)])
            if target is not None:
                target.setFocus()
                return

    def _switch_theme(self) -> None:
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, other_theme())
            self.window.preferences = replace(self.window.preferences, theme=current_theme().name)


def first_focusable(panel: QWidget) -> QWidget | None:
    """The first widget inside that takes the keyboard by Tab; the table before the box above it."""
    from PySide6.QtCore import Qt

    candidates = [w for w in panel.findChildren(QWidget) if w.isVisible() and w.isEnabled()]
    able = [w for w in candidates if w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    tables = [w for w in able if w.objectName() == "layer_table"]
    return next(iter([*tables, *able]), None)
