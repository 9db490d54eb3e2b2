"""Peak memory of running a file once, measured in a process of its own so that nothing else counts.

Called as `python -m secateur.analysis.memory FILE SHAPES`, it prints the bytes that loading and running the
ONNX file added to the process's peak.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
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
    """The largest resident size so far, since `_forget_peak` where the system can forget."""
    import psutil

    info = psutil.Process().memory_info()
    if hasattr(info, "peak_wset"):
        return int(info.peak_wset)  # type: ignore[attr-defined]  # Windows only
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    import resource

    return int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _forget_peak() -> None:
    """Importing needs more at its peak than a small network: Linux can start the count anew (proc(5), clear_refs)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _main(path: str, shapes: str) -> None:
    import onnxruntime as ort
    import psutil

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    before = psutil.Process().memory_info().rss
    _forget_peak()
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {
        value.name: np.zeros(shape, dtype)
        for value, (shape, dtype) in zip(session.get_inputs(), json.loads(shapes), strict=False)
    }
    session.run(None, feeds)
    print(max(0, _peak_bytes() - before))


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2])
