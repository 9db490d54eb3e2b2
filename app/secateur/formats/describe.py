"""What a model is, in plain values: its layers with shapes, sizes and multiply-accumulates, found by one run."""

import hashlib
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.formats.tracing import Trace, trace
from secateur.model.description import Layer, ModelDescription, TensorInfo
from secateur.model.layers import channel_axes
from secateur.model.model import Model, OnnxModel, TorchModel

if TYPE_CHECKING:
    import torch
    from torch import nn


def describe(model: Model) -> ModelDescription:
    """Everything about a model that one run on a single sample of noise shows."""
    notes = list(model.notes)
    if isinstance(model, OnnxModel):
        from secateur.formats.describe_onnx import onnx_description

        layers, problem = onnx_description(model)
        notes += [problem] if problem else []
        trainable, reason = False, model.reason
    else:
        layers, trainable, reason = _with_couplings(model, torch_layers(model)), True, ""
    stored = sum(layer.size_bytes for layer in layers)
    return ModelDescription(
        name=model.name,
        source=model.source,
        format=model.format,
        source_bytes=model.source_bytes,
        layers=layers,
        inputs=model.inputs,
        outputs=model.outputs,
        trainable=trainable,
        reason=reason,
        overhead_bytes=max(model.source_bytes - stored, 0) if model.path is not None else 0,
        fingerprint=fingerprint(model),
        notes=tuple(notes),
    )


def _with_couplings(model: TorchModel, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
    """`layers` with what must shrink together, and why some cannot shrink."""
    from secateur.methods.prune.coupling import couplings

    found = couplings(model)
    nothing: tuple[tuple[str, ...], str] = ((), "")
    return tuple(
        replace(
            layer, coupled=tuple(found.get(layer.name, nothing)[0]), fixed_channels=found.get(layer.name, nothing)[1]
        )
        for layer in layers
    )


# ---------------------------------------------------------------------- torch


def torch_layers(model: TorchModel) -> tuple[Layer, ...]:
    """Layers that hold parameters, in the order in which one sample passes through them."""
    seen = trace(model)
    axes = channel_axes(model)
    names = dict(model.module.named_modules())
    unused = [name for name in names if name not in seen.shapes]
    layers = []
    for name in (*seen.shapes, *unused):
        module = names[name]
        parameters = list(module.named_parameters(recurse=False))
        if not parameters:
            continue
        if any(True for _ in module.children()) and getattr(module, "weight", None) is None:
            layers += [_loose_parameter(f"{name}.{key}".lstrip("."), value) for key, value in parameters]
        else:
            layers.append(_torch_layer(name, module, seen, axes.get(name, 0)))
    return tuple(layers)


def _torch_layer(name: str, module: "nn.Module", seen: Trace, axis: int) -> Layer:
    stored: list[torch.Tensor] = [*module.parameters(recurse=False)]
    stored += [value for key, value in module.named_buffers(recurse=False) if key != "num_batches_tracked"]
    given, made = seen.shapes.get(name, ((), ()))
    weight = getattr(module, "weight", None)
    return Layer(
        name=name,
        kind=type(module).__name__,
        weight=_info(f"{name}.weight", weight),
        bias=_info(f"{name}.bias", getattr(module, "bias", None)),
        params=sum(value.numel() for value in module.parameters(recurse=False)),
        macs=multiply_accumulates(
            type(module).__name__, tuple(weight.shape) if weight is not None else (), given, made
        ),
        size_bytes=sum(value.numel() * value.element_size() for value in stored),
        output_shape=made[1:],
        kernel=tuple(getattr(module, "kernel_size", ())),
        groups=int(getattr(module, "groups", 1)) if hasattr(module, "kernel_size") else 1,
        channel_axis=axis,
        readers=seen.readers.get(name, ()),
    )


def _loose_parameter(name: str, value: "torch.Tensor") -> Layer:
    """A parameter that stands by itself: a position embedding, a class token."""
    size = value.numel() * value.element_size()
    return Layer(name=name, kind="Parameter", weight=_info(name, value), params=value.numel(), size_bytes=size)


def _info(name: str, value: Any) -> TensorInfo | None:
    if value is None or not hasattr(value, "element_size"):
        return None
    return TensorInfo(
        name, str(value.dtype).removeprefix("torch."), tuple(value.shape), value.numel() * value.element_size()
    )


def multiply_accumulates(kind: str, weight: tuple[int, ...], given: tuple[int, ...], made: tuple[int, ...]) -> int:
    """Multiply-accumulates of one sample, from weight, input and output shapes with the batch axis.

    A convolution uses its whole kernel once for each output position, a transposed one once for each input
    position, a linear layer its matrix once for each row. Additions of biases are not counted.
    """
    if not weight or not given or not made:
        return 0
    if kind.startswith("ConvTranspose"):
        return prod(weight) * prod(given[2:])
    if kind.startswith("Conv"):
        return prod(weight) * prod(made[2:])
    if kind == "Linear":
        return prod(weight) * prod(made[1:-1])
    return 0


# ---------------------------------------------------------------------- fingerprint


def fingerprint(model: Model) -> str:
    """SHA-256 of the model's files, external data and the factory's name included; of the weights without a file."""
    digest = hashlib.sha256()
    if model.source.factory:
        digest.update(model.source.factory.encode())
    if model.path is None:
        for name, weight in sorted(model.weights().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.hexdigest()
    for path in model_files(model, model.path):
        with path.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def model_files(model: Model, path: Path) -> tuple[Path, ...]:
    """The file that was opened and those that it keeps its tensors in."""
    if model.format != "onnx":
        return (path,)
    from secateur.formats.onnx_read import external_files, parse_onnx

    return (path, *external_files(parse_onnx(path), path))
