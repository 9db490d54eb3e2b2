"""What is asked of the budget solver: plain values, answered at once, beside a job."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from secateur.model.costs import Costs
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.front import Axis, FrontPoint
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed_cost import SpeedCost
from secateur.targets.timings import Timings


@dataclass(frozen=True)
class SolveBudget:
    """Least damage within `limits` (see `recipe.budget.Wish`) → `PlanSolved`. Answered at once, beside a job.

    `keep` is the plan whose training stays, and its channel steps where no budget could have chosen them. `pins` are
    the layers that stay as a person chose them (layer → option, empty for float). `costs` are what kept layers cost as
    they are planned: those whose plan is no option, which stay as well, have nothing else. Where the limits cannot be
    met → `BudgetUnmet`. `near`: looked for near `keep`, in its channels, as far as the limits allow, which is quicker.
    """

    model: ModelDescription
    table: SensitivityTable
    limits: dict[str, float]
    keep: Recipe
    timings: Timings | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Costs] = field(default_factory=dict)
    near: bool = False


@dataclass(frozen=True)
class ExplainPlan:
    """Why `layer` is planned as it is, and what more damage would buy → `PlanExplained`. Answered at once.

    `limits` are those that the `plan` was made for, none where no budget made it (`by_budget`). `kept` are the layers
    that stay, `costs` what those cost, and all whose plan is no option. `more_damage` is what may be given up: half of
    what the plan does where it is None, and what it buys is not told where it is 0.
    """

    model: ModelDescription
    table: SensitivityTable
    plan: Recipe
    limits: Mapping[str, float]
    layer: str = ""
    by_budget: bool = False
    timings: Timings | None = None
    kept: frozenset[str] = frozenset()
    costs: Mapping[str, Costs] = field(default_factory=dict)
    more_damage: float | None = None


@dataclass(frozen=True)
class FindFront:
    """The best plans between the smallest (`bytes`) or fastest (`latency_ms`) and the original → `FrontFound`.

    Computed beside whatever else is asked, which takes a second or more. `pins` and `costs` as in `SolveBudget`.
    `narrows`: whether a budget may choose channels in the plan that there is.
    """

    model: ModelDescription
    table: SensitivityTable
    axis: Axis = "bytes"
    timings: Timings | None = None
    pins: Mapping[str, str] = field(default_factory=dict)
    costs: Mapping[str, Costs] = field(default_factory=dict)
    narrows: bool = True


@dataclass(frozen=True)
class FindLeast:
    """The smallest file and the fastest network that the options lead to, whatever damage that does → `LeastFound`.

    Computed beside whatever else is asked.
    """

    model: ModelDescription
    table: SensitivityTable
    timings: Timings | None = None


ASKED_OF_THE_SOLVER = (SolveBudget, ExplainPlan, FindFront, FindLeast)


@dataclass(frozen=True)
class PlanExplained:
    """`sentence` says why `layer` is planned as it is (empty where nothing can be chosen for it).

    `more_damage` makes the file smaller by `bought_bytes`: None where that is not known.
    """

    layer: str
    sentence: str
    more_damage: float = 0.0
    bought_bytes: int | None = None


@dataclass(frozen=True)
class FrontFound:
    """The points of the front, least of the axis first, with what kept layers take as they are planned."""

    axis: Axis
    points: tuple[FrontPoint, ...]


@dataclass(frozen=True)
class LeastFound:
    """Bytes of the file, and milliseconds as the options were timed: None where they were not."""

    bytes: int
    latency_ms: float | None = None


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
