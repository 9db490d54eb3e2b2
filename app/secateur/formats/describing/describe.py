"""What a model is, in plain values: its layers with shapes, sizes and multiply-accumulates, found by one run."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from secateur import figures
from secateur.formats.devices.encoded_layers import listed
from secateur.formats.weight_files.shards import SUFFIX, shards
from secateur.graph.describing.costs import multiply_accumulates
from secateur.graph.describing.describe_recurrent import is_recurrent, recurrent_layer, recurrent_notes
from secateur.graph.describing.sharing import Held, Holdings, counted_once
from secateur.graph.describing.tracing import Trace, trace
from secateur.graph.layers import channel_axes
from secateur.graph.network import Model, OnnxModel, StoredModel, TorchModel
from secateur.model.description import Layer, ModelDescription, ModelSource, TensorInfo

if TYPE_CHECKING:
    import torch
    from torch import nn

_HASHED_WHOLE: Final = 64 << 20
_END_BYTES: Final = 1 << 20
_BLOCK_BYTES: Final = 4096
_BLOCKS: Final = 256


def describe(model: Model) -> ModelDescription:
    """Everything about a model that one run on a single sample of noise shows.

    Which channels leave together takes many: see `secateur.graph.coupling.channels.couplings`.
    """
    notes = list(model.notes)
    if isinstance(model, OnnxModel):
        from secateur.graph.describing.describe_onnx import onnx_description

        layers, said = onnx_description(model)
        notes += said
        trainable, reason = False, model.reason
    elif isinstance(model, StoredModel):
        layers, trainable, reason = model.layers, False, model.reason
    else:
        seen = trace(model)
        found, shared = counted_once(torch_layers_held(model, seen))
        layers, trainable, reason = tuple(map(_to_be_coupled, found)), True, ""
        notes += shared
        layers, loose = _as_in_file(model, layers)
        notes += loose
        layers, encoded = _as_encoded(model, layers)
        notes += encoded
        notes += [_products_note(seen.products)] if seen.products else []
    notes += recurrent_notes(layers)
    stored = sum(layer.size_bytes for layer in layers)
    blocked = model.blocked if isinstance(model, OnnxModel) else ""
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
        runnable=not isinstance(model, StoredModel) and not blocked,
        blocked=blocked,
        overhead_bytes=max(model.source_bytes - stored, 0) if model.path is not None else 0,
        rewritten_bytes=_rewritten(model, layers),
        fingerprint=fingerprint(model),
        notes=tuple(notes),
        inputs_guessed=isinstance(model, TorchModel) and model.inputs_guessed,
        has_graph=isinstance(model, TorchModel) and model.lowered is not None,
    )


def _rewritten(model: Model, layers: tuple[Layer, ...]) -> int | None:
    """What the file of a plan has beside its layers; None where the graph is not known before it is exported."""
    if not isinstance(model, TorchModel) or model.lowered is None:
        return None
    from secateur.graph.describing.rewritten import rewritten_structure_bytes

    return rewritten_structure_bytes(model.lowered.structure, [layer.name for layer in layers if layer.folded_into])


def _to_be_coupled(layer: Layer) -> Layer:
    return replace(layer, channels_known=False) if layer.is_weighted else layer


def _as_in_file(model: TorchModel, layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], list[str]]:
    """`layers` with the bytes that an opened ONNX file keeps, and a note on stored matrices that are no layer's."""
    from secateur.graph.describing import describe_onnx

    if model.lowered is None:
        return layers, describe_onnx.loose_note(layers)
    kept = describe_onnx.kept_narrow(model.lowered.structure, layers, model.narrow)
    return tuple(kept), describe_onnx.graph_loose_note(model.lowered.structure)


def _as_encoded(model: TorchModel, layers: tuple[Layer, ...]) -> tuple[tuple[Layer, ...], list[str]]:
    """`layers` with the bytes of the integers that encoded ones are stored as, and a sentence for each kind of them."""

    def stored(layer: Layer) -> Layer:
        encoding, weight = model.encodings.weights.get(layer.name), layer.weight
        if encoding is None or weight is None:
            return layer
        size = encoding.size_bytes(weight.shape)
        smaller = layer.size_bytes - weight.size_bytes + size
        return replace(layer, weight=replace(weight, size_bytes=size), size_bytes=smaller)

    kinds: dict[str, list[str]] = {}
    for name, encoding in model.encodings.weights.items():
        kinds.setdefault(encoding.words, []).append(name)
    return tuple(map(stored, layers)), [
        f"The weights of {listed(names)} are stored as {words}." for words, names in kinds.items()
    ]


# ---------------------------------------------------------------------- torch


def _products_note(macs: int) -> str:
    return (
        f"Products of two computed tensors, such as those in attention, take {figures.macs(macs)} MACs more: "
        "they belong to no layer and are not in the total."
    )


