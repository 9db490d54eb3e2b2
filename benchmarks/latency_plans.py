"""Milliseconds of plans: what was predicted before anything was run, against the exported file's, measured in turns.

    python benchmarks/latency_plans.py [MODEL.onnx ...] [--budgets 0.7,0.6,0.5] [--random 6] [--target onnxruntime]

Networks: those named (the bundled sample without any) and one in the shape of MobileNetV2, with random weights. Plans:
the solver's for every budget, from data-free damages, and some in which each layer is float, int8 or in 4-bit weights
by chance. All are written as they would ship and measured beside the float file: the least of all calls, so that what
else the machine does counts for nothing.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _rounds import machine, table

import secateur  # before any runtime: switches its telemetry off
from secateur.analysis.free import score_free
from secateur.engine.jobs.timing import time_options
from secateur.engine.reporting import Reporter
from secateur.engine.timing import TimeOptions
from secateur.engine.workshop import Bench, Workshop
from secateur.errors import UserError
from secateur.formats import format_named
from secateur.graph.layers import example_inputs
from secateur.model.description import ModelSource
from secateur.recipe.budget import solve_budget
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import plan_ms
from secateur.targets import target_named
from secateur.targets.timing import least_together
from secateur.targets.timings import Timings

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "resources" / "sample" / "model.onnx"
PIXELS = 96
BY_CHANCE = ("", "int8", "int8", "int4")

assert secateur


QUIET = Reporter(1, lambda event: None)


def mobilenet(path: Path) -> Path:
    """A MobileNetV2 for small images, written to `path`."""
    import torch
    from torch import nn

    class Inverted(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, times: int) -> None:
            super().__init__()
            inner, self.adds = inputs * times, stride == 1 and inputs == outputs
            widen = [nn.Conv2d(inputs, inner, 1), nn.ReLU6()] if times > 1 else []
            depthwise = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner)
            self.body = nn.Sequential(*widen, depthwise, nn.ReLU6(), nn.Conv2d(inner, outputs, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.body(x) if self.adds else self.body(x)

    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6()]
    width = 32
    for times, outputs, count, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for place in range(count):
            layers.append(Inverted(width, outputs, stride if place == 0 else 1, times))
            width = outputs
    layers += [nn.Conv2d(width, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 10)]
    network = nn.Sequential(*layers).eval()
    torch.onnx.export(network, torch.randn(1, 3, PIXELS, PIXELS), str(path), dynamo=False, input_names=["x"])
    return path


def plans(
    bench: Bench, workshop: Workshop, timings: Timings, budgets: list[float], by_chance: int
) -> Iterator[tuple[str, Recipe]]:
    """The solver's plan for each budget that can be met, and plans made by chance."""
    facts = workshop.facts(bench, QUIET)
    scored = score_free(bench.description.weighted_layers, facts, OPTIONS)
    for share in budgets:
        try:
            limits = {"latency_ms": share * (timings.whole or 0.0)}
            yield f"latency={share:g}", recipe_of(solve_budget(bench.description, scored, limits, timings=timings))
        except UserError as error:
            print(f"latency={share:g}: {error.sentence} {error.hint}")
    random = np.random.default_rng(0)
    for place in range(by_chance):
        chosen = {name: str(random.choice(BY_CHANCE)) for name in timings.layers}
        yield f"by chance {place + 1}", recipe_of(chosen)


def measured(path: Path, budgets: list[float], by_chance: int, target_id: str, folder: Path) -> list[tuple[str, ...]]:
    """Rows of the table: predicted and measured milliseconds of each plan of one network."""
    workshop, source, target = Workshop(1), ModelSource(str(path)), target_named(target_id)
    bench = workshop.bench(source, QUIET)
    answer = time_options(TimeOptions(source, target_id, tuple(o.id for o in OPTIONS)), QUIET, workshop)
    timings = answer.timings
    if timings is None or timings.whole is None:
        print(f"{path.name}: {answer.why_not}")
        return []
    made = list(plans(bench, workshop, timings, budgets, by_chance))
    files = [workshop.file(bench)]
    for place, (_, recipe) in enumerate(made):
        model = bench.model
        for step in recipe.final:
            model = step.method.rehearse(model, step.layers)
        files.append(folder / f"{path.stem}-{place}.onnx")
        format_named("onnx").write(model, files[-1])
    inputs = example_inputs(bench.description)
    runs = [target.session(file, 1) for file in files]
    original, *times = least_together([lambda run=run: run(*inputs) for run in runs])
    rows = []
    for (name, recipe), ms in zip(made, times, strict=True):
        told = plan_ms(bench.description, recipe, timings, original)
        if told is not None:
            shares = (f"{told / original:.3f}", f"{ms / original:.3f}", f"{told / ms - 1:+.1%}")
            rows.append((path.stem, name, f"{original:.3f}", f"{told:.3f}", f"{ms:.3f}", *shares))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--budgets", default="0.7,0.6,0.5")
    parser.add_argument("--random", type=int, default=6)
    parser.add_argument("--target", default="onnxruntime")
    chosen = parser.parse_args()
    budgets = [float(text) for text in chosen.budgets.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        networks = [*(chosen.models or [SAMPLE]), mobilenet(folder / "mobilenet.onnx")]
        rows = [row for path in networks for row in measured(path, budgets, chosen.random, chosen.target, folder)]
    columns = ("network", "plan", "float ms", "predicted", "measured", "predicted share", "measured share", "error")
    print(table(columns, rows))
    print(machine())


if __name__ == "__main__":
    main()
