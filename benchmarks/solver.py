"""How fast budgets are solved, against HiGHS on the whole problem, at the same gap: objective and time.

    python benchmarks/solver.py [--rounds 5] [--milp-seconds 20] [--sizes 100x20,200x20,1000x20]

Problems are random and look like networks: sizes of layers and damages over six decades, options that lose more the
less they take, and three limits (bytes, MACs, milliseconds) at once. A row is one problem, solved from nothing and then
re-solved as a slider moves; and a programme made of such a table, borders between integers and floats included.
Wanted: 200 × 20 in 0.1 s, 1,000 × 20 in 1 s, sliders 20 times a second at 100 × 20.
"""

import argparse
import time

import numpy as np
from _rounds import machine, median, quantile, table
from numpy.typing import NDArray

from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.workload import FLOAT, Precision, Workload
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.knapsack import GAP, solve
from secateur.targets.flow import Flow
from secateur.targets.timings import Spread, Timings

Floats = NDArray[np.float64]
LIMITS = 3
SHARE = 0.45
"""Of the way from the least that any choice takes to what the original takes."""


def problem(layers: int, options: int, seed: int) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """(groups, damage, rows, bounds): the first option of each layer leaves it as it is."""
    random = np.random.default_rng(seed)
    sizes, macs = np.exp(random.normal(10, 1.5, layers)), np.exp(random.normal(13, 1.2, layers))
    ms = macs * np.exp(random.normal(0, 0.4, layers)) / 1e6
    strength = np.sort(random.uniform(0, 1, (layers, options)), axis=1)
    strength[:, 0] = 0.0
    damage = (10 ** random.uniform(-6, 0, layers))[:, None] * strength**4 * 10 ** random.normal(0, 0.5, strength.shape)
    narrower = np.where(random.random(strength.shape) < 0.4, strength * 0.8, 0.0)
    faster = np.where(random.random(strength.shape) < 0.7, strength * random.uniform(-0.1, 0.8, strength.shape), 0.0)
    amounts = np.stack(
        [sizes[:, None] * (1 - 0.94 * strength), macs[:, None] * (1 - narrower), ms[:, None] * (1 - faster)], axis=2
    )
    least, whole = amounts.min(axis=1).sum(axis=0), amounts[:, 0].sum(axis=0)
    groups = np.repeat(np.arange(layers), options)
    return groups, damage.ravel(), amounts.reshape(-1, LIMITS), least + SHARE * (whole - least)


