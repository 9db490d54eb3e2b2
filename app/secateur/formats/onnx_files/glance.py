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
from secateur.formats.describing.describe_onnx import described, tensor_info
from secateur.formats.describing.glance import Glance
from secateur.formats.onnx_files.reading import (
    External,
    all_tensors,
    drop_unread,
    external_place,
    gather_weights,
    graph_ports,
    is_external,
    load_external,
    name_nodes,
)
from secateur.model.description import Layer, ModelDescription, ModelSource, Port
from secateur.model.layers import example_shape
from secateur.model.onnx_layers import GraphIndex, OnnxLayer, onnx_layers
from secateur.model.stored import STORED_TYPES, LayerTensor, StoredTensor

_SMALL: Final = 1 << 20
"""Bytes up to which external data are loaded with the graph: shapes and indices are computed from such."""

_WEIGHTED: Final = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an initializer of the graph lies; `axes` says for each of its axes which one of the stored tensor it is."""

    external: External
    axes: tuple[int, ...]


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
            places[tensor.name] = _Place(external, tuple(range(len(tensor.dims))))
    if proto.functions:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    if _pass_through(proto.graph, places):
        drop_unread(proto)
    gather_weights(proto)
    name_nodes(proto)
    ordered = (path, *sorted(files - {path}))
    return Glance(path, ordered, _description(proto, path, source, ordered), _weights(proto, places))


def _pass_through(graph: onnx.GraphProto, places: dict[str, _Place]) -> bool:
    """Make initializers of what Identity and Transpose make of external tensors, in place, as when they are loaded;
    whether there was any.
    """
    stored = {tensor.name: tensor for tensor in graph.initializer}
    passed = []
    for index, node in enumerate(graph.node):
        if node.op_type not in {"Identity", "Transpose"} or node.domain or node.input[0] not in places:
            continue
        given = places[node.input[0]]
        straight = range(len(given.axes)) if node.op_type == "Identity" else reversed(range(len(given.axes)))
        order = next((tuple(a.ints) for a in node.attribute if a.name == "perm"), tuple(straight))
        dims = list(stored[node.input[0]].dims)
        made = graph.initializer.add()
        made.CopyFrom(stored[node.input[0]])
        made.name = node.output[0]
        del made.dims[:]
        made.dims.extend(dims[axis] for axis in order)
        stored[made.name] = made
        places[made.name] = _Place(given.external, tuple(given.axes[axis] for axis in order))
        passed.append(index)
    for index in reversed(passed):
        del graph.node[index]
    return bool(passed)


def _description(proto: onnx.ModelProto, path: Path, source: ModelSource, files: tuple[Path, ...]) -> ModelDescription:
    inputs, outputs = graph_ports(proto)
    shapes = _shapes(proto, inputs)
    layers, problem = described(proto, onnx_layers(proto), shapes)
    problem = problem if shapes else "Shapes and MACs are unknown: they do not follow from the graph alone."
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
            *([problem] if problem else []),
        ),
    )


def _as_in_torch(layer: Layer) -> Layer:
    """A linear layer as the network will have it: outputs × inputs."""
    if layer.kind != "Linear" or layer.channel_axis == 0 or layer.weight is None:
        return layer
    return replace(layer, weight=replace(layer.weight, shape=layer.weight.shape[::-1]), channel_axis=0)


def _reason(proto: onnx.ModelProto) -> str:
    """Why the file will not become a torch network, as far as its graph tells; empty where it can."""
    from secateur.formats.onnx_import.importer import quantized_reason, refuse_missing
    from secateur.formats.onnx_import.values import ImportRefused

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
    if place is None:
        values = graph.values(layer.weight).astype("float32")
        stored = StoredTensor(info.name, info.dtype, info.shape, info.size_bytes, Path(), -1, lambda: values)
        return LayerTensor(stored, layer.channel_axis)
    if info.dtype not in STORED_TYPES:
        return None
    shape = [0] * len(info.shape)
    for axis, length in zip(place.axes, info.shape, strict=True):
        shape[axis] = length
    stored = StoredTensor(
        info.name, info.dtype, tuple(shape), info.size_bytes, place.external.path, place.external.offset
    )
    return LayerTensor(stored, place.axes[layer.channel_axis])
