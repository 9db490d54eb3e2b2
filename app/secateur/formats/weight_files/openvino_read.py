"""What an OpenVINO IR holds: its graph as XML, the weights in the `.bin` beside it.

The XML is taken in as a stream by expat; a document type, in which entities could be declared, is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Final
from xml.parsers import expat

import numpy as np

from secateur.errors import UserError
from secateur.formats.weight_files.tflite_read import dequantized
from secateur.graph.onnx_names import unique
from secateur.model.description import Layer, Port
from secateur.model.stored import StoredTensor, read_values, stored_bytes

_DTYPES: Final = {
    "f64": "float64", "f32": "float32", "f16": "float16", "bf16": "bfloat16", "i64": "int64", "i32": "int32",
    "i16": "int16", "i8": "int8", "u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8",
    "boolean": "bool", "i4": "int4", "u4": "uint4", "f8e4m3": "float8_e4m3fn", "f8e5m2": "float8_e5m2",
}  # fmt: skip
_CONVOLUTIONS: Final = frozenset(
    {"Convolution", "GroupConvolution", "ConvolutionBackpropData", "GroupConvolutionBackpropData"}
)
_PASSED: Final = frozenset({"Convert", "Reshape", "FakeQuantize", "Squeeze", "Unsqueeze"})
_MOST_LAYERS: Final = 1 << 20
_AGAIN: Final = "Copy both files again, or convert the model again."


@dataclass(slots=True)
class Step:
    """One `<layer>` of the XML: an operator, a constant, an input or a result."""

    name: str
    kind: str
    data: dict[str, str] = field(default_factory=dict)
    readers: list[tuple[str, int]] = field(default_factory=list)
    inputs: dict[int, str] = field(default_factory=dict)
    shape: list[str] = field(default_factory=list)
    dtype: str = ""


@dataclass(frozen=True, slots=True)
class Ir:
    """Tensors with stored values, layers in the file's order, and the network's ports."""

    tensors: tuple[StoredTensor, ...]
    layers: tuple[Layer, ...]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def read_ir(path: Path) -> Ir:
    """The constants of an IR and what they belong to; UserError where one of its two files is missing or broken."""
    steps = read_steps(path)
    weights = path.with_suffix(".bin")
    constants = [key for key, step in steps.items() if step.kind == "Const"]
    if constants and not weights.is_file():
        raise UserError(
            f"{path.name} keeps its weights in {weights.name}, which is not beside it.",
            "Put both files into the same folder.",
        )
    size = weights.stat().st_size if constants else 0
    used: set[str] = set()
    stored = {key: _constant(path, weights, size, steps[key], used) for key in constants}
    layers = tuple(_layers(steps, {key: tensor for key, tensor in stored.items() if tensor is not None}))
    kept = {layer.weight.name for layer in layers if layer.weight is not None}
    told = [(key, tensor) for key, tensor in stored.items() if tensor is not None and tensor.name in kept]
    tensors = tuple(_meant(key, tensor, steps, stored) for key, tensor in told)
    return Ir(tensors, layers, _ports(steps, "Parameter"), _ports(steps, "Result"))


def read_steps(path: Path) -> dict[str, Step]:
    """The layers of the XML by their ids, joined by its edges; UserError where it is not an IR."""
    taker = _Taker()
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = taker.start, taker.end
    parser.CharacterDataHandler = taker.text
    parser.StartDoctypeDeclHandler = taker.refuse
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except _Refused as problem:
        raise _broken(path, str(problem)) from problem
    except (expat.ExpatError, ValueError, UnicodeDecodeError) as problem:
        raise _broken(path, f"its XML is broken ({problem})") from problem
    if not taker.steps:
        raise _broken(path, "it holds no network")
    for source, target, port in taker.edges:
        if source not in taker.steps or target not in taker.steps:
            raise _broken(path, "an edge leads nowhere")
        taker.steps[source].readers.append((target, port))
        taker.steps[target].inputs[port] = source
    return taker.steps


class _Refused(Exception):  # noqa: N818 - carries the rest of a sentence
    """The XML is not that of an IR."""


class _Taker:
    """Takes layers and edges out of the stream of elements; subgraphs of control flow are passed over."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}
        self.edges: list[tuple[str, str, int]] = []
        self._path: list[str] = []
        self._here: Step | None = None
        self._words = ""

    def refuse(self, *declaration: object) -> None:
        raise _Refused("it declares a document type, which no IR does")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._words = ""
        if len(self._path) > 64 or self._path[0] != "net":
            raise _Refused("it is XML of another kind")
        if self._path == ["net", "layers", "layer"]:
            if len(self.steps) >= _MOST_LAYERS:
                raise _Refused("it has too many layers")
            self._here = Step(attributes.get("name", ""), attributes.get("type", ""))
            self.steps[attributes.get("id", "")] = self._here
        elif self._path == ["net", "layers", "layer", "data"] and self._here is not None:
            self._here.data = attributes
        elif self._path == ["net", "layers", "layer", "output", "port"] and self._here is not None:
            self._here.dtype, self._here.shape = attributes.get("precision", ""), []
        elif self._path == ["net", "edges", "edge"]:
            port = attributes.get("to-port", "0")
            self.edges.append(
                (attributes.get("from-layer", ""), attributes.get("to-layer", ""), int(port) if port.isdigit() else 0)
            )

    def text(self, words: str) -> None:
        if len(self._words) < 64:
            self._words += words

    def end(self, tag: str) -> None:
        if self._path == ["net", "layers", "layer", "output", "port", "dim"] and self._here is not None:
            self._here.shape.append(self._words.strip())
        self._path.pop()


