"""Budgets in milliseconds: the solver against every plan that there is, with borders between integers and float."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from secateur.errors import UserError
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.recipe.budget import Budget, solve_budget
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import option
from secateur.recipe.speed import judged, plan_ms
from secateur.recipe.speed_cost import speed_cost
from secateur.targets import target_named
from secateur.targets.flow import Flow
from secateur.targets.timings import Spread, Timings

NAMES = ("a", "b", "c", "d")
INT8, INT4 = Precision(8, 8), Precision(4)
CONV = Workload("conv", 8, 8, (10, 10), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
DAMAGE = {"a": 1.0, "b": 4.0, "c": 2.0, "d": 3.0}
FLOW = Flow(
    {"a": ("x",), "b": ("a",), "add": ("b", "a"), "c": ("add",), "d": ("c",)}, frozenset(NAMES), frozenset({"add"})
)


def model() -> ModelDescription:
    layers = tuple(
        Layer(
            n,
            "Conv2d",
            TensorInfo(f"{n}.weight", "float32", (8, 8, 1, 1), 256),
            macs=6400,
            size_bytes=256,
            kernel=(1, 1),
        )
        for n in NAMES
    )
    return ModelDescription("net", ModelSource("net.onnx"), "onnx", 1024, layers, (), ())


def table() -> SensitivityTable:
    rows = []
    for name, damage in DAMAGE.items():
        rows.append(SensitivityRow(layer=name, option="int8", damage=damage, bytes=64, macs=6400))
        rows.append(SensitivityRow(layer=name, option="int4", damage=5 * damage, bytes=32, macs=6400, faster=False))
    return SensitivityTable(
        depth="free", metric="", unit="relative error", samples=0, seconds=0.0, rank_correlation=None, rows=tuple(rows)
    )


def timings(between: float = 3.0) -> Timings:
    times = {FLOAT: 2.0, INT8: 1.0, INT4: 3.0, BETWEEN: between}
    kernels = {CONV.at(p): Spread(ms, ms, ms) for p, ms in times.items()}
    kernels[CONV.at(INT8)] = Spread(1.0, 1.0, 1.0, enter=0.3, leave=0.2)
    return Timings("fake", 1, dict.fromkeys(NAMES, (CONV,)), kernels, {FLOAT: 8.0, INT8: 4.0}, FLOW)


def ms_of(chosen: dict[str, str], known: Timings) -> float:
    works = {n: option(chosen[n]).method.workloads(model().layer(n), (CONV,)) if chosen[n] else (CONV,) for n in NAMES}
    ms = known.plan(works)
    assert ms is not None
    return ms


def damage_of(chosen: dict[str, str]) -> float:
    factor = {"": 0.0, "int8": 1.0, "int4": 5.0}
    return sum(DAMAGE[name] * factor[choice] for name, choice in chosen.items())


ALL = [dict(zip(NAMES, each, strict=True)) for each in itertools.product(("", "int8", "int4"), repeat=len(NAMES))]


@pytest.mark.parametrize("between", [1.5, 3.0])
@pytest.mark.parametrize("share", [0.55, 0.7, 0.8, 0.9, 1.0])
def test_the_plan_is_within_the_milliseconds_and_nearly_the_best_of_all_that_are(share: float, between: float) -> None:
    known = timings(between)
    chosen = solve_budget(model(), table(), {"latency_ms": 8.0 * share}, timings=known)
    assert ms_of(chosen, known) <= 8.0 * share + 1e-6
    best = min(damage_of(plan) for plan in ALL if ms_of(plan, known) <= 8.0 * share + 1e-9)
    assert damage_of(chosen) <= 1.1 * best + 1e-3


def uneven(seed: int) -> Timings:
    """Every kernel that a plan may lead to takes something else, and another time between rounded values."""
    random = np.random.default_rng(seed)
    shapes = [CONV, replace(CONV, outputs=2), replace(CONV, inputs=2)]
    kernels = {
        work: Spread(ms, ms, ms, enter=ms / 5, leave=ms / 7)
        for work in (shape.at(p) for shape in shapes for p in (FLOAT, INT8, INT4, BETWEEN))
        for ms in [float(random.uniform(0.5, 3.0))]
    }
    return replace(timings(), kernels=kernels, learned=0.2)


@pytest.mark.parametrize("seed", range(5))
def test_what_the_solver_counts_is_what_is_told_of_the_plan_and_of_those_beside_it(seed: int) -> None:
    random, known, scored = np.random.default_rng(seed), uneven(seed), table()
    rows = [SensitivityRow(layer=n, option="rank25", damage=0.1, bytes=128, macs=3200) for n in NAMES]
    budget = Budget(model(), scored.model_copy(update={"rows": (*scored.rows, *rows)}), known)
    programme = budget.programme
    assert {"rank25", "rank25+int8", "rank25+int4"} <= {choice.option for choice in programme.choices}
    for _ in range(40):
        items = np.array([random.choice(np.flatnonzero(programme.groups == group)) for group in range(len(NAMES))])
        chosen = programme.chosen(items)
        told = plan_ms(model(), recipe_of(chosen), known)
        assert programme.takes("latency_ms", items) == pytest.approx(told, rel=1e-9)
        assert programme.swapped("latency_ms", items)[items] == pytest.approx(np.full(len(items), told), rel=1e-9)


def floats_between(chosen: dict[str, str]) -> set[str]:
    """Layers left in float that the runtime computes in integers, as those around them."""
    static = {name for name, choice in chosen.items() if "int8" in choice}
    return {name for name in FLOW.rounded(static).between if not chosen[name]}


@pytest.mark.parametrize("share", [0.55, 0.6, 0.7, 0.8, 0.9, 1.0])
def test_no_plan_leaves_floats_between_integers_where_they_are_computed_in_integers_all_the_same(share: float) -> None:
    known = timings(between=1.05)
    chosen = solve_budget(model(), table(), {"latency_ms": 8.0 * share}, timings=known)
    assert not floats_between(chosen)
    assert ms_of(chosen, known) <= 8.0 * share + 1e-6


def test_a_layer_between_integers_that_is_pinned_to_float_stays_so() -> None:
    kept = {"c": "", "a": "int8", "b": "int8", "d": "int8"}
    chosen = solve_budget(model(), table(), {"latency_ms": 8.0}, timings=timings(between=1.05), pins=kept)
    assert chosen == kept
    assert floats_between(chosen) == {"c"}


def test_limits_on_size_and_milliseconds_hold_together() -> None:
    known = timings()
    chosen = solve_budget(model(), table(), {"latency_ms": 6.8, "bytes": 700.0}, timings=known)
    assert ms_of(chosen, known) <= 6.8
    assert sum({"": 256, "int8": 64, "int4": 32}[choice] for choice in chosen.values()) <= 700


def test_a_smaller_plan_is_not_slower_than_the_original_where_it_need_not_be() -> None:
    known = timings()
    chosen = solve_budget(model(), table(), {"bytes": 700.0}, timings=known)
    assert ms_of(chosen, known) <= 8.0
    assert speed_cost(Budget(model(), table(), known), chosen, {"bytes": 700.0}) is None


def test_a_plan_that_has_to_be_slower_says_so_before_it_is_run() -> None:
    known = timings()
    chosen = solve_budget(model(), table(), {"bytes": 130.0}, timings=known)
    assert set(chosen.values()) == {"int4"}
    cost = speed_cost(Budget(model(), table(), known), chosen, {"bytes": 130.0})
    assert cost is not None
    assert set(cost.layers) == set(NAMES)


def test_a_limit_that_cannot_be_met_tells_the_fastest_plan() -> None:
    with pytest.raises(UserError) as caught:
        solve_budget(model(), table(), {"latency_ms": 1.0}, timings=timings())
    assert "fastest plan takes" in caught.value.hint


def test_milliseconds_that_were_not_measured_cannot_be_limited() -> None:
    with pytest.raises(UserError, match="not been measured"):
        solve_budget(model(), table(), {"latency_ms": 1.0})


def test_a_table_is_judged_by_the_target_that_is_chosen_and_by_milliseconds_where_they_are_known() -> None:
    asked = judged(table(), model(), target_named("onnxruntime"))
    assert {(row.option, row.faster, row.latency_ms) for row in asked.rows} == {
        ("int8", True, None),
        ("int4", False, None),
    }
    known = timings()
    timed = judged(table(), model(), target_named("onnxruntime"), known)
    expected = {"int8": known.of((CONV.at(INT8),)), "int4": known.of((CONV.at(INT4),))}
    assert all(row.latency_ms == expected[row.option] for row in timed.rows)
    assert {(row.option, row.faster) for row in timed.rows} == {("int8", True), ("int4", False)}
    assert [row.damage for row in timed.rows] == [row.damage for row in table().rows]
