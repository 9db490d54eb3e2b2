"""How long ONNX Runtime's kernels take for small networks, run in turns, from the runtime's own profile."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.workload import Workload
from secateur.targets.recording import NOTHING_RECORDED, Recording, recording_here, session_options, typical, values_of
from secateur.targets.timings import Spread
from secateur.targets.workloads import example_of, network_of

LEAST_SECONDS, LEAST_RUNS, MOST_RUNS, FEWEST_RUNS = 0.02, 60, 400, 6
"""Each network is run until it has had its time and its runs; a large one a few times at least."""

IN_A_TURN = 5
LEAST_OF_WHAT_IS_TOLD: Final = 0.1
MOST_SECONDS = 0.4
WARM_UP_RUNS = 3

BORDERS = ("ReorderInput", "ReorderOutput", "Transpose", "QuantizeLinear")
"""Kernels at the border of a one-layer network, which in a whole one stand between groups of layers.

DequantizeLinear is one where it unpacks activations, and part of the layer where it unpacks weights.
"""


def kernel_times(works: Sequence[Workload], threads: int, check: Callable[[], None] = lambda: None) -> list[Spread]:
    """Milliseconds of each workload's kernels, without those at its borders, measured in turns.

    `check` is the cancel point. What the runtime needs between two kernels is in none of them.
    """
    with TemporaryDirectory() as folder:
        sessions = [_session(work, threads, Path(folder) / str(place)) for place, work in enumerate(works)]
        inputs = [
            {session.get_inputs()[0].name: example_of(work)} for session, work in zip(sessions, works, strict=True)
        ]
        spent, runs = [0.0] * len(works), [0] * len(works)
        while waiting := [place for place in range(len(works)) if not _is_enough(spent[place], runs[place])]:
            check()
            for place in waiting:
                begun = time.perf_counter()
                for _ in range(IN_A_TURN):
                    sessions[place].run(None, inputs[place])
                spent[place] += time.perf_counter() - begun
                runs[place] += IN_A_TURN
        profiles = [Path(session.end_profiling()).read_text(encoding="utf-8") for session in sessions]
    recording = recording_here()
    return [spread_of(json.loads(text), recording) for text in profiles]


def _is_enough(seconds: float, runs: int) -> bool:
    if seconds >= MOST_SECONDS:
        return runs >= FEWEST_RUNS
    return (seconds >= LEAST_SECONDS and runs >= LEAST_RUNS) or runs >= MOST_RUNS


def _session(work: Workload, threads: int, prefix: Path) -> Any:
    import onnxruntime as ort

    proto = network_of(work).SerializeToString()
    return ort.InferenceSession(proto, session_options(threads, prefix), providers=["CPUExecutionProvider"])


def spread_of(events: Sequence[Mapping[str, Any]], recording: Recording = NOTHING_RECORDED) -> Spread:
    """The kernels of a profile, run by run: their sum, and the borders before and behind. ValueError where none ran.

    What the profile itself took is left out of each kernel, but for a part of what it says of it.
    """
    times: dict[str, list[float]] = {}
    borders: dict[str, bool] = {}
    for event in events:
        name, arguments = str(event.get("name", "")), event.get("args", {})
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            told = event["dur"] / 1e3
            own = max(LEAST_OF_WHAT_IS_TOLD * told, told - recording.at(values_of(arguments)))
            times.setdefault(name, []).append(own)
            borders.setdefault(name, _is_border(arguments))
    kernels = [name for name in times if not borders[name]]
    if not kernels:
        raise ValueError("No kernel ran")
    order = list(times)
    first, last = order.index(kernels[0]), order.index(kernels[-1])
    sums = _sums([times[name] for name in kernels])
    low, high = (float(value) for value in np.quantile(sums, [0.1, 0.9]))
    entering = [times[name] for name in order[:first]]
    leaving = [times[name] for name in order[last + 1 :]]
    return Spread(typical(sums), low, high, typical(_sums(entering)), typical(_sums(leaving)))


def _is_border(arguments: Mapping[str, Any]) -> bool:
    operator = arguments.get("op_name", "")
    shapes = arguments.get("input_type_shape") or [{}]
    return operator in BORDERS or (operator == "DequantizeLinear" and "uint8" in shapes[0])


def _sums(times: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """The sum over kernels of each run after the first ones."""
    if not times:
        return np.zeros(1)
    runs = min(len(values) for values in times)
    sums = np.sum([values[-runs:] for values in times], axis=0)
    return np.asarray(sums[min(WARM_UP_RUNS, runs - 1) :], dtype=np.float64)
