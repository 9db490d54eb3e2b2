"""What a plan gives up in speed for its size, as sentences."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from secateur import figures
from secateur.model.description import ModelDescription
from secateur.model.workload import Workload
from secateur.recipe.budget import Budget
from secateur.recipe.choices import FLOAT, least_bytes, methods_in, words_of
from secateur.targets.timings import Timings

NAMED_LAYERS = 3


@dataclass(frozen=True)
class SpeedCost:
    """What a plan gives up in speed for its size: `layers` take `options`, which the runtime does not compute faster.

    `short_bytes` is what the file could not be smaller by otherwise (0 where the size is not the reason),
    `needed_bytes` the smallest file without such options, `needed_share` that of the original's size.
    """

    layers: tuple[str, ...]
    options: tuple[str, ...]
    short_bytes: int
    needed_bytes: int
    needed_share: float

    @property
    def sentence(self) -> str:
        """The whole of it, with the budget that would cost none."""
        layers = ", ".join(self.layers[:NAMED_LAYERS])
        if len(self.layers) > NAMED_LAYERS:
            layers += f" and {len(self.layers) - NAMED_LAYERS} more"
        told = f"{self._what}: {layers} in {' and '.join(self.options)}, which the runtime does not compute faster."
        if self.needed_share >= 1:
            return told
        return (
            f"{told} A budget of {figures.size(self.needed_bytes)} (size={self.needed_share:.2f}) needs none of that."
        )

    @property
    def brief(self) -> str:
        """Two short lines of it."""
        count = f"{len(self.layers)} layer{'s' * (len(self.layers) > 1)}"
        way_out = f" From {figures.size(self.needed_bytes)} on none does." if self.needed_share < 1 else ""
        return f"{self._what} ({count}).{way_out}"

    @property
    def _what(self) -> str:
        return f"The last {figures.size(self.short_bytes)} cost speed" if self.short_bytes else "This plan costs speed"


def speed_cost(budget: Budget, chosen: Mapping[str, str], limits: Mapping[str, float]) -> SpeedCost | None:
    """What the choice per layer costs in speed; None where it costs none: timed, where it is not slower."""
    programme, timings = budget.programme_of(chosen), budget.timings
    model, choices = programme.model, programme.choices
    slow = [c for c in choices if not c.faster and chosen.get(c.layer) == c.option]
    if not slow or (timings is not None and not _is_slower(budget, chosen, timings)):
        return None
    needed = least_bytes(model, [choice for choice in choices if choice.faster])
    return SpeedCost(
        layers=tuple(choice.layer for choice in slow),
        options=tuple(dict.fromkeys(words_of(choice.option) for choice in slow)),
        short_bytes=max(0, round(needed - limits.get("bytes", needed))),
        needed_bytes=needed,
        needed_share=ceil(100 * needed / max(model.source_bytes, 1)) / 100,
    )


def _is_slower(budget: Budget, chosen: Mapping[str, str], timings: Timings) -> bool:
    model, programme = budget.model, budget.programme_of(chosen)
    if programme is not budget.programme:  # of layers that lost channels not all is measured
        return timings.whole is None or programme.takes("latency_ms", programme.items_of(chosen)) > timings.whole
    ms = timings.plan({name: _chosen_works(model, name, chosen.get(name, FLOAT), timings) for name in timings.layers})
    return ms is None or timings.whole is None or ms > timings.whole


def _chosen_works(model: ModelDescription, name: str, chosen: str, timings: Timings) -> tuple[Workload, ...]:
    works = timings.layers[name]
    for method in methods_in(chosen):
        works = method.workloads(model.layer(name), works)
    return works
