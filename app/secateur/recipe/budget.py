"""The budget solver: one option per layer, least total damage, within limits on bytes and MACs.

A multiple-choice knapsack, solved exactly as a mixed-integer programme (`scipy.optimize.milp`, HiGHS). Bytes are not
bought with milliseconds: an option that is not faster in the runtime is taken only where the limits need it, then on
as little computation as nearly the least damage allows, and `speed_cost` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur import figures
from secateur.errors import UserError
from secateur.graph.context import LeftOut
from secateur.model.costs import Costs
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.editing import with_step
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Repeat, Step

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

FLOAT = ""
"""The choice that leaves a layer as it is."""

NEARLY_LEAST = 1.1
"""Damage, as a multiple of the least possible, up to which a plan is preferred that gives up less speed."""

PREFERENCE_GAP = 0.01
"""How far from the least the speed given up may be: with 500 layers the last percent takes ten times as long."""

NAMED_LAYERS = 3


@dataclass(frozen=True)
class Choice:
    """`faster`: the layer computes faster than it does untouched, or it is the untouched layer itself."""

    layer: str
    option: str
    damage: float
    costs: Costs
    faster: bool = True


def choices_of(model: ModelDescription, table: SensitivityTable) -> list[Choice]:
    """All cells that can be chosen, the untouched layer among them, layer by layer."""
    choices = []
    by_layer: dict[str, list[Choice]] = {}
    for row in table.rows:
        if row.damage is not None and not row.unavailable:
            cell = Choice(row.layer, row.option, row.damage, row.costs, row.faster)
            by_layer.setdefault(row.layer, []).append(cell)
    for layer in model.weighted_layers:
        choices.append(Choice(layer.name, FLOAT, 0.0, layer.costs))
        choices += by_layer.get(layer.name, [])
    return choices


def without_options(model: ModelDescription, table: SensitivityTable) -> tuple[LeftOut, ...]:
    """The layers for which the table has nothing to choose, with its reason: no plan changes them."""
    left_out = []
    for layer in model.weighted_layers:
        rows = [row for row in table.rows if row.layer == layer.name]
        if rows and all(row.unavailable or row.damage is None for row in rows):
            reason = next((row.unavailable for row in rows if row.unavailable), "No damage is known for its options.")
            left_out.append(LeftOut(layer.name, reason))
    return tuple(left_out)


def smallest_bytes(model: ModelDescription, table: SensitivityTable, *, at_speed: bool = False) -> int:
    """The least file size that any choice of options reaches; `at_speed`: of those that cost no speed."""
    least: dict[str, int] = {}
    for choice in choices_of(model, table):
        if choice.faster or not at_speed:
            least[choice.layer] = min(least.get(choice.layer, choice.costs.bytes), choice.costs.bytes)
    return fixed_bytes(model) + sum(least.values())


def fixed_bytes(model: ModelDescription) -> int:
    """Bytes of the file that no option changes: its structure and the layers without options."""
    return model.overhead_bytes + sum(layer.size_bytes for layer in model.layers if not layer.is_weighted)


def solve_budget(
    model: ModelDescription, table: SensitivityTable, limits: Mapping[str, float], seconds: float = 5.0
) -> dict[str, str]:
    """Layer → option (empty: left as it is) with the least total damage within `limits`.

    `limits` may hold `bytes` (of the exported file) and `macs`. Options that are not faster are left out while the
    limits can be met without them; else the plan costs at most a tenth more damage than the least that is possible,
    and has the fewest MACs in such options. UserError says the least that can be reached where the limits cannot be
    met.
    """
    choices = choices_of(model, table)
    if not choices:
        raise UserError("There are no layers to choose options for.", "Score the sensitivity first.")
    problem = _Problem(model, choices, limits, seconds)
    taken = problem.least(problem.damage, problem.slow == 0)
    if taken is None:
        taken = problem.least(problem.damage)
        if taken is not None:
            taken = problem.least_speed_given_up(taken)
    if taken is None:
        raise UserError(
            "No plan meets the budget.",
            f"The smallest file that these options reach is {smallest_bytes(model, table):,} bytes.",
        )
    return {choice.layer: choice.option for choice, is_taken in zip(choices, taken, strict=True) if is_taken}


class _Problem:
    """The programme of one budget: a variable per choice, one choice per layer, the limits as constraints."""

    def __init__(
        self, model: ModelDescription, choices: Sequence[Choice], limits: Mapping[str, float], seconds: float
    ) -> None:
        self.seconds = seconds
        damage = np.array([choice.damage for choice in choices])
        # damages span six decades: in units of a mild option's damage all of them are above the solver's tolerance
        positive = damage[damage > 0]
        unit = float(np.quantile(positive, 0.25)) if positive.size else 1.0
        sizes = np.array([choice.costs.bytes for choice in choices], dtype=float)
        # ties go to the smaller choice
        self.damage = np.minimum(damage / unit, 1e6) + 1e-4 * sizes / max(float(sizes.max()), 1.0)
        macs = np.array([0.0 if choice.faster else max(choice.costs.macs, 1) for choice in choices])
        self.slow = macs / max(float(macs.max()), 1.0)
        """Computation in options that are not faster, 1 for the largest layer."""
        self.constraints = _constraints(model, choices, limits)

    def least(
        self, cost: NDArray[Any], allowed: NDArray[np.bool_] | None = None, gap: float = 1e-6
    ) -> NDArray[np.bool_] | None:
        """Which choices are taken at the least total cost (but for `gap`), of those allowed; None where none fits."""
        from scipy.optimize import Bounds, milp

        top = np.ones(len(cost)) if allowed is None else allowed.astype(float)
        result = milp(
            cost,
            constraints=self.constraints,
            integrality=np.ones(len(cost), dtype=np.int64),
            bounds=Bounds(0, top),
            options={"time_limit": self.seconds, "mip_rel_gap": gap},
        )
        return None if result.x is None else np.asarray(result.x > 0.5)

    def least_speed_given_up(self, best: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The plan with least computation in slow options among those of nearly the damage of `best`."""
        from scipy.optimize import LinearConstraint

        share = self.damage / max(NEARLY_LEAST * float(self.damage[best].sum()), 1e-12)
        self.constraints.append(LinearConstraint(np.minimum(share, 2.0)[None, :], -np.inf, 1.0))
        # the smallest part of the cost decides between plans that give up the same
        taken = self.least(self.slow + 1e-6 * np.minimum(share, 2.0), gap=PREFERENCE_GAP)
        return best if taken is None else taken


