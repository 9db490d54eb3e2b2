"""What an ONNX file computes from its stored tensors alone, computed once when it is read.

Files keep weights as float16 behind a Cast, scaled by a constant, sliced out of one matrix, or in another order of
axes. Once that is done, the weight of a layer is an initializer like any other. What would take more room than what
it was made of stays computed, and so do the axes of a matrix that others read as it is: shared storage stays shared.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np
import onnx  # noqa: TID253 - imported lazily by secateur.graph.onnx_files.reading
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_files.inner import rename_reads, subgraphs
from secateur.graph.onnx_files.sharing import merge_twins

SMALL: Final = 4096
"""Bytes that a folded tensor may take for nothing: shapes, indices and scales are computed whatever they replace."""

_SEEN: Final = 1024
"""Entries up to which the values of a tensor are shown to shape inference."""

_NEVER: Final = frozenset({
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "RandomNormal", "RandomUniform", "RandomNormalLike",
    "RandomUniformLike", "Multinomial", "Bernoulli", "Dropout", "Loop", "Scan", "If",
})  # fmt: skip
"""Integers stay integers, and chance stays chance."""

_ORDERING: Final = frozenset({"Identity", "Transpose"})
_RESHAPING: Final = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten"})
_FLOAT: Final = onnx.TensorProto.FLOAT
_HALVES: Final = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)
_FLOATS: Final = (_FLOAT, onnx.TensorProto.DOUBLE, *_HALVES)

Moved = Callable[[onnx.NodeProto, onnx.TensorProto, onnx.TensorProto], None]
"""Told of a result whose values lie in a file and were not loaded: the node, the tensor it read, and the result."""


@dataclass
class Folded:
    """`narrow`: initializer → the number type (`float16`, `bfloat16`) in which the file keeps it behind a Cast."""

    narrow: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """Folded tensor → the name that it took over from the stored tensor that it was made of."""
    grown: int = 0
    """Bytes that the initializers take more than before, what can be kept behind a Cast again left out."""


def fold_stored(proto: onnx.ModelProto, moved: Moved | None = None) -> Folded:
    """Compute, in place, what follows from initializers alone; the layers keep the names of what was stored.

    Constants must be initializers already. Tensors whose external data are not loaded are only told about (`moved`):
    which nodes are folded, and what comes out, depends on types, shapes and small values alone.
    """
    merge_twins(proto, _is_foldable)
    return _Folding(proto, moved).run()


def _is_foldable(node: onnx.NodeProto) -> bool:
    """Whether an operator always gives the same for the same inputs, and is one that can be computed here."""
    return node.domain in {"", "ai.onnx"} and node.op_type not in _NEVER and not any(True for _ in subgraphs(node))


class _Folding:
    """One pass over the nodes of the main graph, in their order."""

    def __init__(self, proto: onnx.ModelProto, moved: Moved | None) -> None:
        self.proto = proto
        self.moved = moved
        self.stored = {tensor.name: tensor for tensor in proto.graph.initializer}
        self.outputs = {value.name for value in proto.graph.output}
        self.reads = Counter(name for node in all_nodes(proto.graph) for name in node.input if name)
        self.weights = {
            tensor.name for tensor in proto.graph.initializer if tensor.data_type in _FLOATS and prod(tensor.dims) > 1
        }
        self.shares, self.wanted = self._looked_over()
        self.roots: dict[str, str] = {}
        """Folded tensor → the initializer that it is another form of."""
        self.done = Folded()

    def run(self) -> Folded:
        before = self._stored_bytes()
        kept: list[onnx.NodeProto] = []
        made: list[onnx.TensorProto] = []
        known: set[str] = set()
        for node in self.proto.graph.node:
            results = self._results(node)
            if results is not None:
                self.stored.update((tensor.name, tensor) for tensor in results)
            if results is not None and self._are_weights(node, results):
                made += results
                self.weights.update(node.output)
                continue
            if results is not None:  # sizes and indices are only computed for what reads them here
                known.update(node.output)
            kept.append(node)
        if made:
            self._enter(kept, made, known)
            self.done.grown = max(self._stored_bytes() - before, 0)
        return self.done

    def _are_weights(self, node: onnx.NodeProto, results: list[onnx.TensorProto]) -> bool:
        """Whether floats were made of stored floats, and not sizes or a grid of places of sizes."""
        return all(tensor.data_type in _FLOATS for tensor in results) and bool(self.weights & set(node.input))

    def _enter(self, kept: list[onnx.NodeProto], made: list[onnx.TensorProto], known: set[str]) -> None:
        """Put the results into the graph, and leave out the nodes that nothing reads any more."""
        graph = self.proto.graph
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
        del graph.node[:]
        graph.node.extend(nodes)
        graph.initializer.extend(made)
        self.proto.ir_version = max(self.proto.ir_version, 4)  # before, what is stored had to be an input as well
        reads = Counter(name for node in all_nodes(graph) for name in node.input)
        for index in reversed(range(len(graph.node))):
            node = graph.node[index]
            if set(node.output) <= known and not any(reads[name] for name in node.output):
                reads.subtract(node.input)
                del graph.node[index]
        self._take_names()
        drop_unread(self.proto)

    def _stored_bytes(self) -> int:
        """Bytes of the initializers as a file keeps them: what stands behind a Cast in its narrow type."""
        return sum(int(size_of(item)) >> (item.name in self.done.narrow) for item in self.proto.graph.initializer)

    # ------------------------------------------------------------------ what is folded

    def _looked_over(self) -> tuple[dict[str, float], set[str]]:
        """(shares, wanted): what each reader of a tensor may replace, and which tensors are worth computing.

        A share is the part of the tensor's bytes: none where something that is not computed here reads it as it is.
        Wanted is what is made of stored floats, and the sizes and indices that it is made with.
        """
        constant, derived, readers = set(self.stored), set(self.weights), Counter[str]()
        nodes = []
        for node in self.proto.graph.node:
            if not _is_foldable(node) or not all(name in constant for name in node.input if name):
                continue
            nodes.append(node)
            constant.update(node.output)
            readers.update(name for name in node.input if name)
            if derived & set(node.input):
                derived.update(node.output)
        wanted = derived - self.weights
        for node in reversed(nodes):
            if wanted & set(node.output):
                wanted.update(node.input)
        free = {name: count for name, count in readers.items() if self.reads[name] == count}
        return {name: 1.0 / count for name, count in free.items() if name not in self.outputs}, wanted

    def _results(self, node: onnx.NodeProto) -> list[onnx.TensorProto] | None:
        """What the node gives, as initializers; None where it stays a node."""
        names = [name for name in node.input if name]
        if not names or not _is_foldable(node) or not all(name in self.stored for name in names):
            return None
        given = [self.stored[name] for name in names]
        if not self.wanted & set(node.output) or self.outputs & set(node.output):
            return None
        if any(tensor.data_type == onnx.TensorProto.STRING for tensor in given):
            return None
        shapes = _inferred(self.proto, node, given)
        if shapes is None or not self._is_worth_it(node, given, shapes):
            return None
        if any(is_unloaded(tensor) for tensor in given):
            return self._told(node, given, shapes)
        arrays = _computed(self.proto, node, given)
        if arrays is None:
            return None
        results = [numpy_helper.from_array(array, name) for array, name in zip(arrays, node.output, strict=True)]
        self._remember(node, given, results)
        return results

    def _is_worth_it(self, node: onnx.NodeProto, given: list[onnx.TensorProto], made: list[onnx.TensorProto]) -> bool:
        """Whether the results take no more room than what they replace (float16 may become float32, see `narrow`)."""
        shares = [self.shares.get(tensor.name, 0.0) for tensor in given]
        if node.op_type in _ORDERING and len(given[0].dims) > 1 and given[0].data_type in _FLOATS and shares[0] < 1.0:
            return False  # other nodes read it as it is: layers are found through the Transpose
        room = sum(share * size_of(tensor) for share, tensor in zip(shares, given, strict=True))
        if is_widening(node, given[0]):
            room *= 2
        return sum(size_of(tensor) for tensor in made) <= max(SMALL, room)

    def _told(
        self, node: onnx.NodeProto, given: list[onnx.TensorProto], made: list[onnx.TensorProto]
    ) -> list[onnx.TensorProto]:
        """Placeholders for results whose inputs were not loaded."""
        source = next(tensor for tensor in given if is_unloaded(tensor))
        for result in made:
            result.data_location = onnx.TensorProto.EXTERNAL
            if self.moved is not None and _is_another_form(node, source, result):
                self.moved(node, source, result)
        self._remember(node, given, made)
        return made

    def _remember(self, node: onnx.NodeProto, given: list[onnx.TensorProto], made: list[onnx.TensorProto]) -> None:
        """Where the result is another form of one stored tensor: which, and in what type it is kept."""
        large = max(given, key=lambda tensor: prod(tensor.dims))
        if len(made) != 1 or large.data_type not in _FLOATS or prod(large.dims) != prod(made[0].dims):
            return
        if made[0].data_type not in _FLOATS:
            return
        self.roots[made[0].name] = self.roots.get(large.name, large.name)
        if is_widening(node, large):
            self.done.narrow[made[0].name] = numpy_name(large.data_type)
        elif large.name in self.done.narrow and node.op_type in _ORDERING | _RESHAPING:
            self.done.narrow[made[0].name] = self.done.narrow[large.name]

    # ------------------------------------------------------------------ names

    def _take_names(self) -> None:
        """Call what is left of a chain as the tensor at its beginning, where nothing else goes by that name."""
        graph = self.proto.graph
        read = {name for node in all_nodes(graph) for name in node.input} | self.outputs
        names: dict[str, str] = {}
        taken: set[str] = set()
        for tensor in graph.initializer:
            root = self.roots.get(tensor.name)
            if root is None or tensor.name not in read or root in read or root in taken:
                continue
            if not tensor.name.endswith((".weight", ".bias")):
                names[tensor.name] = root
                taken.add(root)
        for index in reversed(range(len(graph.initializer))):
            tensor = graph.initializer[index]
            if tensor.name in taken:
                del graph.initializer[index]
            else:
                tensor.name = names.get(tensor.name, tensor.name)
        rename_reads(graph, names)
        _forget_inputs(graph, taken)
        self.done.names = names
        self.done.narrow = {
            names.get(name, name): dtype for name, dtype in self.done.narrow.items() if name in names or name in read
        }


def _forget_inputs(graph: onnx.GraphProto, names: set[str]) -> None:
    """Stored tensors that have changed, or are gone, are no inputs of the graph (as old files declare them)."""
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name in names:
            del graph.input[index]


def drop_unread(proto: onnx.ModelProto) -> None:
    """Remove initializers that nothing reads any more, so that their bytes are not counted."""
    graph = proto.graph
    read = {name for node in all_nodes(graph) for name in node.input} | {value.name for value in graph.output}
    dropped = {tensor.name for tensor in graph.initializer if tensor.name not in read}
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name in dropped:
            del graph.initializer[index]
    _forget_inputs(graph, dropped)


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Every node, those of subgraphs included."""
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


