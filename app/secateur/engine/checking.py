"""Checking a plan: what is asked, what is told on the way, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.data.source import DataSource
from secateur.model.description import ModelSource
from secateur.model.documents import SensitivityTable
from secateur.model.plan_check import CheckedPlan, MeasuredPlan, PlanCheck
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost
from secateur.targets import TARGETS
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class CheckPlan:
    """The plan as a whole is measured, and with `limits` solved again around what was measured → `PlanChecked`.

    `recipe` is the plan, of which training is left out; `table` has what was predicted of its layers. `limits`, `pins`
    and `least` as of `recipe.budget.Wish`: without limits the plan is measured and stays as it is. It is solved again
    until that is no better, or `seconds` are over. `samples` are of the validation part.
    """

    model: ModelSource
    data: DataSource
    recipe: Recipe
    table: SensitivityTable
    limits: Mapping[str, float] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    least: str = "damage"
    timings: Timings | None = None
    samples: int = 512
    seconds: float = 60.0
    target: str = TARGETS[0].id


@dataclass(frozen=True)
class KnownPlan:
    """A plan, without training, that was measured as a whole, now or earlier."""

    recipe: Recipe
    measured: MeasuredPlan


@dataclass(frozen=True)
class PlanMeasured:
    """One of the plans of a check was measured; `recipe` is what was carried out."""

    plan: CheckedPlan
    recipe: Recipe

    @property
    def known(self) -> KnownPlan:
        return KnownPlan(self.recipe, self.plan.measured)


@dataclass(frozen=True)
class PlanChecked:
    """`recipe` is the plan that did least damage, with the training that was asked for.

    `speed_cost` and `binding` as of `PlanSolved`, where it was solved anew. `timings` are those that were given, with
    what the plans that were tried have taught; None where there were none.
    """

    check: PlanCheck
    recipe: Recipe
    speed_cost: SpeedCost | None = None
    binding: frozenset[str] = frozenset()
    timings: Timings | None = None
