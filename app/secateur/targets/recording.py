"""What ONNX Runtime's profile adds to the kernels that it records.

It writes down the shapes of what a kernel reads and makes before it takes the time at its end: some microseconds, as
much as the kernels of a small network take themselves, and more for integer kernels, which read more.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import onnx

SHORT, LONG = 4, 36
"""Kernels of the two chains of which one is timed: what a run takes besides is in both."""
RUNS: Final = 200
KINDS: Final = ("Erf", "QLinearConv")
"""Of two values, and of ten."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Milliseconds that recording a kernel takes: a constant, and so much for each value that it reads or makes."""

    constant: float = 0.0
    each: float = 0.0

    def at(self, values: int) -> float:
        return self.constant + self.each * values


NOTHING_RECORDED: Final = Recording()


@cache
def recording_here() -> Recording:
    """What the profile adds on this machine, from chains of kernels that do next to nothing, recorded and not."""
    (few, least), (many, most) = (_added(kind) for kind in KINDS)
    each = max(0.0, (most - least) / (many - few))
    return Recording(max(0.0, least - each * few), each)


def _added(kind: str) -> tuple[int, float]:
    """(values of a kernel, milliseconds that recording adds to it)."""
    import onnxruntime as ort

    with TemporaryDirectory() as folder:
        short, long = (tiny_chain(kind, count).SerializeToString() for count in (SHORT, LONG))
        options = (session_options(1), session_options(1), session_options(1, Path(folder) / "chain"))
        sessions = [
            ort.InferenceSession(proto, each, providers=["CPUExecutionProvider"])
            for proto, each in zip((short, long, long), options, strict=True)
        ]
        feed = {"x": np.zeros((1, 4, 1, 1), np.float32)}
        times: list[list[float]] = [[], [], []]
        for _ in range(RUNS):
            for session, own in zip(sessions, times, strict=True):
                begun = time.perf_counter()
                session.run(None, feed)
                own.append((time.perf_counter() - begun) * 1e3)
        events = json.loads(Path(sessions[-1].end_profiling()).read_text(encoding="utf-8"))
    of_kind = [event for event in events if event.get("args", {}).get("op_name") == kind and "dur" in event]
    own_kernel = (typical(times[1]) - typical(times[0])) / (LONG - SHORT)
    return values_of(of_kind[-1]["args"]), max(0.0, typical([each["dur"] / 1e3 for each in of_kind]) - own_kernel)


def values_of(arguments: Mapping[str, Any]) -> int:
    """How many values a recorded kernel reads and makes."""
    shapes: Sequence[Any] = [
        *(arguments.get("input_type_shape") or ()),
        *(arguments.get("output_type_shape") or ()),
    ]
    return len(shapes)


def typical(times: ArrayLike) -> float:
    """The mean of the quickest fifth: what else a machine does makes runs slower. Means tell parts of a microsecond."""
    ordered = np.sort(np.asarray(times, dtype=np.float64))
    return float(ordered[: max(1, len(ordered) // 5)].mean())


def session_options(threads: int, profile: Path | None = None) -> Any:
    """Those of a session whose kernels are timed, recorded into files that begin with `profile`."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    if profile is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    return options


def tiny_chain(kind: str, count: int) -> "onnx.ModelProto":
    """`count` kernels of a kind one after the other, on four numbers."""
    from onnx import TensorProto, helper, numpy_helper

    stored = {
        "scale": np.float32(0.1),
        "zero": np.uint8(128),
        "weight": np.eye(4, dtype=np.int8).reshape(4, 4, 1, 1),
        "scales": np.full(4, 0.1, np.float32),
        "zeros": np.zeros(4, np.int8),
        "bias": np.zeros(4, np.int32),
    }
    grid, is_float = ["scale", "zero"], kind == "Erf"
    further = [] if is_float else [*grid, "weight", "scales", "zeros", *grid, "bias"]
    names = ["x" if is_float else "x0", *(f"x{place}" for place in range(1, count)), "y" if is_float else "z"]
    nodes = [helper.make_node(kind, [before, *further], [after]) for before, after in pairwise(names)]
    if not is_float:
        first = helper.make_node("QuantizeLinear", ["x", *grid], ["x0"])
        nodes = [first, *nodes, helper.make_node("DequantizeLinear", ["z", *grid], ["y"])]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 1, 1]) for name in ("x", "y")]
    tensors = [] if is_float else [numpy_helper.from_array(np.array(each), name) for name, each in stored.items()]
    graph = helper.make_graph(nodes, kind, ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
