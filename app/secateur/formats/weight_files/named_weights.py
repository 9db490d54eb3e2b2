"""All tensors of a model under their names, one in memory at a time, for files that hold weights and no network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.graph.network import Model, OnnxModel, StoredModel, TorchModel
    from secateur.model.encoding import WeightEncoding
    from secateur.model.stored import StoredTensor

_WHOLE = ("int8", "int16", "int32", "int64", "float64")


@dataclass(frozen=True)
class NamedTensor:
    """`values` reads (and rounds) the tensor: float32, or its own dtype where it is a whole number or float64."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    values: Callable[[], NDArray[Any]]
    encoding: "WeightEncoding | None" = None
    """What `values` are rounded by, where they are."""


def named_tensors(model: "Model") -> Iterator[NamedTensor]:
    """Every tensor of a model, encoded ones as their encodings round them."""
    from secateur.graph.network import OnnxModel, StoredModel

    if isinstance(model, StoredModel):
        return _of_stored(model)
    return _of_onnx(model) if isinstance(model, OnnxModel) else _of_torch(model)


def layer_tensors(model: "Model") -> dict[str, str]:
    """Layer → the name of its weight among the model's tensors."""
    from secateur.graph.network import StoredModel

    if isinstance(model, StoredModel):
        return {
            layer.name: layer.weight.name for layer in model.layers if layer.is_weighted and layer.weight is not None
        }
    return {name: f"{name}.weight" for name in model.weights()}


def _of_torch(model: "TorchModel") -> Iterator[NamedTensor]:
    encodings = {f"{name}.weight": encoding for name, encoding in model.encodings.weights.items()}
    for name, tensor in model.module.state_dict().items():
        array = tensor.detach().cpu()
        dtype = str(array.dtype).removeprefix("torch.")
        if array.is_floating_point():
            encoding = encodings.get(name)
            yield NamedTensor(name, "float32", tuple(array.shape), partial(_rounded, array, encoding), encoding)
        elif dtype in _WHOLE:  # masks and the like are no weights
            yield NamedTensor(name, dtype, tuple(array.shape), array.numpy)


def _rounded(tensor: Any, encoding: "WeightEncoding | None") -> NDArray[np.float32]:
    plain = np.asarray(tensor.float().numpy())
    return plain if encoding is None else encoding.round_trip(plain)


def _of_onnx(model: "OnnxModel") -> Iterator[NamedTensor]:
    """Layers' weights under the layers' names, and all else that is stored under its own."""
    from onnx import numpy_helper

    from secateur.formats.proving.verify import encoded_weights
    from secateur.graph.onnx_layers import WEIGHTED, onnx_layers

    weights = {f"{layer}.weight": value for layer, value in encoded_weights(model).items()}
    encodings = {f"{layer}.weight": encoding for layer, encoding in model.encodings.weights.items()}
    for name, value in weights.items():
        yield NamedTensor(name, "float32", tuple(value.shape), partial(np.asarray, value), encodings.get(name))
    passed = {*weights, *(layer.weight for layer in onnx_layers(model.proto) if layer.operator in WEIGHTED)}
    for tensor in model.proto.graph.initializer:
        if tensor.name in passed:
            continue
        array = numpy_helper.to_array(tensor)
        if array.dtype.name in _WHOLE or array.dtype.kind == "f":
            kept = array.dtype.name if array.dtype.name in _WHOLE else "float32"
            yield NamedTensor(tensor.name, kept, tuple(array.shape), partial(np.asarray, array))


def _of_stored(model: "StoredModel") -> Iterator[NamedTensor]:
    names = {layer.name: layer.weight.name for layer in model.layers if layer.weight is not None}
    encodings = {names[layer]: encoding for layer, encoding in model.encodings.weights.items()}
    for tensor in model.tensors:
        is_rewritten = tensor.name in encodings or tensor.name in model.replaced
        if tensor.dtype in _WHOLE and tensor.offset >= 0 and tensor.count and not is_rewritten:
            yield NamedTensor(tensor.name, tensor.dtype, tensor.shape, partial(_mapped, tensor))
        else:
            encoding = encodings.get(tensor.name)
            read = partial(_read, model, tensor, encoding)
            yield NamedTensor(tensor.name, "float32", tensor.shape, read, encoding)


def _mapped(tensor: "StoredTensor") -> NDArray[Any]:
    """The bytes of a tensor as they lie in its file."""
    kind = np.dtype(tensor.dtype).newbyteorder("<")
    return np.asarray(np.memmap(tensor.path, kind, "r", tensor.offset, tensor.shape or (1,)))


def _read(model: "StoredModel", tensor: "StoredTensor", encoding: "WeightEncoding | None") -> NDArray[np.float32]:
    from secateur.model.stored import read_values

    plain = model.replaced[tensor.name] if tensor.name in model.replaced else read_values(tensor)
    return plain if encoding is None else encoding.round_trip(plain)
