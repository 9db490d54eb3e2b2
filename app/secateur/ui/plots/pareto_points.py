"""The points of the picture of runs: which of them no other one beats, and a run's plan in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import yaml

from secateur.data.metrics import MetricKind
from secateur.errors import UserError
from secateur.recipe.reading import parse_recipe

_STEPS_SHOWN = 3


@dataclass(frozen=True)
class Point:
    """One network: `x` and `y` are what the axes are of; `run` is empty for the original."""

    run: str
    name: str
    x: float
    y: float


def frontier(points: Sequence[Point], kind: MetricKind) -> list[Point]:
    """The points that no smaller or equal one reaches in metric, from small to large."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.x, -kind.gain(0.0, p.y))):
        if not best or kind.is_better(point.y, than=best[-1].y):
            best.append(point)
    return best


def beats(one: Point, other: Point, kind: MetricKind) -> bool:
    """Whether a point is at least as good on both axes, and better on one."""
    gain = kind.gain(other.y, one.y)
    return one.x <= other.x and gain >= 0 and (one.x < other.x or gain > 0)


def plan_words(recipe_yaml: str) -> tuple[str, ...]:
    """The plan of a run in words, a line for each step, the last one saying how many more there are."""
    try:
        steps = parse_recipe(yaml.safe_load(recipe_yaml)).final
    except (UserError, yaml.YAMLError):  # of a version that knew other methods
        return ()
    lines = []
    for step in steps[:_STEPS_SHOWN]:
        names = list(step.layers)
        where = f" on {', '.join(names[:2])}{f' and {len(names) - 2} more' if len(names) > 2 else ''}" if names else ""
        lines.append(f"{step.method.badge()}{where}")
    if len(steps) > _STEPS_SHOWN:
        lines.append(f"and {len(steps) - _STEPS_SHOWN} steps more")
    return tuple(lines)
