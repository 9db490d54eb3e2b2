"""The budget solver: one choice per layer, least total damage, within limits on bytes, MACs, milliseconds and memory.

Bytes are not bought with milliseconds. Where milliseconds were measured, no plan is slower than the original while the
limits can be met so, and of plans of nearly the least damage the fastest is taken. Where they were not, an option that
the target does not compute faster is taken only where the limits need it, then on as little computation as nearly the
least damage allows. `speed_cost.py` says what a plan gives up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from secateur import figures
from secateur.errors import UserError
from secateur.methods.offers import Option
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.choices import Choice, choices_of, fastest_choices, least_bytes, words_of
from secateur.recipe.knapsack import Flags
from secateur.recipe.programme import Items, Programme
from secateur.targets.timings import Timings

NEARLY_LEAST: Final = 1.1
"""Damage, as a multiple of the least possible, up to which a plan is preferred that gives up less speed."""
NEGLIGIBLE: Final = 1e-3
"""Damage (nats, or relative squared error of the answers) that no metric shows: speed is not given up for less."""
PREFERENCE_GAP: Final = 0.01
"""How far from the least the speed given up may be."""
SAME: Final = 1.001
"""What is as good as the least: of such plans the one that does least damage is taken."""
STEPS_TO_NEAREST: Final = 12
"""Halvings of the distance to the limits that can be met."""

NO_PINS: Final[Mapping[str, str]] = MappingProxyType({})


class NoPlan(UserError):  # noqa: N818 - no failure: the nearest plan comes with it
    """No plan is within the limits. `nearest` is the plan that exceeds them least, in proportion; None where none is.

    `reached` are the limits that it keeps.
    """

    def __init__(
        self,
        sentence: str,
        hint: str = "",
        nearest: Mapping[str, str] | None = None,
        reached: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(sentence, hint)
        self.nearest, self.reached = nearest, dict(reached or {})

    def __reduce__(self) -> tuple[type["NoPlan"], tuple[Any, ...]]:
        return type(self), (self.sentence, self.hint, self.nearest, self.reached)


@dataclass(frozen=True)
class Wish:
    """What is asked for. `limits` may hold `bytes` (of the file), `macs`, `latency_ms`, `memory_bytes` and `damage`.

    `least` is what a plan shall take least of, `damage` unless that is limited. `pins` are layers that stay as a person
    chose them: layer → option, empty for float.
    """

    limits: Mapping[str, float]
    least: str = "damage"
    pins: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Budget:
    """All that can be chosen for a model, to be solved again and again for other wishes.

    `choices` are those of the table where they are not given.
    """

    model: ModelDescription
    table: SensitivityTable
    timings: Timings | None = None
    choices: tuple[Choice, ...] | None = None

    @cached_property
    def programme(self) -> Programme:
        choices = choices_of(self.model, self.table, self.timings) if self.choices is None else self.choices
        if not choices:
            raise UserError("There are no layers to choose options for.", "Score the sensitivity first.")
        return Programme(self.model, choices, self.timings)

    def is_of(self, model: ModelDescription, table: SensitivityTable, timings: Timings | None) -> bool:
        """Whether it is made of the same."""
        return (self.model, self.timings) == (model, timings) and self.table == table

    def solve(self, wish: Wish) -> dict[str, str]:
        """Layer → choice (empty: left as it is) with the least of what is wished for within the limits.

        For what a plan may cost in speed besides see the head of this file; it does at most a tenth more damage than
        the least that is possible. NoPlan says the nearest where the limits cannot be met.
        """
        allowed = self._allowed(wish)
        items = self._best(wish.limits, wish.least, allowed)
        if items is None:
            raise self._no_plan(wish, allowed)
        return self.programme.chosen(items)

    def _allowed(self, wish: Wish) -> Flags:
        programme = self.programme
        needs = {*wish.limits, wish.least} & {"latency_ms", "memory_bytes"}
        if needs and not programme.is_timed:
            what = "Milliseconds have" if "latency_ms" in needs else "What is alive in memory has"
            raise UserError(f"{what} not been measured yet.", "Wait until the options are timed in the target.")
        try:
            return programme.pinned(wish.pins)
        except KeyError as missing:
            layer, name = missing.args
            hint = "Pin one of its options that can be chosen, or unpin it."
            raise UserError(f"{layer} is pinned to {words_of(name)}, which cannot be chosen there.", hint) from None

    # ------------------------------------------------------------------ the best plan

    def _best(self, limits: Mapping[str, float], least: str, allowed: Flags) -> Items | None:
        if self.programme.is_timed:
            return self._fast(limits, least, allowed)
        return self._frugal(limits, least, allowed)

    def _frugal(self, limits: Mapping[str, float], least: str, allowed: Flags) -> Items | None:
        """Without options that are not faster where that is possible, else with few of them."""
        found = self._least(least, limits, allowed & (self.programme.amounts["slow"] == 0))
        if found is not None:
            return found
        best = self._least(least, limits, allowed)
        return None if best is None else self._given_up_least("slow", best, least, limits, allowed)

    def _fast(self, limits: Mapping[str, float], least: str, allowed: Flags) -> Items | None:
        """Not slower than the original where that is possible, and then as fast as nearly the least damage allows."""
        programme = self.programme
        original = programme.original_ms or float("inf")
        for limit in (min(original, limits.get("latency_ms", original)), limits.get("latency_ms")):
            within = {**limits, "latency_ms": limit} if limit is not None else dict(limits)
            best = self._least(least, within, allowed)
            if best is not None:
                return self._given_up_least("latency_ms", best, least, within, allowed)
        return None

    def _least(self, least: str, limits: Mapping[str, float], allowed: Flags) -> Items | None:
        """The plan that takes least of something; among equal ones the smaller, or the one that does less damage."""
        programme = self.programme
        largest = max(float(programme.amounts["bytes"].max()), 1.0)
        if least == "damage":
            found = programme.least({"damage": 1.0, "bytes": 1e-4 * programme.unit / largest}, limits, allowed)
            return None if found is None else found[0]
        found = programme.least({least: 1.0}, limits, allowed)
        if found is None:
            return None
        most = programme.takes(least, found[0])
        return self._least("damage", {**limits, least: most * SAME if most > 0 else most}, allowed)

    def _given_up_least(
        self, speed: str, best: Items, least: str, limits: Mapping[str, float], allowed: Flags
    ) -> Items:
        """The plan that gives up least `speed` among those of nearly the damage of `best`."""
        programme = self.programme
        damage = programme.takes("damage", best)
        nearly = min(max(NEARLY_LEAST * damage, NEGLIGIBLE), limits.get("damage", float("inf")))
        within = {**limits, "damage": nearly + 1e-4 * programme.unit}
        if least != "damage":
            within[least] = programme.takes(least, best)
        scale = max(float(abs(programme.amounts[speed]).max()), 1e-9)
        # the smallest part of the cost decides between plans that give up the same
        cost = {speed: 1.0 / scale, "damage": 1e-6 / max(damage, 1e-12)}
        found = programme.least(cost, within, allowed, gap=PREFERENCE_GAP, known=best)
        if found is None or programme.takes(speed, found[0]) >= programme.takes(speed, best):
            return best
        return found[0]

    # ------------------------------------------------------------------ where the limits cannot be met

    def _no_plan(self, wish: Wish, allowed: Flags) -> NoPlan:
        told = " ".join(self._reached_alone(wish, allowed))
        nearest = self._nearest(wish, allowed)
        if nearest is None:
            return NoPlan("No plan meets the budget.", told)
        items, reached = nearest
        words = ", ".join(_written(name, self.programme.takes(name, items)) for name in wish.limits)
        sentence = f"{told} The nearest plan takes {words}." if len(wish.limits) > 1 else told
        return NoPlan("No plan meets the budget.", sentence, self.programme.chosen(items), reached)

    def _reached_alone(self, wish: Wish, allowed: Flags) -> Iterable[str]:
        """What these options reach of each limit by itself."""
        programme = self.programme
        smallest = least_bytes(self.model, [c for c, may in zip(programme.choices, allowed, strict=True) if may])
        yield f"The smallest file that these options reach is {smallest:,} bytes."
        for name in ("macs", "latency_ms", "memory_bytes"):
            if name not in wish.limits:
                continue
            fewest = self._fewest(name, allowed)
            if fewest is None:
                continue
            if name == "macs":
                yield f"The fewest MACs are {fewest:,.0f}."
            elif name == "latency_ms":
                share = fewest / (programme.original_ms or 1.0)
                yield f"The fastest plan takes {figures.milliseconds(fewest)}, {share:.2f} of the original's."
            else:
                yield f"The least memory at the peak is {figures.size(fewest)}."

    def _fewest(self, name: str, allowed: Flags) -> float | None:
        """The least that any plan takes of something."""
        if name == "memory_bytes":
            return self._least_factor({name: self._float(name)}, allowed)[1].get(name)
        found = self.programme.least({name: 1.0}, {}, allowed, gap=1e-4)
        return None if found is None else self.programme.takes(name, found[0])

    def _float(self, name: str) -> float:
        """What the untouched network takes."""
        return self.programme.takes(name, self.programme.items_of({}))

    def _nearest(self, wish: Wish, allowed: Flags) -> tuple[Items, dict[str, float]] | None:
        """The plan within the limits that are exceeded least, all by the same share."""
        _, reached = self._least_factor(wish.limits, allowed)
        items = self._best(reached, wish.least, allowed) if reached else None
        return None if items is None else (items, reached)

    def _least_factor(self, limits: Mapping[str, float], allowed: Flags) -> tuple[float, dict[str, float]]:
        """The least factor by which all limits have to be multiplied to be met, and the limits then."""
        low, high = 0.0, 1.0
        for _ in range(STEPS_TO_NEAREST):
            if self._can_meet(_times(limits, high), allowed):
                break
            low, high = high, 2 * high
        else:
            return high, {}
        for _ in range(STEPS_TO_NEAREST):
            middle = (low + high) / 2
            if self._can_meet(_times(limits, middle), allowed):
                high = middle
            else:
                low = middle
        return high, _times(limits, high)

    def _can_meet(self, limits: Mapping[str, float], allowed: Flags) -> bool:
        return self.programme.least({"damage": 1.0}, limits, allowed, gap=1.0) is not None


def _times(limits: Mapping[str, float], factor: float) -> dict[str, float]:
    return {name: limit * factor for name, limit in limits.items()}


def _written(name: str, amount: float) -> str:
    match name:
        case "bytes":
            return f"{amount:,.0f} bytes"
        case "memory_bytes":
            return f"{figures.size(amount)} of memory"
        case "latency_ms":
            return figures.milliseconds(amount)
        case "macs":
            return f"{amount:,.0f} MACs"
    return f"{amount:.3g} of damage"


def solve_budget(
    model: ModelDescription,
    table: SensitivityTable,
    limits: Mapping[str, float],
    timings: Timings | None = None,
    pins: Mapping[str, str] = NO_PINS,
    least: str = "damage",
) -> dict[str, str]:
    """Layer → choice within `limits`, as `Budget.solve` has it: for one solution."""
    return Budget(model, table, timings).solve(Wish(limits, least, pins))


def fastest_ms(model: ModelDescription, options: Sequence[Option], timings: Timings) -> float | None:
    """Milliseconds of the fastest plan that these options lead to, whatever damage it does."""
    known = fastest_choices(model, options, timings)
    if not known or timings.whole is None:
        return None
    programme = Programme(model, known, timings)
    found = programme.least({"latency_ms": 1.0}, {}, programme.worthwhile, gap=1e-4)
    return None if found is None else programme.takes("latency_ms", found[0])
