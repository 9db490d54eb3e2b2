"""The workspace: layers, detail and plan beside each other, the plan bar and the jobs below. Layout alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from secateur.ui.panels.autopilot import AutopilotPanel
from secateur.ui.panels.detail import DetailPanel
from secateur.ui.panels.jobs import JobsPanel
from secateur.ui.panels.layers import LayersPanel
from secateur.ui.panels.plan import PlanPanel
from secateur.ui.panels.plan_bar import PlanBar
from secateur.ui.plan_overlay import RAIL_WIDTH, PlanOverlay
from secateur.ui.turns import turns
from secateur.ui.widgets.card import rule

if TYPE_CHECKING:
    from secateur.session.memory import View
    from secateur.session.state import SessionState
    from secateur.ui.panels.front_panel import FrontPanel

NARROW_WIDTH = 1200
PLAN_WIDTHS = (264, 288, 400)
WIDE_TABLE = (560, 700)
"""The whole table is as wide as the open network's names and numbers ask for, within these."""
NARROW_TABLE, PLAIN_TABLE = 356, 304
FULL_WIDTH = 1440
"""Of what the window is wider than this, the table may take half as long as it shortens names."""
TABS_WITH_WHOLE_TABLE = frozenset({"weights", "activations"})
TABS_WITHOUT_PLAN = frozenset({"graph", "compare", "distil", "netron"})

ALL_COLUMNS = ("layer", "kind", "shape", "params", "macs", "size", "ms", "weights", "zeros", "plan")
FEW_COLUMNS = ("layer", "size", "plan")
NARROW_COLUMNS = ("layer", "size", "weights", "plan")


def default_columns(tab: str, *, narrow: bool) -> tuple[str, ...]:
    """The column set of a tab, before a person chose another."""
    if tab not in TABS_WITH_WHOLE_TABLE:
        return FEW_COLUMNS
    return NARROW_COLUMNS if narrow else ALL_COLUMNS


