"""Checking a plan: what is asked, what is told on the way, and the answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.data.source import DataSource
from secateur.model.description import ModelSource
from secateur.model.documents import SensitivityTable
from secateur.model.plan_check import CheckedPlan, PlanCheck
from secateur.recipe.recipe import Recipe
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
class PlanMeasured:
    """One of the plans of a check was measured."""

    plan: CheckedPlan


@dataclass(frozen=True)
class PlanChecked:
    """`recipe` is the plan that did least damage, with the training that was asked for."""

    check: PlanCheck
    recipe: Recipe
