"""What came back from a confined process, opened by the ordinary readers like any stranger's file."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.errors import UserError
from secateur.formats.base import Format, Progress
from secateur.formats.confined.parent import Converted, convert
from secateur.graph.network import Model
from secateur.model.description import ModelSource

if TYPE_CHECKING:
    from secateur.formats.torch_files.state_dicts import StateDict


def open_trusted(kind: Format, path: Path, source: ModelSource, progress: Progress) -> Model:
    """A pickle that a person trusts, as the network in it or else as its weights."""
    from secateur.formats.program.reading import open_program

    made = convert("pickle", path, progress)
    if "program.pt2" in made.files:
        model = open_program(made.files["program.pt2"], source, progress)
        notes = (*_walls(made), *made.notes, *model.notes)
        return replace(model, name=path.stem, path=path, format=kind.id, source_bytes=path.stat().st_size, notes=notes)
    return _weights(kind, path, source, made)


def _weights(kind: Format, path: Path, source: ModelSource, made: Converted) -> Model:
    from secateur.formats.weight_files.safetensors_read import stored_tensors
    from secateur.formats.weight_files.weights_alone import weights_alone

    tensors = stored_tensors(_file(made, path))
    model = weights_alone(
        kind,
        path,
        source,
        tensors,
        f"{path.name} cannot become a network: {made.reason}. Name the Python function that builds it "
        "(`file.py:factory --weights FILE --trust`).",
        notes=_walls(made),
    )
    return replace(model, source_bytes=path.stat().st_size)


def trusted_weights(path: Path, factory: str, progress: Progress) -> "StateDict":
    """The weights of a pickle that a person trusts, for the network of a factory whose file may define its classes."""
    from secateur.formats.torch_files.state_dicts import StateDict, read_safetensors

    place = Path(factory.rpartition(":")[0])
    made = convert("pickle", path, progress, place.resolve() if place.suffix == ".py" and place.is_file() else None)
    return StateDict(read_safetensors(_file(made, path)).tensors, _walls(made))


def _file(made: Converted, path: Path) -> Path:
    if "weights.safetensors" not in made.files:
        raise UserError(f"No weights came out of {path.name}.", "Save the network's `state_dict()` instead.")
    return made.files["weights.safetensors"]


def _walls(made: Converted) -> tuple[str, ...]:
    """Which walls stood, as a note."""
    walls = ", ".join(made.walls) or "none that this system offers"
    return (f"Its code ran in a process of its own, with these walls: {walls}.",)
