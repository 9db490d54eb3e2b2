"""Core ML packages, converted by coremltools: they are written anywhere and run on Apple's systems alone.

Encoded weights are put into the network while it is converted, with our integers and our scales: 8 bits as integers
with a scale per channel, 4 bits and fewer as a palette per channel (the table of its levels, and indices into it).
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.formats.base import WriteOptions
from secateur.formats.devices.encoded_layers import (
    activations_told,
    as_torch,
    rounded,
    sentences,
    why_not_in_equal_blocks,
)
from secateur.formats.devices.executorch_write import traced
from secateur.formats.devices.fixed_sizes import told_sizes

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel
    from secateur.model.encoding import WeightEncoding

_TITLE: Final = "Core ML"
_LAYERS: Final = "secateur.layers"
"""Under which word a package says which of its constants is the weight of which layer."""

_DEBUG_FILE: Final = "executorch_debug_handle_mapping.json"


def losses(model: "Model") -> str:
    """What a Core ML package does not keep of a model; empty where nothing is lost."""
    from secateur.graph.network import TorchModel

    told = told_sizes(model, _TITLE)
    if not isinstance(model, TorchModel) or not model.encodings:
        return told
    return sentences(
        told,
        activations_told(model, "coreml"),
        "Weights of 4 bits and fewer, in groups or affine need iOS 18 or macOS 15."
        if _has_few_bits(held_encodings(model)) else "",
        *dict.fromkeys(
            why_not_in_equal_blocks(encoding, model.weights()[name].shape, _TITLE) or ""
            for name, encoding in model.encodings.weights.items()
        ),
    )  # fmt: skip


def write(model: "Model", path: Path, options: WriteOptions | None = None) -> tuple[Path, ...]:
    """Convert the network for inputs of one size; UserError where coremltools refuses it."""
    import coremltools

    from secateur.formats.devices.coreml_weights import pipeline_with

    network = as_torch(model)
    names, program = _program(network)
    encodings = held_encodings(network)
    target = coremltools.target.iOS18 if _has_few_bits(encodings) else coremltools.target.iOS16
    half = getattr(options, "computes_in", "float32") == "float16"
    try:
        converted = coremltools.convert(
            program,
            minimum_deployment_target=target,
            compute_precision=coremltools.precision.FLOAT16 if half else coremltools.precision.FLOAT32,
            pass_pipeline=pipeline_with(
                {names[layer]: encoding for layer, encoding in encodings.items()},
                has_int4=getattr(options, "four_bits", "palettes") == "integers",
            ),
            skip_model_load=True,
        )
    except (RuntimeError, ValueError, TypeError, NotImplementedError, AssertionError, KeyError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(
            f"coremltools cannot convert {model.name}: {lines[0][:200] if lines else type(error).__name__}",
            "Export it as ONNX.",
        ) from error
    converted.user_defined_metadata[_LAYERS] = json.dumps({name: layer for layer, name in names.items()})
    if path.exists():
        shutil.rmtree(path)
    converted.save(str(path))
    (path / _DEBUG_FILE).unlink(missing_ok=True)  # for ExecuTorch's debugger; no part of the package's manifest
    return (path,)


def held_encodings(model: "TorchModel") -> "dict[str, WeightEncoding]":
    """The encodings of those layers whose weights a package can hold; the others are stored as rounded floats."""
    weights = model.weights()
    return {
        name: encoding
        for name, encoding in model.encodings.weights.items()
        if why_not_in_equal_blocks(encoding, weights[name].shape, _TITLE) is None
    }


def weights(path: Path) -> Mapping[str, NDArray[np.float32]]:
    """Layer name → weight in a package, decoded as Core ML would."""
    import coremltools

    from secateur.formats.devices.coreml_weights import decoded_constants

    model = coremltools.models.MLModel(str(path), skip_model_load=True)
    layers = json.loads(model.user_defined_metadata[_LAYERS])
    found = decoded_constants(model)
    return {layer: found[name] for name, layer in layers.items() if name in found}


def _program(model: "TorchModel") -> tuple[dict[str, str], Any]:
    """The traced network in coremltools' operators, and layer → what its weight is called in it."""
    from secateur.graph.network import weighted_modules

    # on their grid already, so that half precision does not push a weight to the next integer
    network = rounded(model).module.eval()
    program = traced(network, model).run_decompositions({})
    called = {parameter: name for name, parameter in program.graph_signature.inputs_to_parameters.items()}
    layers = {name: f"{name}.weight" for name, _ in weighted_modules(network)}
    return {layer: called[weight] for layer, weight in layers.items() if weight in called}, program


def _has_few_bits(encodings: "Mapping[str, WeightEncoding]") -> bool:
    return any(
        encoding.stored_bits <= 4 or encoding.granularity == "group" or encoding.is_affine
        for encoding in encodings.values()
    )
