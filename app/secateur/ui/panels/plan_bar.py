"""The plan bar: the size budget, what the whole plan is predicted to give, and the button that runs it."""

from collections.abc import Mapping
from typing import ClassVar, Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLayout, QSizePolicy, QWidget

from secateur import figures
from secateur.model.documents import Predicted
from secateur.session.state import SessionState
from secateur.targets import target_named
from secateur.targets.base import SLOWER_FROM
from secateur.ui.panels.budget_row import FIGURE_WIDTH, NARROW_SLIDER_WIDTH, SLIDER_WIDTH, BudgetRow
from secateur.ui.panels.plan_figures import PlanFigures
from secateur.ui.theme.style import set_role
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.icon_button import IconButton
from secateur.ui.widgets.why_not import set_why_not

HEIGHT = 56
BUDGET_GAP, BUTTON_GAP = 8, 4
FRONT = "Show the best plan of every size or latency, and what a little more damage would buy (Ctrl+Shift+B)"
CHECK = "Measure the plan as a whole, and solve its budget again with what was found (Ctrl+Shift+M)"
REASON_WIDTH = 220
"""Two lines of caption: 80 letters."""


class PlanBar(QWidget):
    """`budget_moved(limits)` during a drag, `budget_settled(limits)` at its end: `bytes`, `latency_ms`, or both.

    `front_wanted` asks for the best plans of all sizes, `check_wanted` for the plan to be measured as a whole,
    `target_wanted` for the choice of the runtime; `reset_wanted`, `run_wanted`.
    """

    shows: ClassVar[frozenset[str]] = frozenset(
        {
            "baseline",
            "binding",
            "checked",
            "data",
            "engine_ready",
            "jobs",
            "least",
            "model",
            "recipe",
            "solved",
            "speed_cost",
            "tables",
            "taken",
            "target",
            "timed",
            "unmet",
        }
    )

    budget_moved = Signal(object)
    budget_settled = Signal(object)
    front_wanted = Signal()
    check_wanted = Signal()
    target_wanted = Signal()
    reset_wanted = Signal()
    run_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("plan_bar")
        self.setAccessibleName(self.tr("Plan of the whole model"))
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._narrow = False
        self._taken: Mapping[str, float] = {}
        self._make_controls()
        self.figures = PlanFigures(self)
        self.blocks = self.figures.blocks
        self._assemble()
        self.show_state(SessionState(), None, None)

    # ------------------------------------------------------------------ build

    def _make_controls(self) -> None:
        self.size_budget = BudgetRow(self.tr("Size budget"), self.tr("Size"), "budget", figures.size, self)
        self.latency_budget = BudgetRow(
            self.tr("Latency budget"), self.tr("Latency"), "latency_budget", figures.milliseconds, self
        )
        for row in (self.size_budget, self.latency_budget):
            row.moved.connect(self._moved)
            row.settled.connect(lambda: self.budget_settled.emit(self._limits()))
        self.slider, self.budget_figure = self.size_budget.slider, self.size_budget.figure
        self.front = IconButton("front", FRONT)
        self.front.setObjectName("front_button")
        self.front.clicked.connect(self.front_wanted)
        self.check = IconButton("ruler", CHECK)
        self.check.setObjectName("check_button")
        self.check.clicked.connect(self.check_wanted)
        self.target = Button("", "outline", "cpu", self.tr("Choose the runtime that the plan is made for"))
        self.target.setObjectName("target_button")
        self.target.clicked.connect(self.target_wanted)
        self.reason = label("", "caption", wrap=True)
        self.reason.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.reason.setFixedWidth(REASON_WIDTH)
        self.reason.setObjectName("run_reason")
        self.reset = Button(self.tr("Reset plan"), "ghost", "reset")
        self.reset.setObjectName("reset_plan")
        self.reset.clicked.connect(self.reset_wanted)
        self.run = Button(self.tr("Run plan"), "primary", "run")
        self.run.setObjectName("run_plan")
        self.run.clicked.connect(self.run_wanted)

    def _assemble(self) -> None:
        row = QHBoxLayout(self)
        row.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # what does not fit is left out instead
        row.setContentsMargins(16, 0, 16, 0)
        row.setSpacing(16)
        budgets = QGridLayout()
        budgets.setContentsMargins(0, 4, 0, 4)
        budgets.setHorizontalSpacing(BUDGET_GAP)
        budgets.setVerticalSpacing(0)
        for place, each in enumerate((self.size_budget, self.latency_budget)):
            for column, widget in enumerate((each.caption, each.figure, each.slider)):
                budgets.addWidget(widget, place, column)
        row.addLayout(budgets)
        buttons = QHBoxLayout()
        buttons.setSpacing(BUTTON_GAP)
        buttons.addWidget(self.front)
        buttons.addWidget(self.check)
        row.addLayout(buttons)
        row.addWidget(self.target)
        for block in self.blocks.values():
            row.addWidget(block)
        row.addStretch(1)
        row.addWidget(self.reason)
        row.addWidget(self.reset)
        row.addWidget(self.run)

    # ------------------------------------------------------------------ show

    def show_state(
        self,
        state: SessionState,
        predicted: Predicted | None,
        budget_range: tuple[int, int] | None,
        why_not: str | None = None,
        latency_range: tuple[float, float] | None = None,
        why_not_checked: str = "",
    ) -> None:
        """`budget_range` is (smallest, original) bytes, `latency_range` (fastest, original) milliseconds.

        `why_not` says why the plan cannot be run, `why_not_checked` why not checked, else empty; without the first the
        bar finds the common reasons itself.
        Where a plan can be run, that it will be slower, or what its budget costs in speed, stands in their place.
        """
        if state.taken and state.taken is not self._taken:
            self.size_budget.take(state.taken.get("bytes"))
            self.latency_budget.take(state.taken.get("latency_ms"))
        self._taken = state.taken
        self._show_budgets(state, predicted, budget_range, latency_range)
        self.figures.show(state, predicted)
        reason = why_not_run(state) if why_not is None else why_not
        set_why_not(self.run, reason, self.tr("Compress a copy of the model as planned, then measure it (Ctrl+Return)"))
        set_why_not(self.check, why_not_checked, CHECK)
        brief, whole = ("", "") if reason else self._cost_in_speed(state, predicted)
        self.reason.setText(brief or reason)
        self.reason.setToolTip(whole)
        set_role(self.reason, "warn" if brief else "", "tone")
        has_plan = bool(state.recipe.steps)
        undone = self.tr("Put every layer back to float; can be undone")
        set_why_not(self.reset, "" if has_plan else self.tr("Nothing is planned yet."), undone)
        self._fit()

    def _cost_in_speed(self, state: SessionState, predicted: Predicted | None) -> tuple[str, str]:
        """What to know of the plan's speed before it is run, in two lines and whole; empty where it is not slower."""
        before, after = state.latency_before, predicted.latency_ms if predicted and state.recipe.steps else None
        cost = state.speed_cost
        told = [cost.sentence] if cost else []
        if before is None or after is None or after <= before * SLOWER_FROM:
            return (cost.brief if cost else ""), " ".join(told)
        target = target_named(state.target)
        change = figures.signed_share(before, after)
        brief = self.tr("Will be slower in {}: {}.").format(target.title, change)
        precisions = {step.method.computes_in for step in state.recipe.final}
        pair = " → ".join(figures.milliseconds_pair(before, after))
        told.insert(0, f"{brief} {pair}. {target.cause_of_slowness(p for p in precisions if p)}".strip())
        return brief, " ".join(told)

    def _show_budgets(
        self,
        state: SessionState,
        predicted: Predicted | None,
        budget_range: tuple[int, int] | None,
        latency_range: tuple[float, float] | None,
    ) -> None:
        missing = self.tr("Score the options of the layers first: the budget chooses among them.")
        drag = self.tr("Drag to the size that the file may have: the options that do least damage are chosen anew.")
        size = predicted.bytes if predicted else None
        self.size_budget.show_budget(
            state.recipe, state.solved, size, budget_range, [1 / n for n in (2, 4, 8, 16)], (drag, missing)
        )
        target = target_named(state.target)
        drag = self.tr(
            "Drag to the milliseconds that the network may take in {}: the options that do least damage are chosen "
            "anew, within the size budget where that was dragged too."
        ).format(target.title)
        latency = predicted.latency_ms if predicted else None
        if latency is None and not state.recipe.steps:
            latency = state.latency_before
        set_why_not(self.front, "" if budget_range else missing, FRONT)
        self.latency_budget.show_budget(
            state.recipe,
            state.solved,
            latency,
            latency_range,
            (0.75, 0.5, 0.25),
            (drag, self._why_no_latency(state, latency_range, missing)),
        )
        for name, row in (("bytes", self.size_budget), ("latency_ms", self.latency_budget)):
            row.set_binding(name in state.binding, is_unmet=state.unmet is not None)
        self.target.setText(target.title)
        self.target.setAccessibleName(self.tr("Runs in {}").format(target.title))

    def _why_no_latency(self, state: SessionState, limits: tuple[float, float] | None, missing: str) -> str:
        """Why no milliseconds can be asked for, with what would help; `limits` are (fastest, original)."""
        title = target_named(state.target).title
        if limits is not None:
            return self.tr("No plan of these options is faster in {} than the original.").format(title)
        if state.timed is not None and state.timed.why_not:
            return state.timed.why_not
        if state.model is not None and state.timings is None:
            return self.tr(
                "Milliseconds of the options in {} are measured as soon as nothing else is going on."
            ).format(title)
        return missing

    # ------------------------------------------------------------------ the budget

    def _limits(self) -> dict[str, float]:
        """All that the plan has to keep within, by the names of the solver's limits."""
        wishes = {"bytes": self.size_budget.wish, "latency_ms": self.latency_budget.wish}
        return {name: float(round(wish) if name == "bytes" else wish) for name, wish in wishes.items() if wish}

    def _moved(self) -> None:
        for row in (self.size_budget, self.latency_budget):
            row.follow()
        self.budget_moved.emit(self._limits())

    def focus_budget(self) -> None:
        """Give the slider the keyboard."""
        self.slider.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # ------------------------------------------------------------------ room

    def set_narrow(self, on: bool) -> None:
        """In a narrow window changes, MACs, Reset and the target are left out even where they would fit."""
        self._narrow = on
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(480, HEIGHT)

    def _fit(self) -> None:
        """Leave out what does not fit: first changes that the pair says, then all of them, then MACs and so on."""
        captions = max(row.caption_width(narrow=self._narrow) for row in (self.size_budget, self.latency_budget))
        slider = NARROW_SLIDER_WIDTH if self._narrow else SLIDER_WIDTH
        fixed = (
            32
            + self.front.width()
            + BUTTON_GAP
            + self.check.width()
            + 16
            + captions
            + FIGURE_WIDTH
            + slider
            + 2 * BUDGET_GAP
            + self.run.sizeHint().width()
            + 16 * 7
        )
        target = self.target.sizeHint().width() + 16
        reason = REASON_WIDTH + 16 if self.reason.text() else 0
        stages = _WITH_MEASURED if self.figures.is_measured else _STAGES
        for changes, shown, reset in stages[4 if self._narrow else 0 :]:
            width = sum(self.blocks[name].full_width(with_change=name in changes) for name in shown)
            width += 16 * (len(shown) - len(_FOUR)) if self.figures.is_measured else 0
            width += fixed + reason + (self.reset.sizeHint().width() + target if reset else 0)
            if width <= self.width():
                break
        for name, block in self.blocks.items():
            block.setVisible(name in shown)
            block.set_change_shown(name in changes)
        self.reset.setVisible(reset)
        self.target.setVisible(reset)
        for row in (self.size_budget, self.latency_budget):
            row.set_narrow(self._narrow)
        self.reason.setVisible(bool(self.reason.text()))


