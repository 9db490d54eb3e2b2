"""What is asked of the budget solver: plain values, answered at once, beside a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.model.costs import Costs
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class SolveBudget:
    """Least damage within `limits` (see `recipe.budget.Wish`) → `PlanSolved`. Answered at once, beside a job.

    `keep` is the plan whose training and channel steps stay, `pins` are the layers that stay as a person chose them
    (layer → option, empty for float). `costs` are what kept layers cost as they are planned: those whose plan is no
    option, which stay as well, have nothing else. Where the limits cannot be met → `BudgetUnmet`.
    """

    model: ModelDescription
    table: SensitivityTable
    limits: dict[str, float]
    keep: Recipe
    timings: Timings | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Costs] = field(default_factory=dict)


@dataclass(frozen=True)
class PlanSolved:
    """The plan of least damage; `binding` are the limits that keep a layer from a better choice (`recipe.binding`)."""

    recipe: Recipe
    speed_cost: SpeedCost | None = None
    binding: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BudgetUnmet:
    """No plan is within the limits; `nearest` exceeds them least, and keeps within `reached`. None where there is none.

    `speed_cost` and `binding` are those of the nearest plan.
    """

    sentence: str
    hint: str
    nearest: Recipe | None = None
    reached: Mapping[str, float] = field(default_factory=dict)
    speed_cost: SpeedCost | None = None
    binding: frozenset[str] = frozenset()
