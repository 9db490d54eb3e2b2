"""Weights without a network: which tensors make up which layer, and what such a model can and cannot do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.formats.base import Format
from secateur.formats.weight_files.shards import SUFFIX
from secateur.graph.network import StoredModel
from secateur.model.description import Layer, ModelSource
from secateur.model.stored import FLOATING, StoredTensor

if TYPE_CHECKING:
    from secateur.graph.network import Model

_EMBEDDING_WORDS = ("embed", "wte", "wpe", "tok_", "position")
_CONVOLUTIONS = {3: "Conv1d", 4: "Conv2d", 5: "Conv3d"}


def open_stored(kind: Format, path: Path, source: ModelSource) -> StoredModel:
    """The tensors of a file as a model that can be inspected and re-weighted."""
    tensors = kind.tensors(path)
    return StoredModel(
        name=model_name(path),
        tensors=tensors,
        layers=stored_layers(tensors),
        reason=_reason(path),
        source=source,
        format=kind.id,
        source_bytes=sum(file.stat().st_size for file in {tensor.path for tensor in tensors} or {path}),
        path=path,
    )


def _reason(path: Path) -> str:
    """Why weights are not a network, and how to name the one that they belong to."""
    companion = path.with_name(f"{path.stem}_network.py")
    if companion.is_file():  # what an export leaves beside its weights; its code is run only when it is named
        return f"It holds weights without their network, which lies beside it: `{companion}:make --weights {path}`."
    return (
        "It holds weights without their network: name the Python function that builds it, "
        f"`file.py:factory --weights {path.name}`."
    )


def model_name(path: Path) -> str:
    """What a file of weights is called; an index goes by its folder where it has the usual name."""
    if not path.name.endswith(SUFFIX):
        return path.stem
    stem = path.name.removesuffix(SUFFIX).partition(".")[0]
    return path.resolve().parent.name if stem in ("model", "pytorch_model") else stem


def stored_layers(tensors: Sequence[StoredTensor]) -> tuple[Layer, ...]:
    """Layers by the names of their tensors, in the file's order: `a.weight` and `a.bias` are the layer `a`."""
    known = {tensor.name: tensor for tensor in tensors}
    layers = []
    for tensor in tensors:
        owner, dot, part = tensor.name.rpartition(".")
        if dot and part != "weight" and f"{owner}.weight" in known:
            continue  # told with its weight
        if dot and part == "weight":
            layers.append(_layer(owner, tensor, known))
        else:
            layers.append(_loose(tensor))
    return tuple(layers)


def _layer(name: str, weight: StoredTensor, known: dict[str, StoredTensor]) -> Layer:
    parts = [tensor for key, tensor in known.items() if key.rpartition(".")[0] == name]
    bias = known.get(f"{name}.bias")
    trained = [tensor for tensor in (weight, bias) if tensor is not None]
    return Layer(
        name=name,
        kind=_kind(name, weight, known),
        weight=weight.info,
        bias=bias.info if bias is not None else None,
        params=sum(tensor.count for tensor in trained),
        size_bytes=sum(tensor.size_bytes for tensor in parts),
        kernel=weight.shape[2:],
    )


def _kind(name: str, weight: StoredTensor, known: dict[str, StoredTensor]) -> str:
    """The torch layer that such a weight most likely belongs to."""
    rank = len(weight.shape)
    if weight.dtype not in FLOATING and weight.scale is None and not weight.dtype.startswith("ggml"):
        return "Parameter"
    if rank == 1:
        return "BatchNorm" if f"{name}.running_mean" in known else "Norm"
    if rank == 2:
        return "Embedding" if any(word in name.lower() for word in _EMBEDDING_WORDS) else "Linear"
    return _CONVOLUTIONS.get(rank, "Parameter")


def _loose(tensor: StoredTensor) -> Layer:
    """A tensor that stands by itself."""
    return Layer(tensor.name, "Parameter", tensor.info, params=tensor.count, size_bytes=tensor.size_bytes)


def needs_network(model: "Model") -> str | None:
    """Why a format that holds a network cannot hold this model; None where it is one."""
    if isinstance(model, StoredModel):
        return f"{model.name} cannot be written as a network: {model.reason}"
    return None
