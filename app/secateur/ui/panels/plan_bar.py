"""The plan bar: the size budget, what the whole plan is predicted to give, and the button that runs it."""

from collections.abc import Callable
from typing import ClassVar

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLayout, QSizePolicy, QVBoxLayout, QWidget

from secateur import figures
from secateur.data.metrics import kind_of
from secateur.model.documents import Predicted
from secateur.recipe.recipe import Recipe
from secateur.session.state import SessionState
from secateur.ui.panels.effect_card import tone
from secateur.ui.theme.style import set_role
from secateur.ui.widgets.button import Button
from secateur.ui.widgets.card import label
from secateur.ui.widgets.figure_block import FigureBlock
from secateur.ui.widgets.slider import RatioSlider
from secateur.ui.widgets.why_not import set_why_not

HEIGHT = 56
REASON_WIDTH = 220
"""Two lines of caption: 80 letters."""


Pair = Callable[[float | None, float | None], tuple[str, str]]


class PlanBar(QWidget):
    """`budget_moved(bytes)` during a drag, `budget_settled(bytes)` at its end; `reset_wanted`, `run_wanted`."""

    shows: ClassVar[frozenset[str]] = frozenset(
        {"baseline", "data", "engine_ready", "jobs", "model", "recipe", "speed_cost", "tables"}
    )

    budget_moved = Signal(int)
    budget_settled = Signal(int)
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
        self._budget: int | None = None
        self._budget_recipe: Recipe | None = None
        self._narrow = False
        self._make_controls()
        self.blocks = {
            "size": FigureBlock(self.tr("Size"), ruled=False),
            "macs": FigureBlock(self.tr("MACs")),
            "latency": FigureBlock(self.tr("Latency")),
            "metric": FigureBlock(self.tr("Metric")),
        }
        self._assemble()
        self.show_state(SessionState(), None, None)

    # ------------------------------------------------------------------ build

    def _make_controls(self) -> None:
        self.slider = RatioSlider(1.0, 2.0, step=0.01, logarithmic=True, name=self.tr("Size budget"))
        self.slider.setObjectName("budget_slider")
        self.slider.setFixedWidth(160)
        self.slider.moved.connect(self._moved)
        self.slider.settled.connect(lambda value: self.budget_settled.emit(round(value)))
        self.budget_figure = label("", "figure")
        self.budget_figure.setObjectName("budget_figure")
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
        budget = QVBoxLayout()
        budget.setSpacing(2)
        budget.addStretch(1)
        budget.addWidget(label(self.tr("Size budget"), "caption"))
        budget.addWidget(self.budget_figure)
        budget.addStretch(1)
        self.budget_figure.setMinimumWidth(72)
        row.addLayout(budget)
        row.addWidget(self.slider)
        for name, block in self.blocks.items():
            block.setObjectName(f"figure_{name}")
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
    ) -> None:
        """`budget_range` is (smallest, original) bytes; `why_not` says why the plan cannot be run, else empty.

        Without `why_not` the bar finds the common reasons itself. Where a plan can be run, what its budget costs in
        speed stands in their place.
        """
        self._show_budget(state, predicted, budget_range)
        self._show_figures(state, predicted)
        reason = why_not_run(state) if why_not is None else why_not
        set_why_not(self.run, reason, self.tr("Compress a copy of the model as planned, then measure it (Ctrl+Return)"))
        cost = state.speed_cost if not reason else None
        self.reason.setText(cost.brief if cost else reason)
        self.reason.setToolTip(cost.sentence if cost else "")
        set_role(self.reason, "warn" if cost else "", "tone")
        has_plan = bool(state.recipe.steps)
        undone = self.tr("Put every layer back to float; can be undone")
        set_why_not(self.reset, "" if has_plan else self.tr("Nothing is planned yet."), undone)
        self._fit()

    def _show_budget(
        self, state: SessionState, predicted: Predicted | None, budget_range: tuple[int, int] | None
    ) -> None:
        usable = budget_range is not None and 0 < budget_range[0] < budget_range[1]
        missing = self.tr("Score the options of the layers first: the budget chooses among them.")
        drag = self.tr("Drag to the size that the file may have: the options that do least damage are chosen anew.")
        set_why_not(self.slider, "" if usable else missing, drag)
        if not usable or budget_range is None:
            self.budget_figure.setText(figures.size(predicted.bytes) if predicted else figures.UNKNOWN)
            return
        low, high = budget_range
        ticks = [high / n for n in (2, 4, 8, 16) if high / n > low]
        self.slider.set_range(low, high, ticks)
        if self._budget is not None and self._budget_recipe is None:
            self._budget_recipe = state.recipe
        if self._budget_recipe != state.recipe:
            self._budget = None  # the plan was changed by hand: the knob shows where it stands
        if self._budget is None and predicted is not None:
            self.slider.set_value(predicted.bytes)
        self._show_budget_figure(predicted)

    def _show_budget_figure(self, predicted: Predicted | None) -> None:
        if self._budget is not None:
            self.budget_figure.setText(f"≤{figures.SPACE}{figures.size(self._budget)}")
        else:
            self.budget_figure.setText(figures.size(predicted.bytes) if predicted else figures.UNKNOWN)

    def _show_figures(self, state: SessionState, predicted: Predicted | None) -> None:
        model, baseline = state.model, state.baseline
        size_before = model.source_bytes if model else None
        size_after = predicted.bytes if predicted else None
        self._show("size", figures.size_pair, size_before, size_after, size_words(size_before, size_after))
        macs_before, macs_after = (
            (model.macs or None if model else None),
            (predicted.macs or None if predicted else None),
        )
        self._show("macs", figures.macs_pair, macs_before, macs_after, _change(macs_before, macs_after))
        ms_before = baseline.latency_ms.median if baseline and baseline.latency_ms else None
        ms_after = predicted.latency_ms if predicted else None
        self._show("latency", figures.milliseconds_pair, ms_before, ms_after, _change(ms_before, ms_after))
        latency = self.tr("Latency")
        self.blocks["latency"].set_caption(self._what_it_is(latency, state, ms_before, ms_after))
        before = baseline.metric if baseline else None
        after = predicted.metric if predicted else None
        kind, words = kind_of(before.name if before else ""), ""
        if not state.recipe.steps:
            after = None  # what nothing changes is no prediction
        if before and after is not None:
            words = f"{kind.write_change(before.value, after)} {kind.write_spread(before.ci95)}"
        self.blocks["metric"].set_figures(
            *_known(kind.write_pair, before.value if before else None, after),
            words,
            caption=self._what_it_is(
                kind.title if before else self.tr("Metric"), state, before.value if before else None, after
            ),
        )

    def _what_it_is(self, title: str, state: SessionState, before: float | None, after: float | None) -> str:
        """The caption of a figure that is a prediction, the untouched original's, or nothing yet."""
        if after is not None and any(step.method.scope == "model" for step in state.recipe.final):
            return self.tr("{}, before training").format(title)
        if after is not None:
            return self.tr("{}, predicted").format(title)
        return self.tr("{}, original").format(title) if before is not None and state.recipe.steps else title

    def _show(self, name: str, pair: Pair, before: float | None, after: float | None, change: str) -> None:
        self.blocks[name].set_figures(*_known(pair, before, after), change, tone(before, after))

    # ------------------------------------------------------------------ the budget

    def _moved(self, value: float) -> None:
        self._budget, self._budget_recipe = round(value), None
        self._show_budget_figure(None)
        self.budget_moved.emit(round(value))

    def focus_budget(self) -> None:
        """Give the slider the keyboard."""
        self.slider.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # ------------------------------------------------------------------ room

    def set_narrow(self, on: bool) -> None:
        """In a narrow window changes, MACs and Reset are left out even where they would fit."""
        self._narrow = on
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def minimumSizeHint(self) -> QSize:
        return QSize(480, HEIGHT)

    def _fit(self) -> None:
        """Leave out what does not fit: first the changes, then MACs and Reset, then latency."""
        fixed = 32 + 72 + 160 + self.run.sizeHint().width() + 16 * 8
        reason = REASON_WIDTH + 16 if self.reason.text() else 0
        stages: list[tuple[bool, set[str], bool]] = [
            (True, {"size", "macs", "latency", "metric"}, True),
            (False, {"size", "macs", "latency", "metric"}, True),
            (False, {"size", "latency", "metric"}, False),
            (False, {"size", "metric"}, False),
        ]
        for changes, shown, reset in stages[2 if self._narrow else 0 :]:
            width = sum(self.blocks[name].full_width(with_change=changes) for name in shown)
            width += fixed + reason + (self.reset.sizeHint().width() if reset else 0)
            if width <= self.width() or len(shown) == 2:
                break
        for name, block in self.blocks.items():
            block.setVisible(name in shown)
            block.set_change_shown(changes)
        self.reset.setVisible(reset)
        self.slider.setFixedWidth(96 if self._narrow else 160)
        self.reason.setVisible(bool(self.reason.text()))


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


def size_words(before: float | None, after: float | None) -> str:
    """`7.5× smaller`, `1.2× larger`; empty where nothing changes or is known."""
    if not before or not after or before == after:
        return ""
    if after < before:
        return f"{figures.ratio(before, after)} smaller"
    return f"{figures.ratio(after, before)} larger"


def _known(pair: Pair, before: float | None, after: float | None) -> tuple[str, str]:
    """Before and after, or what is known alone: a dash beside an arrow says nothing."""
    if after is None:
        first, _ = pair(before, None)
        _, alone = pair(None, before)
        return "", alone if before is not None else first
    return pair(before, after)


def _change(before: float | None, after: float | None) -> str:
    return "" if before is None or after is None else figures.signed_share(before, after)
