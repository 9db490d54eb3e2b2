"""The budget solver: one option per layer, least total damage, within limits on bytes, MACs and milliseconds.

A multiple-choice knapsack, solved exactly as a mixed-integer programme (`scipy.optimize.milp`, HiGHS). Bytes are not
bought with milliseconds. Where milliseconds were measured, no plan is slower than the original while the limits can be
met so, and of plans of nearly the least damage the fastest is taken. Where they were not, an option that the target
does not compute faster is taken only where the limits need it, then on as little computation as nearly the least
damage allows. `speed_cost.py` says what a plan gives up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur import figures
from secateur.errors import UserError
from secateur.graph.context import LeftOut
from secateur.methods.offers import Option
from secateur.model.costs import Costs
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.model.workload import Workload
from secateur.recipe.editing import with_step
from secateur.recipe.latency_limit import Chosen, LatencyTerms, latency_terms
from secateur.recipe.options import OPTIONS, option
from secateur.recipe.recipe import Recipe, Repeat, Step
from secateur.recipe.tables import encodes, saved_bytes
from secateur.targets.timings import Timings

if TYPE_CHECKING:
    from scipy.optimize import LinearConstraint

FLOAT = ""
"""The choice that leaves a layer as it is."""

NEARLY_LEAST = 1.1
"""Damage, as a multiple of the least possible, up to which a plan is preferred that gives up less speed."""

PREFERENCE_GAP = 0.01
"""How far from the least the speed given up may be: with 500 layers the last percent takes ten times as long."""


@dataclass(frozen=True)
class Choice:
    """`faster`: the layer computes faster than it does untouched, or it is the untouched layer itself."""

    layer: str
    option: str
    damage: float
    costs: Costs
    faster: bool = True
    is_static: bool = False

    @property
    def is_encoded(self) -> bool:
        """Whether the layer is stored in an encoding then."""
        return self.option != FLOAT and encodes([option(self.option).method])


def choices_of(model: ModelDescription, table: SensitivityTable, timings: Timings | None = None) -> list[Choice]:
    """All cells that can be chosen, the untouched layer among them, layer by layer.

    With `timings` their milliseconds and what is faster are as measured, and what was not measured is left out.
    """
    choices = []
    by_layer: dict[str, list[Choice]] = {}
    for row in table.rows:
        if row.damage is not None and not row.unavailable:
            cell = Choice(row.layer, row.option, row.damage, row.costs, row.faster)
            by_layer.setdefault(row.layer, []).append(cell)
    for layer in model.weighted_layers:
        choices.append(Choice(layer.name, FLOAT, 0.0, layer.costs))
        choices += by_layer.get(layer.name, [])
    return choices if timings is None else [timed for c in choices if (timed := _timed(c, model, timings)) is not None]


def _timed(choice: Choice, model: ModelDescription, timings: Timings) -> Choice | None:
    works = timings.layers.get(choice.layer)
    if works is None:  # of no kind that can be timed: the same whatever is chosen
        return replace(choice, costs=replace(choice.costs, latency_ms=0.0))
    own = works
    if choice.option != FLOAT:
        own = option(choice.option).method.workloads(model.layer(choice.layer), works)
    before, after = timings.of(works), timings.of(own)
    if before is None or after is None:
        return None
    faster = choice.option == FLOAT or after < before
    return replace(
        choice, costs=replace(choice.costs, latency_ms=timings.part_of(own)), faster=faster, is_static=is_static(own)
    )


def is_static(works: tuple[Workload, ...]) -> bool:
    """Whether a layer that is computed so is computed in integers."""
    return bool(works) and works[-1].precision.is_static


def without_options(model: ModelDescription, table: SensitivityTable) -> tuple[LeftOut, ...]:
    """The layers for which the table has nothing to choose, with its reason: no plan changes them."""
    left_out = []
    for layer in model.weighted_layers:
        rows = [row for row in table.rows if row.layer == layer.name]
        if rows and all(row.unavailable or row.damage is None for row in rows):
            reason = next((row.unavailable for row in rows if row.unavailable), "No damage is known for its options.")
            left_out.append(LeftOut(layer.name, reason))
    return tuple(left_out)


def smallest_bytes(
    model: ModelDescription, table: SensitivityTable, *, at_speed: bool = False, timings: Timings | None = None
) -> int:
    """The least file size that any choice of options reaches; `at_speed`: of those that cost no speed."""
    least: dict[str, int] = {}
    encoded: dict[str, int] = {}
    for choice in choices_of(model, table, timings):
        if choice.faster or not at_speed:
            least[choice.layer] = min(least.get(choice.layer, choice.costs.bytes), choice.costs.bytes)
            if choice.is_encoded:
                encoded[choice.layer] = min(encoded.get(choice.layer, choice.costs.bytes), choice.costs.bytes)
    among_integers = sum(encoded.values()) - saved_bytes(model)
    mixed = sum(least.values())
    return fixed_bytes(model) + (min(mixed, among_integers) if encoded.keys() == least.keys() else mixed)


def fixed_bytes(model: ModelDescription) -> int:
    """Bytes of the file that no option changes by itself: its structure and the layers without options."""
    return model.overhead_bytes + sum(layer.size_bytes for layer in model.layers if not layer.is_weighted)


def solve_budget(
    model: ModelDescription,
    table: SensitivityTable,
    limits: Mapping[str, float],
    seconds: float = 5.0,
    timings: Timings | None = None,
) -> dict[str, str]:
    """Layer → option (empty: left as it is) with the least total damage within `limits`.

    `limits` may hold `bytes` (of the exported file), `macs`, and `latency_ms` where `timings` are given. For what a
    plan may cost in speed besides see the head of this file; it does at most a tenth more damage than the least that is
    possible. UserError says the least that can be reached where the limits cannot be met.
    """
    choices = choices_of(model, table, timings)
    if not choices:
        raise UserError("There are no layers to choose options for.", "Score the sensitivity first.")
    if "latency_ms" in limits and (timings is None or timings.whole is None):
        raise UserError("Milliseconds have not been measured yet.", "Wait until the options are timed in the target.")
    problem = _Problem(model, choices, limits, seconds, timings)
    taken = problem.fast() if problem.latency is not None else problem.frugal()
    if taken is None:
        raise UserError("No plan meets the budget.", _nearest(model, table, choices, limits, problem, timings))
    return {choice.layer: choice.option for choice, is_taken in zip(choices, taken, strict=True) if is_taken}


def fastest_ms(
    model: ModelDescription, options: Iterable[Option], timings: Timings, seconds: float = 5.0
) -> float | None:
    """Milliseconds of the fastest plan that these options lead to, whatever damage it does."""
    known: dict[tuple[str, float | None, bool], Choice] = {}
    for layer in model.weighted_layers:
        for name in (FLOAT, *(each.id for each in options if not each.method.supports(layer))):
            choice = _timed(Choice(layer.name, name, 0.0, layer.costs), model, timings)
            if choice is not None:  # options of the same kernels are one choice
                known.setdefault((layer.name, choice.costs.latency_ms, choice.is_static), choice)
    return _Problem(model, list(known.values()), {}, seconds, timings).least_latency() if known else None


def _nearest(
    model: ModelDescription,
    table: SensitivityTable,
    choices: Sequence[Choice],
    limits: Mapping[str, float],
    problem: "_Problem",
    timings: Timings | None,
) -> str:
    """What these options reach of each limit by itself."""
    told = [f"The smallest file that these options reach is {smallest_bytes(model, table):,} bytes."]
    if "macs" in limits:
        least = {c.layer: c.costs.macs for c in sorted(choices, key=lambda c: -c.costs.macs)}
        told.append(f"The fewest MACs are {sum(least.values()):,}.")
    if "latency_ms" in limits and timings is not None and timings.whole:
        fastest = _Problem(model, choices, {}, problem.seconds, timings).least_latency()
        if fastest is not None:
            share = fastest / timings.whole
            told.append(f"The fastest plan takes {figures.milliseconds(fastest)}, {share:.2f} of the original's.")
    return " ".join(told)


class _Problem:
    """The programme of one budget: a variable per choice, one choice per layer, the limits as constraints.

    Where milliseconds are known there are more variables behind the choices: see `latency_limit`.
    """

    def __init__(
        self,
        model: ModelDescription,
        choices: Sequence[Choice],
        limits: Mapping[str, float],
        seconds: float,
        timings: Timings | None = None,
    ) -> None:
        self.seconds = seconds
        self.count = len(choices)
        self.latency: NDArray[np.float64] | None = None
        self.original = timings.whole if timings else None
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
        self.width = self.count
        terms = None
        if timings is not None and timings.whole is not None:
            known = [Chosen(c.layer, c.costs.latency_ms or 0.0, c.is_static) for c in choices]
            terms = latency_terms(known, timings)
            self.latency, self.width = terms.cost, len(terms.cost)
        if "bytes" in limits and saved_bytes(model):  # whether the tables beside the layers get smaller
            self.width += 1
        if self.latency is not None:
            self.latency = np.pad(self.latency, (0, self.width - len(self.latency)))
        self.constraints = _constraints(model, choices, limits, self.width, terms)

    def frugal(self) -> NDArray[np.bool_] | None:
        """Least damage, without options that are not faster where that is possible, else with few of them."""
        taken = self.least(self.damage, self.slow == 0)
        if taken is not None:
            return taken
        taken = self.least(self.damage)
        return None if taken is None else self.given_up_least(taken, self.slow)

    def fast(self) -> NDArray[np.bool_] | None:
        """Nearly the least damage, not slower than the original where that is possible, and then as fast as can be."""
        from scipy.optimize import LinearConstraint

        assert self.latency is not None  # noqa: S101 - asked for where it is known
        limits = list(self.constraints)
        self.constraints.append(LinearConstraint(self.latency[None, :], -np.inf, self.original or np.inf))
        taken = self.least(self.damage)
        if taken is None:
            self.constraints = limits
            taken = self.least(self.damage)
        return (
            None if taken is None else self.given_up_least(taken, self.latency / max(float(self.latency.max()), 1e-9))
        )

    def least_latency(self) -> float | None:
        """Milliseconds of the fastest plan within the limits."""
        if self.latency is None:
            return None
        found = self._solved(self.latency, None, 1e-4)
        return None if found is None else float(found @ self.latency)

    def least(
        self, cost: NDArray[Any], allowed: NDArray[np.bool_] | None = None, gap: float = 1e-6
    ) -> NDArray[np.bool_] | None:
        """Which choices are taken at the least total cost (but for `gap`), of those allowed; None where none fits."""
        found = self._solved(cost, allowed, gap)
        return None if found is None else np.asarray(found[: self.count] > 0.5)

    def _solved(self, cost: NDArray[Any], allowed: NDArray[np.bool_] | None, gap: float) -> NDArray[np.float64] | None:
        from scipy.optimize import Bounds, milp

        further = self.width - self.count
        top = np.ones(self.width)
        if allowed is not None:
            top[: self.count] = allowed
        result = milp(
            np.pad(cost, (0, self.width - len(cost))),
            constraints=self.constraints,
            integrality=np.concatenate([np.ones(self.count), np.zeros(further)]).astype(np.int64),
            bounds=Bounds(0, top),
            options={"time_limit": self.seconds, "mip_rel_gap": gap},
        )
        return None if result.x is None else np.asarray(result.x, dtype=np.float64)

    def given_up_least(self, best: NDArray[np.bool_], speed: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The plan that gives up least `speed` (a cost a variable) among those of nearly the damage of `best`."""
        from scipy.optimize import LinearConstraint

        share = np.minimum(self.damage / max(NEARLY_LEAST * float(self.damage[best].sum()), 1e-12), 2.0)
        share = np.pad(share, (0, self.width - self.count))
        self.constraints.append(LinearConstraint(share[None, :], -np.inf, 1.0))
        # the smallest part of the cost decides between plans that give up the same
        cost = np.pad(speed, (0, self.width - len(speed))) + 1e-6 * share
        taken = self.least(cost, gap=PREFERENCE_GAP)
        return best if taken is None else taken


