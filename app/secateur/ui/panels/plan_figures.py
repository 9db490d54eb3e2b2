"""The figures of the plan bar: what the whole plan is predicted to give, and beside it what was measured of it."""

from collections.abc import Callable

from PySide6.QtCore import QObject

from secateur import figures
from secateur.data.metrics import MetricKind, kind_of
from secateur.model.documents import Predicted
from secateur.model.plan_check import MeasuredPlan
from secateur.session.state import SessionState
from secateur.ui.panels.effect_card import tone
from secateur.ui.widgets.figure_block import FigureBlock

Pair = Callable[[float | None, float | None], tuple[str, str]]


class PlanFigures(QObject):
    """Fills `blocks`, name → block, for the bar to lay out; `measured` has something to say where `is_measured`."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.blocks = {
            "size": FigureBlock(self.tr("Size"), ruled=False),
            "macs": FigureBlock(self.tr("MACs")),
            "latency": FigureBlock(self.tr("Latency")),
            "metric": FigureBlock(self.tr("Metric")),
            "measured": FigureBlock(self.tr("Measured")),
        }
        for name, block in self.blocks.items():
            block.setObjectName(f"figure_{name}")
        self.is_measured = False

    def show(self, state: SessionState, predicted: Predicted | None) -> None:
        model, baseline = state.model, state.baseline
        size_before = model.source_bytes if model else None
        size_after = predicted.bytes if predicted else None
        self._show("size", figures.size_pair, size_before, size_after, size_words(size_before, size_after))
        macs_before, macs_after = (
            (model.macs or None if model else None),
            (predicted.macs or None if predicted else None),
        )
        self._show("macs", figures.macs_pair, macs_before, macs_after, _change(macs_before, macs_after))
        ms_before = state.latency_before
        ms_after = predicted.latency_ms if predicted and state.recipe.steps else None
        self._show("latency", figures.milliseconds_pair, ms_before, ms_after, _change(ms_before, ms_after))
        latency = self.tr("Latency")
        self.blocks["latency"].set_caption(self._what_it_is(latency, state, ms_before, ms_after))
        before = baseline.metric if baseline else None
        after = predicted.metric if predicted else None
        kind, words = kind_of(before.name if before else ""), ""
        if not state.recipe.steps:
            after = None  # what nothing changes is no prediction
        told = ""
        if predicted and before and after is not None:
            words = f"{kind.write_change(before.value, after)} {kind.write_spread(before.ci95)}"
            if predicted.metric_interval is not None:
                low, high = (end - before.value for end in predicted.metric_interval)
                words = change_words(kind, before.value, after, (low, high))
            told = _how_sure(kind, predicted.metric_interval, before.ci95)
        elif predicted and before and state.recipe.steps:
            words, told = self.tr("not predicted"), predicted.metric_why_not
        self.blocks["metric"].setToolTip(told)
        self.blocks["metric"].set_figures(
            *_known(kind.write_pair, before.value if before else None, after),
            words,
            caption=self._what_it_is(
                kind.title if before else self.tr("Metric"), state, before.value if before else None, after
            ),
        )

        self._show_measured(state.measured_plan, predicted)

    def _what_it_is(self, title: str, state: SessionState, before: float | None, after: float | None) -> str:
        """The caption of a figure that is a prediction, the untouched original's, or nothing yet."""
        if after is not None and any(step.method.scope == "model" for step in state.recipe.final):
            return self.tr("{}, before training").format(title)
        if after is not None:
            return self.tr("{}, predicted").format(title)
        return self.tr("{}, original").format(title) if before is not None and state.recipe.steps else title

    def _show(self, name: str, pair: Pair, before: float | None, after: float | None, change: str) -> None:
        self.blocks[name].set_figures(*_known(pair, before, after), change, tone(before, after))

    def _show_measured(self, found: MeasuredPlan | None, predicted: Predicted | None) -> None:
        """What the plan was found to do as a whole, in the form of what is predicted of it."""
        self.is_measured = found is not None
        if found is None:
            return
        block, kind = self.blocks["measured"], kind_of(found.metric)
        caption = self.tr("Measured, {}").format(figures.counted(found.samples, "sample"))
        if found.before is None or found.after is None:
            words = f"({figures.span(*found.damage_interval)})" if found.damage_interval else ""
            block.set_figures("", figures.number(found.damage), words, caption=self.tr("Damage, measured"))
        else:
            words = change_words(kind, found.before, found.after, found.change_interval)
            block.set_figures(*kind.write_pair(found.before, found.after), words, caption=caption)
        sum_ = predicted.damage if predicted else None
        block.setToolTip(self._damages(found, sum_))

    def _damages(self, found: MeasuredPlan, predicted: float | None) -> str:
        """What was measured beside what was predicted, in a sentence."""
        words = self.tr("The plan as a whole, carried out and run on {}: damage {}").format(
            figures.counted(found.samples, "validation sample"), figures.number(found.damage)
        )
        if found.damage_interval is not None:
            words += f" ({figures.span(*found.damage_interval)})"
        if predicted:
            words += self.tr(", where its layers one by one add up to {} ({:.2f} times)").format(
                figures.number(predicted), found.damage / predicted
            )
        return f"{words}."


def change_words(kind: MetricKind, before: float, after: float, interval: tuple[float, float] | None) -> str:
    """`−0.9 pt (−1.4 … −0.5)`: a change with the interval of changes that it lies in."""
    change = kind.write_change(before, after)
    if interval is None:
        return change
    low, high = (kind.write_change(0.0, end).removesuffix("\u00a0pt") for end in interval)
    return f"{change} ({low} … {high})"


def _how_sure(kind: MetricKind, interval: tuple[float, float] | None, ci95: tuple[float, float]) -> str:
    """What the interval beside a predicted metric means."""
    unit = " pt" if kind.is_share else ""
    samples = f"The original's own value is known to {kind.write_spread(ci95)}{unit} on these samples."
    if interval is None:
        return samples
    where = f"{kind.title} is expected within {kind.write_range(*interval)}"
    return f"{where}: wide until plans of this model were checked, which tells what layers do together. {samples}"


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
