"""A large ONNX file at a glance: its layers and where their weights lie, from the graph without its external data.

The network itself is loaded by the first job that needs it. Shapes come from ONNX's shape inference, since there
is nothing to run yet. External data are checked as when they are loaded: they lie in the model's folder, and their
file is long enough. Tensors may share their bytes, as tied weights do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import onnx  # noqa: TID253 - imported lazily by secateur.formats.describing.glance

from secateur.formats.describing.describe import content_key
from secateur.formats.describing.glance import Glance
from secateur.graph.describing.describe_onnx import described, tensor_info
from secateur.graph.layers import example_shape
from secateur.graph.onnx_files.reading import (
    External,
    all_tensors,
    external_place,
    gather_weights,
    graph_ports,
    is_external,
    load_external,
    name_nodes,
)
from secateur.graph.onnx_layers import GraphIndex, OnnxLayer, onnx_layers
from secateur.graph.qdq.planes import in_words, without_planes
from secateur.graph.stored_layers import LayerTensor
from secateur.model.description import Layer, ModelDescription, ModelSource, Port
from secateur.model.stored import STORED_TYPES, StoredTensor

_SMALL: Final = 1 << 20
"""Bytes up to which external data are loaded with the graph: shapes and indices are computed from such."""

_WEIGHTED: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an initializer of the graph lies; `axes` says for each of its axes which one of the stored tensor it is.

    `dtype` is what its numbers are in the file, which a Cast may widen.
    """

    external: External
    axes: tuple[int, ...]
    dtype: str


def glance_at(proto: onnx.ModelProto, path: Path, source: ModelSource) -> Glance:
    """What the graph of an ONNX file tells, whose external data are not loaded; `proto` is changed."""
    files = {path}
    places: dict[str, _Place] = {}
    for tensor in all_tensors(proto):
        if not is_external(tensor):
            continue
        external = external_place(tensor, path)
        files.add(external.path)
        if external.size <= _SMALL:
            load_external(tensor, path)
        else:
            places[tensor.name] = _Place(external, tuple(range(len(tensor.dims))), tensor_info(tensor).dtype)
    packed = without_planes(proto)
    proto = packed.proto
    for name in packed.bits:
        places.pop(name, None)  # what lies in the file are planes
    if proto.functions:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    places, narrow = _gathered(proto, places)
    name_nodes(proto)
    ordered = (path, *sorted(files - {path}))
    return Glance(
        path,
        ordered,
        _description(proto, path, source, ordered, {**narrow, **in_words(packed.bits)}),
        _weights(proto, places),
    )


def _gathered(proto: onnx.ModelProto, places: dict[str, _Place]) -> tuple[dict[str, _Place], Mapping[str, str]]:
    """Bring the weights into initializers as when they are loaded, in place.

    Where those lie that were not loaded, and which of them the file keeps in half as many bits.
    """
    moved: dict[str, _Place] = {}

    def follow(node: onnx.NodeProto, source: onnx.TensorProto, result: onnx.TensorProto) -> None:
        """Where the result of a Transpose, Reshape or Cast of a tensor lies: in its bytes."""
        given = moved.get(source.name) or places.get(source.name)
        if given is None:
            return
        if node.op_type == "Transpose":
            order = next((tuple(a.ints) for a in node.attribute if a.name == "perm"), None)
            axes = [given.axes[axis] for axis in order or reversed(range(len(given.axes)))]
        elif node.op_type in {"Identity", "Cast"}:
            axes = list(given.axes)
        elif given.axes == tuple(range(len(given.axes))):
            axes = list(range(len(result.dims)))
        else:
            return
        moved[result.name] = _Place(given.external, tuple(axes), given.dtype)

    changed: set[str] = set()
    folded = gather_weights(proto, follow, changed.add)
    made = {folded.names.get(name, name): place for name, place in moved.items()}
    changed |= set(folded.names.values()) - set(made)  # computed, and no longer what lies in the file
    return {name: place for name, place in {**places, **made}.items() if name not in changed}, folded.narrow