def _constraints(
    model: ModelDescription,
    choices: Sequence[Choice],
    limits: Mapping[str, float],
    width: int,
    latency: LatencyTerms | None,
) -> "list[LinearConstraint]":
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    position = {layer.name: index for index, layer in enumerate(model.weighted_layers)}
    rows = np.array([position[choice.layer] for choice in choices])
    once = csr_array((np.ones(len(choices)), (rows, np.arange(len(choices)))), shape=(len(position), width))
    constraints = [LinearConstraint(once, 1, 1)]
    if latency is not None:
        if len(latency.bounds):
            parts = latency.matrix
            matrix = csr_array((parts.data, parts.indices, parts.indptr), shape=(parts.shape[0], width))
            constraints.append(LinearConstraint(matrix, latency.bounds, np.inf))
        if "latency_ms" in limits:
            cost = np.pad(latency.cost, (0, width - len(latency.cost)))
            constraints.append(LinearConstraint(cost[None, :], -np.inf, limits["latency_ms"]))
    for name, fixed in (("bytes", fixed_bytes(model)), ("macs", 0)):
        if name in limits:
            costs = np.array([getattr(choice.costs, name) for choice in choices], dtype=float)
            scale = max(1.0, float(costs.max()))
            costs = np.pad(costs, (0, width - len(costs)))
            if name == "bytes" and (saved := saved_bytes(model)):
                costs[-1] = -saved
                constraints.append(_saved_among_integers(choices, rows, len(position), width))
            constraints.append(LinearConstraint(costs[None, :] / scale, -np.inf, (limits[name] - fixed) / scale))
    return constraints


def _saved_among_integers(
    choices: Sequence[Choice], rows: NDArray[np.intp], layers: int, width: int
) -> "LinearConstraint":
    """The last variable is at most the encoded choice of each layer: 0 where one stays in float."""
    from scipy.optimize import LinearConstraint
    from scipy.sparse import csr_array

    encoded = np.array([choice.is_encoded for choice in choices])
    places = np.concatenate([rows[encoded], np.arange(layers)])
    columns = np.concatenate([np.flatnonzero(encoded), np.full(layers, width - 1)])
    values = np.concatenate([np.ones(int(encoded.sum())), np.full(layers, -1.0)])
    return LinearConstraint(csr_array((values, (places, columns)), shape=(layers, width)), 0, np.inf)


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