def _constant(path: Path, weights: Path, size: int, step: Step, used: set[str]) -> StoredTensor | None:
    """The tensor of a constant; None where it is of a type that is not looked at (texts, odd widths)."""
    dtype = _DTYPES.get(step.data.get("element_type", ""))
    if dtype is None:
        return None
    try:
        shape = tuple(int(length) for length in step.data.get("shape", "").split(",") if length.strip())
        offset, length = int(step.data["offset"]), int(step.data["size"])
    except (KeyError, ValueError) as problem:
        raise _broken(path, f"the constant {step.name!r} makes no sense") from problem
    if min((*shape, offset, length), default=0) < 0 or stored_bytes(dtype, prod(shape)) != length:
        raise _broken(path, f"the constant {step.name!r} has the shape {list(shape)} and {length:,} bytes")
    if offset + length > size:
        raise _broken(path, f"the constant {step.name!r} lies outside {weights.name}, which is {size:,} bytes long")
    return StoredTensor(unique(step.name or "constant", used), dtype, shape, length, weights, offset)


# ---------------------------------------------------------------------- layers


def _layers(steps: Mapping[str, Step], stored: Mapping[str, StoredTensor]) -> Iterator[Layer]:
    """A layer for each constant that a convolution, product or table reads, and for each other stored float."""
    for key, tensor in stored.items():
        owner, port = _owner(steps, key)
        if owner is None:
            if tensor.dtype.startswith(("float", "bfloat")) and tensor.count > 1:
                yield _layer(tensor.name, "Parameter", tensor, 0)
        elif owner.kind in _CONVOLUTIONS:
            yield _convolution(tensor, owner)
        elif owner.kind == "MatMul":
            is_turned = owner.data.get("transpose_b" if port else "transpose_a") == "true"
            yield _layer(_name(tensor, owner), "Linear", tensor, 0 if is_turned == bool(port) else 1)
        else:
            yield _layer(_name(tensor, owner), "Embedding", tensor, 0)


def _owner(steps: Mapping[str, Step], key: str) -> tuple[Step | None, int]:
    """(the operator whose weight a constant is, by which input): through conversions and the scale of integers."""
    seen, here = set(), key
    is_integer = "f" not in steps[key].data.get("element_type", "f")
    while here not in seen and steps[here].readers:
        seen.add(here)
        target, port = steps[here].readers[0]
        kind = steps[target].kind
        if (kind in _CONVOLUTIONS and port == 1) or kind == "MatMul":
            return steps[target], port
        if kind == "Gather" and port == 0:
            return steps[target], port
        if not (kind in _PASSED or (is_integer and kind in ("Subtract", "Multiply") and port == 0)):
            break
        if port:
            break
        here = target
    return None, 0


