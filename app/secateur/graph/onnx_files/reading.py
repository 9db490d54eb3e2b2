"""Reading an ONNX file: external data kept inside the model's folder, weights brought into initializers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily by secateur.formats.reading
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper  # noqa: TID253

from secateur.errors import UserError
from secateur.figures import size
from secateur.graph.onnx_files.folding import Folded, Moved, all_nodes, drop_unread, fold_stored
from secateur.graph.onnx_files.gemms import Changed, plain_gemms
from secateur.graph.onnx_files.inner import lift_weights, scoped_name, subgraphs
from secateur.graph.onnx_large import LARGEST_MESSAGE, weight_bytes
from secateur.graph.onnx_names import unique
from secateur.graph.qdq.blocks import without_nbits
from secateur.graph.qdq.planes import without_planes
from secateur.model.description import Port

_PROTOBUF_LIMIT: Final = (1 << 31) - 1
_DEEPEST: Final = 12
"""Graphs in graphs (If in Loop in If …): ONNX Runtime's time doubles with each."""
_WORTH_SAYING: Final = 4096
_EXPORT_HINT: Final = "Export the model again, or choose another file."


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """A graph with all its weights in initializers; `files` are all that were read, the model first.

    `narrow` names the float32 initializers that the file keeps in half as many bits behind a Cast, with their type,
    `planes` the 8-bit ones that it keeps in planes, with their bits.
    """

    proto: onnx.ModelProto
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()
    narrow: Mapping[str, str] = field(default_factory=dict)
    planes: Mapping[str, int] = field(default_factory=dict)


def read_onnx(path: Path) -> OnnxFile:
    """The model in `path`; UserError where it is not a whole, valid ONNX file."""
    proto = parse_onnx(path)
    files = external_files(proto, path)
    for tensor in all_tensors(proto):
        if is_external(tensor):
            load_external(tensor, path)
    problem = _check(proto, path)
    packed = without_planes(proto)
    proto = packed.proto
    if proto.functions:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    proto = without_nbits(proto)
    folded = gather_weights(proto)
    name_nodes(proto)
    notes = [*([problem] if problem else []), *([grown_note(folded.grown)] if folded.grown > _WORTH_SAYING else [])]
    return OnnxFile(proto, (path, *files), tuple(notes), folded.narrow, packed.bits)


def grown_note(size_bytes: int) -> str:
    return (
        f"The file computes weights from smaller ones when it is loaded; here they are held as computed, "
        f"which takes {size(size_bytes)} more, in an exported file too."
    )


def parse_onnx(path: Path) -> onnx.ModelProto:
    """The file as it is, external data not loaded; UserError where it is not ONNX or not whole."""
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty.", _EXPORT_HINT)
    if path.stat().st_size > _PROTOBUF_LIMIT:
        raise UserError(
            f"{path.name} is larger than 2 GB, which no ONNX file can be.",
            "Export the model again with its weights in external data.",
        )
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError as problem:
        raise UserError(
            f"{path.name} is not a whole ONNX file: it is damaged, cut short or of another kind.",
            "Copy or download it again, or choose an ONNX, safetensors or PyTorch file.",
        ) from problem
    if not proto.opset_import or not proto.graph.node or not proto.graph.output:
        raise UserError(
            f"{path.name} holds no network: it is damaged, cut short or not an ONNX file.",
            "Copy or download it again, or choose an ONNX, safetensors or PyTorch file.",
        )
    _refuse_absurd(proto, path)
    return proto


def _refuse_absurd(proto: onnx.ModelProto, path: Path) -> None:
    """Refuse what no exporter writes and what would keep the libraries that read it busy for minutes, or break them."""
    waiting = [(proto.graph, 1)]
    while waiting:
        graph, depth = waiting.pop()
        if depth > _DEEPEST:
            raise UserError(f"{path.name} nests more than {_DEEPEST} graphs in each other.", _EXPORT_HINT)
        waiting.extend((inner, depth + 1) for node in graph.node for inner in _subgraphs(node))
    known = set(onnx.TensorProto.DataType.values())
    for tensor in all_tensors(proto):
        if tensor.data_type not in known or tensor.data_type == onnx.TensorProto.UNDEFINED:
            raise UserError(f"The tensor {tensor.name} of {path.name} has no known number type.", _EXPORT_HINT)
        if any(size < 0 for size in tensor.dims):
            raise UserError(f"The tensor {tensor.name} of {path.name} has a negative size.", _EXPORT_HINT)