def torch_layers(model: TorchModel, seen: Trace | None = None) -> tuple[Layer, ...]:
    """Layers that hold parameters, in the order in which one sample passes through them; `seen` is a trace of it."""
    return counted_once(torch_layers_held(model, seen))[0]


def torch_layers_held(model: TorchModel, seen: Trace | None = None) -> list[tuple[Layer, Holdings]]:
    """The same with the tensors of each, those that layers share counted with every one of them."""
    seen = seen or trace(model)
    axes = channel_axes(model)
    names = dict(model.module.named_modules())
    unused = [name for name in names if name not in seen.shapes]
    layers: list[tuple[Layer, Holdings]] = []
    for name in (*seen.shapes, *unused):
        module = names[name]
        parameters = list(module.named_parameters(recurse=False))
        if not parameters:
            continue
        if any(True for _ in module.children()) and getattr(module, "weight", None) is None:
            for key, value in parameters:
                layers.append((_loose_parameter(f"{name}.{key}".lstrip("."), value), _held([value])))
        else:
            layer = _torch_layer(name, module, seen, axes.get(name, 0))
            layers.append((layer, _held([value for _, value in parameters])))
    return layers


def _held(parameters: "Iterable[torch.Tensor]") -> Holdings:
    return {id(value): Held(value.numel(), value.numel() * value.element_size()) for value in parameters}


def _torch_layer(name: str, module: "nn.Module", seen: Trace, axis: int) -> Layer:
    stored: list[torch.Tensor] = [*module.parameters(recurse=False)]
    stored += [value for key, value in module.named_buffers(recurse=False) if key != "num_batches_tracked"]
    given, made = seen.shapes.get(name, ((), ()))
    if is_recurrent(module):
        return recurrent_layer(name, module, given, made)
    weight = getattr(module, "weight", None)
    return Layer(
        name=name,
        kind=type(module).__name__,
        weight=_info(f"{name}.weight", weight),
        bias=_info(f"{name}.bias", getattr(module, "bias", None)),
        params=sum(value.numel() for value in module.parameters(recurse=False)),
        macs=multiply_accumulates(
            type(module).__name__,
            tuple(weight.shape) if weight is not None else (),
            given,
            made,
            int(getattr(module, "contracted", 0)),
        ),
        size_bytes=sum(value.numel() * value.element_size() for value in stored),
        output_shape=made[1:],
        kernel=tuple(getattr(module, "kernel_size", ())),
        groups=int(getattr(module, "groups", 1)) if hasattr(module, "kernel_size") else 1,
        channel_axis=axis,
        readers=seen.readers.get(name, ()),
        folded_into=seen.folded.get(name, ""),
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


# ---------------------------------------------------------------------- fingerprint


def fingerprint(model: Model) -> str:
    """SHA-256 of the model's files, external data and the factory's name included; of the weights without a file.

    Of a file of more than 64 MB, for which hashing would take seconds, its size, its time of change in nanoseconds,
    its first and last megabyte and 256 blocks of 4 KiB spread evenly over it are taken.
    """
    if model.path is None:
        digest = hashlib.sha256(model.source.factory.encode())
        for name, weight in sorted(model.weights().items()):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(weight).tobytes())
        return digest.hexdigest()
    return content_key(model_files(model, model.path), model.source)


def content_key(files: Iterable[Path], source: ModelSource) -> str:
    """The fingerprint of what lies in these files."""
    digest = hashlib.sha256(source.factory.encode())
    for path in files:
        for block in _telling_blocks(path):
            digest.update(block)
    return digest.hexdigest()


def _telling_blocks(path: Path) -> Iterator[bytes]:
    """A file's bytes, or of a large one enough of it to tell it from another."""
    told = path.stat()
    with path.open("rb", buffering=0) as stream:
        if told.st_size <= _HASHED_WHOLE:
            while block := stream.read(1 << 22):
                yield block
            return
        yield f"{told.st_size} {told.st_mtime_ns}".encode()
        ends = (0, told.st_size - _END_BYTES)
        step = (told.st_size - _BLOCK_BYTES) // (_BLOCKS - 1)
        for start, size in [(end, _END_BYTES) for end in ends] + [(step * n, _BLOCK_BYTES) for n in range(_BLOCKS)]:
            stream.seek(start)
            yield stream.read(size)


def model_files(model: Model, path: Path) -> tuple[Path, ...]:
    """The file that was opened and those that it keeps its tensors in."""
    if path.is_dir():
        return tuple(sorted(file for file in path.iterdir() if file.suffix in (".safetensors", ".json")))
    if isinstance(model, StoredModel):
        return tuple(dict.fromkeys((path, *(tensor.path for tensor in model.tensors))))
    if path.name.endswith(SUFFIX):
        return (path, *shards(path))
    if model.format != "onnx":
        return (path,)
    from secateur.graph.onnx_files.reading import external_files, parse_onnx

    return (path, *external_files(parse_onnx(path), path))
