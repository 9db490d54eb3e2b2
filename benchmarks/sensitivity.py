"""Sensitivity: how fast and how right it is measured and estimated, beside a naive loop over all cells.

    python benchmarks/sensitivity.py MODEL DATA [--samples 1000] [--layers N] [--threads 1]
    python benchmarks/sensitivity.py --large mobilenet|resnet

The naive loop: for each cell what the option makes of the layer is put into the network, and the whole network run on
the same samples in plain torch, 64 at a time. It takes turns with the measurement, layer by layer, so that what else
the machine does meets both. Then an estimate, which may take a sixtieth of the naive loop's time. Seconds are those of
the processor: what others take of it counts for nothing. Where the loop would take half a day, `--layers` has it and
the measurement go over as many layers only, spread over the network, and tells the loop's time for all of them by the
share of the cells; the estimate is of all layers, and compared on those.

With `--large`, a network of 53 layers is made for images of 224 × 224 (in the shape of MobileNetV2 or ResNet-50, random
weights and inputs), and the time told until every cell has its first value.
"""

import argparse
import copy
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _rounds import machine, table

import secateur  # before any runtime: switches its telemetry off
from secateur.analysis.correlation import rank_correlation, within_option_correlation
from secateur.analysis.estimated import Limits, estimate_sensitivity
from secateur.analysis.measured import measure_sensitivity
from secateur.analysis.tallies import Cell, Question, table_of
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.methods.change import Change, Lowered
from secateur.methods.offers import Option
from secateur.model.description import Layer, ModelSource
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.recipe.options import OPTIONS, option

assert secateur

BATCH, SHARE, LEAST = 64, 1 / 60, 1e-4
QUIET = Reporter(1, lambda event: None)
FURTHER: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("weights8", "int4", {"bits": 8}),
    ("weights3", "int4", {"bits": 3}),
    ("groups4", "int4", {"bits": 4, "group_size": 32}),
    ("prune30", "prune50", {"ratio": 0.3}),
    ("prune60", "prune50", {"ratio": 0.6}),
    ("rank50", "rank25", {"rank_ratio": 0.5}),
)
"""Options beside those of the heat map: a name, and which other parameters."""


def options() -> tuple[Option, ...]:
    """Those of the heat map, and others that are not among them."""
    known = {each.method for each in OPTIONS}
    made = [Option(name, "", name, option(base).method.model_copy(update=new)) for name, base, new in FURTHER]
    return (*OPTIONS, *(each for each in made if each.method not in known))


def with_rounding(module: Any, change: Change) -> Any:
    """A copy of a graph in which these tensors are rounded: what a person would write into the forward pass."""
    import torch

    from secateur.graph.graph_module import nodes_by_tensor

    rounded = copy.deepcopy(module)
    nodes = nodes_by_tensor(rounded)
    for name, encoding in change.rounded.items():
        node = nodes[name]
        with rounded.graph.inserting_after(node):
            grid = (encoding.scale, encoding.zero_point, 0, encoding.highest)
            new = rounded.graph.call_function(torch.fake_quantize_per_tensor_affine, (node, *grid))
        node.replace_all_uses_with(new, delete_user_cb=lambda user, new=new: user is not new)
    rounded.recompile()
    return rounded


class Naive:
    """The loop that is compared with: one cell after the other, the whole network each time."""

    def __init__(self, model: Any, data: Any, question: Question) -> None:
        import torch

        self.data, self.question, self.seconds = data, question, 0.0
        self.wall = 0.0
        self.module = copy.deepcopy(model.module).eval()
        names = [layer.name for layer in question.layers]
        self.lowered = Lowered(model, names, Context(data=data), question.facts)
        places = range(question.samples)
        self.batches = [data.batch("validation", places[at : at + BATCH]) for at in range(0, question.samples, BATCH)]
        self.tensors = [[torch.from_numpy(np.ascontiguousarray(x)) for x in batch.arrays] for batch in self.batches]
        self.damages: dict[Cell, float] = {}
        begun = time.process_time()
        self.reference = self._scores(self.module)
        self.seconds += time.process_time() - begun

    def _scores(self, module: Any) -> list[Any]:
        import torch

        from secateur.graph.network import all_outputs

        with torch.inference_mode():
            outputs = [[value.numpy() for value in all_outputs(module(*given))] for given in self.tensors]
        return [self.data.task.scores(said, batch) for said, batch in zip(outputs, self.batches, strict=True)]

    def measure(self, layer: str) -> None:
        """All cells of a layer."""
        begun, wall = time.process_time(), time.perf_counter()
        for each in self.question.options:
            if Cell(layer, each.id) in self.question.cells:
                self._measure(layer, each)
        self.seconds += time.process_time() - begun
        self.wall += time.perf_counter() - wall

    def _measure(self, layer: str, each: Option) -> None:
        import torch

        try:
            change = each.method.change(layer, self.lowered)
        except UserError:
            return
        module = with_rounding(self.module, change) if change.rounded else self.module
        changed = module.get_submodule(layer)
        weight, bias = changed.weight, changed.bias
        changed.weight = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(change.weight)), requires_grad=False)
        if change.bias is not None:
            changed.bias = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(change.bias)), requires_grad=False)
        found = [self.data.task.damage(*pair)[1:] for pair in zip(self.reference, self._scores(module), strict=True)]
        changed.weight, changed.bias = weight, bias
        error, whole = (sum(part) for part in zip(*found, strict=True))
        self.damages[Cell(layer, each.id)] = max(0.0, error / whole)