_FOUR: Final = frozenset({"size", "macs", "latency", "metric"})
_TWO: Final = frozenset({"metric", "measured"})
_NONE: Final = frozenset[str]()
Stage = tuple[frozenset[str], frozenset[str], bool]
"""Whose changes are shown, which figures, and whether Reset and the target are."""
_STAGES: Final[tuple[Stage, ...]] = (
    (_FOUR, _FOUR, True),
    (frozenset({"size", "latency"}), _FOUR, True),
    (_NONE, _FOUR, True),
    (_NONE, _FOUR - {"macs"}, True),
    (_NONE, _FOUR - {"macs"}, False),
    (_NONE, frozenset({"size", "metric"}), False),
)
_WITH_MEASURED: Final[tuple[Stage, ...]] = (
    (_FOUR | _TWO, _FOUR | _TWO, True),
    (_TWO, _FOUR | _TWO, True),
    (_TWO, frozenset({"size", "latency"}) | _TWO, True),
    (_TWO, frozenset({"size", "latency"}) | _TWO, False),
    (_TWO, frozenset({"size"}) | _TWO, False),
    (_TWO, _TWO, False),
    (frozenset({"measured"}), _TWO, False),
    (_NONE, _TWO, False),
)
"""Once the plan was measured, the intervals of both metrics are what stays longest: the slider says the size."""


def why_not_run(state: SessionState) -> str:
    """Why the plan cannot be run now, as a sentence; empty where it can."""
    if state.model is None:
        return "Open a model first."
    if not state.recipe.steps:
        return "Nothing is planned yet. Choose steps for some layers, or drag the budget."
    if state.data is None and any("data" in step.method.needs for step in state.recipe.final):
        return "The plan needs samples. Open the data first."
    if not state.engine_ready:
        return "The engine is starting."
    return ""
