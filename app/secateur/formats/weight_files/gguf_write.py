"""GGUF files of any model's weights: tensor by tensor under their names, as floats or in ggml's blocks.

Weights that are encoded in groups along their rows are stored as the integers that they are, in Q4_0, Q4_1 or Q8_0.

Written by the `gguf` package, one tensor in memory at a time. What the tensors mean to an engine such as llama.cpp is
another matter: the file names no architecture that one would know.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import WriteOptions
from secateur.formats.devices.encoded_layers import activations_told, sentences
from secateur.formats.weight_files.ggml_blocks import block_type, in_blocks, why_not_in_blocks
from secateur.formats.weight_files.named_weights import NamedTensor, layer_tensors, named_tensors

if TYPE_CHECKING:
    from secateur.graph.network import Model

_MOST_AXES, _MOST_NAME_BYTES = 4, 63
"""ggml's GGML_MAX_DIMS, and GGML_MAX_NAME without the final zero."""

_ARCHITECTURE: Final = "secateur"
_LAYERS: Final = "secateur.layers"
_BLOCK: Final = 32


def why_not(model: "Model") -> str | None:
    """Why ggml could not read the model's tensors, as a sentence; None where it can."""
    for tensor in named_tensors(model):
        if len(tensor.shape) > _MOST_AXES:
            return f"GGUF holds tensors of at most {_MOST_AXES} axes, and {tensor.name} has {len(tensor.shape)}."
        if len(tensor.name.encode()) > _MOST_NAME_BYTES:
            return f"GGUF holds names of at most {_MOST_NAME_BYTES} bytes, and {tensor.name} is longer."
    return None


def losses(model: "Model") -> str:
    """What a GGUF file does not keep of a model; empty where nothing is lost."""
    encodings = getattr(model, "encodings", None)
    if not encodings:
        return ""
    encoded = [tensor for tensor in named_tensors(model) if tensor.encoding is not None]
    reasons = [why_not_in_blocks(one.encoding, one.shape) for one in encoded if one.encoding is not None]
    return sentences(
        *dict.fromkeys(reason for reason in reasons if reason),
        "With Q8_0 those are rounded again, in blocks of 32." if any(reasons) else "",
        "Weights of fewer than 4 bits take blocks of 4: GGUF's own of 2 and 3 bits have scales of another kind."
        if any(one.encoding is not None and one.encoding.bits < 4 for one in encoded)
        else "",
        activations_told(model, "gguf"),
    )


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Write every tensor of the model; UserError where a tensor does not fit."""
    from gguf import GGUFWriter

    from secateur.formats.exporting.telling import tell

    refusal = why_not(model)
    if refusal:
        raise UserError(refusal, "Export it as safetensors or ONNX.")
    wanted = str(getattr(options, "weights", "float32"))
    tensors = list(named_tensors(model))
    writer = GGUFWriter(str(path), _ARCHITECTURE)
    writer.add_name(model.name)
    writer.add_string(_LAYERS, json.dumps(layer_tensors(model)))
    for tensor in tensors:
        kind = _stored_type(tensor, wanted)
        sizes, bytes_ = _stored_size(tensor.shape or (1,), kind)
        writer.add_tensor_info(tensor.name, sizes, np.dtype(np.uint8), bytes_, raw_dtype=kind)
    try:
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for done, tensor in enumerate(tensors):
            tell(done, len(tensors), f"Writing {tensor.name}")
            writer.write_tensor_data(_stored(tensor, _stored_type(tensor, wanted)))
    finally:
        writer.close()
    return (path,)


def weights(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Layer name → weight in a file that `write` made, decoded by our own reader."""
    from secateur.formats.weight_files.gguf_read import read_gguf
    from secateur.graph.network import LazyWeights
    from secateur.model.stored import read_values

    found = read_gguf(path)
    stored = {tensor.name: tensor for tensor in found.tensors}
    layers: dict[str, str] = json.loads(found.facts[_LAYERS])

    def reader(name: str) -> Any:
        return lambda: read_values(stored[name])

    return LazyWeights({layer: reader(name) for layer, name in layers.items() if name in stored})


def _stored_type(tensor: NamedTensor, wanted: str) -> Any:
    """ggml's type for a tensor: integers and what is encoded so that blocks can hold it stay; vectors stay float32;
    rows that do not fill blocks are float16."""
    from gguf import GGMLQuantizationType as Type

    whole = {"int8": Type.I8, "int16": Type.I16, "int32": Type.I32, "int64": Type.I64, "float64": Type.F64}
    if tensor.dtype in whole:
        return whole[tensor.dtype]
    if tensor.encoding is not None and why_not_in_blocks(tensor.encoding, tensor.shape) is None:
        return Type[block_type(tensor.encoding)]
    if wanted == "float32" or len(tensor.shape) < 2:
        return Type.F32
    if wanted == "q8_0" and tensor.shape[-1] % _BLOCK == 0:
        return Type.Q8_0
    return Type.F16


def _stored_size(shape: tuple[int, ...], kind: Any) -> tuple[tuple[int, ...], int]:
    """The shape in bytes that the package wants for a tensor that is given as bytes, and all of its bytes."""
    from gguf import GGML_QUANT_SIZES

    values, size = GGML_QUANT_SIZES[kind]
    row = shape[-1] // values * size
    return (*shape[:-1], row), int(np.prod(shape[:-1], dtype=np.int64)) * row


def _stored(tensor: NamedTensor, kind: Any) -> NDArray[Any]:
    """The bytes of a tensor, as an array in the order of the file."""
    from gguf import GGMLQuantizationType as Type
    from gguf import quants

    values = tensor.values()
    if tensor.encoding is not None and why_not_in_blocks(tensor.encoding, tensor.shape) is None:
        return in_blocks(tensor.encoding, np.asarray(values, np.float32))
    if kind in (Type.F32, Type.F16, Type.Q8_0):
        return np.ascontiguousarray(quants.quantize(np.asarray(values, np.float32), kind))
    return np.ascontiguousarray(values)