# ---------------------------------------------------------------------- types, shapes and values


def is_unloaded(tensor: onnx.TensorProto) -> bool:
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def numpy_name(data_type: int) -> str:
    return str(helper.tensor_dtype_to_np_dtype(data_type).name)


def size_of(tensor: onnx.TensorProto) -> float:
    """Bytes of a tensor's values, as a float: what a hostile shape asks for is beyond whole numbers of a machine."""
    width = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    return float(np.prod(np.asarray(tensor.dims, dtype=np.float64))) * width


def is_widening(node: onnx.NodeProto, source: onnx.TensorProto) -> bool:
    """Whether a node only makes float32 of half as many bits: every value stays what it is."""
    target = next((int(attribute.i) for attribute in node.attribute if attribute.name == "to"), 0)
    return node.op_type == "Cast" and target == _FLOAT and source.data_type in _HALVES


def _is_another_form(node: onnx.NodeProto, source: onnx.TensorProto, result: onnx.TensorProto) -> bool:
    """Whether the result holds the values of the source and no others."""
    is_same = node.op_type in _ORDERING | _RESHAPING or is_widening(node, source)
    return is_same and prod(source.dims) == prod(result.dims)


def _inferred(
    proto: onnx.ModelProto, node: onnx.NodeProto, given: list[onnx.TensorProto]
) -> list[onnx.TensorProto] | None:
    """Type and shape of each output, as tensors without values; None where they do not follow."""
    known = {tensor.name: tensor for tensor in given}
    small = [item for item in known.values() if prod(item.dims) <= _SEEN and not is_unloaded(item)]
    inputs = [helper.make_tensor_value_info(item.name, item.data_type, list(item.dims)) for item in known.values()]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", inputs, outputs, small)
    single = helper.make_model(graph, opset_imports=list(proto.opset_import), ir_version=max(proto.ir_version, 4))
    try:
        inferred = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    except (RuntimeError, ValueError, onnx.shape_inference.InferenceError):
        return None
    found = []
    for value in inferred.output:
        kind = value.type.tensor_type
        if not kind.elem_type or not kind.HasField("shape") or len(value.name) == 0:
            return None
        if not all(size.HasField("dim_value") for size in kind.shape.dim):
            return None
        dims = [size.dim_value for size in kind.shape.dim]
        found.append(onnx.TensorProto(name=value.name, data_type=kind.elem_type, dims=dims))
    return found if len(found) == len(node.output) else None


