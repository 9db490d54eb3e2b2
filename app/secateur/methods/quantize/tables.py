"""Tables beside the layers of a quantized network: learned positions and the like, which no layer computes with."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel

SMALLEST: Final = 1024
"""Numbers from which a table is worth a Cast."""


def with_tables_in_half(model: "TorchModel", log: Callable[[str], None] = lambda text: None) -> "TorchModel":
    """A lowered model that keeps its large float tables as float16, where every weighted layer of it is encoded.

    Among integers of 8 bits, 32 bits for what is only looked up or added would be most of what is left. The values are
    rounded here (to 11 bits of mantissa), so that simulation and file have the same; the file stores them behind a
    Cast, which a runtime does once, when it loads. Tables with values beyond float16 stay. `model` is not changed.
    """
    from onnx import numpy_helper

    from secateur.graph.homes import shipped
    from secateur.graph.lowering import graph_of
    from secateur.graph.onnx_import.importer import import_model

    if not set(model.weights()) <= set(model.encodings.weights):
        return model
    proto = graph_of(model)
    encoded = _encoded_tensors(model)
    halved = {}
    for tensor in proto.graph.initializer:
        if tensor.name in encoded or tensor.name in model.narrow or not _is_table(tensor):
            continue
        half = _half(numpy_helper.to_array(tensor))
        if half is not None:
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
            halved[tensor.name] = "float16"
    if not halved:
        return model
    log(f"Stored as float16, since no layer computes with them: {', '.join(halved)}.")
    module = import_model(proto)
    return replace(model, module=module, lowered=shipped(proto, module), narrow={**model.narrow, **halved})


def _encoded_tensors(model: "TorchModel") -> set[str]:
    from secateur.graph.lowering import structure_of
    from secateur.graph.onnx_layers import onnx_layers

    layers = onnx_layers(structure_of(model))
    return {tensor for layer in layers if layer.name in model.encodings.weights for tensor in layer.tensors}


def _is_table(tensor: Any) -> bool:
    import onnx

    wide = [size for size in tensor.dims if size > 1]
    return tensor.data_type == onnx.TensorProto.FLOAT and len(wide) > 1 and int(np.prod(wide)) >= SMALLEST


def _half(values: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The values as float16 has them, in float32; None where one is too large for it."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16).astype(np.float32)
    return half if np.isfinite(half).all() else None
