"""Peak memory of running a file once, measured in a process of its own so that nothing else counts.

Called as `python -m secateur.analysis.memory FILE SHAPES`, it prints the bytes that loading and running the
ONNX file added to the process's peak.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def peak_memory_bytes(path: Path, inputs: Sequence[np.ndarray[Any, Any]], seconds: float = 60.0) -> int | None:
    """Bytes that loading `path` in ONNX Runtime and running it once adds; None where it cannot be told."""
    shapes = json.dumps([[list(value.shape), str(value.dtype)] for value in inputs])
    command = [sys.executable, "-m", "secateur.analysis.memory", str(path), shapes]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=True)  # noqa: S603
        return int(done.stdout.strip())
    except (subprocess.SubprocessError, ValueError):
        return None


def _peak_bytes() -> int:
    import psutil

    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return int(info.peak_wset)  # type: ignore[attr-defined]  # Windows only
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)


def _main(path: str, shapes: str) -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    before = _peak_bytes()
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {
        value.name: np.zeros(shape, dtype)
        for value, (shape, dtype) in zip(session.get_inputs(), json.loads(shapes), strict=False)
    }
    session.run(None, feeds)
    print(max(0, _peak_bytes() - before))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
