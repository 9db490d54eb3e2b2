"""Quantization-aware training against training before the quantization, for the same epochs, in one run.

    python benchmarks/qat.py MODEL.onnx --data D [--seeds 3] [--epochs 1] [--rate 0.001] [--samples N]

D is an image folder, a zip of one or a data.yaml. Each seed goes two ways to static int8: distillation and then int8,
and int8 and then the same distillation through the rounding. Both files are written, run in ONNX Runtime on the test
samples, and compared with the network that was simulated. `--rate` is that of the training through the rounding and
`--rate-before` that of the other; `--samples` takes so many training samples at most.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _rounds import machine, table

import secateur  # before any runtime: switches its telemetry off

assert secateur


def answers_of_file(path: Path, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """(decisions, labels) of a file on the test split."""
    import onnxruntime as ort

    running = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = running.get_inputs()[0].name
    pairs = [(running.run(None, {name: inputs})[0].argmax(1), labels) for inputs, labels in test_pairs(data)]
    return np.concatenate([made for made, _ in pairs]), np.concatenate([labels for _, labels in pairs])


def test_pairs(data: Any) -> Any:
    for batch in data.batches("test", 100):
        yield batch.first, batch.targets


def shortened(data: Any, samples: int) -> Any:
    """`data` with so many training samples at most."""
    if not samples or data.size("train") <= samples:
        return data
    train = data.splits["train"]
    return replace(
        data, splits={**data.splits, "train": np.sort(np.random.default_rng(0).permutation(train)[:samples])}
    )


class Rivals:
    """Both orders of distillation and static int8 on one model; `rows` is the table so far."""

    def __init__(self, model: Any, data: Any, chosen: argparse.Namespace, folder: Path) -> None:
        from secateur.graph.context import Context

        self.original, self.data, self.chosen, self.folder = model, data, chosen, folder
        self.context = Context(data=data, original=model)
        self.layers = list(model.weights())
        self.rows: list[list[str]] = []

    def int8(self, model: Any) -> Any:
        from secateur.methods.quantize.static_int8 import StaticInt8

        return StaticInt8().apply(model, self.layers, self.context)

    def trained(self, model: Any, seed: int, rate: float) -> Any:
        from secateur.methods.distil.distillation import Distillation

        chosen = self.chosen
        method = Distillation(epochs=chosen.epochs, learning_rate=rate, seed=seed, precision=chosen.precision)
        return method.apply(model, self.layers, self.context)

    def after(self, seed: int) -> float:
        """Share of right answers of the file that was trained through its rounding."""
        started = time.perf_counter()
        model = self.trained(self.int8(self.original), seed, self.chosen.rate)
        return self.measured(f"int8, distillation, seed {seed}", model, time.perf_counter() - started)

    def before(self, seed: int) -> float:
        """Share of right answers of the file that was trained and then rounded."""
        started = time.perf_counter()
        model = self.int8(self.trained(self.original, seed, self.chosen.rate_before))
        return self.measured(f"distillation, int8, seed {seed}", model, time.perf_counter() - started)

    def measured(self, what: str, model: Any, seconds: float = 0.0) -> float:
        from secateur.formats import format_named
        from secateur.formats.proving.verify import export

        path = self.folder / f"{len(self.rows)}.onnx"
        inputs, _ = next(test_pairs(self.data))
        written = export(model, format_named("onnx"), path, [np.ascontiguousarray(inputs)])
        made, labels = answers_of_file(path, self.data)
        simulated = np.concatenate([model.run(inputs).argmax(1) for inputs, _ in test_pairs(self.data)])
        same, right = float((made == simulated).mean()), float((made == labels).mean())
        self.rows.append([what, f"{right:.2%}", f"{same:.2%}", written.verdict, f"{seconds:.0f}"])
        print("  ".join(self.rows[-1]), flush=True)
        return right


def main() -> None:
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data
    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--rate-before", type=float, default=0.01)
    parser.add_argument("--precision", default="fp32")
    chosen = parser.parse_args()

    original = open_model(ModelSource(str(chosen.model)))
    data = shortened(open_data(DataSource(chosen.data), original.inputs), chosen.samples)
    with tempfile.TemporaryDirectory() as folder:
        rivals = Rivals(original, data, chosen, Path(folder))
        rivals.measured("original", original)
        rivals.measured("int8 alone", rivals.int8(original))
        gains = [rivals.after(seed) - rivals.before(seed) for seed in range(chosen.seeds)]
    print(machine())
    print(f"{data.size('train')} training samples, {data.size('test')} test samples, {chosen.epochs} epochs,")
    print(f"learning rate {chosen.rate:g} through the rounding and {chosen.rate_before:g} before it")
    print(table(["way", "right", "file = simulation", "verdict", "seconds"], rivals.rows))
    print(f"through the rounding − before it: {np.mean(gains):+.2%} on average ({min(gains):+.2%} … {max(gains):+.2%})")


if __name__ == "__main__":
    main()
