"""Quantization-aware training against training before the quantization, for the same epochs, in one run.

    python benchmarks/qat.py MODEL.onnx --data D [--device cuda] [--seeds 3] [--epochs 1] [--rates 0.001,0.01]

D is an image folder, a zip of one or a data.yaml. Each seed goes two ways to static int8: distillation and then int8,
and int8 and then the same distillation through the rounding. Both ways may choose their learning rate from the same
`--rates`, on the validation part, with seeds of their own; the test part judges and nothing more. The files are
written, run in ONNX Runtime on the test samples, and compared with the network that was simulated, which on another
device than the CPU is compared with the CPU's too. The tables are also written to `--json`, as far as they have come,
whenever a row is done. `--samples` takes so many training samples at most, for a quick look.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from _rounds import machine, table
from numpy.typing import NDArray

import secateur  # before any runtime: switches its telemetry off

assert secateur

AFTER: Final = "int8, then distillation through the rounding"
BEFORE: Final = "distillation, then int8"
CHOOSING: Final = 1000
"""The first seed of the trainings that choose a learning rate: none of those that are judged."""
BATCH: Final = 250


@dataclass(frozen=True)
class Tried:
    """A learning rate on the validation part: share of right answers and cross-entropy, means over its seeds."""

    way: str
    rate: float
    right: float
    loss: float


@dataclass(frozen=True)
class Row:
    """One file on the test part. `same` is the share of its decisions that the simulation makes too, on the CPU;
    `on_device` the same of the simulation on the chosen device and the CPU's, and `deviation` between these two the
    greatest difference of scores over their spread (both None on the CPU)."""

    way: str
    seed: int | None
    rate: float | None
    right: float
    same: float
    verdict: str
    seconds: float
    on_device: float | None
    deviation: float | None

    @property
    def words(self) -> list[str]:
        seed = "" if self.seed is None else str(self.seed)
        rate = "" if self.rate is None else f"{self.rate:g}"
        device = "" if self.on_device is None else f"{self.on_device:.2%}"
        return [
            self.way, seed, rate, f"{self.right:.2%}", f"{self.same:.2%}", device, self.verdict, f"{self.seconds:.0f}",
        ]  # fmt: skip


HEAD: Final = ["way", "seed", "rate", "right", "file = simulation", "device = CPU", "verdict", "seconds"]


def decisions_of_file(path: Path, data: Any) -> NDArray[np.int64]:
    import onnxruntime as ort

    running = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = running.get_inputs()[0].name
    return np.concatenate([running.run(None, {name: inputs})[0].argmax(1) for inputs, _ in pairs(data, "test")])


def pairs(data: Any, split: str) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
    for batch in data.batches(split, BATCH):
        yield batch.first, batch.targets


def labels(data: Any, split: str) -> NDArray[np.int64]:
    return np.asarray(data.labels[data.splits[split]])


def cross_entropy(scores: NDArray[np.float32], targets: NDArray[np.int64]) -> float:
    """In nats, the mean over the rows of `scores` (n, classes)."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    return float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]).mean())


def shortened(data: Any, samples: int) -> Any:
    """`data` with so many training samples at most."""
    if not samples or data.size("train") <= samples:
        return data
    train = data.splits["train"]
    fewer = np.sort(np.random.default_rng(0).permutation(train)[:samples])
    return replace(data, splits={**data.splits, "train": fewer})