def _computed(proto: onnx.ModelProto, node: onnx.NodeProto, given: list[onnx.TensorProto]) -> list[NDArray[Any]] | None:
    """The values of each output; None where neither numpy nor ONNX Runtime has them."""
    if node.op_type == "Identity":
        return [numpy_helper.to_array(given[0])]
    if node.op_type == "Transpose":
        order = next((tuple(attribute.ints) for attribute in node.attribute if attribute.name == "perm"), None)
        return [np.ascontiguousarray(numpy_helper.to_array(given[0]).transpose(order))]
    if is_widening(node, given[0]):
        return [numpy_helper.to_array(given[0]).astype(np.float32)]
    return _run(proto, node, given)


def _run(proto: onnx.ModelProto, node: onnx.NodeProto, given: list[onnx.TensorProto]) -> list[NDArray[Any]] | None:
    """What ONNX Runtime makes of the node."""
    from secateur.graph.onnx_large import plain_session

    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
    unique = {tensor.name: tensor for tensor in given}
    graph = helper.make_graph([node], "one", [], outputs, list(unique.values()))
    single = helper.make_model(graph, opset_imports=list(proto.opset_import), ir_version=max(proto.ir_version, 4))
    try:
        return [np.asarray(value) for value in plain_session(single).run(None, {})]
    except Exception:  # noqa: BLE001 - ONNX Runtime raises types of its own: it stays as it is in the file
        return None
