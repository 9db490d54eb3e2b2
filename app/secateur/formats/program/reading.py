"""Opening a torch.export program as a trainable network; as its tensors, with the reason, where it cannot be one."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.errors import UserError
from secateur.formats.base import Progress
from secateur.formats.program.archive import Program, read_program
from secateur.graph.network import Model, StoredModel, TorchModel
from secateur.model.description import ModelSource, Port

if TYPE_CHECKING:
    from torch import Tensor

    from secateur.formats.program.graph import Rebuilt

_STEPS = 3


def open_program(path: Path, source: ModelSource, progress: Progress) -> Model:
    """The network of the program at `path` with its own layers' names and dynamic axes.

    UserError where the file is broken; a StoredModel with the reason where the program holds what is no network.
    """
    from secateur.formats.program.values import ProgramRefused
    from secateur.graph.checking import finite_notes, torch_tensors

    program = read_program(path)
    progress(1, _STEPS, "Rebuilding the network")
    try:
        rebuilt = rebuilt_network(program)
        progress(2, _STEPS, "Trying the network")
        _try(rebuilt)
    except ProgramRefused as refusal:
        return stored_program(program, path, source, str(refusal))
    inputs, outputs, notes = _any_batch(rebuilt)
    return TorchModel(
        name=path.stem,
        module=rebuilt.module,
        inputs=inputs,
        outputs=outputs,
        source=source,
        format="pt2",
        source_bytes=path.stat().st_size,
        path=path,
        notes=(*notes, *finite_notes(torch_tensors(rebuilt.module))),
    )


def rebuilt_network(program: Program) -> "Rebuilt":
    """The network of a program; ProgramRefused says why there is none."""
    from secateur.formats.program.graph import rebuild

    return rebuild(program.document, _Tensors(program))


def stored_program(program: Program, path: Path, source: ModelSource, reason: str) -> StoredModel:
    """The program's tensors alone."""
    from secateur.formats.weight_files.stored import stored_layers

    tensors = tuple(part.stored for part in program.parts)
    if not tensors:
        raise UserError(f"{path.name} cannot become a network: {reason}.", "Export the model as ONNX instead.")
    return StoredModel(
        name=path.stem,
        tensors=tensors,
        layers=stored_layers(tensors),
        reason=f"The program in {path.name} cannot become a network here: {reason}. Export the model as ONNX instead.",
        source=source,
        format="pt2",
        source_bytes=path.stat().st_size,
        path=path,
    )


class _Tensors(Mapping[str, "Tensor"]):
    """A program's tensors by name, each read when it is asked for."""

    def __init__(self, program: Program) -> None:
        self._parts = {part.stored.name: part for part in program.parts}

    def __getitem__(self, name: str) -> "Tensor":
        return self._parts[name].read()

    def __contains__(self, name: object) -> bool:
        return name in self._parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts)

    def __len__(self) -> int:
        return len(self._parts)


def _try(rebuilt: "Rebuilt") -> None:
    """Run the network once; ProgramRefused where it does not take what the program says that it takes."""
    from secateur.formats.program.values import ProgramRefused
    from secateur.graph.layers import example_input
    from secateur.graph.onnx_import.check import run_module

    arrays = [example_input(port, 1, seed) for seed, port in enumerate(rebuilt.inputs)]
    try:
        run_module(rebuilt.module, arrays)
    except Exception as problem:
        lines = str(problem).strip().splitlines()
        raise ProgramRefused(f"it does not run ({lines[0] if lines else type(problem).__name__})") from problem


def _any_batch(rebuilt: "Rebuilt") -> tuple[tuple[Port, ...], tuple[Port, ...], tuple[str, ...]]:
    """Ports with a free batch where the program was exported for one sample, but takes more; and the note on it."""
    from secateur.formats.onnx_files.batches import free_batch, takes_batches

    inputs = rebuilt.inputs
    if inputs and inputs[0].shape and inputs[0].shape[0] == 1 and takes_batches(rebuilt.module, inputs):
        note = "The file takes one sample at a time; the network read from it takes batches."
        return free_batch(inputs), free_batch(rebuilt.outputs), (note,)
    return inputs, rebuilt.outputs, ()