class Workspace(QWidget):
    """Arranges the panels by tab and by width; `columns` and `widths` are a person's own, by tab."""

    columns_changed = Signal(dict)
    widths_changed = Signal(dict)
    front_made = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("workspace")
        self.columns: dict[str, list[str]] = {}
        self.widths: dict[str, dict[str, int]] = {}
        self._view: View | None = None
        self._sizes: dict[str, list[int]] = {}
        self._arranged_narrow: bool | None = None
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.setObjectName("panels_splitter")
        self.splitter.setHandleWidth(1)
        self.splitter.setChildrenCollapsible(False)

    def fill(
        self,
        layers: LayersPanel,
        detail: DetailPanel,
        plan: PlanPanel,
        plan_bar: PlanBar,
        autopilot: AutopilotPanel,
        jobs: JobsPanel,
    ) -> None:
        """Put the panels in their places.

        They are made as children of the splitter and of this: a widget that gets another parent is dressed anew, with
        all that is in it.
        """
        self.layers, self.detail, self.plan, self.plan_bar, self.jobs = layers, detail, plan, plan_bar, jobs
        self.autopilot = autopilot
        for panel, stretch in ((layers, 0), (detail, 1), (plan, 0)):
            self.splitter.addWidget(panel)
            self.splitter.setStretchFactor(self.splitter.indexOf(panel), stretch)
        plan.setMaximumWidth(PLAN_WIDTHS[2])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.splitter, 1)
        self._autopilot_rule = rule()
        for line, below in ((rule(), plan_bar), (self._autopilot_rule, autopilot), (rule(), jobs)):
            layout.addWidget(line)
            layout.addWidget(below)
        self.show_autopilot(is_open=False)
        self.overlay = PlanOverlay(plan, self.splitter, self)
        self.front: FrontPanel | None = None
        plan.rail_opened.connect(self.overlay.open)
        detail.tab_changed.connect(lambda _key: self.arrange())
        layers.columns_chosen.connect(self._keep_columns)
        layers.widths_chosen.connect(self._keep_widths)
        layers.columns_reset.connect(self._forget_columns)
        layers.view.measured.connect(self.arrange)
        self.splitter.splitterMoved.connect(self._keep_sizes)

    def front_panel(self) -> "FrontPanel":
        """The panel of the best plans, made when it is first wanted."""
        if self.front is None:
            from secateur.ui.panels.front_panel import FrontPanel

            self.front = FrontPanel(self, self.plan_bar)
            self.front_made.emit(self.front)
        return self.front

    # ------------------------------------------------------------------ arrangement

    @property
    def is_narrow(self) -> bool:
        return self.width() < NARROW_WIDTH

    @property
    def _mode(self) -> str:
        """What the sizes of the splitter are remembered under."""
        kind = "table" if self.detail.look in TABS_WITH_WHOLE_TABLE else "picture"
        return f"{kind}_narrow" if self.is_narrow else kind

    def arrange(self) -> None:
        """Columns, plan panel and widths for the shown tab at the present width."""
        tab, narrow = self.detail.look, self.is_narrow
        self.overlay.close_over()
        key = self._columns_key(tab)
        self.layers.set_columns(self.columns.get(key) or default_columns(tab, narrow=narrow), self.widths.get(key))
        self.plan.setVisible(tab not in TABS_WITHOUT_PLAN)
        self.plan.set_rail(narrow and tab != "weights")
        self.plan_bar.set_narrow(narrow)
        self.detail.set_narrow(narrow)
        if narrow != self.jobs.property("narrow"):
            self.jobs.setProperty("narrow", narrow)
            self.jobs.set_open(not narrow)
        self.splitter.setSizes(self._wanted_sizes())
        self._arranged_narrow = narrow

    def show_autopilot(self, *, is_open: bool) -> None:
        """Autopilot's panel above the jobs, which make room for it in a narrow window."""
        if is_open and self.is_narrow and not self.autopilot.isVisibleTo(self):
            self.jobs.set_open(False)
        for part in (self._autopilot_rule, self.autopilot):
            part.setVisible(is_open)

    def _columns_key(self, tab: str) -> str:
        return f"{tab}_narrow" if self.is_narrow else tab

    def _wanted_sizes(self) -> list[int]:
        saved = self._sizes.get(self._mode)
        table = saved[0] if saved else self._default_table_width()
        plan = 0
        if self.plan.isVisibleTo(self):
            is_rail = self.is_narrow and self.detail.look != "weights"
            plan = (
                RAIL_WIDTH if is_rail else saved[2] if saved and saved[2] else PLAN_WIDTHS[0 if self.is_narrow else 1]
            )
        return [table, max(self.width() - table - plan - 2, 0), plan]

    def _default_table_width(self) -> int:
        wanted, more = self.layers.view.wanted_width(), max(self.width() - FULL_WIDTH, 0) // 2
        if self.detail.look not in TABS_WITH_WHOLE_TABLE:
            return min(max(wanted, PLAIN_TABLE), PLAIN_TABLE + more)
        if self.is_narrow:
            return NARROW_TABLE
        return min(max(wanted, WIDE_TABLE[0]), WIDE_TABLE[1] + more)

    # ------------------------------------------------------------------ the first frames

    def showEvent(self, event: QShowEvent) -> None:
        """Painted panel by panel: all of them at once take longer than a frame when they come into sight."""
        super().showEvent(event)
        for panel in (self.layers, self.detail, self.plan, self.plan_bar, self.jobs):
            turns.paint(panel)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._arranged_narrow != self.is_narrow:
            self.arrange()

    def _keep_columns(self, keys: list[str]) -> None:
        self.columns[self._columns_key(self.detail.look)] = list(keys)
        self.columns_changed.emit(self.columns)

    def _keep_widths(self, widths: dict[str, int]) -> None:
        self.widths = {**self.widths, self._columns_key(self.detail.look): dict(widths)}
        self.widths_changed.emit(self.widths)

    def _forget_columns(self) -> None:
        """The shown tab's columns as they were before a person chose any."""
        key = self._columns_key(self.detail.look)
        self.columns.pop(key, None)
        self.widths = {tab: widths for tab, widths in self.widths.items() if tab != key}
        self.arrange()
        self.columns_changed.emit(self.columns)
        self.widths_changed.emit(self.widths)

    def _keep_sizes(self) -> None:
        self._sizes[self._mode] = self.splitter.sizes()

    # ------------------------------------------------------------------ remembered

    def sizes(self) -> dict[str, list[int]]:
        return dict(self._sizes)

    def restore(self, columns: dict[str, list[str]], sizes: dict[str, list[int]]) -> None:
        """Take over what a person chose before."""
        self.columns = {tab: list(keys) for tab, keys in columns.items()}
        self._sizes = {mode: list(s) for mode, s in sizes.items() if len(s) == 3}
        self.arrange()

    def _show_view(self, view: "View") -> None:
        """Show the open model as a person looked at it the last time; what is not noted stays as it is."""
        if view is self._view:
            return
        self._view = view
        if view.tab and view.tab != self.detail.current:
            self.detail.show_tab(view.tab)
        self.layers.set_pinned(view.pinned)
        columns = {**self.columns, **view.columns}
        if columns != self.columns or view.widths != self.widths:  # widths fit the names of one model alone
            self.columns = {tab: list(keys) for tab, keys in columns.items()}
            self.widths = {tab: dict(widths) for tab, widths in view.widths.items()}
            self.arrange()

    # ------------------------------------------------------------------ panels in the order of F6

    @property
    def panels(self) -> Sequence[QWidget]:
        shown = (self.layers, self.detail, self.plan, self.plan_bar, self.autopilot, self.jobs)
        return [panel for panel in shown if panel.isVisible()]

    def show_layers(self, state: "SessionState") -> None:
        """Rows and totals first: the other panels look at the selection that this may change."""
        self._show_view(state.view)
        self.layers.show_state(state)
