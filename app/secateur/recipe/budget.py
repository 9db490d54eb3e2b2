"""The budget solver: one choice per layer, least total damage, within limits on bytes, MACs, milliseconds and memory.

Bytes are not bought with milliseconds. Where milliseconds were measured, no plan is slower than the original while the
limits can be met so, and of plans of nearly the least damage the fastest is taken. Where they were not, an option that
the target does not compute faster is taken only where the limits need it, then on as little computation as nearly the
least damage allows. `speed_cost.py` says what a plan gives up.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from secateur import figures
from secateur.errors import UserError
from secateur.methods.offers import Option
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityTable
from secateur.recipe.best import fewest, least_factor, preferred
from secateur.recipe.choices import Choice, channels_in, choices_of, fastest_choices, least_bytes, words_of
from secateur.recipe.knapsack import Flags
from secateur.recipe.narrowing import Narrowing, Widths
from secateur.recipe.programme import Items, Programme
from secateur.recipe.width_search import WidthSearch
from secateur.targets.timings import Timings

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
    chose them: layer → option, empty for float. `narrows`: whether layers may lose channels besides. `near` is a plan
    near which one is looked for, in its channels, where all that there are would take too long.
    """

    limits: Mapping[str, float]
    least: str = "damage"
    pins: Mapping[str, str] = field(default_factory=dict)
    narrows: bool = True
    near: Mapping[str, str] | None = None


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

    @cached_property
    def narrowing(self) -> Narrowing:
        """What layers can lose of their channels; nothing where the choices were given."""
        model = self.model if self.choices is None else replace(self.model, bundles=())
        return Narrowing(model, self.table, self.timings)

    @property
    def channel_step(self) -> int | None:
        """What divides the widths that are left where layers lose channels; None where no plan takes any."""
        return self.narrowing.channel_step if self.narrowing.groups else None

    def at(self, widths: Widths) -> Programme:
        """The choices where layers have lost channels."""
        return self.narrowing.at(widths) if widths else self.programme

    def programme_of(self, chosen: Mapping[str, str]) -> Programme:
        """The choices beside a choice per layer: with the channels that it takes, and with no others."""
        return self.at(self.narrowing.widths_of(chosen))

    def is_of(self, model: ModelDescription, table: SensitivityTable, timings: Timings | None) -> bool:
        """Whether it is made of the same."""
        return (self.model, self.timings) == (model, timings) and self.table == table

    def solve(self, wish: Wish) -> dict[str, str]:
        """Layer → choice (empty: left as it is) with the least of what is wished for within the limits.

        For what a plan may cost in speed besides see the head of this file; it does at most a tenth more damage than
        the least that is possible for its widths, which are looked for (`width_search.py`), not proven to be the best.
        NoPlan says the nearest where the limits cannot be met.
        """
        search = self._search(wish)
        found = search.best()
        if found is None:
            raise self._no_plan(search)
        programme, plan = found
        return programme.chosen(programme.as_computed(preferred(programme, plan, wish.least), wish.pins))

    def smallest(self, pins: Mapping[str, str] = NO_PINS, *, narrows: bool = True) -> tuple[Programme, Flags]:
        """The programme of the narrowest layers, and what may be chosen of it: the least that plans take of anything.

        UserError for pins that cannot be.
        """
        search = self._search(Wish({}, pins=pins, narrows=narrows))
        programme = self.at({**search.fixed, **self.narrowing.narrowest(search.free)})
        return programme, programme.pinned(search.pins)

    def _search(self, wish: Wish) -> WidthSearch:
        needs = {*wish.limits, wish.least} & {"latency_ms", "memory_bytes"}
        if needs and not self.programme.is_timed:
            what = "Milliseconds have" if "latency_ms" in needs else "What is alive in memory has"
            raise UserError(f"{what} not been measured yet.", "Wait until the options are timed in the target.")
        narrowing, pins = self.narrowing, wish.pins
        pinned = {group.name for name in pins if (group := narrowing.group_of(name)) is not None}
        fixed = narrowing.widths_of(pins)
        for name, choice in pins.items():
            group = narrowing.group_of(name)
            taken = fixed.get(group.name, "") if group is not None else ""
            if group is not None and channels_in(choice) != taken:
                other = next(mate for mate in group.layers if channels_in(pins.get(mate, "")) != channels_in(choice))
                sentence = f"{name} and {other} lose channels together, and are pinned to different ones."
                raise UserError(sentence, "Pin both to the same channels, or unpin one.")
        try:
            self.at(fixed).pinned(pins)
        except KeyError as missing:
            layer, name = missing.args
            hint = "Pin one of its options that can be chosen, or unpin it."
            raise UserError(f"{layer} is pinned to {words_of(name)}, which cannot be chosen there.", hint) from None
        near = None if wish.near is None else {**narrowing.completed(wish.near), **pins}
        if near is not None:
            fixed = {**narrowing.widths_of(near), **fixed}
        looks = wish.narrows and near is None
        free = [group for group in narrowing.groups if group.name not in pinned] if looks else []
        return WidthSearch(narrowing, self.programme, wish.limits, wish.least, pins, fixed, free, near)

    # ------------------------------------------------------------------ where the limits cannot be met

    def _no_plan(self, search: WidthSearch) -> NoPlan:
        programme = self.at({**search.fixed, **self.narrowing.narrowest(search.free)})
        allowed = programme.pinned(search.pins)
        told = " ".join(self._reached_alone(search.limits, programme, allowed))
        nearest = self._nearest(search, programme)
        if nearest is None:
            return NoPlan("No plan meets the budget.", told)
        programme, items, reached = nearest
        words = ", ".join(_written(name, programme.takes(name, items)) for name in search.limits)
        sentence = f"{told} The nearest plan takes {words}." if len(search.limits) > 1 else told
        return NoPlan("No plan meets the budget.", sentence, programme.chosen(items), reached)

    def _reached_alone(self, limits: Mapping[str, float], programme: Programme, allowed: Flags) -> Iterable[str]:
        """What these options reach of each limit by itself, where all channels leave that can."""
        smallest = least_bytes(programme.model, [c for c, m in zip(programme.choices, allowed, strict=True) if m])
        yield f"The smallest file that these options reach is {figures.size(smallest)} ({smallest:,} bytes)."
        for name in ("macs", "latency_ms", "memory_bytes"):
            if name not in limits:
                continue
            least = fewest(programme, name, allowed, self.programme.takes(name, self.programme.items_of({})))
            if least is None:
                continue
            if name == "macs":
                yield f"The fewest MACs are {least:,.0f}."
            elif name == "latency_ms":
                share = least / (programme.original_ms or 1.0)
                yield f"The fastest plan takes {figures.milliseconds(least)}, {share:.2f} of the original's."
            else:
                yield f"The least memory at the peak is {figures.size(least)}."

    def _nearest(self, search: WidthSearch, narrowest: Programme) -> tuple[Programme, Items, dict[str, float]] | None:
        """The plan within the limits that are exceeded least, all by the same share."""
        programmes = (self.at(search.fixed), narrowest) if search.free else (self.at(search.fixed),)
        factors = [least_factor(each, search.limits, each.pinned(search.pins)) for each in programmes]
        _, reached = min(factors, key=lambda found: (not found[1], found[0]))
        found = replace(search, limits=reached).best() if reached else None
        if found is None:
            return None
        items = found[0].as_computed(preferred(*found, search.least), search.pins)
        return found[0], items, reached


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
    return f"{figures.number(amount)} of damage"


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
    return Programme(model, known, timings).fastest_ms()