def truth_of(question: Question, damages: Mapping[Cell, float]) -> SensitivityTable:
    """The naive loop's damages as a table."""
    empty = table_of(question, {}, {})
    rows = [
        SensitivityRow(layer=cell.layer, option=cell.option, damage=damage, bytes=0, macs=0)
        for cell, damage in damages.items()
    ]
    return empty.model_copy(update={"rows": tuple(rows)})


def compared(name: str, found: SensitivityTable, truth: SensitivityTable, seconds: float, naive: float) -> list[str]:
    within = within_option_correlation(found, truth)
    counts = [row.samples for row in found.rows if row.samples]
    told = found.within_option_correlation if found.depth == "estimate" else None
    least, most = (min(counts), max(counts)) if counts else (0, 0)
    each = list(within.by_option.values()) if within else [float("nan")]
    return [
        name,
        f"{least}" if least == most else f"{least}–{most}",
        f"{seconds:.1f}",
        f"1/{naive / seconds:.1f}" if seconds < 0.2 * naive else f"{seconds / naive:.2f}",
        f"{rank_correlation(found, truth) or float('nan'):.3f}",
        f"{np.mean(each):.2f}",
        f"{min(each):.2f}–{max(each):.2f}",
        f"{told.mean:.2f} ({told.low:.2f}–{told.high:.2f})" if told else "",
    ]


HEAD = ("", "samples", "seconds", "of naive", "ρ all", "ρ within", "over options", "as told by itself")


def spread_over(layers: Sequence[Layer], count: int) -> tuple[Layer, ...]:
    """So many of the layers, at even distances."""
    places = np.linspace(0, len(layers) - 1, min(count, len(layers))).round().astype(int)
    return tuple(layers[place] for place in places)


def measured(model: str, data: str, samples: int, threads: int, layers: int) -> None:
    """Naive, measured and estimated on one network."""
    workshop = Workshop(threads)
    bench = workshop.bench(ModelSource(model), QUIET)
    opened = workshop.data(bench, DataSource(data), QUIET)
    network, facts = workshop.lowered(bench, QUIET), workshop.facts(bench, QUIET)
    count = min(samples, opened.size("validation"))
    whole = Question(bench.description.weighted_layers, facts, options(), count, opened.task)
    question = replace(whole, layers=spread_over(whole.layers, layers or len(whole.layers)))
    share = len(question.cells) / len(whole.cells)
    print(
        f"{bench.description.name}: {len(question.layers)} of {len(whole.layers)} layers, {len(whole.options)} options,"
        f" {count:,} samples",
        flush=True,
    )
    naive, waited = Naive(network, opened, question), 0.0
    told: set[str] = set()

    def take_turns(rows: tuple[SensitivityRow, ...], unit: str) -> None:
        nonlocal waited
        begun = time.process_time()
        for layer in dict.fromkeys(row.layer for row in rows):
            if layer not in told:
                told.add(layer)
                naive.measure(layer)
        waited += time.process_time() - begun

    begun = time.process_time()
    exact = measure_sensitivity(network, opened, question, lambda *_: None, take_turns)
    seconds = time.process_time() - begun - waited
    truth = truth_of(question, naive.damages)
    off: dict[bool, list[float]] = {False: [0.0], True: [0.0]}
    for row in exact.rows:
        damage = naive.damages.get(Cell(row.layer, row.option), 0.0)
        if row.measured and row.damage is not None and damage > LEAST:
            off[row.weights_damage is not None].append(abs(row.damage - damage) / damage)
    lines = [["naive loop", f"{count}", f"{naive.seconds:.1f}", "1", "", "", "", ""]]
    lines.append(compared("measured", exact, truth, seconds, naive.seconds))
    for name, limits in (
        ("estimated, first round", Limits(goal=-1.0)),
        ("estimated, 1/60 of the time", Limits(seconds=SHARE * naive.wall / share, goal=2.0)),
        ("estimated, as it comes", Limits(seconds=60.0)),
    ):
        begun = time.process_time()
        found = estimate_sensitivity(network, opened, whole, limits, lambda *_: None)
        lines.append(compared(name, found, truth, time.process_time() - begun, naive.seconds / share))
        print(lines[-1], flush=True)
    print(table(HEAD, lines))
    print(
        f"{len(naive.damages)} of {len(whole.cells)} cells; measured and naive ones above {LEAST:g} differ by"
        f" {max(off[False]):.1e} of their value at most, and where activations are rounded (ties fall either way) by"
        f" {max(off[True]):.1e}"
    )


