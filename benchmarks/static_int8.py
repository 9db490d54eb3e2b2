"""Static int8, ours against ONNX Runtime's own quantizer, on one model and data set, in one run.

    python benchmarks/static_int8.py [MODEL.onnx --data D] [--rounds 15]

Rivals: the float file; ours (`static_int8`, MSE observer); onnxruntime's `quantize_static` as it comes; the
same with per-channel weights. Accuracy on the whole test split; latency for one sample, in turns.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _rounds import machine, median, table

CALIBRATION = 256
SAMPLE = Path(__file__).resolve().parents[1] / "resources" / "sample" / "model.onnx"


def session(path: Path) -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def accuracy(running: Any, data: Any) -> float:
    right = whole = 0
    name = running.get_inputs()[0].name
    for inputs, labels in data.batches("test", 100):
        right += int((running.run(None, {name: inputs})[0].argmax(1) == labels).sum())
        whole += len(labels)
    return right / whole


def ours(model: Any, data: Any, path: Path) -> None:
    from secateur.formats import format_named
    from secateur.methods.base import Context
    from secateur.methods.quantize.static_int8 import StaticInt8

    names = list(model.weights())
    encoded = StaticInt8(samples=CALIBRATION).apply(model, names, Context(data=data, original=model))
    format_named("onnx").write(encoded, path)


def theirs(source: Path, data: Any, path: Path, **options: Any) -> None:
    from onnxruntime.quantization import CalibrationDataReader, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            name = session(source).get_inputs()[0].name
            self._batches = ({name: inputs} for inputs, _ in data.batches("calibration", 1, CALIBRATION))

        def get_next(self) -> Any:
            return next(self._batches, None)

    quantize_static(str(source), str(path), Reader(), **options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?", default=SAMPLE)
    parser.add_argument("--data", default="sample:mnist")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    from secateur.data.sources import open_data
    from secateur.engine.requests import DataSource
    from secateur.formats.reading import open_model
    from secateur.model.description import ModelSource

    model = open_model(ModelSource(str(options.model)))
    data = open_data(DataSource(options.data), model.inputs)
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        makers: dict[str, Callable[[Path], None]] = {
            "ours": lambda path: ours(model, data, path),
            "quantize_static": lambda path: theirs(options.model, data, path),
            "quantize_static, per channel": lambda path: theirs(options.model, data, path, per_channel=True),
        }
        files, seconds = {"float": options.model}, {"float": 0.0}
        for name, make in makers.items():
            files[name] = folder / f"{name.replace(' ', '_')}.onnx"
            begun = time.perf_counter()
            make(files[name])
            seconds[name] = time.perf_counter() - begun
        report(files, seconds, data, options.rounds)
    return 0


def report(files: dict[str, Path], seconds: dict[str, float], data: Any, rounds: int) -> None:
    sessions = {name: session(path) for name, path in files.items()}
    sample = data.batch("test", [0])[0]
    times: dict[str, list[float]] = {name: [] for name in files}
    for _ in range(rounds):
        for name, running in sessions.items():
            feed = {running.get_inputs()[0].name: sample}
            running.run(None, feed)
            for _ in range(40):
                begun = time.perf_counter()
                running.run(None, feed)
                times[name].append((time.perf_counter() - begun) * 1e3)
    base = median(times["float"])
    rows = []
    for name, path in files.items():
        low, middle, high = np.quantile(times[name], [0.1, 0.5, 0.9])
        rows.append(
            (
                name,
                f"{path.stat().st_size / 1e3:.0f} kB",
                f"{accuracy(sessions[name], data) * 100:.2f} %",
                f"{middle:.3f} ({low:.3f} … {high:.3f})",
                f"{base / middle:.2f}×",
                f"{seconds[name]:.1f} s",
            )
        )
    print(machine())
    print(table(("", "file", "top-1", "ms, batch 1 (p10 … p90)", "speed", "made in"), rows))


if __name__ == "__main__":
    raise SystemExit(main())
