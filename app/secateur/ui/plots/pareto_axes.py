"""What can stand on the axes of the picture of runs: costs across, the metric or another cost upwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secateur import figures
from secateur.data.metrics import MetricKind
from secateur.model.documents import Evaluation, Predicted

METRIC: Final = "metric"
"""The data's own metric, as an axis."""


@dataclass(frozen=True)
class Cost(MetricKind):
    """A cost of a network, of which less is better: how it is read of a result and of a plan, and written."""

    written: Callable[[float | None], str] = figures.number
    of: Callable[[Evaluation], float | None] = lambda evaluation: None
    of_plan: Callable[[Predicted], float | None] = lambda predicted: None

    def write(self, value: float | None) -> str:
        return self.written(value)


def _cost(
    name: str,
    title: str,
    written: Callable[[float | None], str],
    of: Callable[[Evaluation], float | None],
    of_plan: Callable[[Predicted], float | None],
) -> Cost:
    return Cost(name, title, (), False, "number", 0.0, None, written, of, of_plan)


def _latency(evaluation: Evaluation) -> float | None:
    return evaluation.latency_ms.median if evaluation.latency_ms is not None else None


COSTS: Final = {
    cost.name: cost
    for cost in (
        _cost("size", "File size", figures.size, lambda e: e.bytes, lambda p: p.bytes),
        _cost("latency", "Latency", figures.milliseconds, _latency, lambda p: p.latency_ms),
        _cost("macs", "Multiplications", figures.macs, lambda e: e.macs, lambda p: p.macs),
        _cost("memory", "Peak memory", figures.size, lambda e: e.peak_memory_bytes, lambda p: None),
    )
}
"""Every cost by its name."""

ACROSS: Final = tuple(COSTS)
UPWARDS: Final = (METRIC, *COSTS)


def known_axes(across: str, upwards: str) -> tuple[str, str]:
    """These axes, the usual ones for what is not known or stands on both."""
    across = across if across in ACROSS else "size"
    upwards = upwards if upwards in UPWARDS and upwards != across else METRIC
    return across, upwards
