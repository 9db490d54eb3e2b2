"""The two ways in which a format is written and run: here, or in processes of their own. Both offer the same."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import Format, Progress, Samples, WriteOptions
from secateur.formats.exporting.parent import Assignment, ExporterCannot, ExporterFailed, carry_out, printed
from secateur.formats.exporting.staging import (
    OUTPUTS,
    Task,
    in_order,
    in_staged_form,
    load_arrays,
    stage_model,
    store_inputs,
)
from secateur.formats.exporting.telling import heard_by
from secateur.formats.proving.running import Batching, latency_of, run_in_batches
from secateur.model.documents import Latency

if TYPE_CHECKING:
    from secateur.graph.context import Context
    from secateur.graph.network import Model

_NONE = Batching(None, ())


@dataclass(frozen=True)
class Ran:
    """Every output for all samples, and milliseconds for one where that was asked for."""

    outputs: list[NDArray[np.float32]]
    latency: Latency | None = None


class CannotRun(Exception):  # noqa: N818 - what was found out about a file
    """The runtime does not run the file: `sentence` says what happened, `details` what was printed."""

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.sentence, self.details = sentence, details


class Exporter(Protocol):
    """Writes models in one format with the same options, and runs what was written."""

    def simulated(self, model: "Model", context: "Context") -> "Model":
        """The form of the model that the file is compared with."""
        ...

    def write(self, model: "Model", path: Path, context: "Context") -> tuple[Path, ...]:
        """The files that were written, that at `path` first. UserError where they were not."""
        ...

    def run(self, path: Path, inputs: Samples, batching: Batching, progress: Progress, *, timed: bool = True) -> Ran:
        """What the file answers; CannotRun where it does not."""
        ...

    def weights(self, path: Path, progress: Progress) -> Mapping[str, NDArray[np.float32]] | None:
        """What the file holds by layer; None where that cannot be read back."""
        ...

    def details(self) -> str:
        """What converters have printed so far."""
        ...


@dataclass(frozen=True)
class Here:
    """In this process: for formats whose libraries the engine lives in anyway."""

    format: Format
    options: WriteOptions

    def simulated(self, model: "Model", context: "Context") -> "Model":
        return model

    def write(self, model: "Model", path: Path, context: "Context") -> tuple[Path, ...]:
        context.progress(0, 3, f"Writing {path.name}")
        with heard_by(context.progress):
            return self.format.write(model, path, self.options)

    def run(self, path: Path, inputs: Samples, batching: Batching, progress: Progress, *, timed: bool = True) -> Ran:
        text = f"Running {path.name} in {self.format.runtime}"
        progress(1, 3, text)
        try:
            runner = self.format.run(path)
            outputs = run_in_batches(runner.all, inputs, batching, progress, text)
        except _runtime_errors() as error:
            lines = str(error).strip().splitlines()
            reason = lines[0] if lines else type(error).__name__
            raise CannotRun(f"{self.format.runtime} cannot run the file: {reason}") from error
        if not timed:
            return Ran(outputs)
        progress(2, 3, "Measuring milliseconds")
        return Ran(outputs, latency_of(runner, inputs, batching, self.format.runtime))

    def weights(self, path: Path, progress: Progress) -> Mapping[str, NDArray[np.float32]] | None:
        progress(1, 3, f"Reading {path.name}")
        try:
            return self.format.weights(path)
        except NotImplementedError:
            return None

    def details(self) -> str:
        return ""


@dataclass(frozen=True)
class InChildren:
    """In processes of their own, one to write and another to run; `folder` is where they find what they need."""

    format: Format
    options: WriteOptions
    folder: Path

    def simulated(self, model: "Model", context: "Context") -> "Model":
        return in_staged_form(model, context)

    def write(self, model: "Model", path: Path, context: "Context") -> tuple[Path, ...]:
        context.progress(0, 3, f"Staging {path.name}")
        stage_model(self.folder, in_staged_form(model, context))
        answer = self._carry_out("write", path, _NONE, f"writing {path.name}", context.progress)
        files = tuple(Path(name) for name in answer["files"])
        strays = [file for file in files if file.parent != path.parent or not file.exists()]
        if strays or files[:1] != (path,):
            named = ", ".join(file.name for file in strays or files)
            raise ExporterFailed(f"{self.format.title} did not leave {path.name} where it should: {named}.")
        return files

    def run(self, path: Path, inputs: Samples, batching: Batching, progress: Progress, *, timed: bool = True) -> Ran:
        store_inputs(self.folder, inputs)
        try:
            doing = f"running {path.name} in {self.format.runtime}"
            answer = self._carry_out("run" if timed else "answer", path, batching, doing, progress)
        except UserError as error:
            raise CannotRun(error.sentence, error.details) from error
        outputs = [np.asarray(output, np.float32) for output in in_order(self.folder / OUTPUTS)]
        return Ran(outputs, Latency.model_validate(answer["latency"]) if timed else None)

    def weights(self, path: Path, progress: Progress) -> Mapping[str, NDArray[np.float32]] | None:
        try:
            self._carry_out("weights", path, _NONE, f"reading {path.name}", progress)
        except ExporterCannot:
            return None
        except UserError as error:
            raise CannotRun(error.sentence, error.details) from error
        return load_arrays(self.folder / OUTPUTS)

    def details(self) -> str:
        return printed(self.folder)

    def _carry_out(self, task: str, path: Path, batching: Batching, doing: str, progress: Progress) -> dict[str, Any]:
        Task(self.format, self.options, path.resolve(), batching).store(self.folder)
        return carry_out(Assignment(self.folder, task, self.format.title, doing, self.format.time_limit_s), progress)


class exporter_for:  # noqa: N801 - reads as a clause: `with exporter_for(format, options) as exporter`
    """The exporter that a format asks for, with its temporary folder for the time of the `with` block."""

    def __init__(self, target: Format, options: WriteOptions) -> None:
        self._target, self._options = target, options
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Exporter:
        if not self._target.in_child:
            return Here(self._target, self._options)
        self._folder = tempfile.TemporaryDirectory(prefix="secateur-export-", ignore_cleanup_errors=True)
        return InChildren(self._target, self._options, Path(self._folder.name).resolve())

    def __exit__(self, *exception: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def _runtime_errors() -> tuple[type[Exception], ...]:
    """What a runtime may raise at a file: ONNX Runtime's exceptions have no common base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    return (RuntimeError, ValueError, *(getattr(state, name) for name in names if hasattr(state, name)))
