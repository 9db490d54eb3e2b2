"""Operators that make tensors out of sizes, numbers or the shape of another tensor."""

from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder, to_tensor
from secateur.graph.onnx_import.cast import dtype_name
from secateur.graph.onnx_import.storage import torch_dtype
from secateur.graph.onnx_import.unsigned import POORLY_SUPPORTED, SIGNED
from secateur.graph.onnx_import.values import Constant, Numbers, OnnxNode, OperatorTable, Unsupported, items_of


def constant_of_shape(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """ConstantOfShape where the shape follows the run; known shapes are folded before they get here."""
    value, wanted = node.attributes.get("value"), node.required(0)
    fill = 0.0 if value is None else value.reshape(-1)[0].item()
    dtype = torch.float32 if value is None else to_tensor(value).dtype
    if isinstance(wanted, fx.Node):
        example = torch.zeros((), dtype=dtype).expand((build.extent,) * build.shape(wanted)[0])
        return build.unknown(example, _filled, wanted, fill, dtype)
    return build.call(torch.full, list(items_of(wanted)), fill, dtype=dtype)


def _filled(shape: torch.Tensor, value: float, dtype: torch.dtype) -> torch.Tensor:
    return torch.full(shape.tolist(), value, dtype=dtype, device=shape.device)


def arange(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Range; between computed tensors only a run can tell its length."""
    bounds = [node.required(index) for index in range(3)]
    dtype = build.dtype(next((bound for bound in bounds if not isinstance(bound, Numbers)), bounds[0]))
    if any(isinstance(bound, fx.Node) for bound in bounds):
        example = torch.zeros((), dtype=dtype).expand(build.extent)
        return build.unknown(example, _range, *(build.tensor(bound) for bound in bounds))
    return build.call(torch.arange, *(items_of(bound)[0] for bound in bounds), dtype=dtype)


def _range(start: torch.Tensor, limit: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """start + i × step for as many i as lie below the limit: max(ceil((limit − start) / step), 0)."""
    wide = torch.float64 if start.is_floating_point() else torch.int64
    first, last, width = (value.reshape(()).to(wide) for value in (start, limit, step))
    count = max(int(torch.ceil((last - first) / width)), 0)
    return (first + torch.arange(count, device=start.device) * width).to(start.dtype)


def triangle(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Trilu: the upper or the lower triangle of each matrix."""
    diagonal, source = node.constant(1), build.tensor(node.required(0))
    function = torch.triu if node.flag("upper", 1) else torch.tril
    return build.call(function, source, 0 if diagonal is None else int(diagonal.reshape(-1)[0]))


def eye_like(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """EyeLike: ones on a diagonal, in the shape of the input."""
    source = build.tensor(node.required(0))
    dtype = build.dtype(source)
    if "dtype" in node.attributes:
        wanted = torch_dtype(dtype_name(int(node.attributes["dtype"])))
        if wanted is None:
            raise Unsupported("torch does not have its dtype")
        dtype = wanted
    return build.call(_eye, source, int(node.attributes.get("k", 0)), dtype)


def _eye(like: torch.Tensor, offset: int, dtype: torch.dtype) -> torch.Tensor:
    rows, columns = (torch.arange(size, device=like.device) for size in like.shape)
    return (rows.unsqueeze(1) + offset == columns).to(dtype)


def unique(build: GraphBuilder, node: OnnxNode) -> tuple[fx.Node, ...]:
    """Unique: values, their first places, the way back, and counts; how many there are only a run can tell."""
    source, axis = build.tensor(node.required(0)), node.attributes.get("axis")
    place = None if axis is None else build.axis(source, int(axis))
    shape = list(build.shape(source)) if place is not None else [build.extent]
    length = build.shape(source)[place] if place is not None else source_size(build, source)
    if place is not None:
        shape[place] = build.extent
    dtype, index = build.dtype(source), torch.zeros((), dtype=torch.int64)
    example = (
        torch.zeros((), dtype=dtype).expand(shape),
        index.expand(build.extent),
        index.expand(length),
        index.expand(build.extent),
    )
    found = build.unknown(example, _unique, source, place, node.flag("sorted", 1))
    return tuple(build.item(found, position) for position in range(len(node.outputs)))


def source_size(build: GraphBuilder, source: fx.Node) -> int:
    """Entries of a tensor, for the traced batch."""
    return int(torch.Size(build.shape(source)).numel())


def _unique(values: torch.Tensor, axis: int | None, is_sorted: bool) -> tuple[torch.Tensor, ...]:
    """(values, first places, inverse, counts), in ascending order or in that of first occurrence."""
    if values.dtype in POORLY_SUPPORTED:
        signed = values.view(SIGNED[values.dtype])
        turned, *rest = _unique(signed ^ torch.iinfo(signed.dtype).min, axis, is_sorted)
        return ((turned ^ torch.iinfo(signed.dtype).min).view(values.dtype), *rest)
    found, inverse, counts = torch.unique(values, sorted=True, return_inverse=True, return_counts=True, dim=axis)
    inverse = inverse.reshape(-1)
    places = torch.arange(inverse.numel(), device=values.device)
    first = torch.full_like(counts, inverse.numel()).scatter_reduce(0, inverse, places, "amin")
    if is_sorted:
        return found, first, inverse, counts
    order = torch.argsort(first)
    back = torch.argsort(order)
    return found.index_select(0 if axis is None else axis, order), first[order], back[inverse], counts[order]


def constant(build: GraphBuilder, node: OnnxNode) -> Any:
    """Constant: its dense values; the other kinds of attributes are strings and sparse tensors."""
    import numpy as np

    for name, dtype in (("value_float", np.float32), ("value_floats", np.float32), ("value_int", np.int64),
                        ("value_ints", np.int64)):  # fmt: skip
        if name in node.attributes:
            return Constant(node.outputs[0], np.asarray(node.attributes[name], dtype=dtype), stored=True)
    if "value" not in node.attributes:
        raise Unsupported("its value is a string or sparse")
    return Constant(node.outputs[0], node.attributes["value"], stored=True)


OPERATORS: OperatorTable = {
    "Constant": constant,
    "ConstantOfShape": constant_of_shape,
    "Range": arange,
    "Trilu": triangle,
    "EyeLike": eye_like,
    "Unique": unique,
}
