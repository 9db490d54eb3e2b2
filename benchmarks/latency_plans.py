"""Milliseconds of plans: budgets that are met by trying, and what is predicted before anything is run.

    python benchmarks/latency_plans.py [MODEL ...] [--budgets 0.7,0.6,0.5] [--random 6] [--target onnxruntime]

Networks: those named (files, or the shapes `mobilenet` and `resnet18`); without any, the bundled sample and the
shapes, which have random weights: MobileNetV2's for 96 pixels and ResNet-18's for 224. Plans: the solver's for every
budget, from data-free damages, channels included, as `secateur plan` solves and tries them; and some in which each
layer is float, in integers or in 4-bit weights by chance, of which nothing was tried. All are written as they would
ship and measured beside the float file once more, in turns: the least of all calls, so that what else the machine
does counts for nothing.
"""

import argparse
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from _rounds import machine, table

import secateur  # before any runtime: switches its telemetry off
from secateur.analysis.free import score_free
from secateur.engine.couplings import couplings_of
from secateur.engine.jobs.rehearsing import rehearse
from secateur.engine.jobs.timing import time_options
from secateur.engine.reporting import Reporter
from secateur.engine.requests import RehearsePlan
from secateur.engine.timing import OptionsTimed, TimeOptions
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.graph.layers import example_inputs
from secateur.model.description import ModelSource
from secateur.model.workload import Workload
from secateur.recipe.budget import Budget, Wish
from secateur.recipe.chosen import recipe_of
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import plan_ms
from secateur.recipe.trying import solve_and_try
from secateur.targets import target_named
from secateur.targets.timing import least_together
from secateur.targets.timings import Timings

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "resources" / "sample" / "model.onnx"
PIXELS = 96
BY_CHANCE = ("", "w7a8", "w7a8", "int4")

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


def resnet18(path: Path) -> Path:
    """A ResNet-18 without batch norms, written to `path`."""
    import torch
    from torch import nn

    class Basic(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int) -> None:
            super().__init__()
            self.first, self.second = (
                nn.Conv2d(inputs, outputs, 3, stride, 1),
                nn.Conv2d(outputs, outputs, 3, 1, 1),
            )
            self.short = nn.Conv2d(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.second(torch.relu(self.first(x))) + self.short(x))

    torch.manual_seed(0)
    blocks = [
        Basic(inputs, outputs, stride)
        for before, outputs, step in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
        for inputs, stride in ((before, step), (outputs, 1))
    ]
    stem = (nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    network = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)).eval()
    torch.onnx.export(network, torch.randn(1, 3, 224, 224), str(path), dynamo=False, input_names=["x"])
    return path


