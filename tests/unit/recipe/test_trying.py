"""A budget of milliseconds, met by trying: what plans took is learned, and the next one is solved with it."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.recipe.budget import Budget, NoPlan, Wish
from secateur.recipe.recipe import Recipe
from secateur.recipe.trying import MOST_TRIES, solve_and_try
from secateur.targets.flow import Flow
from secateur.targets.timings import Spread, Timings

NAMES = ("a", "b", "c", "d")
INT8 = Precision(8, 8)
CONV = Workload("conv", 8, 8, (10, 10), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
KERNELS = {CONV: 2.0, CONV.at(BETWEEN): 2.0, CONV.at(INT8): 1.0}
DAMAGES = {"a": 1.0, "b": 2.0, "c": 4.0, "d": 8.0}


def layer(name: str) -> Layer:
    weight = TensorInfo(f"{name}.weight", "float32", (8, 8, 1, 1), 256)
    return Layer(name, "Conv2d", weight, None, 64, 6400, 256, (8,), (1, 1))


def budget() -> Budget:
    """Four layers of 2 ms each; in integers, told without borders, 1 ms."""
    model = ModelDescription("n", ModelSource("n.onnx"), "onnx", 1500, tuple(layer(name) for name in NAMES), (), ())
    rows = [
        SensitivityRow(layer=name, option="int8", damage=damage, bytes=64, macs=6400)
        for name, damage in DAMAGES.items()
    ]
    table = SensitivityTable(
        depth="measure", metric="loss", unit="nats", samples=8, seconds=1.0, rank_correlation=None, rows=tuple(rows)
    )
    kernels = {work: Spread(ms, ms, ms) for work, ms in KERNELS.items()}
    flow = Flow({name: (before,) for name, before in zip(NAMES, ("x", *NAMES), strict=False)}, frozenset(NAMES))
    layers = dict.fromkeys(NAMES, (CONV,))
    return Budget(model, table, Timings("onnxruntime", 1, layers, kernels, {FLOAT: 8.0, INT8: 4.0}, flow))


class Machine:
    """Measures plans: a layer in integers takes so many of the 2 ms that it takes in float."""

    def __init__(self, each: float) -> None:
        self._each, self.asked = each, 0

    def share_of(self, recipe: Recipe) -> float | None:
        self.asked += 1
        integers = {name for step in recipe.final for name in step.layers}
        return (8.0 - (2.0 - self._each) * len(integers)) / 8.0

    def timed(self, works: tuple[Workload, ...]) -> Timings | None:
        raise AssertionError(f"all was timed: {works}")


class Broken(Machine):
    """Nothing can be tried on it."""

    def share_of(self, recipe: Recipe) -> float | None:
        return None


def in_integers(chosen: Mapping[str, str]) -> set[str]:
    return {name for name, option in chosen.items() if option}


def test_a_plan_that_keeps_what_it_promises_is_tried_once() -> None:
    machine = Machine(1.0)
    solved = solve_and_try(budget(), Wish({"latency_ms": 6.0}), {}, machine)
    assert in_integers(solved.chosen) == {"a", "b"}
    assert machine.asked == 1
    assert not solved.warning


def test_what_a_plan_took_is_learned_and_the_next_one_keeps_the_limit() -> None:
    solved = solve_and_try(budget(), Wish({"latency_ms": 6.0}), {}, Machine(1.3))
    assert in_integers(solved.chosen) == {"a", "b", "c"}
    assert [len(in_integers(trial.chosen)) for trial in solved.trials] == [2, 3]
    assert solved.trials[1].told == pytest.approx(solved.trials[1].measured), "the second is told as it is"
    assert not solved.warning


def test_a_plan_that_is_quicker_than_was_told_gives_back_what_it_did_for_nothing() -> None:
    solved = solve_and_try(budget(), Wish({"latency_ms": 6.0}), {}, Machine(0.0))
    assert in_integers(solved.chosen) < {"a", "b"}
    assert solved.kept is not None
    assert solved.kept.damage == min(trial.damage for trial in solved.trials if trial.measured <= solved.limit)


def test_a_plan_that_promised_to_be_faster_and_is_slower_is_not_the_answer() -> None:
    assert in_integers(budget().solve(Wish({}, least="latency_ms")))
    solved = solve_and_try(budget(), Wish({}, least="latency_ms"), {}, Machine(2.4))
    assert solved.kept is not None
    assert solved.kept.measured <= 1.0
    assert not in_integers(solved.chosen), "nothing is faster here than the network as it is"


def test_where_nothing_keeps_the_limit_the_quickest_that_was_tried_is_the_answer_and_says_so() -> None:
    machine = Machine(1.9)
    solved = solve_and_try(budget(), Wish({"latency_ms": 6.0}), {}, machine)
    assert machine.asked <= MOST_TRIES
    assert solved.kept is not None
    assert solved.kept.measured == min(trial.measured for trial in solved.trials)
    assert "none took at most 0.75 of the original's time" in solved.warning
    with pytest.raises(NoPlan):
        solve_and_try(budget(), Wish({"latency_ms": 1.0}), {}, machine)


def test_what_cannot_be_tried_stays_as_it_was_solved() -> None:
    solved = solve_and_try(budget(), Wish({"latency_ms": 6.0}), {}, Broken(1.0))
    assert in_integers(solved.chosen) == {"a", "b"}
    assert solved.kept is None


@pytest.mark.parametrize("seed", range(40))
def test_the_quickest_plan_is_there_whatever_borders_cost(seed: int) -> None:
    """Of the plans that are as quick the one of least damage is looked for: at least the quickest itself is one."""
    random = np.random.default_rng(seed)
    known = budget()
    assert known.timings is not None
    kernels = {}
    for work in known.timings.kernels:
        ms, around = random.uniform(0.5, 3.0), random.uniform(0.0, 1.5, 2)
        kernels[work] = Spread(ms, ms, ms, *(around if not work.precision.is_float else (0.0, 0.0)))
    wholes = {FLOAT: random.uniform(4.0, 9.0), INT8: random.uniform(2.0, 9.0)}
    timings = replace(known.timings, kernels=kernels, wholes=wholes)
    chosen = replace(known, timings=timings).solve(Wish({}, least="latency_ms", narrows=False))
    assert set(chosen) == set(NAMES)
