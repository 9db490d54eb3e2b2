"""Makes the pictures of README: every panel, light and dark, large and small, from the real window on the sample.

    python packaging/screenshots.py [--folder docs/pictures]

It opens the bundled sample, measures it, plans, runs, distils once, and photographs each tab and each way to look at
a layer; then a network of fifty layers. Works without a display. The pictures show what the engine really computed on
the machine that made them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SIZES = ((1440, 900), (1024, 700))
TABS = ("weights", "activations", "sensitivity", "graph", "distil", "compare")
WEIGHT_VIEWS = ("kernels", "matrix", "channels")
MANY_LAYERS = Path(__file__).parent / "pictured_network.py"
PATIENCE_S = 900.0
LOSING = 0.07
"""The share of the file in which some classes are lost: what they lost is photographed."""
TRIED = 4
"""Plans that autopilot has tried when it is photographed."""


def main() -> int:
    """Take all pictures; 0 when every one was written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "docs" / "pictures")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="secateur-pictures-") as home:
        os.environ["SECATEUR_HOME"] = home
        return Photographer(folder).work()


class Photographer:
    """Drives the window as a person would, and waits for the engine between the steps."""

    def __init__(self, folder: Path) -> None:
        from PySide6.QtWidgets import QApplication

        from secateur.ui.app import build_window
        from secateur.ui.assembly import Assembly

        self.application = QApplication([])
        self.folder = folder
        self.window = build_window()
        self.window.resize(*SIZES[0])
        self.window.show()
        self.assembly = self.window.findChild(Assembly)

    @property
    def state(self):
        return self.assembly.session.state

    def wait(self, what: str, condition: Callable[[], object]) -> None:
        """Keep the window alive until the condition holds."""
        print(f"waiting for {what}", flush=True)
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError(f"{what} did not come within {PATIENCE_S:.0f} s")
            self.rest(0.05)

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.application.processEvents()
            time.sleep(0.005)

    def idle(self) -> bool:
        return not self.state.jobs and not self.state.loading

    def work(self) -> int:
        self.wait("the window", lambda: self.assembly.startup.is_done)
        self.photograph_everywhere("empty", None)
        self.prepare()
        for tab in TABS:
            self.photograph_everywhere(tab, tab)
        self.look_closer()
        self.let_autopilot_try()
        self.window.resize(*SIZES[0])
        self.photograph_dialogs()
        self.open_many_layers()
        self.window.end()
        return 0

    def prepare(self) -> None:
        """Open, measure, plan, run: what the pictures then show."""
        from secateur.methods.distil.distillation import Distillation
        from secateur.methods.prune.magnitude import MagnitudePruning

        commands, session = self.assembly.commands, self.assembly.session
        commands.trigger("open_sample")
        self.wait("the sample", lambda: self.state.data is not None and "free" in self.state.tables and self.idle())
        session.score("measure")
        self.wait("the sensitivity", lambda: "measure" in self.state.tables and self.idle())
        commands.trigger("record_activations")
        self.wait("the activations", lambda: self.state.activations is not None and self.idle())
        session.read_graph()
        self.wait("the graph", lambda: self.state.graph is not None)
        for share in (0.6, 0.35, LOSING):
            self.run_budget(share)
        self.choose_by_budget()
        session.budget.set({"bytes": round(0.25 * self.state.model.source_bytes)})
        self.rest(2.0)
        rows = self.state.rows
        layer = max(rows[: len(rows) // 2], key=lambda row: row.size_bytes).name
        session.set_method([layer], "weight_pruning", MagnitudePruning(ratio=0.5))
        session.set_model_method("distil", Distillation(epochs=3, augment=False))
        self.run("distillation")
        self.window.workspace.layers.select([layer])
        self.forget_notices()

    def forget_notices(self) -> None:
        for notice in self.state.notices:
            self.assembly.session.dismiss(notice)

    def scroll_compare(self, *, to_end: bool) -> None:
        """Scroll Compare to its end, where the table of classes is, or to its begin."""
        from PySide6.QtWidgets import QScrollArea

        bar = self.window.workspace.detail.tab("compare").findChild(QScrollArea).verticalScrollBar()
        bar.setValue(bar.maximum() if to_end else 0)

    def choose_by_budget(self) -> None:
        """What was lost by class, the best plans of all sizes, and a plan that is checked."""
        commands, session = self.assembly.commands, self.assembly.session
        detail = self.window.workspace.detail
        self.wait("milliseconds in the target", lambda: self.state.timed is not None and self.idle())
        self.forget_notices()
        detail.show_tab("compare")
        self.photograph_everywhere("lost_by_class", "compare", SIZES[:1], lambda: self.scroll_compare(to_end=True))
        self.scroll_compare(to_end=False)
        self.window.workspace.layers.select([self.state.rows[len(self.state.rows) // 2].name])
        self.set_budget(0.12)
        commands.trigger("front")
        self.wait("the best plans", lambda: bool(session.explaining.places()) and bool(session.explaining.buys()))
        self.photograph_everywhere("best_plans", "sensitivity", SIZES[:1])
        commands.trigger("front")
        commands.trigger("check")
        self.wait("the check to begin", lambda: self.state.jobs)
        self.wait("the check", lambda: self.state.measured_plan is not None and self.idle())
        self.photograph_everywhere("check_plan", "sensitivity", SIZES[:1])

    def look_closer(self) -> None:
        """The other ways to look at a layer's weights, and one sample on its way through the network."""
        self.window.resize(*SIZES[0])
        detail = self.window.workspace.detail
        detail.show_tab("weights")
        for view in WEIGHT_VIEWS:
            self.choose("weights", view)
            self.rest(0.5)  # a view rests before it asks for the part that is seen
            self.wait(f"the view of {view}", lambda: not any(look.is_waiting for look in self.state.looks.values()))
            self.photograph_everywhere(f"weights_{view}", "weights", SIZES[:1])
        self.choose("weights", "distribution")
        detail.show_tab("activations")
        self.choose("activations", "sample")
        self.wait(
            "the sample's way", lambda: self.state.followed.end is not None and not self.state.followed.is_running
        )
        self.photograph_everywhere("activations_sample", "activations", SIZES[:1])
        self.choose("activations", "distribution")
        self.compare_two()

    def let_autopilot_try(self) -> None:
        """Autopilot at work, once some plans were tried; then stopped, its best beside the original."""
        session, commands = self.assembly.session, self.assembly.commands
        self.window.resize(*SIZES[0])
        self.window.workspace.detail.show_tab("sensitivity")
        commands.trigger("autopilot")
        session.piloting.start()

        def tried() -> int:
            document = self.state.pilot.document
            return sum(trial.state == "finished" for trial in document.trials) if document is not None else 0

        self.wait(f"{TRIED} plans to be tried", lambda: tried() >= TRIED or (tried() and self.idle()))
        self.photograph_everywhere("autopilot_at_work", "sensitivity", SIZES[:1])
        commands.trigger("stop")
        self.wait("autopilot to stop", self.idle)
        best = self.state.pilot.document.best_trial
        if best is not None:
            commands.show_run(best.run)
        self.photograph_everywhere("autopilot", "compare")
        session.piloting.show(is_open=False)

    def compare_two(self) -> None:
        """Two runs beside each other."""
        from secateur.session.state import Side

        newest, older = [run for run in self.state.runs if run.document is not None][:2]
        self.window.workspace.detail.show_tab("compare")
        self.assembly.session.comparing.choose(Side(run=older.run), Side(run=newest.run))
        self.wait("the comparison of two runs", lambda: self.state.comparison is not None and self.idle())
        self.photograph_everywhere("compare_two", "compare", SIZES[:1])
        self.assembly.session.comparing.choose(Side(), Side(run=newest.run))

    def choose(self, tab: str, segment: str) -> None:
        """Press a segment of this tab, as a person would."""
        from PySide6.QtWidgets import QAbstractButton

        shown = self.window.workspace.detail.tab(tab)
        shown.findChild(QAbstractButton, f"segment_{segment}").click()

    def open_many_layers(self) -> None:
        """A network whose layers differ in the middle of their names; planned by the data-free table."""
        session, weights = self.assembly.session, Path(os.environ["SECATEUR_HOME"]) / "mobilenet_v2.pt"
        subprocess.run([sys.executable, str(MANY_LAYERS), str(weights)], check=True)
        self.assembly.commands.open_model(str(weights), f"{MANY_LAYERS}:network")
        known = self.state.model
        self.wait("fifty layers", lambda: self.state.model is not known and "free" in self.state.tables and self.idle())
        session.budget.set({"bytes": round(0.3 * self.state.model.source_bytes)})
        self.wait("a plan for them", lambda: bool(self.state.recipe.steps))
        self.window.workspace.layers.select([self.state.rows[4].name])
        for tab in ("weights", "sensitivity"):
            self.photograph_everywhere(f"many_layers_{tab}", tab, SIZES[:1])

    def set_budget(self, share: float) -> None:
        before = self.state.recipe
        self.assembly.session.budget.set({"bytes": round(share * self.state.model.source_bytes)})
        self.wait(f"a plan for {share:.0%}", lambda: self.state.recipe is not before)

    def run_budget(self, share: float) -> None:
        self.set_budget(share)
        self.run(f"{share:.0%}")

    def run(self, what: str) -> None:
        known = {run.run for run in self.state.runs if run.document}
        self.assembly.session.run_plan()
        self.wait(f"the run {what}", lambda: {r.run for r in self.state.runs if r.document} - known and self.idle())

    # ------------------------------------------------------------------ pictures

    def photograph_everywhere(
        self,
        name: str,
        tab: str | None,
        sizes: Sequence[tuple[int, int]] = SIZES,
        arrange: Callable[[], None] | None = None,
    ) -> None:
        """One picture for each theme and size; `arrange` is done before each."""
        from secateur.ui.theme.palette import DARK, LIGHT
        from secateur.ui.theme.style import apply_theme

        for theme in (DARK, LIGHT):
            apply_theme(self.application, theme)
            for width, height in sizes:
                self.window.resize(width, height)
                self.rest(0.2)
                if tab is not None:
                    self.window.workspace.detail.show_tab(tab)
                self.rest(0.4)
                if arrange is not None:
                    arrange()
                    self.rest(0.4)
                self.save(self.window, f"{name}_{theme.name}_{width}x{height}")

    def photograph_dialogs(self) -> None:
        """The dialogs, dark, by themselves."""
        from PySide6.QtWidgets import QDialog

        from secateur.ui.theme.palette import DARK
        from secateur.ui.theme.style import apply_theme

        apply_theme(self.application, DARK)
        for action, dialog in (("data", "data_dialog"), ("export", "export_dialog"), ("find", "find_action")):
            self.assembly.commands.trigger(action)
            self.rest(0.5)
            shown = self.window.findChild(QDialog, dialog)
            self.save(shown, f"dialog_{action}_dark")
            shown.close()

    def save(self, widget, name: str) -> None:
        """One PNG without loss, packed as tightly as PNG can."""
        from PIL import Image

        path = self.folder / f"{name}.png"
        if not widget.grab().save(str(path), "PNG"):
            raise OSError(f"{path} could not be written")
        with Image.open(path) as picture:
            opaque = picture.convert("RGB")
        opaque.save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    raise SystemExit(main())