@dataclass
class Plans:
    """Plans of one network, each written once as it would ship: `files` by name, `told` as shares of the original."""

    path: Path
    target_id: str
    folder: Path
    files: dict[str, Path] = field(default_factory=dict)
    told: dict[str, float] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.workshop, self.source = Workshop(1), ModelSource(str(self.path))
        self.bench = self.workshop.bench(self.source, QUIET)
        answer = self._timed()
        if answer.timings is None or not answer.timings.whole:
            raise SystemExit(f"{self.path.name}: {answer.why_not}")
        self.timings, self.whole = answer.timings, answer.timings.whole
        self.model = self.bench.description.with_couplings(couplings_of(self.bench, QUIET))
        self.facts = self.workshop.facts(self.bench, QUIET)
        self.tried = self.folder / f"{self.path.stem}-tried.onnx"

    def timed(self, works: tuple[Workload, ...]) -> Timings | None:
        """The milliseconds of these besides."""
        return self._timed(works).timings

    def _timed(self, works: tuple[Workload, ...] = ()) -> OptionsTimed:
        options = tuple(option.id for option in OPTIONS)
        return time_options(TimeOptions(self.source, self.target_id, options, works), QUIET, self.workshop)

    def share_of(self, recipe: Recipe) -> float | None:
        """The plan tried as before a run; what it took, as a share."""
        found = rehearse(RehearsePlan(self.source, recipe, self.target_id), QUIET, self.workshop)
        if found.before is None or found.after is None:
            return None
        shutil.copy(self.workshop.folder / "rehearsed.onnx", self.tried)
        return found.after.median / found.before.median

    def keep(self, name: str, told: float, tries: int = 0) -> None:
        """The plan that was tried last, under this name."""
        self.files[name] = self.folder / f"{self.path.stem}-{len(self.files)}.onnx"
        shutil.move(self.tried, self.files[name])
        self.told[name], self.tries[name] = told, tries

    def solve(self, share: float) -> None:
        """The plan within this share of the original's milliseconds, and the one of the first solution beside it."""
        table = score_free(self.model.weighted_layers, self.facts, OPTIONS)
        budget = Budget(self.model, table, self.timings)
        try:
            solved = solve_and_try(budget, Wish({"latency_ms": share * self.whole}), self.facts, self)
        except UserError as error:
            print(f"{self.path.stem}, {share:g}: {error.sentence} {error.hint}")
            return
        if solved.kept is None:
            return
        first = solved.trials[0]
        print(
            f"{self.path.stem}, {share:g}: first told {first.told:.3f}, tried {first.measured:.3f}; after "
            f"{len(solved.trials)} tries {solved.kept.measured:.3f}. {solved.warning}"
        )
        self.share_of(recipe_of(solved.chosen, channel_step=budget.channel_step))
        self.keep(f"latency={share:g}", solved.kept.told, len(solved.trials))

    def by_chance(self, count: int) -> None:
        """Plans in which each layer is what chance says."""
        random = np.random.default_rng(0)
        for place in range(count):
            recipe = recipe_of({name: str(random.choice(BY_CHANCE)) for name in self.timings.layers})
            told = plan_ms(self.model, recipe, self.timings)
            if told is not None and self.share_of(recipe) is not None:
                self.keep(f"by chance {place + 1}", told / self.whole)

    def rows(self) -> list[tuple[str, ...]]:
        """All plans measured in turns beside the original."""
        inputs, target = example_inputs(self.bench.description), target_named(self.target_id)
        runs = [target.session(file, 1) for file in (self.workshop.file(self.bench), *self.files.values())]
        original, *times = least_together([lambda run=run: run(*inputs) for run in runs])
        rows = []
        for (name, told), ms in zip(self.told.items(), times, strict=True):
            share = ms / original
            asked = float(name.removeprefix("latency=")) if name.startswith("latency=") else None
            over = f"{share / asked - 1:+.1%}" if asked else ""
            tries = str(self.tries[name] or "")
            numbers = (f"{original:.3f}", f"{ms:.3f}", f"{told:.3f}", f"{share:.3f}", f"{told / share - 1:+.1%}")
            rows.append((self.path.stem, name, *numbers, tries, over))
        return rows


SHAPES = {"mobilenet": mobilenet, "resnet18": resnet18}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[str(SAMPLE), *SHAPES], metavar="MODEL")
    parser.add_argument("--budgets", default="0.7,0.6,0.5")
    parser.add_argument("--random", type=int, default=6)
    parser.add_argument("--target", default="onnxruntime")
    chosen = parser.parse_args()
    budgets = [float(text) for text in chosen.budgets.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = []
        for name in chosen.models:
            path = SHAPES[name](folder / f"{name}.onnx") if name in SHAPES else Path(name)
            made = Plans(path, chosen.target, folder)
            for share in budgets:
                made.solve(share)
            made.by_chance(chosen.random)
            rows += made.rows()
    columns = ("network", "plan", "float ms", "ms", "told share", "share", "told/share", "tries", "over the budget")
    print(table(columns, rows))
    print(machine())


if __name__ == "__main__":
    main()
