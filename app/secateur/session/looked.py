"""What is looked at of a layer's weight: questions with their answers, and the one channel that is selected."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from secateur.engine.requests import ReadChannels, ReadFilters, ReadMatrix, WeightPlan
from secateur.model.weight_views import ChannelFigures, FilterPage, MatrixTile

if TYPE_CHECKING:
    from secateur.session.state import SessionState

LookKind = Literal["channels", "filters", "matrix", "tile"]
"""What is asked at the same time: `matrix` is the whole, `tile` the part in view as fine as it can be seen."""

LookRequest = ReadChannels | ReadFilters | ReadMatrix
LookAnswer = ChannelFigures | FilterPage | MatrixTile


@dataclass(frozen=True, eq=False)
class Look:
    """The newest question of its kind. `answer` may be a part of it at first; `problem` is why there is none."""

    request: LookRequest
    job: int
    answer: LookAnswer | None = None
    is_waiting: bool = True
    problem: tuple[str, str] = ("", "")
    """A sentence and what would help."""


@dataclass(frozen=True)
class ChosenChannel:
    """The output channel that is selected everywhere."""

    layer: str
    channel: int


def weight_plan(state: "SessionState", layer: str) -> WeightPlan:
    """What the plan does to a layer's weight."""
    methods = tuple(method for method in state.steps_of(layer) if not method.changes_widths)
    steps = tuple(step for _, step in state.recipe.unrolled if step.method.changes_widths)
    return WeightPlan(methods, steps)