def _subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [graph for attribute in node.attribute for graph in (*attribute.graphs, attribute.g) if graph.node]


def external_files(proto: onnx.ModelProto, path: Path) -> tuple[Path, ...]:
    """The files beside `path` that hold weights of a graph whose external data is not loaded yet."""
    return tuple(dict.fromkeys(_external_path(tensor, path) for tensor in all_tensors(proto) if is_external(tensor)))


def is_external(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def _external_path(tensor: onnx.TensorProto, path: Path) -> Path:
    """Where a tensor's data lies; refused unless it is a file in the model's own folder."""
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    outside = UserError(
        f"The weight {tensor.name} of {path.name} points to '{location}', outside the model's folder; it was not read.",
        "A model may only read files that lie beside it. Export it again, or put the data file beside it.",
    )
    parts = PurePosixPath(location.replace("\\", "/"))
    if not location or parts.is_absolute() or PureWindowsPath(location).drive or ".." in parts.parts:
        raise outside
    folder, target = path.parent.resolve(), path.parent / parts
    if not target.resolve().is_relative_to(folder):
        raise outside
    if not target.is_file():
        raise UserError(
            f"{path.name} keeps weights in '{location}', which is not beside it.",
            "Put both files into the same folder.",
        )
    return target


@dataclass(frozen=True, slots=True)
class External:
    """Where an external tensor's bytes lie."""

    path: Path
    offset: int
    size: int


def external_bytes(proto: onnx.ModelProto, path: Path) -> int:
    """Bytes of all external data of a graph; of files that may not be read, UserError."""
    return sum(external_place(tensor, path).size for tensor in all_tensors(proto) if is_external(tensor))


def external_place(tensor: onnx.TensorProto, path: Path) -> External:
    """Where a tensor's data lies, after checking that the file holds what the shape asks for."""
    source = _external_path(tensor, path)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    expected = tensor_bytes(tensor)
    try:
        offset, length = int(entries.get("offset", 0)), int(entries.get("length", expected))
    except ValueError:
        offset, length = -1, -1
    if offset < 0 or length != expected or offset + length > source.stat().st_size:
        raise UserError(
            f"{source.name} does not hold the {expected} bytes of the weight {tensor.name}: it is cut short.",
            "Copy or download the model again, with its data file.",
        )
    return External(source, offset, length)


def load_external(tensor: onnx.TensorProto, path: Path) -> None:
    """Bring a tensor's data into the graph."""
    place = external_place(tensor, path)
    with place.path.open("rb") as stream:
        stream.seek(place.offset)
        tensor.raw_data = stream.read(place.size)
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.DEFAULT


def tensor_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes that a tensor's values take when stored raw; 4-bit ones two to a byte."""
    count = int(np.prod(np.asarray(tensor.dims, dtype=np.float64))) if tensor.dims else 1
    name = onnx.TensorProto.DataType.Name(tensor.data_type)
    if name in {"INT4", "UINT4", "FLOAT4E2M1"}:
        return (count + 1) // 2
    if name in {"INT2", "UINT2"}:
        return (count + 3) // 4
    return count * int(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize)


def _check(proto: onnx.ModelProto, path: Path) -> str:
    """Run onnx's checker: empty where it is content, a note where ONNX Runtime can live with its complaint."""
    if weight_bytes(proto) > LARGEST_MESSAGE:
        return "The weights take more than 2 GB, so the file was not checked as a whole."
    try:
        onnx.checker.check_model(proto)
    except onnx.checker.ValidationError as problem:
        from secateur.graph.onnx_layers import session_of

        complaint = str(problem).strip().splitlines()[0].rstrip(".")
        try:
            session_of(proto)
        except Exception as refusal:  # noqa: BLE001 - the runtime raises types of its own
            error = UserError(f"{path.name} is not a valid ONNX model: {complaint}.", _EXPORT_HINT)
            require_layers(proto, error, refusal)
            return f"onnx.checker complains: {complaint}."
        return f"onnx.checker complains ({complaint}), but ONNX Runtime runs the file."
    return ""


def require_layers(proto: onnx.ModelProto, error: UserError, cause: Exception) -> None:
    """Raise `error` for a graph that the runtime does not load, unless it hangs together and has layers to look at."""
    from secateur.graph.onnx_layers import onnx_layers

    try:
        found = onnx_layers(proto) if _hangs_together(proto.graph) else ()
    except Exception:  # noqa: BLE001 - what a graph that is not valid makes of them
        raise error from cause
    if not found:
        raise error from cause


def _hangs_together(graph: onnx.GraphProto) -> bool:
    """Whether everything that nodes read, and the graph gives out, is made before by something."""
    made = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer} | {""}
    made |= {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        if not made.issuperset(node.input):
            return False
        made.update(node.output)
    return made.issuperset(value.name for value in graph.output)


# ---------------------------------------------------------------------- weights into initializers


def gather_weights(proto: onnx.ModelProto, moved: Moved | None = None, changed: Changed = lambda name: None) -> Folded:
    """Bring all that layers compute with into initializers, in place, and their products into plain form.

    Constant nodes, weights in subgraphs, and what the graph computes from stored tensors alone; `moved` and `changed`
    are told of tensors that were not loaded, see `secateur.graph.onnx_files.folding` and `…gemms`.
    """
    lift_weights(proto)
    graph = proto.graph
    stored = {}
    for index in reversed(range(len(graph.node))):
        made = _constant_tensor(graph.node[index])
        if made is not None:
            stored[made.name] = made
            del graph.node[index]
    if stored:
        graph.initializer.extend(reversed(stored.values()))
        drop_unread(proto)
    folded = fold_stored(proto, moved)
    plain_gemms(proto, changed)
    return folded


def name_nodes(proto: onnx.ModelProto) -> None:
    """Give every node a name of its own, in place: layers and the runtime's profile go by them."""
    used: set[str] = set()
    for index, node in enumerate(proto.graph.node):
        node.name = unique(scoped_name(node) or f"{node.op_type.lower()}_{index}", used)


def _constant_tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """The value of a Constant node, in whichever of its attributes; None for others, and sparse and string values."""
    if node.op_type != "Constant" or node.domain not in {"", "ai.onnx"} or not node.attribute:
        return None
    attribute = node.attribute[0]
    if attribute.name == "value":
        tensor = onnx.TensorProto()
        tensor.CopyFrom(attribute.t)
        tensor.name = node.output[0]
        return tensor
    dtypes: dict[str, Any] = {
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
    }
    if attribute.name not in dtypes:
        return None
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.from_array(np.asarray(value, dtype=dtypes[attribute.name]), node.output[0])


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from _graphs(inner)


def all_tensors(proto: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor of a model: initializers and attributes, in subgraphs and functions too."""
    for graph in _graphs(proto.graph):
        yield from graph.initializer
    for node in (*all_nodes(proto.graph), *(node for function in proto.functions for node in function.node)):
        for attribute in node.attribute:
            yield from attribute.tensors
            if attribute.HasField("t"):
                yield attribute.t


# ---------------------------------------------------------------------- ports


def graph_ports(proto: onnx.ModelProto) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """(inputs, outputs) of a graph; inputs that are initializers are not counted."""
    stored = {tensor.name for tensor in proto.graph.initializer}
    inputs = tuple(_port(value) for value in proto.graph.input if value.name not in stored)
    return inputs, tuple(_port(value) for value in proto.graph.output)


def _port(value: onnx.ValueInfoProto) -> Port:
    kind = value.type.tensor_type
    if kind.elem_type == onnx.TensorProto.UNDEFINED:
        return Port(value.name, "float32", ())
    dtype = str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name)
    shape = tuple(
        size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None for size in kind.shape.dim
    )
    return Port(value.name, dtype, shape)
