"""Rounding weights: the nearest integers beside those that each layer's inputs ask for, in one run.

    python benchmarks/rounding.py MODEL DATA [--bits 4,3] [--group 32] [--seeds 0,1,2] [--test 5000]

All layers are stored in the same few bits, on the grids of least squared error of the weights (per output channel, or
in groups of so many inputs), activations stay float, nothing is trained. Calibration samples are drawn anew for each
seed; what is told is measured on others:

- of layers: the squared error of what a layer gives, beside its spread, in the network whole and (alone) for the inputs
  of the float network; means over the layers, of validation samples;
- answers: squared error beside their squares, of the same;
- the metric, of test samples; and the seconds that encoding took.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch  # noqa: TID253 - a benchmark starts with everything
from _rounds import drawn_anew, machine, spread, table

import secateur  # before any runtime: switches its telemetry off
from secateur.analysis.evaluation import predict
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource
from secateur.engine.workshop import Workshop
from secateur.graph.context import Context
from secateur.graph.network import weighted_modules
from secateur.graph.simulation import executable
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource

assert secateur

QUIET = Reporter(1, lambda event: None)
WAYS: dict[str, dict[str, Any]] = {
    "nearest": {"rounding": "nearest", "bias_correction": False},
    "nearest, corrected": {"rounding": "nearest"},
    "gptq, corrected": {"rounding": "gptq"},
}


@dataclass
class Found:
    """What one way came to, a number for each seed; errors as shares."""

    alone: list[float] = field(default_factory=list)
    layers: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    metric: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Subject:
    """A model on its data, with calibration samples that are drawn anew."""

    def __init__(self, model: ModelSource, data: DataSource, samples: int, test: int) -> None:
        self.workshop = Workshop(0)
        self.bench = self.workshop.bench(model, QUIET)
        self.opened = self.data = self.workshop.data(self.bench, data, QUIET)
        self.lowered = self.workshop.lowered(self.bench, QUIET)
        self.names = [name for name, _ in weighted_modules(self.lowered.module)]
        self.test = test
        self.batches = [
            tuple(torch.from_numpy(np.ascontiguousarray(array)) for array in batch.arrays)
            for batch in self.opened.batches("validation", 32, samples)
        ]

    def draw(self, seed: int) -> None:
        """Other calibration samples, as many, from the training part; seed 0 keeps those of the data."""
        splits = drawn_anew(self.opened.splits, seed)
        self.data = replace(self.opened, splits=splits)

    def layer_errors(self, model: Any) -> tuple[float, float, float]:
        """Of what layers give for the float network's inputs, and for their own; and of the answers."""
        modules = [executable(self.lowered), executable(model)]
        alone, whole, answers = _Errors(), _Errors(), _Errors()
        for batch in self.batches:
            given = [_outputs(module, self.names, batch) for module in modules]
            for name in self.names:
                (inputs, right), (_, made) = given[0][name], given[1][name]
                whole.add(name, made, right)
                with torch.inference_mode():
                    alone.add(name, modules[1].get_submodule(name)(inputs), right)
            answers.add("", given[1][""][1], given[0][""][1], is_centred=False)
        return alone.mean, whole.mean, answers.mean

    def metric(self, model: Any) -> float:
        found = predict(model.run_all_on_device, self.opened, QUIET.progress, text="", limit=self.test)
        return self.opened.task.score(found.answers, found.targets) or float("nan")


@dataclass
class _Errors:
    wrong: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, made: torch.Tensor, wanted: torch.Tensor, *, is_centred: bool = True) -> None:
        against = wanted - wanted.mean() if is_centred else wanted
        self.wrong[name] = self.wrong.get(name, 0.0) + float((made - wanted).square().sum())
        self.right[name] = self.right.get(name, 0.0) + float(against.square().sum())

    @property
    def mean(self) -> float:
        return statistics.mean(self.wrong[name] / self.right[name] for name in self.wrong)


def _outputs(module: Any, names: Sequence[str], batch: tuple[torch.Tensor, ...]) -> dict[str, tuple[Any, Any]]:
    """Layer → what it was given and gave; of the network whole, under no name."""
    from secateur.graph.network import first_output

    found: dict[str, tuple[Any, Any]] = {}

    def keep(name: str) -> Any:
        return lambda layer, given, made: found.update({name: (given[0], made)})

    hooks = [module.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    with torch.inference_mode():
        found[""] = (None, first_output(module(*batch)))
    for hook in hooks:
        hook.remove()
    return found


def run(subject: Subject, method: WeightOnly, seeds: Sequence[int]) -> dict[str, Found]:
    found = {way: Found() for way in WAYS}
    for seed in seeds:
        subject.draw(seed)
        for way, fields in WAYS.items():
            begun = time.perf_counter()
            made = method.model_copy(update=fields).apply(subject.lowered, subject.names, Context(data=subject.data))
            found[way].seconds.append(time.perf_counter() - begun)
            alone, whole, answers = subject.layer_errors(made)
            found[way].alone.append(alone)
            found[way].layers.append(whole)
            found[way].answers.append(answers)
            found[way].metric.append(subject.metric(made))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data")
    parser.add_argument("--bits", default="4,3")
    parser.add_argument("--group", type=int, choices=(32, 64, 128))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--samples", type=int, default=256, help="validation samples that errors are measured on")
    parser.add_argument("--test", type=int, default=5000)
    options = parser.parse_args()
    subject = Subject(ModelSource(str(options.model)), DataSource(options.data), options.samples, options.test)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    print(machine())
    print(f"{options.model.name}: {len(subject.names)} layers, float {100 * subject.metric(subject.lowered):.2f}")
    rows = []
    for bits in (int(bits) for bits in options.bits.split(",")):
        method = WeightOnly.model_validate({"bits": bits, "group_size": options.group or "none"})
        for way, found in run(subject, method, seeds).items():
            told = (found.alone, found.layers, found.answers)
            errors = [f"{100 * statistics.mean(values):.3g} %" for values in told]
            metric = f"{100 * statistics.mean(found.metric):.2f} ({spread([100 * x for x in found.metric])})"
            rows.append([str(bits), way, *errors, metric, f"{statistics.median(found.seconds):.1f}"])
    print(table(["bits", "rounding", "layers alone", "layers", "answers", "metric", "seconds"], rows))


if __name__ == "__main__":
    main()