def _constraints(
    model: ModelDescription, choices: Sequence[Choice], limits: Mapping[str, float]
) -> "list[LinearConstraint]":
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    position = {layer.name: index for index, layer in enumerate(model.weighted_layers)}
    rows = np.array([position[choice.layer] for choice in choices])
    constraints = [LinearConstraint(csr_array((np.ones(len(choices)), (rows, np.arange(len(choices))))), 1, 1)]
    for name, fixed in (("bytes", fixed_bytes(model)), ("macs", 0)):
        if name in limits:
            costs = np.array([getattr(choice.costs, name) for choice in choices], dtype=float)
            scale = max(1.0, float(costs.max()))
            constraints.append(LinearConstraint(costs[None, :] / scale, -np.inf, (limits[name] - fixed) / scale))
    return constraints


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


def speed_cost(
    model: ModelDescription, table: SensitivityTable, chosen: Mapping[str, str], limits: Mapping[str, float]
) -> SpeedCost | None:
    """What the choice per layer costs in speed; None where it costs none."""
    slow = [c for c in choices_of(model, table) if not c.faster and chosen.get(c.layer) == c.option]
    if not slow:
        return None
    words = {option.id: option.words for option in OPTIONS}
    needed = smallest_bytes(model, table, at_speed=True)
    return SpeedCost(
        layers=tuple(choice.layer for choice in slow),
        options=tuple(dict.fromkeys(words.get(choice.option, choice.option) for choice in slow)),
        short_bytes=max(0, round(needed - limits.get("bytes", needed))),
        needed_bytes=needed,
        needed_share=ceil(100 * needed / max(model.source_bytes, 1)) / 100,
    )


def recipe_of(chosen: Mapping[str, str], keep: Recipe | None = None) -> Recipe:
    """The recipe of a choice per layer; what the options do not choose of `keep` stays: repeats, training, widths.

    What is chosen takes the place of the steps of its family that were there.
    """
    families = {option.method.family for option in OPTIONS}
    known = {step.method: step.id for step in (keep.final if keep else ())}
    new = [
        Step(option.method, layers, id=known.get(option.method, ""))
        for option in OPTIONS
        if (layers := tuple(layer for layer, name in chosen.items() if name == option.id))
    ]
    entries: list[Step | Repeat] = []
    for entry in keep.steps if keep else ():
        if isinstance(entry, Repeat) or entry.method.scope == "model":
            entries.append(entry)
            continue
        family = entry.method.family
        if entry.method.changes_widths or family not in families:
            entries.append(entry)
            continue
        own = [step for step in new if step.method.family == family]
        own.sort(key=lambda step: step.method.order)
        entries += own
        new = [step for step in new if step not in own]
    recipe = Recipe(tuple(entries))
    for step in new:
        recipe = with_step(recipe, step)
    return recipe
