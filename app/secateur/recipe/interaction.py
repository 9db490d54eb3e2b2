"""How much more (or less) the layers of a plan harm together than one by one, learned from plans that were measured."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

import numpy as np

from secateur.recipe.recipe import Recipe

FEWEST: Final = 2
"""Measured plans below which nothing is learned: one says how it was with one."""
WIDE: Final = 3.0
"""Before plans were measured, the damage of one is stated within this factor: an assumption on the safe side."""
FARTHER: Final = 0.25
"""By how much more a ratio's logarithm may lie off for each e-fold of damage that no measured plan is near."""
_SIGMAS: Final = 2.0
"""Standard deviations of a 95 % interval."""


@dataclass(frozen=True)
class Interaction:
    """Measured ÷ predicted damage of plans: logarithms of the `ratios`, and of the `damages` predicted of them."""

    ratios: tuple[float, ...] = ()
    damages: tuple[float, ...] = ()

    @property
    def is_known(self) -> bool:
        return len(self.ratios) >= FEWEST

    @property
    def factor(self) -> float:
        """The geometric mean of the ratios; 1 as long as too few are known."""
        return exp(sum(self.ratios) / len(self.ratios)) if self.is_known else 1.0

    def spread(self, damage: float) -> float:
        """The factor, 1 or more, by which a plan predicted to do so much damage may lie off either way, at 95 %.

        The variance is that of the ratios together with one as wide as before any was known, so that few that agree
        by chance do not pass for certainty; farther from the measured plans it is wider.
        """
        before = (log(WIDE) / _SIGMAS) ** 2
        if not self.is_known:
            return WIDE
        known, count = np.asarray(self.ratios), len(self.ratios)
        variance = (before + float(np.sum((known - known.mean()) ** 2))) / count * (1 + 1 / count)
        away = float(np.min(np.abs(np.asarray(self.damages) - log(damage)))) if damage > 0 else 0.0
        return exp(_SIGMAS * sqrt(variance + (FARTHER * away) ** 2))


NOTHING_KNOWN: Final = Interaction()


def interaction_of(pairs: Iterable[tuple[float | None, float]]) -> Interaction:
    """What the (predicted, measured) damages of plans teach; those without a positive finite number teach nothing."""
    known = [(p, m) for p, m in pairs if p is not None and 0.0 < p < np.inf and 0.0 < m < np.inf]
    return Interaction(tuple(log(m / p) for p, m in known), tuple(log(p) for p, _ in known))


def is_same_plan(one: Recipe, other: Recipe) -> bool:
    """Whether two plans carry out the same steps on the same layers."""
    steps, others = ([(step.method, step.layers, step.exclude) for step in plan.final] for plan in (one, other))
    return steps == others
