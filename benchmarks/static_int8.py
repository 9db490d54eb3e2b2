"""Static int8, ours against the best recipes of ONNX Runtime's own quantizer, network by network, in one run.

    python benchmarks/static_int8.py [MODEL.onnx --data D] [--networks mobilenet_v2,vit] [--rounds 15]

Rivals: the float file; ours (`static_int8`, MSE observer); onnxruntime's `quantize_static` with what suits x86 best
(uint8 activations, int8 weights per channel), by min-max and by entropy; and as it comes. All are made from the same
float graph, its constants folded and its batch norms in the convolutions. Besides MODEL (the bundled sample unless one
is named) a MobileNetV2 and a ViT of common sizes with random weights and calibrated statistics: what their answers are
worth says nothing, how fast they are does. Agreement is with the float file, latency of one sample, in turns.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _rounds import machine, median, table

import secateur  # before any runtime: switches its telemetry off

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "resources" / "sample" / "model.onnx"
CALIBRATION = 64
PICTURES = 128

assert secateur


@dataclass(frozen=True)
class Subject:
    """A network to quantize and what it is measured on: `data` has calibration and test samples."""

    name: str
    model: Any
    data: Any


class Pictures:
    """Smooth random images, so that they differ as photographs do, in the place of a data set."""

    def __init__(self, size: int, count: int = PICTURES) -> None:
        import torch

        random = np.random.default_rng(0)
        made = np.zeros((count, 3, size, size), np.float32)
        for cells in (2, 4, 8, 16, 32):
            coarse = torch.from_numpy(random.standard_normal((count, 3, cells, cells)).astype(np.float32))
            made += torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").numpy()
        self.inputs = made / 2

    def size(self, split: str) -> int:
        return len(self.inputs) // 2

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        half = self.inputs[: len(self.inputs) // 2] if split == "calibration" else self.inputs[len(self.inputs) // 2 :]
        half = half[:limit]
        for start in range(0, len(half), batch_size):
            yield half[start : start + batch_size], np.zeros(len(half[start : start + batch_size]), np.int64)


def built(name: str) -> Subject:
    """One of the networks in `packaging/published_networks.py` at 224 pixels, its statistics those of `Pictures`."""
    import torch

    sys.path.insert(0, str(ROOT / "packaging"))
    import published_networks as networks

    from secateur.graph.network import TorchModel
    from secateur.model.description import Port

    makers: dict[str, Callable[[], Any]] = {
        "mobilenet_v2": lambda: networks.mobilenet_v2(1.0, 1000, 224),
        "resnet18": lambda: networks.resnet18(64, 1000, 224),
        "vit": lambda: networks.vit(width=192, depth=6, heads=3, classes=1000, size=224, patch=16),
    }
    torch.manual_seed(0)
    network, pictures = makers[name](), Pictures(224)
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        network.train()(torch.from_numpy(pictures.inputs[:32]))
    ports = (Port("image", "float32", (None, 3, 224, 224)),), (Port("scores", "float32", (None, 1000)),)
    return Subject(name, TorchModel(name, network.eval(), *ports), pictures)


def opened(path: Path, data: str) -> Subject:
    from secateur.data.source import DataSource
    from secateur.data.sources import open_data
    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    model = open_model(ModelSource(str(path)))
    return Subject(path.stem if path != SAMPLE else "sample", model, open_data(DataSource(data), model.inputs))


def session(path: Path) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def answers(running: Any, data: Any) -> tuple[np.ndarray, np.ndarray]:
    """(decisions, labels) on the test split."""
    name = running.get_inputs()[0].name
    pairs = [(running.run(None, {name: batch.first})[0].argmax(1), batch.targets) for batch in data.batches("test", 50)]
    return np.concatenate([made for made, _ in pairs]), np.concatenate([labels for _, labels in pairs])


def ours(lowered: Any, data: Any, path: Path) -> None:
    from secateur.formats import format_named
    from secateur.graph.context import Context
    from secateur.methods.quantize.static_int8 import StaticInt8

    method = StaticInt8(samples=CALIBRATION)
    format_named("onnx").write(method.apply(lowered, list(lowered.weights()), Context(data=data)), path)


def theirs(source: Path, data: Any, path: Path, *, best: bool = True, entropy: bool = False) -> None:
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            name = session(source).get_inputs()[0].name
            self._batches = ({name: batch.first} for batch in data.batches("calibration", 1, CALIBRATION))

        def get_next(self) -> Any:
            return next(self._batches, None)

    options: dict[str, Any] = {}
    if best:
        kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
        way = CalibrationMethod.Entropy if entropy else CalibrationMethod.MinMax
        options = {**kinds, "calibrate_method": way}
    quantize_static(str(source), str(path), Reader(), **options)


def measure(subject: Subject, rounds: int) -> list[tuple[str, ...]]:
    """A row for each rival, ours last but for the float file."""
    import onnx

    from secateur.graph.lowering import graph_of, lower

    lowered = lower(subject.model)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        floats = folder / "float.onnx"
        onnx.save(graph_of(lowered), str(floats))
        makers: dict[str, Callable[[Path], None]] = {
            "theirs, as it comes": lambda path: theirs(floats, subject.data, path, best=False),
            "theirs, U8S8 per channel, min-max": lambda path: theirs(floats, subject.data, path),
            "theirs, U8S8 per channel, entropy": lambda path: theirs(floats, subject.data, path, entropy=True),
            "ours": lambda path: ours(lowered, subject.data, path),
        }
        files, seconds = {"float": floats}, {"float": 0.0}
        for name, make in makers.items():
            files[name] = folder / f"{len(files)}.onnx"
            begun = time.perf_counter()
            make(files[name])
            seconds[name] = time.perf_counter() - begun
        return rows_of(subject, files, seconds, rounds)


def rows_of(subject: Subject, files: dict[str, Path], seconds: dict[str, float], rounds: int) -> list[tuple[str, ...]]:
    sessions = {name: session(path) for name, path in files.items()}
    sample = next(iter(subject.data.batches("test", 1))).first
    times: dict[str, list[float]] = {name: [] for name in files}
    for number in range(rounds):
        for name, running in list(sessions.items())[:: 1 if number % 2 == 0 else -1]:
            feed = {running.get_inputs()[0].name: sample}
            running.run(None, feed)
            for _ in range(10):
                begun = time.perf_counter()
                running.run(None, feed)
                times[name].append((time.perf_counter() - begun) * 1e3)
    best = min(median(times[name]) for name in files if name.startswith("theirs"))
    exact, _ = answers(sessions["float"], subject.data)
    rows = []
    for name, path in files.items():
        low, middle, high = np.quantile(times[name], [0.1, 0.5, 0.9])
        made, labels = answers(sessions[name], subject.data)
        rows.append(
            (
                f"{subject.name}: {name}",
                f"{path.stat().st_size / 1e3:,.0f} kB",
                f"{(made == labels).mean():.2%}" if len(set(labels)) > 1 else "–",
                f"{(made == exact).mean():.2%}",
                f"{middle:.3f} ({low:.3f} … {high:.3f})",
                f"{median(times['float']) / middle:.2f}×",
                f"{best / middle:.2f}×",
                f"{seconds[name]:.1f} s",
            )
        )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--data", default="sample:mnist")
    parser.add_argument("--networks", default="mobilenet_v2,vit", help="comma-separated; also: resnet18; empty: none")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    rows = measure(opened(options.model, options.data), options.rounds)
    for name in filter(None, options.networks.split(",")):
        rows += measure(built(name), options.rounds)
    print(machine())
    head = ("", "file", "top-1", "as float", "ms, batch 1 (p10 … p90)", "of float", "of their best", "made in")
    print(table(head, rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
