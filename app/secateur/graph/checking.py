"""Weights that are not numbers: not an error, since such files exist, but something to be told."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx
    from torch import nn

_NAMED: Final = 5


def finite_notes(tensors: Iterable[tuple[str, NDArray[Any]]]) -> tuple[str, ...]:
    """A sentence for every layer (the first few) whose weights hold NaN or infinity, from (layer, values)."""
    found: dict[str, int] = {}
    for name, values in tensors:
        if values.dtype.kind != "f" or np.isfinite(values).all():
            continue
        found[name] = found.get(name, 0) + int((~np.isfinite(values)).sum())
    notes = [
        f"The layer {name} holds {count} {'value' if count == 1 else 'values'} that are NaN or infinite, "
        "so the network's answers may be too."
        for name, count in list(found.items())[:_NAMED]
    ]
    if len(found) > _NAMED:
        notes.append(f"{len(found) - _NAMED} further layers hold NaN or infinite values.")
    return tuple(notes)


def torch_tensors(module: "nn.Module") -> Iterator[tuple[str, NDArray[Any]]]:
    """(layer name, values) of every parameter and buffer."""
    for name, tensor in module.state_dict().items():
        yield name.rpartition(".")[0] or name, tensor.detach().float().cpu().numpy()


def onnx_tensors(proto: "onnx.ModelProto") -> Iterator[tuple[str, NDArray[Any]]]:
    """(layer name, values) of every stored floating tensor; one that is no layer's goes by its own name."""
    from onnx import numpy_helper

    from secateur.graph.onnx_layers import onnx_layers

    owners = {tensor: layer.name for layer in onnx_layers(proto) for tensor in layer.tensors}
    for tensor in proto.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f":
            yield owners.get(tensor.name, tensor.name), values
