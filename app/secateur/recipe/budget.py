"""The budget solver: one option per layer, least total damage, within limits on bytes, MACs and milliseconds.

A multiple-choice knapsack, solved exactly as a mixed-integer programme (`scipy.optimize.milp`, HiGHS).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from secateur.analysis.documents import SensitivityTable
from secateur.errors import UserError
from secateur.methods.base import LeftOut
from secateur.model.description import ModelDescription
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Step

FLOAT = ""
"""The choice that leaves a layer as it is."""


@dataclass(frozen=True)
class Choice:
    layer: str
    option: str
    damage: float
    bytes: int
    macs: int


def choices_of(model: ModelDescription, table: SensitivityTable) -> list[Choice]:
    """All cells that can be chosen, the untouched layer among them, layer by layer."""
    choices = []
    by_layer: dict[str, list[Choice]] = {}
    for row in table.rows:
        if row.damage is not None and not row.unavailable:
            cell = Choice(row.layer, row.option, row.damage, row.bytes, row.macs)
            by_layer.setdefault(row.layer, []).append(cell)
    for layer in model.weighted_layers:
        choices.append(Choice(layer.name, FLOAT, 0.0, layer.size_bytes, layer.macs))
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


def smallest_bytes(model: ModelDescription, table: SensitivityTable) -> int:
    """The least file size that any choice of options reaches."""
    least: dict[str, int] = {}
    for choice in choices_of(model, table):
        least[choice.layer] = min(least.get(choice.layer, choice.bytes), choice.bytes)
    return fixed_bytes(model) + sum(least.values())


def fixed_bytes(model: ModelDescription) -> int:
    """Bytes of the file that no option changes: its structure and the layers without options."""
    return model.overhead_bytes + sum(layer.size_bytes for layer in model.layers if not layer.is_weighted)


def solve_budget(
    model: ModelDescription, table: SensitivityTable, limits: Mapping[str, float], seconds: float = 5.0
) -> dict[str, str]:
    """Layer → option (empty: left as it is) with the least total damage within `limits`.

    `limits` may hold `bytes` (of the exported file) and `macs`. UserError says the least that can be reached
    where the limits cannot be met.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    choices = choices_of(model, table)
    if not choices:
        raise UserError("There are no layers to choose options for.", "Score the sensitivity first.")
    names = [layer.name for layer in model.weighted_layers]
    position = {name: index for index, name in enumerate(names)}
    columns = np.arange(len(choices))
    rows = np.array([position[choice.layer] for choice in choices])
    one_each = LinearConstraint(csr_array((np.ones(len(choices)), (rows, columns))), 1, 1)
    constraints = [one_each]
    for name, fixed in (("bytes", fixed_bytes(model)), ("macs", 0)):
        if name in limits:
            costs = np.array([getattr(choice, name) for choice in choices], dtype=float)
            scale = max(1.0, float(costs.max()))
            constraints.append(LinearConstraint(costs[None, :] / scale, -np.inf, (limits[name] - fixed) / scale))
    damage = np.array([choice.damage for choice in choices])
    # damages span six decades: in units of a mild option's damage all of them are above the solver's tolerance
    positive = damage[damage > 0]
    unit = float(np.quantile(positive, 0.25)) if positive.size else 1.0
    sizes = np.array([choice.bytes for choice in choices], dtype=float)
    # ties go to the smaller choice
    cost = np.minimum(damage / unit, 1e6) + 1e-4 * sizes / max(float(sizes.max()), 1.0)
    result = milp(
        cost,
        constraints=constraints,
        integrality=np.ones(len(choices), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"time_limit": seconds, "mip_rel_gap": 1e-6},
    )
    if result.x is None:
        raise UserError(
            "No plan meets the budget.",
            f"The smallest file that these options reach is {smallest_bytes(model, table):,} bytes.",
        )
    picked = [choice for choice, taken in zip(choices, result.x, strict=True) if taken > 0.5]
    return {choice.layer: choice.option for choice in picked}


def recipe_of(chosen: Mapping[str, str], keep: Recipe | None = None) -> Recipe:
    """The recipe of a choice per layer; whole-model steps and channel pruning of `keep` stay."""
    steps = [
        step
        for step in (keep.steps if keep else ())
        if step.method.scope == "model" or step.method.family == "channel_pruning"
    ]
    for option in OPTIONS:
        layers = tuple(layer for layer, name in chosen.items() if name == option.id)
        if layers:
            steps.append(Step(option.method, layers))
    return Recipe(tuple(sorted(steps, key=lambda step: step.method.order)))
