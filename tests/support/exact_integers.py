"""Integers added as they are, on every processor: what tests say of files in integers must not depend on the machine.

Without VNNI instructions an x86 processor adds pairs of 8-bit products in 16 bits, which saturate, and the program
rightly says that the file does not do what was planned. ONNX Runtime has an option that adds them in full, slower.
"""

import platform
from pathlib import Path
from typing import Any

CPU_INFO = Path("/proc/cpuinfo")


def add_exactly() -> None:
    """From now on every session of this process adds in full, where the processor would not."""
    import onnxruntime

    has_vnni = CPU_INFO.exists() and "vnni" in CPU_INFO.read_text()
    if has_vnni or platform.machine().lower() not in ("x86_64", "amd64"):
        return
    plain = onnxruntime.SessionOptions
    if getattr(plain, "adds_exactly", False):
        return

    class Exact(plain):  # type: ignore[misc, valid-type]
        adds_exactly = True

        def __init__(self, *values: Any) -> None:
            super().__init__(*values)
            self.add_session_config_entry("session.x64quantprecision", "1")

    onnxruntime.SessionOptions = Exact