class Rivals:
    """Both orders of distillation and static int8 on one model; `rows` and `tried` are the tables so far."""

    def __init__(self, model: Any, data: Any, chosen: argparse.Namespace, folder: Path) -> None:
        from secateur.graph.context import Context

        self.original, self.data, self.chosen, self.folder = model, data, chosen, folder
        self.context = Context(data=data, original=model)
        self.layers = list(model.weights())
        self.rows: list[Row] = []
        self.tried: list[Tried] = []
        self.rounded = self.int8(model)

    # ------------------------------------------------------------------ the two ways

    def int8(self, model: Any) -> Any:
        from secateur.methods.quantize.static_int8 import StaticInt8

        return StaticInt8().apply(model, self.layers, self.context)

    def trained(self, model: Any, seed: int, rate: float) -> Any:
        from secateur.methods.distil.distillation import Distillation

        chosen = self.chosen
        method = Distillation(epochs=chosen.epochs, learning_rate=rate, seed=seed, precision=chosen.precision)
        return method.apply(model, self.layers, self.context)

    def made(self, way: str, seed: int, rate: float) -> Any:
        """The int8 model at the end of this way."""
        if way == AFTER:
            return self.trained(self.rounded, seed, rate)
        return self.int8(self.trained(self.original, seed, rate))

    # ------------------------------------------------------------------ choosing, on the validation part

    def best_rate(self, way: str) -> float:
        """Of the rates the one with most right answers on the validation part; of equals, with the least loss."""
        mine = [self._try(way, rate) for rate in self.chosen.rates]
        best = max(mine, key=lambda one: (one.right, -one.loss)).rate
        if best in (min(self.chosen.rates), max(self.chosen.rates)) and len(mine) > 1:
            print(f"{way}: {best:g} is at the edge of the rates that were tried")
        return best

    def _try(self, way: str, rate: float) -> Tried:
        targets, right, losses = labels(self.data, "validation"), [], []
        for seed in range(CHOOSING, CHOOSING + self.chosen.choosing_seeds):
            scores = self.scores(self.made(way, seed, rate), "validation", on_device=True)
            right.append(float((scores.argmax(1) == targets).mean()))
            losses.append(cross_entropy(scores, targets))
        tried = Tried(way, rate, fmean(right), fmean(losses))
        self.tried.append(tried)
        print(f"{way}: rate {rate:g}: validation {tried.right:.2%}, loss {tried.loss:.4f}", flush=True)
        self.save()
        return tried

    # ------------------------------------------------------------------ judging, on the test part

    def judged(self, way: str, seed: int, rate: float) -> Row:
        started = time.perf_counter()
        model = self.made(way, seed, rate)
        return self.measured(way, model, seed, rate, time.perf_counter() - started)

    def measured(
        self, way: str, model: Any, seed: int | None = None, rate: float | None = None, seconds: float = 0.0
    ) -> Row:
        from secateur.formats import format_named
        from secateur.formats.proving.verify import export

        path = self.folder / f"{len(self.rows)}.onnx"
        inputs, _ = next(pairs(self.data, "test"))
        written = export(model, format_named("onnx"), path, [np.ascontiguousarray(inputs)])
        decided, scores = decisions_of_file(path, self.data), self.scores(model, "test", on_device=False)
        right, same = (float((decided == other).mean()) for other in (labels(self.data, "test"), scores.argmax(1)))
        on_device, deviation = None, None
        if self.chosen.device != "cpu":
            there = self.scores(model, "test", on_device=True)
            on_device = float((there.argmax(1) == scores.argmax(1)).mean())
            deviation = float(np.abs(there - scores).max() / scores.std())
        self.rows.append(Row(way, seed, rate, right, same, written.verdict, seconds, on_device, deviation))
        print("  ".join(self.rows[-1].words), flush=True)
        self.save()
        return self.rows[-1]

    def scores(self, model: Any, split: str, *, on_device: bool) -> NDArray[np.float32]:
        """Of the simulation, (n, classes)."""
        run = (lambda inputs: model.run_all_on_device(inputs)[0]) if on_device else model.run
        return np.concatenate([run(inputs) for inputs, _ in pairs(self.data, split)])

    # ------------------------------------------------------------------ the tables

    def share(self, way: str) -> list[float]:
        """Right answers of a way's files, by seed."""
        return [row.right for row in self.rows if row.way == way and row.seed is not None]

    def differences(self) -> list[float]:
        """Of right answers, training through the rounding minus training before it, by seed."""
        return [a - b for a, b in zip(self.share(AFTER), self.share(BEFORE), strict=False)]

    def save(self) -> None:
        document = {
            "machine": machine(),
            "device": self.chosen.device,
            "model": self.chosen.model.name,
            "data": Path(self.chosen.data).name,
            "samples": {split: self.data.size(split) for split in ("train", "validation", "test")},
            "epochs": self.chosen.epochs,
            "precision": self.chosen.precision,
            "choosing": [asdict(one) for one in self.tried],
            "rows": [asdict(row) for row in self.rows],
            "summary": {way: summary(self.share(way)) for way in (BEFORE, AFTER)},
            "difference": summary(self.differences()),
        }
        self.chosen.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

    def show(self) -> None:
        sizes = ", ".join(f"{self.data.size(split)} {split}" for split in ("train", "validation", "test"))
        print(f"{machine()}; trained on {self.chosen.device}")
        print(f"{self.chosen.epochs} epochs, samples: {sizes}")
        rates = [[one.way, f"{one.rate:g}", f"{one.right:.2%}", f"{one.loss:.4f}"] for one in self.tried]
        print(table(["chosen on the validation part", "rate", "right", "loss"], rates))
        print(table(HEAD, [row.words for row in self.rows]))
        for way, shares in ((BEFORE, self.share(BEFORE)), (AFTER, self.share(AFTER)), ("difference", None)):
            print(f"{way}: {told(self.differences() if shares is None else shares)}")


def summary(values: Sequence[float]) -> dict[str, float] | None:
    """Mean, standard deviation (0 of a single value), least and greatest."""
    if not values:
        return None
    spread = stdev(values) if len(values) > 1 else 0.0
    return {"mean": fmean(values), "deviation": spread, "least": min(values), "greatest": max(values)}


def told(values: Sequence[float]) -> str:
    found = summary(values)
    if found is None:
        return "none"
    sign = "+" if min(values) < 0.5 and max(values) < 0.5 else ""
    mean, low, high = (f"{found[key]:{sign}.2%}" for key in ("mean", "least", "greatest"))
    return f"{mean} ± {found['deviation']:.2%} ({low} … {high})"


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--rates", default="0.0003,0.001,0.003,0.01,0.03")
    parser.add_argument("--choosing-seeds", type=int, default=1)
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--json", type=Path, default=Path("qat.json"))
    chosen = parser.parse_args()
    chosen.rates = sorted({float(rate) for rate in chosen.rates.split(",")})
    return chosen


def main() -> None:
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data
    from secateur.formats.reading import open_model
    from secateur.model import device
    from secateur.model.description import ModelSource

    chosen = options()
    device.choose(chosen.device)
    if device.current().id != chosen.device:
        raise SystemExit(f"There is no {chosen.device} here.")
    started = time.perf_counter()
    original = open_model(ModelSource(str(chosen.model)))
    data = shortened(open_data(DataSource(chosen.data), original.inputs), chosen.samples)
    for split in data.splits:
        data.prepare(split, lambda done, total, text: None)  # decoded once, and kept for all trainings
    print(f"model and data are read: {time.perf_counter() - started:.0f} s", flush=True)
    with TemporaryDirectory() as folder:
        rivals = Rivals(original, data, chosen, Path(folder))
        rivals.measured("original", original)
        rivals.measured("int8 alone", rivals.rounded)
        rates = {way: rivals.best_rate(way) for way in (BEFORE, AFTER)}
        for seed in range(chosen.seeds):
            for way, rate in rates.items():
                rivals.judged(way, seed, rate)
    rivals.show()
    print(f"{time.perf_counter() - started:.0f} s in all; the tables as JSON: {chosen.json}")


if __name__ == "__main__":
    main()