def _name(tensor: StoredTensor, owner: Step) -> str:
    """The layer's name: its weight's where that says so, else the operator's."""
    for ending in (".weight", "/weight"):
        if tensor.name.endswith(ending):
            return tensor.name[: -len(ending)]
    return owner.name.removesuffix("/WithoutBiases").removesuffix("/Conv") or tensor.name


def _convolution(tensor: StoredTensor, owner: Step) -> Layer:
    """A convolution; grouped ones store groups as an axis of their own."""
    is_grouped, is_transposed = owner.kind.startswith("Group"), owner.kind.endswith("BackpropData")
    kernel = tensor.shape[3 if is_grouped else 2 :]
    groups = tensor.shape[0] if is_grouped and tensor.shape else 1
    kind = f"{'ConvTranspose' if is_transposed else 'Conv'}{len(kernel)}d"
    layer = _layer(_name(tensor, owner), kind, tensor, int(is_transposed) + int(is_grouped))
    return replace(layer, kernel=kernel, groups=groups)


def _layer(name: str, kind: str, tensor: StoredTensor, axis: int) -> Layer:
    return Layer(
        name=name,
        kind=kind,
        weight=tensor.info,
        params=tensor.count,
        size_bytes=tensor.size_bytes,
        channel_axis=axis if axis < len(tensor.shape) else 0,
    )


def _meant(
    key: str, tensor: StoredTensor, steps: Mapping[str, Step], stored: Mapping[str, StoredTensor | None]
) -> StoredTensor:
    """Integers as what they stand for: Convert, then Subtract the zero point where there is one, then Multiply."""
    if tensor.dtype.startswith(("float", "bfloat")):
        return tensor
    zero, scale, here = None, None, key
    for _ in range(4):
        if not steps[here].readers:
            break
        here = steps[here].readers[0][0]
        other = _behind(steps, steps[here].inputs.get(1, ""))
        if steps[here].kind == "Subtract":
            zero = stored.get(other)
        elif steps[here].kind == "Multiply":
            scale = stored.get(other)
            break
    if scale is None or not (_fits(scale, tensor) and (zero is None or _fits(zero, tensor))):
        return tensor
    values = np.float32(0) if zero is None else read_values(zero)
    load = dequantized(tensor, read_values(scale), np.asarray(values, dtype=np.float32))
    return replace(tensor, offset=-1, load=load)


def _behind(steps: Mapping[str, Step], key: str) -> str:
    """The constant behind conversions."""
    for _ in range(4):
        if key not in steps or steps[key].kind not in _PASSED:
            break
        key = steps[key].inputs.get(0, "")
    return key


def _fits(part: StoredTensor, whole: StoredTensor) -> bool:
    """Whether a scale or zero point is spread along a tensor without making it larger."""
    try:
        return np.broadcast_shapes(part.shape, whole.shape) == whole.shape
    except ValueError:
        return False


# ---------------------------------------------------------------------- ports


def _ports(steps: Mapping[str, Step], kind: str) -> tuple[Port, ...]:
    """Inputs (`Parameter`) or outputs (`Result`) of the network."""
    found = []
    for step in steps.values():
        if step.kind != kind:
            continue
        told = steps.get(step.inputs.get(0, ""), step) if kind == "Result" else step
        dtype = _DTYPES.get(told.dtype.lower().replace("fp", "f"), "float32")
        shape = tuple(int(size) if size.isdigit() else None for size in told.shape)
        found.append(Port(told.name, dtype, shape))
    return tuple(found)


def _broken(path: Path, why: str) -> UserError:
    return UserError(f"{path.name} is not a whole OpenVINO IR: {why}.", _AGAIN)
