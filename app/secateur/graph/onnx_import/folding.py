"""Operators whose inputs are all known, computed while the file is imported."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray

from secateur.graph.onnx_import.values import Constant, ImportRefused, Value

_LARGEST: Final = 1 << 28
"""Entries of a constant that is computed at import; a file that asks for more is not doing shape arithmetic."""

Arrays = Sequence[NDArray[Any] | None]


def fold(node: onnx.NodeProto, model: onnx.ModelProto, inputs: Sequence[Value | None]) -> tuple[Value, ...]:
    """The outputs of a node of `model` whose inputs are constants or left out."""
    from onnx.reference import ReferenceEvaluator

    arrays = [value.array if isinstance(value, Constant) else None for value in inputs]
    _refuse_huge(node, arrays)
    names = [name for name in node.input if name]
    known = [array for array in arrays if array is not None]
    feeds = dict(zip(names, known, strict=True))
    graph_inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    outputs = [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = onnx.helper.make_graph([node], "fold", graph_inputs, outputs)
    single = onnx.helper.make_model(graph, opset_imports=list(model.opset_import))
    try:
        results = ReferenceEvaluator(single).run(None, feeds)
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as problem:
        title = f"{node.op_type} '{node.name or node.output[0]}'"
        raise ImportRefused(f"{title} could not be computed at import: {problem}") from problem
    made = iter(results)
    is_weight = node.op_type == "DequantizeLinear"  # stored integers are the floats that the network computes with
    return tuple(Constant(name, np.asarray(next(made) if name else 0), stored=is_weight) for name in node.output)


def _refuse_huge(node: onnx.NodeProto, arrays: Arrays) -> None:
    """Guard against a small file that asks for gigabytes."""
    estimate = _ENTRIES.get(node.op_type)
    if estimate is None:
        return
    try:
        entries = estimate(arrays)
    except (IndexError, AttributeError, TypeError) as problem:
        raise ImportRefused(f"{node.op_type} '{node.name or node.output[0]}' lacks an input.") from problem
    if not entries <= _LARGEST:
        title = f"{node.op_type} '{node.name or node.output[0]}'"
        raise ImportRefused(f"{title} asks for a constant of {entries:.3g} entries.")


def _product(sizes: Any) -> float:
    return float(np.prod(np.asarray(sizes, dtype=np.float64)))


def _range(arrays: Arrays) -> float:
    start, limit, step = (float(np.asarray(array).reshape(-1)[0]) for array in arrays)
    return (limit - start) / step if step else float("inf")


def _padded(arrays: Arrays) -> float:
    source, pads = np.asarray(arrays[0]), np.asarray(arrays[1], dtype=np.float64)
    return _product(np.asarray(source.shape or (1,)) + pads.max(initial=0.0) * 2)


_ENTRIES: Final[dict[str, Callable[[Arrays], float]]] = {
    "ConstantOfShape": lambda arrays: _product(arrays[0]),
    "Expand": lambda arrays: _product(arrays[1]) * np.asarray(arrays[0]).size,
    "Tile": lambda arrays: _product(arrays[1]) * np.asarray(arrays[0]).size,
    "OneHot": lambda arrays: _product(arrays[1]) * np.asarray(arrays[0]).size,
    "Range": _range,
    "Pad": _padded,
    "HannWindow": lambda arrays: _product(arrays[0]),
    "HammingWindow": lambda arrays: _product(arrays[0]),
    "BlackmanWindow": lambda arrays: _product(arrays[0]),
}
"""About how many entries the result of an operator has that can be large where its inputs are small."""
