"""Milliseconds: of whole models, interleaved so that they can be compared, and of single layers."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.analysis.documents import Latency

if TYPE_CHECKING:
    import onnx

Run = Callable[[], Any]
ROUNDS = 7
SECONDS_PER_ROUND = 0.12


def measure_together(
    runs: Sequence[Run], runtime: str, threads: int, *, check: Callable[[], None] = lambda: None
) -> list[Latency]:
    """Latency of each of `runs` (one call = one sample), measured in turns so that noise hits all alike.

    Seven rounds of at least 0.12 s or three calls each after a warm-up; medians and deciles over all calls.
    """
    for run in runs:
        run()
        run()
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for index, run in enumerate(runs):
            check()
            begun, calls = time.perf_counter(), 0
            while calls < 3 or time.perf_counter() - begun < SECONDS_PER_ROUND:
                start = time.perf_counter()
                run()
                times[index].append((time.perf_counter() - start) * 1e3)
                calls += 1
    return [_latency(values, runtime, threads) for values in times]


def measure(run: Run, runtime: str = "ONNX Runtime", threads: int = 1) -> Latency:
    """Latency of one model alone."""
    return measure_together([run], runtime, threads)[0]


def _latency(milliseconds: list[float], runtime: str, threads: int) -> Latency:
    p10, median, p90 = (float(v) for v in np.quantile(milliseconds, [0.1, 0.5, 0.9]))
    return Latency(median=median, p10=p10, p90=p90, runtime=runtime, threads=threads)


def layer_latencies(
    proto: "onnx.ModelProto",
    inputs: Sequence[np.ndarray[Any, Any]],
    layers_of_nodes: dict[str, str],
    threads: int = 1,
) -> dict[str, float]:
    """Median milliseconds per layer from ONNX Runtime's own profile of 40 runs (after 5 to warm up).

    `layers_of_nodes` maps node names to layers; what the runtime fuses into a node counts for its layer.
    """
    import onnxruntime as ort

    with TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
        feeds = {value.name: data for value, data in zip(session.get_inputs(), inputs, strict=False)}
        for _ in range(45):
            session.run(None, feeds)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    times: dict[str, list[float]] = {}
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            times.setdefault(name.removesuffix("_kernel_time"), []).append(event["dur"] / 1e3)
    result: dict[str, float] = {}
    for node, values in times.items():
        layer = _layer_of(node, layers_of_nodes)
        if layer:
            result[layer] = result.get(layer, 0.0) + float(np.median(values[5:] or values))
    return result


def _layer_of(node: str, layers_of_nodes: dict[str, str]) -> str | None:
    """The layer of a node that the runtime's optimiser may have renamed (`fused …`, `…_nchwc`)."""
    name = node.removeprefix("fused ").removesuffix("_nchwc")
    if name in layers_of_nodes:
        return layers_of_nodes[name]
    for candidate, layer in layers_of_nodes.items():
        if candidate and (name.startswith((candidate + "_", candidate + "/"))):
            return layer
    return None
