"""Milliseconds: of whole models, interleaved so that they can be compared, and of single layers."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.model.documents import Latency

if TYPE_CHECKING:
    import onnx

Run = Callable[[], Any]
ROUNDS = 7
SECONDS_PER_ROUND = 0.12
MOST_SECONDS_PER_ROUND, CALLS_FOR_LEAST = 0.6, 30
WARM_UP_RUNS, PROFILED_RUNS = 5, 40
JOINING = ("Add",)
"""Operators of two layers: fused into one of them, else a kernel of their own that counts for none."""

FUSED = ("BatchNormalization", "Relu", "Clip", "LeakyRelu", "Sigmoid", "HardSigmoid", "Tanh", *JOINING)


def measure_together(
    runs: Sequence[Run], runtime: str, threads: int, *, check: Callable[[], None] = lambda: None
) -> list[Latency]:
    """Latency of each of `runs` (one call = one sample), measured in turns so that noise hits all alike.

    Seven rounds of at least 0.12 s or three calls each after a warm-up; medians and deciles over all calls.
    """
    return [_latency(values, runtime, threads) for values in _times_together(runs, check)]


def least_together(runs: Sequence[Run], *, check: Callable[[], None] = lambda: None) -> list[float]:
    """Milliseconds of each of `runs` where nothing disturbs it: the least of all calls, measured in turns.

    What else the machine does makes calls slower and never quicker; the least is the same on a busy machine.
    """
    return [min(values) for values in _times_together(runs, check, CALLS_FOR_LEAST)]


def _times_together(runs: Sequence[Run], check: Callable[[], None], most: int = 3) -> list[list[float]]:
    """Milliseconds of the calls; `most` in a round even where they take longer than its time, if not by far."""
    for run in runs:
        run()
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for index, run in enumerate(runs):
            check()
            begun, calls = time.perf_counter(), 0
            while calls < 3 or _goes_on(time.perf_counter() - begun, calls, most):
                start = time.perf_counter()
                run()
                times[index].append((time.perf_counter() - start) * 1e3)
                calls += 1
    return times


def _goes_on(seconds: float, calls: int, most: int) -> bool:
    return seconds < SECONDS_PER_ROUND or (calls < most and seconds < MOST_SECONDS_PER_ROUND)


def measure(run: Run, runtime: str = "ONNX Runtime", threads: int = 1) -> Latency:
    """Latency of one model alone."""
    return measure_together([run], runtime, threads)[0]


def _latency(milliseconds: list[float], runtime: str, threads: int) -> Latency:
    p10, median, p90 = (float(v) for v in np.quantile(milliseconds, [0.1, 0.5, 0.9]))
    return Latency(median=median, p10=p10, p90=p90, runtime=runtime, threads=threads)


def layer_latencies(
    proto: "onnx.ModelProto", inputs: Sequence[np.ndarray[Any, Any]], threads: int = 1
) -> dict[str, float]:
    """Median milliseconds per layer from ONNX Runtime's own profile of 40 runs (after 5 to warm up).

    What the runtime fuses into a layer's kernel (its activation, a batch norm, an addition) counts for the layer.
    """
    import onnxruntime as ort

    with TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feeds = {value.name: data for value, data in zip(session.get_inputs(), inputs, strict=False)}
        for _ in range(WARM_UP_RUNS + PROFILED_RUNS):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, list[float]] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            kernel = name.removesuffix("_kernel_time").removeprefix("fused ").removesuffix("_nchwc")
            times.setdefault(kernel, []).append(event["dur"] / 1e3)
    layers = _layers_of_kernels(proto)
    result: dict[str, float] = {}
    for kernel, values in times.items():
        layer = layers.get(kernel)
        if layer:
            result[layer] = result.get(layer, 0.0) + float(np.median(values[WARM_UP_RUNS:] or values))
    return result


def _layers_of_kernels(proto: "onnx.ModelProto") -> dict[str, str]:
    """Kernel name → layer. ONNX Runtime names a kernel after its node, or after the last tensor it fused up to."""
    from secateur.graph.onnx_layers import onnx_layers

    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in proto.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    kernels: dict[str, str] = {}
    for layer in onnx_layers(proto):
        for index in layer.nodes:
            part: onnx.NodeProto | None = proto.graph.node[index]
            while part is not None:
                kernels.setdefault(part.output[0], layer.name)
                if part.op_type not in JOINING:
                    kernels.setdefault(part.name, layer.name)
                following = readers.get(part.output[0], [])
                part = following[0] if len(following) == 1 and following[0].op_type in FUSED else None
    return kernels
