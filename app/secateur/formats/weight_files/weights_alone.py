"""A file whose tensors can be looked at and re-weighted, though nothing here makes a network of it."""

from collections.abc import Sequence
from pathlib import Path

from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.weight_files.stored import stored_layers
from secateur.graph.network import StoredModel
from secateur.model.description import Layer, ModelSource, Port
from secateur.model.stored import StoredTensor


def weights_alone(
    kind: Format,
    path: Path,
    source: ModelSource,
    tensors: Sequence[StoredTensor],
    reason: str,
    *,
    layers: tuple[Layer, ...] | None = None,
    inputs: tuple[Port, ...] = (),
    outputs: tuple[Port, ...] = (),
    notes: tuple[str, ...] = (),
) -> StoredModel:
    """The tensors of a file as a model; `reason` says why it is no network and what would make it one.

    `layers` is what makes up which layer, told by the tensors' names where it is not given. UserError where there is
    no tensor at all.
    """
    if not tensors:
        raise UserError(f"{path.name} holds no tensors.", "Choose a file with weights in it.")
    files = {tensor.path for tensor in tensors} | ({path} if path.is_file() else set())
    return StoredModel(
        name=path.stem if path.is_file() else path.name,
        tensors=tuple(tensors),
        layers=stored_layers(tensors) if layers is None else layers,
        reason=reason,
        source=source,
        format=kind.id,
        source_bytes=sum(file.stat().st_size for file in files),
        path=path,
        notes=notes,
        inputs=inputs,
        outputs=outputs,
    )
