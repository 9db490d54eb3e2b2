"""Engine processes that are forked from one that has the libraries loaded: torch is imported once, not in every test.

What a fork changes is the start of a process alone: it is as separate, has the environment of the moment in which it
is started, and dies as before. Milliseconds are measured briefly in it. Tests of the start itself use the program's
own way.
"""

import multiprocessing
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from brief_timings import measure_briefly
from exported_once import export_once

from secateur.engine import lane

LOADED = (
    "pytest", "torch", "torch.fx", "torch._dynamo", "onnx", "onnxruntime", "onnxscript", "scipy", "numba",
    "secateur.engine.workshop", "secateur.engine.jobs", "secateur.formats.reading",
)  # fmt: skip
"""What takes long to import. None of it starts a thread, which a fork would lose."""


class Forked:
    """What a lane asks of `multiprocessing`, with forks in place of new interpreters."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(LOADED))
        self.Pipe = self._context.Pipe

    def get_context(self, _: str) -> "Forked":
        return self

    def Process(self, *, target: Callable[..., None], args: tuple[Any, ...], **options: Any) -> Any:
        return self._context.Process(target=in_environment, args=(dict(os.environ), target, args), **options)


def in_environment(environment: dict[str, str], target: Callable[..., None], args: tuple[Any, ...]) -> None:
    """Call `target` in the environment of the process that wanted it, not of the one that was forked."""
    os.environ.clear()
    os.environ.update(environment)
    measure_briefly()
    export_once()
    target(*args)


def fork_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every engine of this test be forked, where the system can."""
    if sys.platform != "win32":
        monkeypatch.setattr(lane, "multiprocessing", Forked())