def _description(
    proto: onnx.ModelProto, path: Path, source: ModelSource, files: tuple[Path, ...], narrow: Mapping[str, str]
) -> ModelDescription:
    inputs, outputs = graph_ports(proto)
    shapes = _shapes(proto, inputs)
    layers, notes = described(proto, onnx_layers(proto), shapes, narrow)
    if not shapes:
        notes = ["Shapes and MACs are unknown: they do not follow from the graph alone.", *notes]
    size = sum(file.stat().st_size for file in files)
    reason = _reason(proto)
    if not reason:
        layers = tuple(_as_in_torch(layer) for layer in layers)
    return ModelDescription(
        name=path.stem,
        source=source,
        format="onnx",
        source_bytes=size,
        layers=layers,
        inputs=inputs,
        outputs=outputs,
        trainable=not reason,
        reason=reason,
        is_deferred=True,
        overhead_bytes=max(size - sum(layer.size_bytes for layer in layers), 0),
        fingerprint=content_key(files, source),
        notes=(
            f"Its weights ({size / 1e9:.2g} GB) stay in their file: what needs the network itself loads it.",
            *notes,
        ),
    )


def _as_in_torch(layer: Layer) -> Layer:
    """A linear layer as the network will have it: outputs × inputs."""
    if layer.kind != "Linear" or layer.channel_axis == 0 or layer.weight is None:
        return layer
    return replace(layer, weight=replace(layer.weight, shape=layer.weight.shape[::-1]), channel_axis=0)


def _reason(proto: onnx.ModelProto) -> str:
    """Why the file will not become a torch network, as far as its graph tells; empty where it can."""
    from secateur.graph.onnx_import.importer import quantized_reason, refuse_missing
    from secateur.graph.onnx_import.values import ImportRefused

    try:
        refuse_missing(proto)
    except ImportRefused as refusal:
        reason = str(refusal)
    else:
        reason = quantized_reason(proto)
    return f"{reason[:1].upper()}{reason[1:]}"


def _shapes(proto: onnx.ModelProto, inputs: tuple[Port, ...]) -> dict[str, tuple[int, ...]]:
    """Shape of every tensor for one sample, where ONNX's inference finds it; none where it gives up."""
    probe = onnx.ModelProto()
    probe.CopyFrom(proto)
    lengths = {port.name: example_shape(port) for port in inputs}
    for value in probe.graph.input:
        if value.name in lengths:
            for size, length in zip(value.type.tensor_type.shape.dim, lengths[value.name], strict=True):
                size.dim_value = length
    del probe.graph.value_info[:]
    for value in probe.graph.output:
        value.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(probe, data_prop=True).graph
    except onnx.shape_inference.InferenceError:
        return {}
    found = {}
    for value in (*inferred.input, *inferred.value_info, *inferred.output):
        dims = value.type.tensor_type.shape.dim
        if all(size.HasField("dim_value") for size in dims):
            found[value.name] = tuple(size.dim_value for size in dims)
    return found


def _weights(proto: onnx.ModelProto, places: Mapping[str, _Place]) -> dict[str, LayerTensor]:
    """The weight of every convolution and matrix product, where it lies."""
    graph = GraphIndex(proto)
    found = {}
    for layer in onnx_layers(proto):
        if layer.operator in _WEIGHTED and (tensor := _tensor(graph, layer, places)) is not None:
            found[layer.name] = tensor
    return found


def _tensor(graph: GraphIndex, layer: OnnxLayer, places: Mapping[str, _Place]) -> LayerTensor | None:
    info = tensor_info(graph.initializers[layer.weight])
    place = places.get(layer.weight)
    if place is None and is_external(graph.initializers[layer.weight]):
        return None
    if place is None:
        values = graph.values(layer.weight).astype("float32")
        stored = StoredTensor(info.name, info.dtype, info.shape, info.size_bytes, Path(), -1, lambda: values)
        return LayerTensor(stored, layer.channel_axis)
    if place.dtype not in STORED_TYPES:
        return None
    shape = [0] * len(info.shape)
    for axis, length in zip(place.axes, info.shape, strict=True):
        shape[axis] = length
    stored = StoredTensor(
        info.name, place.dtype, tuple(shape), place.external.size, place.external.path, place.external.offset
    )
    return LayerTensor(stored, place.axes[layer.channel_axis])