def mobilenet() -> Any:
    """MobileNetV2's shape: 52 convolutions and a linear layer."""
    from torch import nn

    class Inverted(nn.Module):
        def __init__(self, inputs: int, outputs: int, stride: int, times: int) -> None:
            super().__init__()
            inner, self.adds = inputs * times, stride == 1 and inputs == outputs
            widen = [nn.Conv2d(inputs, inner, 1), nn.ReLU6()] if times > 1 else []
            deep = nn.Conv2d(inner, inner, 3, stride, 1, groups=inner)
            self.body = nn.Sequential(*widen, deep, nn.ReLU6(), nn.Conv2d(inner, outputs, 1))

        def forward(self, x: Any) -> Any:
            return x + self.body(x) if self.adds else self.body(x)

    layers: list[Any] = [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU6()]
    width = 32
    for times, outputs, count, stride in (
        *((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2)),
        *((6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)),
    ):
        for place in range(count):
            layers.append(Inverted(width, outputs, stride if place == 0 else 1, times))
            width = outputs
    layers += [nn.Conv2d(width, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*layers)


def resnet() -> Any:
    """ResNet-50's shape: 53 convolutions and a linear layer."""
    from torch import nn

    class Bottleneck(nn.Module):
        def __init__(self, inputs: int, inner: int, stride: int) -> None:
            super().__init__()
            outputs = 4 * inner
            self.body = nn.Sequential(
                *(nn.Conv2d(inputs, inner, 1), nn.ReLU(), nn.Conv2d(inner, inner, 3, stride, 1), nn.ReLU()),
                nn.Conv2d(inner, outputs, 1),
            )
            changes = stride > 1 or inputs != outputs
            self.side = nn.Conv2d(inputs, outputs, 1, stride) if changes else nn.Identity()
            self.last = nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.last(self.body(x) + self.side(x))

    layers: list[Any] = [nn.Conv2d(3, 64, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    width = 64
    for inner, count, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for place in range(count):
            layers.append(Bottleneck(width, inner, stride if place == 0 else 1))
            width = 4 * inner
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000))


def first_picture(shape: str, threads: int) -> None:
    """How long a person waits for the first whole table of a large network."""
    import torch

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{shape}.onnx"
        made = {"mobilenet": mobilenet, "resnet": resnet}[shape]().eval()
        torch.onnx.export(made, torch.randn(1, 3, 224, 224), str(path), dynamo=False, input_names=["image"])
        inputs = np.random.default_rng(0).standard_normal((100, 3, 224, 224), np.float32)
        np.savez(Path(folder) / "noise.npz", inputs=inputs, labels=np.arange(100) % 10)
        workshop = Workshop(threads)
        bench = workshop.bench(ModelSource(str(path)), QUIET)
        opened = workshop.data(bench, DataSource(str(Path(folder) / "noise.npz")), QUIET)
        network, facts = workshop.lowered(bench, QUIET), workshop.facts(bench, QUIET)
        size = opened.size("validation")
        question = Question(bench.description.weighted_layers, facts, options(), size, opened.task)
        begun, rows = time.perf_counter(), []

        def filling(new: tuple[SensitivityRow, ...], unit: str) -> None:
            rows.extend((time.perf_counter() - begun, row.samples) for row in new)

        found = estimate_sensitivity(network, opened, question, Limits(goal=-1.0), lambda *_: None, filling)
    seconds = time.perf_counter() - begun
    half = rows[len(rows) // 2][0] if rows else float("nan")
    within = found.within_option_correlation
    words = f", ρ within an option by itself {within.mean:.2f}" if within else ""
    print(
        f"{shape}: {len(question.layers)} layers × {len(question.options)} options, {len(question.cells)} cells on"
        f" {found.samples} samples each: half of them after {half:.1f} s, the whole table after {seconds:.1f} s{words}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("data", nargs="?")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--layers", type=int, default=0, help="of the naive loop; 0: all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--large", choices=("mobilenet", "resnet"))
    asked = parser.parse_args()
    if not asked.large and not (asked.model and asked.data):
        parser.error("name a model and its data, or --large")
    import torch

    torch.set_num_threads(asked.threads)
    print(f"{machine()}, {asked.threads} thread{'' if asked.threads == 1 else 's'}")
    if asked.large:
        first_picture(asked.large, asked.threads)
    if asked.model and asked.data:
        measured(asked.model, asked.data, asked.samples, asked.threads, asked.layers)
    print(machine())


if __name__ == "__main__":
    main()