def by_milp(
    groups: NDArray[np.intp], cost: Floats, rows: Floats, bounds: Floats, seconds: float
) -> tuple[float, float]:
    """(damage, seconds) of SciPy's mixed-integer programme of the whole, costs and rows in units of about one."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    once = csr_array((np.ones(len(groups)), (groups, np.arange(len(groups)))))
    scales, unit = rows.max(axis=0), float(np.quantile(cost[cost > 0], 0.25))
    begun = time.perf_counter()
    found = milp(
        cost / unit,
        constraints=[LinearConstraint(once, 1, 1), LinearConstraint((rows / scales).T, -np.inf, bounds / scales)],
        integrality=np.ones(len(groups), dtype=np.int64),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": GAP, "time_limit": seconds},
    )
    took = time.perf_counter() - begun
    return (float("nan") if found.x is None else float(cost @ np.round(found.x))), took


def network(layers: int, options: int, seed: int) -> Budget:
    """A chain of convolutions with a table and timings: encodings of which a third are in integers."""
    from secateur.recipe.options import OPTIONS

    random = np.random.default_rng(seed)
    known = [each for each in OPTIONS if each.method.family == "quantize"][:options]
    names = [f"layer{n}" for n in range(layers)]
    made, rows, works = [], [], {}
    for name in names:
        width, pixels = int(2 ** random.integers(4, 8)), int(2 ** random.integers(2, 6))
        size = 4 * 9 * width * width
        weight = TensorInfo(name, "float32", (width, width, 3, 3), size)
        macs = 9 * width * width * pixels * pixels
        made.append(Layer(name, "Conv2d", weight, macs=macs, size_bytes=size, kernel=(3, 3)))
        works[name] = (Workload("conv", width, width, (pixels, pixels), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1)),)
        harm = 10 ** random.uniform(-6, -1)
        for each in known:
            bits = each.method.stored_bits or 8
            damage = harm * 4.0 ** (8 - bits) * 10 ** random.normal(0, 0.2)
            rows.append(SensitivityRow(layer=name, option=each.id, damage=damage, bytes=size * bits // 32, macs=macs))
    kernels = {}
    for (work,) in works.values():
        ms = work.output_count * work.input_count / 1e6
        for precision in {FLOAT, Precision(8, 8), *(o.method.computes_in for o in known if o.method.computes_in)}:
            share = 0.5 if precision.is_static else 1.0 if precision == FLOAT else 1.1
            kernels[work.at(precision)] = Spread(ms * share, ms * share, ms * share, 0.02 * ms, 0.02 * ms)
    whole = sum(kernels[work].typical for (work,) in works.values())
    flow = Flow({b: (a,) for a, b in zip(["input", *names], names, strict=False)}, frozenset(names))
    timings = Timings("made up", 1, works, kernels, {FLOAT: whole, Precision(8, 8): whole * 0.55}, flow)
    scores = SensitivityTable(
        depth="measure", metric="top1", unit="nats", samples=1, seconds=0, rank_correlation=None, rows=tuple(rows)
    )
    total = sum(layer.size_bytes for layer in made)
    return Budget(ModelDescription("made up", ModelSource("x"), "onnx", total, tuple(made), (), ()), scores, timings)


def slid(budget: Budget, moves: int) -> tuple[list[float], list[float]]:
    """Of each of so many solutions while a slider of the size and one of milliseconds are moved: seconds, and damage
    beside the plan that is found where the slider rests.

    As in the window: the first one among all that there are, then near the last.
    """
    seconds: list[float] = []
    ratios: list[float] = []
    chosen, damage = None, lambda plan: budget.programme.takes("damage", budget.programme.items_of(plan))
    whole = budget.timings.whole if budget.timings and budget.timings.whole else 1.0
    for share in np.linspace(0.3, 0.15, moves):
        limits = {"bytes": float(share) * budget.model.source_bytes, "latency_ms": (0.55 + share) * whole}
        begun = time.perf_counter()
        chosen = budget.solve(Wish(limits, near=chosen))
        seconds.append(time.perf_counter() - begun)
        ratios.append(damage(chosen) / damage(budget.solve(Wish(limits))))
    return seconds, ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="problems of each size")
    parser.add_argument("--milp-seconds", type=float, default=20.0)
    parser.add_argument("--sizes", default="100x20,200x20,1000x20")
    asked = parser.parse_args()
    solve(*problem(4, 4, 0))  # compiles, or fetches what was compiled
    head = ("layers × options", "ms, median", "spread", "gap, worst", "HiGHS s, median", "damage ÷ HiGHS'", "worst")
    rows = []
    for size in asked.sizes.split(","):
        layers, options = map(int, size.split("x"))
        own, rival, ratios, gaps = [], [], [], []
        for seed in range(asked.rounds):
            made = problem(layers, options, seed)
            begun = time.perf_counter()
            found = solve(*made)
            own.append(1e3 * (time.perf_counter() - begun))
            assert found is not None  # the original is within the limits of some choice
            damage, took = by_milp(*made, asked.milp_seconds)
            rival.append(took)
            ratios.append(found.cost / damage)
            gaps.append(found.gap)
        spread = f"{min(own):.0f}–{max(own):.0f}"
        told = (f"{median(own):.0f}", spread, f"{max(gaps):.2%}", f"{median(rival):.2f}")
        rows.append((size, *told, f"{median(ratios):.4f}", f"{max(ratios):.4f}"))
    print(table(head, rows))
    moves: list[tuple[str, ...]] = []
    for layers in (20, 100, 200):
        budget = network(layers, 20, 0)
        begun = time.perf_counter()
        first = slid(budget, 1)[0][0]
        seconds, ratios = slid(budget, 20)
        times = sorted(1e3 * each for each in seconds[1:])
        told = (f"{1e3 * first:.0f}", f"{median(times):.0f}", f"{quantile(times, 0.9):.0f}")
        moves.append((f"{layers} layers", *told, f"{median(ratios):.3f}", f"{max(ratios):.3f}"))
    print(table(("a moved slider", "first, ms", "then, median", "p90", "damage ÷ at rest", "worst"), moves))
    print(machine())


if __name__ == "__main__":
    main()
