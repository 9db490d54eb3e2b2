"""What is asked of the budget solver: plain values, answered at once, beside a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.recipe import Recipe
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class SolveBudget:
    """Least damage within `limits` (see `recipe.budget.Wish`) → `PlanSolved`. Answered at once, beside a job.

    `keep` is the plan whose training and channel steps stay, `pins` are the layers that stay as a person chose them
    (layer → option, empty for float).
    """

    model: ModelDescription
    table: SensitivityTable
    limits: dict[str, float]
    keep: Recipe
    timings: Timings | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
