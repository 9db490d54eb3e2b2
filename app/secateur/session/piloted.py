"""What is known of autopilot for the open model and data: a part of the session's state."""

from dataclasses import dataclass
from math import floor, log10

from secateur.data.metrics import kind_of
from secateur.engine.autopilot import AutopilotDocument
from secateur.model.documents import Evaluation
from secateur.recipe.autopilot import Goal

POINT = 0.01
"""What may be lost of a share unless a person says otherwise."""


@dataclass(frozen=True)
class Piloted:
    """`goal` is what a person asks for, None as long as the usual is meant; `document` the search that is told of.

    `folder` is where that one lies. `is_open`: whether its panel is on the screen.
    """

    goal: Goal | None = None
    document: AutopilotDocument | None = None
    folder: str = ""
    is_open: bool = False

    def goal_on(self, baseline: Evaluation | None) -> Goal:
        """What is asked for: one point of a share unless told otherwise, a hundredth of a metric that is a number."""
        if self.goal is not None:
            return self.goal
        metric = baseline.metric if baseline is not None else None
        if metric is None or kind_of(metric.name).is_share or not metric.value:
            return Goal(POINT)
        hundredth = abs(metric.value) * POINT
        return Goal(round(hundredth, 1 - floor(log10(hundredth))))


def goal_of(document: AutopilotDocument) -> Goal:
    """What a search was asked for."""
    asked = document.goal
    return Goal(asked.get("drop", POINT), asked.get("size"), asked.get("latency"))
