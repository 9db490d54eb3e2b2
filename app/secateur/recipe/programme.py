"""The choices of a model as numbers: what each takes, what a plan takes, and the plan that takes least of something.

All adds up over the layers but two: what borders between integers and floats cost in milliseconds, and which values
are held at once at the peak. Near a plan these are sums as well (`latency_limit.py`, `peak_memory.py`), so that plans
are solved in turns: around the one that was found last, until it stays.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from secateur.methods.quantize.sizes import FUNCTION_BYTES, functions_bytes, plane_bits
from secateur.model.description import ModelDescription
from secateur.recipe.choices import FLOAT, Choice, fixed_bytes, stored_and_computed, without_encodings
from secateur.recipe.knapsack import GAP, WORK, Flags, Floats, Solution, solve, undominated
from secateur.recipe.latency_limit import Borders
from secateur.recipe.peak_memory import PeakMemory
from secateur.recipe.tables import saved_bytes
from secateur.targets.timings import Timings, Works

TURNS = 6
"""Plans that are solved one around the other at most: two or three do in most cases."""
MOST_DAMAGE_UNITS = 1e6
"""Damages span six decades and more: beyond, all are equally out of the question."""

Items = NDArray[np.int64]
"""Of each layer the place of its choice."""


class Programme:
    """The choices of a model, layer by layer. `amounts` (choices,) by name: `damage`, `bytes`, `macs`, `slow`, …

    `slow` is computation in choices that are not faster, 1 for the largest layer. `latency_ms` is known where
    `timings` are: `is_timed`. Of a network that lost channels `model` describes what is left, and `works` is what
    its layers compute.
    """

    def __init__(
        self,
        model: ModelDescription,
        choices: Sequence[Choice],
        timings: Timings | None = None,
        works: Works | None = None,
    ) -> None:
        self.model, self.choices = model, list(choices)
        self.layers = list(dict.fromkeys(choice.layer for choice in choices))
        place = {name: number for number, name in enumerate(self.layers)}
        self.groups = np.array([place[choice.layer] for choice in choices], dtype=np.intp)
        self.is_static = np.array([choice.is_static for choice in choices])
        self.is_encoded = np.array([choice.is_encoded for choice in choices])
        self.is_timed = timings is not None and timings.whole is not None
        self.original_ms = timings.whole if timings is not None else None
        stored = {name: stored_and_computed(name) for name in {choice.option for choice in choices}}
        layers = {layer.name: layer for layer in model.layers}
        self._planes = np.array([plane_bits(layers[each.layer], *stored[each.option]) for each in choices])
        self.fixed, self.saved = fixed_bytes(model), saved_bytes(model)
        damage = np.array([choice.damage for choice in choices])
        positive = damage[damage > 0]
        self.unit = float(np.quantile(positive, 0.25)) if positive.size else 1.0
        slow = np.array([0.0 if choice.faster else max(choice.costs.macs, 1) for choice in choices])
        self.amounts: dict[str, Floats] = {
            "damage": np.clip(damage, 0.0, MOST_DAMAGE_UNITS * self.unit),
            "bytes": np.array([choice.costs.bytes for choice in choices], dtype=float),
            "macs": np.array([choice.costs.macs for choice in choices], dtype=float),
            "slow": slow / max(float(slow.max()), 1.0),
        }
        self._borders: Borders | None = None
        self._longer: Floats = np.zeros(len(self.choices))
        self._peak: PeakMemory | None = None
        if timings is not None:
            self.amounts["latency_ms"] = np.array([choice.costs.latency_ms or 0.0 for choice in choices])
            self._longer = np.array([choice.longer_between for choice in choices])
            as_they_are = np.zeros(len(self.layers))
            as_they_are[self.groups[::-1]] = self._longer[::-1]  # of each layer its first choice
            self._borders = Borders(timings, self.layers, as_they_are, works)
            self._peak = PeakMemory(timings, self.layers, works)
        self._start = np.array(
            [self.is_static[self.groups == g].any() for g in range(len(self.layers))], dtype=np.bool_
        )

    @cached_property
    def worthwhile(self) -> Flags:
        """The choices that no other of their layer is better than in everything."""
        names = [name for name in self.amounts if name != "slow"]
        columns = np.stack([self.amounts[name] for name in names], axis=1)
        # what is in integers has borders of its own, and all encoded layers let the tables beside them be smaller
        kind = 2.0 * self.is_static + self.is_encoded
        return undominated(self.groups, np.column_stack([columns, kind, -kind, self.amounts["slow"], self._longer]))

    def pinned(self, pins: Mapping[str, str]) -> Flags:
        """What may be chosen where these layers have to be as they are pinned; KeyError names what there is not."""
        allowed = self.worthwhile.copy()
        for name, option in pins.items():
            own = [p for p, choice in enumerate(self.choices) if choice.layer == name]
            kept = [p for p in own if self.choices[p].option == option]
            if not kept:
                raise KeyError(name, option)
            allowed[own] = False
            allowed[kept] = True
        return allowed

    # ------------------------------------------------------------------ what a plan takes

    def items_of(self, chosen: Mapping[str, str]) -> Items:
        """The places of a choice per layer; layers that are not in it stay as they are."""
        places = self._places
        return np.array([places[name, chosen.get(name, FLOAT)] for name in self.layers], dtype=np.int64)

    def items_near(self, chosen: Mapping[str, str]) -> Items:
        """As `items_of`, of layers that have no such choice here what they are left as."""
        return np.array([self._places.get((name, chosen.get(name, FLOAT)), self._first[name]) for name in self.layers])

    def as_computed(self, items: Items, kept: Collection[str] = ()) -> Items:
        """The plan with layers of floats between integers in integers of their own, but for those that are `kept`.

        Runtimes compute such layers in integers whatever they are stored in, and round their weights more coarsely.
        """
        if self._borders is None:
            return items
        made = items.copy()
        for group in np.flatnonzero(self._borders.of(self.is_static[items])[1]):
            before = self.choices[items[group]]
            if before.is_encoded or self.layers[group] in kept:
                continue
            own = [
                place
                for place in np.flatnonzero((self.groups == group) & self.is_static)
                if without_encodings(self.choices[place].option) == before.option
            ]
            if own:
                made[group] = min(own, key=lambda place: (self.amounts["damage"][place], self.amounts["bytes"][place]))
        return made

    @property
    def untouched(self) -> Items:
        """The plan that leaves all layers as they are, but for channels that all choices here leave out."""
        return np.array([self._first[name] for name in self.layers], dtype=np.int64)

    @cached_property
    def _first(self) -> dict[str, int]:
        """Layer → the place of its first choice."""
        return dict(zip(self.layers, np.searchsorted(self.groups, np.arange(len(self.layers))).tolist(), strict=True))

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        """(layer, option) → the place of the choice."""
        return {(choice.layer, choice.option): place for place, choice in enumerate(self.choices)}

    def chosen(self, items: Items) -> dict[str, str]:
        """Layer → option."""
        return {self.choices[place].layer: self.choices[place].option for place in items}

    def takes(self, name: str, items: Items, beside: float | None = None) -> float:
        """How much of something a plan takes: of the file's bytes, the network's milliseconds, its peak memory.

        `beside` is what the file has beside the layers, where that is not to be what the plan makes of it.
        """
        if name == "memory_bytes":
            assert self._peak is not None  # noqa: S101 - asked for where the network was timed
            weights = self.takes("bytes", items, beside)
            return weights + float(self._peak.held(self.is_static[items][None])[0].max())
        total = float(self.amounts[name][items].sum())
        if name == "bytes":
            return total + (self._beside(items) if beside is None else beside)
        if name == "latency_ms" and self._borders is not None:
            borders, between = self._borders.of(self.is_static[items])
            return total + borders + float(self._longer[items][between].sum())
        return total

    def swapped(self, name: str, items: Items) -> Floats:
        """How much of `bytes`, `macs`, `damage` or `latency_ms` the plan takes with one choice made, (choices,).

        Each stands for the plan `items` in which its layer alone is changed to it.
        """
        amounts, total = self.amounts[name], self.takes(name, items) if name == "latency_ms" else None
        if total is not None and self._borders is not None:
            amounts, _ = self._with_borders(self._borders, self.is_static[items])
        before = amounts[items]
        after = (float(before.sum()) if total is None else total) + amounts - before[self.groups]
        if name == "bytes":
            floats = ~self.is_encoded[items]
            left = int(floats.sum()) - floats[self.groups] + ~self.is_encoded
            after = after + self.fixed - self.saved * (left == 0) + self._functions_swapped(items)
        return np.asarray(after)

    def _with_borders(self, borders: Borders, static: Flags) -> tuple[Floats, float]:
        """Milliseconds of the choices with what they add to the borders (choices,), and the rest of the borders.

        Exact near the plan whose layers `static` (layers,) are in integers.
        """
        near = borders.near(static)
        added = near.each[self.groups] * self.is_static + near.between[self.groups] * self._longer
        return self.amounts["latency_ms"] + added, near.rest

    def _beside(self, items: Items) -> float:
        functions = functions_bytes(self._planes[items].tolist())
        return functions + self.fixed - (self.saved if self.is_encoded[items].all() else 0)

    def _functions_swapped(self, items: Items) -> Floats:
        """What the functions of the file take with one choice made, (choices,)."""
        before, total = self._planes[items], np.zeros(len(self.choices))
        for bits, size in FUNCTION_BYTES.items():
            users = int((before == bits).sum()) - (before[self.groups] == bits) + (self._planes == bits)
            total += size * (users > 0)
        return total

    # ------------------------------------------------------------------ the plan that takes least

    def least(
        self,
        cost: Mapping[str, float],
        limits: Mapping[str, float],
        allowed: Flags,
        gap: float = GAP,
        known: Items | None = None,
        near: Items | None = None,
    ) -> tuple[Items, float] | None:
        """The plan of least `cost` (what → weight of it) within `limits`, and the bound that is proven of that cost.

        Where a plan is `known` that is within them, nothing worse is answered. With `near`, what is in integers is
        looked for from that plan alone, which takes a part of the time.

        None where no plan is within them. Where all layers are encoded the tables beside them are smaller: plans of
        such layers alone are solved by themselves.
        """
        found = self._with_functions(cost, limits, allowed, gap, self.fixed, known, near)
        if self.saved and ("bytes" in cost or limits.keys() & {"bytes", "memory_bytes"}):
            other = self._with_functions(
                cost, limits, allowed & self.is_encoded, gap, self.fixed - self.saved, known, near
            )
            if other is not None and (found is None or self._value(cost, other[0]) < self._value(cost, found[0])):
                return other[0], min(other[1], found[1] if found else other[1])
        return found

    def fastest_ms(self) -> float | None:
        """The least milliseconds that a plan takes, whatever damage it does; None where nothing is timed."""
        found = self.least({"latency_ms": 1.0}, {}, self.worthwhile, gap=1e-4) if self.is_timed else None
        return None if found is None else self.takes("latency_ms", found[0])

    def prices(
        self, items: Items, cost: Mapping[str, float], limits: Mapping[str, float], allowed: Flags
    ) -> dict[str, float]:
        """By how much the `cost` falls, about, for each unit of a limit that there is more of, around a plan within."""
        static, beside = self.is_static[items], self._beside(items)
        found = self._solved(cost, limits, allowed, GAP, beside, static, known=items, work=1)
        if found is None:
            return {}
        names: list[str] = []
        for name in limits:
            rows = len(self._peak.around(static)[1]) if name == "memory_bytes" and self._peak else 1
            names += [name] * rows
        total: dict[str, float] = {}
        for name, price in zip(names, found.prices.tolist(), strict=True):
            total[name] = total.get(name, 0.0) + price
        return total

    def _value(self, cost: Mapping[str, float], items: Items) -> float:
        return sum(weight * self.takes(name, items) for name, weight in cost.items())

    def _with_functions(
        self,
        cost: Mapping[str, float],
        limits: Mapping[str, float],
        allowed: Flags,
        gap: float,
        fixed: float,
        known: Items | None,
        near: Items | None,
        reserved: frozenset[int] = frozenset(),
    ) -> tuple[Items, float] | None:
        """With the room that the functions of a plan's own widths take: each width of a file has its own, once."""
        if not limits.keys() & {"bytes", "memory_bytes"}:
            return self._in_turns(cost, limits, allowed, gap, fixed, known, near)
        found = self._in_turns(cost, limits, allowed, gap, fixed + functions_bytes(reserved), known, near)
        if found is None:  # each width that is not in the file leaves room for the others
            less = ((allowed & (self._planes != bits), reserved - {bits}) for bits in sorted(reserved))
            tried = [self._with_functions(cost, limits, some, gap, fixed, known, near, left) for some, left in less]
            return min(
                (one for one in tried if one is not None), key=lambda one: self._value(cost, one[0]), default=None
            )
        used = frozenset(self._planes[found[0]].tolist()) - {0}
        if used <= reserved or self._fits(found[0], limits):
            return found
        return self._with_functions(cost, limits, allowed, gap, fixed, known, near, reserved | used)

    def _fits(self, items: Items, limits: Mapping[str, float], beside: float | None = None) -> bool:
        taken = {name: self.takes(name, items, beside) for name in limits}
        return all(taken[name] <= limit + 1e-9 * max(abs(limit), 1.0) for name, limit in limits.items())

    def _in_turns(
        self,
        cost: Mapping[str, float],
        limits: Mapping[str, float],
        allowed: Flags,
        gap: float,
        fixed: float,
        known: Items | None,
        near: Items | None,
    ) -> tuple[Items, float] | None:
        timed = "latency_ms" in cost or "latency_ms" in limits
        if not timed and "memory_bytes" not in limits:
            solution = self._solved(cost, limits, allowed, gap, fixed, self._start, known=known)
            return (solution.items, solution.bound) if solution is not None else None
        best, bound = known, np.inf
        starts = [self._start, np.zeros_like(self._start) if known is None else self.is_static[known]]
        for start in starts if near is None else [self.is_static[near]]:
            static, seen, warm = start, {start.tobytes()}, None
            tighter = dict(limits)
            for _ in range(TURNS):
                work = WORK if best is None else WORK // 10  # what is known already is only to be improved on
                solution = self._solved(cost, tighter, allowed, gap, fixed, static, warm, best, work)
                if solution is None:
                    break
                warm, items = solution.prices, solution.items
                over = {name: self.takes(name, items, fixed) - limit for name, limit in limits.items()}
                fits = self._fits(items, limits, fixed)
                if fits and (best is None or self._value(cost, items) < self._value(cost, best)):
                    best, bound = items, min(bound, solution.bound)
                after = self.is_static[items]
                if after.tobytes() in seen:
                    curved = [n for n in ("latency_ms", "memory_bytes") if over.get(n, 0.0) > 0]
                    if not curved:
                        break
                    for name in curved:  # plans that take turns: less room ends that
                        tighter[name] -= over[name]
                seen.add(after.tobytes())
                static = after
        return None if best is None else (best, bound)

    def _solved(
        self,
        cost: Mapping[str, float],
        limits: Mapping[str, float],
        allowed: Flags,
        gap: float,
        fixed: float,
        static: Flags,
        warm: Floats | None = None,
        known: Items | None = None,
        work: int = WORK,
    ) -> Solution | None:
        """The best plan where borders and memory are what they are around the layers `static` in integers."""
        timed, total, constant = None, np.zeros(len(self.choices)), 0.0
        if self._borders is not None and ("latency_ms" in cost or "latency_ms" in limits):
            timed, constant = self._with_borders(self._borders, static)
        for name, weight in cost.items():
            total += weight * (timed if name == "latency_ms" and timed is not None else self.amounts[name])
        rows: list[Floats] = []
        bounds: list[float] = []
        for name, limit in limits.items():
            if name == "latency_ms" and timed is not None:
                rows.append(timed)
                bounds.append(limit - constant)
            elif name == "memory_bytes" and self._peak is not None:
                changes, held = self._peak.around(static)
                for change, base in zip(changes.T, held, strict=True):
                    rows.append(self.amounts["bytes"] + change[self.groups] * self.is_static)
                    bounds.append(limit - fixed - base)
            else:
                rows.append(self.amounts[name])
                bounds.append(limit - (fixed if name == "bytes" else 0.0))
        matrix = np.stack(rows, axis=1) if rows else np.zeros((len(self.choices), 0))
        return solve(self.groups, total, matrix, np.array(bounds), allowed, gap=gap, warm=warm, known=known, work=work)
