"""Where in the shipped graph each parameter of the network imported from it lives, and writing it back there."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import helper, numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import OnnxLayer, onnx_layers
from secateur.graph.shipped import ShippedGraph, apart

if TYPE_CHECKING:
    import torch
    from torch import nn

_STATISTICS: Final = ("running_mean", "running_var")


@dataclass(frozen=True, slots=True)
class Home:
    """The initializer that holds a parameter, and the nodes (by index) that read it for this parameter.

    A turned one is the transpose of what torch computes with.
    """

    initializer: str
    readers: tuple[int, ...]
    is_turned: bool = False

    def stored(self, values: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any] | None:
        """A parameter's values as the initializer of this shape has them; None where it cannot."""
        turned = values.T if self.is_turned else values
        return turned.reshape(shape) if turned.size == np.prod(shape) else None


def shipped(proto: onnx.ModelProto, module: "nn.Module") -> ShippedGraph:
    """`proto` with the numbers that `module`, the network imported from it, holds too where it holds them.

    Neither is changed. What the network has in another form stays in the graph.
    """
    state, given = module.state_dict(), ShippedGraph(proto, {})
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    weights: dict[str, NDArray[Any]] = {}
    for name, home in _found(given, module).items():
        tensor = tensors[home.initializer]
        values = home.stored(_array(state[name]), tuple(tensor.dims))
        if values is not None and values.size > 1:
            weights.setdefault(home.initializer, values)
    return apart(proto, weights)


def homes(graph: ShippedGraph, module: "nn.Module") -> dict[str, Home]:
    """Name in the state of `module` → its home, for all that can be written back.

    Not among them is what the graph holds in another form (the gates of a recurrent layer, integers): each is looked
    at, and has a home only where the initializer now holds the same numbers.
    """
    return _separable(_found(graph, module), _readers(graph.structure), _identities(module))


def _found(graph: ShippedGraph, module: "nn.Module") -> dict[str, Home]:
    """Name in the state → the initializer with the same numbers, which others may have too."""
    state = module.state_dict()
    tensors = {tensor.name: tensor for tensor in graph.structure.graph.initializer}
    found: dict[str, Home] = {}
    for name, home in _candidates(graph.structure, module, _readers(graph.structure)):
        tensor, value = tensors.get(home.initializer), state.get(name)
        if tensor is None or value is None or not value.is_floating_point() or name in found:
            continue
        stored = home.stored(_array(value), tuple(tensor.dims))
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        if stored is not None and stored.dtype == dtype and np.array_equal(graph.values(tensor), stored):
            found[name] = home
    return found


def _array(value: "torch.Tensor") -> NDArray[Any]:
    """The same memory as an array; of number types that numpy lacks, a copy in float32."""
    import torch

    own = value.detach().cpu()
    return np.asarray(own.float().numpy() if own.dtype == torch.bfloat16 else own.numpy())


def _readers(proto: onnx.ModelProto) -> dict[str, list[int]]:
    readers: dict[str, list[int]] = defaultdict(list)
    for index, node in enumerate(proto.graph.node):
        for name in node.input:
            readers[name].append(index)
    return readers


def with_parameters(graph: ShippedGraph, places: Mapping[str, Home], module: "nn.Module") -> ShippedGraph:
    """`graph` with the values that the parameters at these places have in `module`, where they lie there.

    Exporters store equal tensors once: of those that have since become different each gets an initializer of its own.
    """
    structure = onnx.ModelProto()
    structure.CopyFrom(graph.structure)
    tensors = {tensor.name: tensor for tensor in structure.graph.initializer}
    state = module.state_dict()
    written: dict[str, NDArray[Any]] = {}
    for name, home in places.items():
        target = tensors[home.initializer]
        values = home.stored(_array(state[name]), tuple(target.dims))
        if values is None:
            raise ValueError(f"{name} has another shape than the graph keeps for it")
        known = written.setdefault(home.initializer, values)
        if known is not values and not np.array_equal(known, values):
            own = _unused(name, tensors)
            _read_apart(structure, home, own)
            structure.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), own))
            tensors[own] = structure.graph.initializer[-1]
            written[own] = values
    unshared = {name: values for name, values in written.items() if values.size == 1}
    for name, values in unshared.items():
        tensors[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), name))
    kept = {name: values for name, values in graph.weights.items() if name in tensors}
    return apart(structure, {**kept, **{name: values for name, values in written.items() if name not in unshared}})


def _read_apart(proto: onnx.ModelProto, home: Home, name: str) -> None:
    """Let the readers of a home read another initializer."""
    for index in home.readers:
        node = proto.graph.node[index]
        for place, read in enumerate(node.input):
            if read == home.initializer:
                node.input[place] = name


def _unused(name: str, tensors: Mapping[str, Any]) -> str:
    while name in tensors:
        name += "_own"
    return name


def _candidates(
    proto: onnx.ModelProto, module: "nn.Module", readers: Mapping[str, list[int]]
) -> Iterator[tuple[str, Home]]:
    """(name in the state, home) of every parameter whose place the names tell."""
    from torch import fx

    from secateur.graph.graph_module import tensor_names

    for layer in onnx_layers(proto):
        yield from _of_layer(layer, readers)
    if isinstance(module, fx.GraphModule):
        for node, tensor in tensor_names(module).items():
            if node.op == "get_attr":
                yield str(node.target), Home(tensor, tuple(readers.get(tensor, ())))


def _of_layer(layer: OnnxLayer, readers: Mapping[str, list[int]]) -> Iterator[tuple[str, Home]]:
    def home(initializer: str, *, is_turned: bool = False) -> Home:
        own = {*layer.nodes, *layer.absorbed} & set(readers.get(initializer, ()))
        return Home(initializer, tuple(sorted(own)), is_turned)

    yield f"{layer.name}.weight", home(layer.weight, is_turned=layer.kind == "Linear" and layer.channel_axis == 1)
    if layer.bias is not None:
        yield f"{layer.name}.bias", home(layer.bias)
    if layer.is_normalization:
        for leaf, initializer in zip(_STATISTICS, layer.tensors[2:], strict=False):
            yield f"{layer.name}.{leaf}", home(initializer)


def _identities(module: "nn.Module") -> dict[str, int]:
    """Name in the state → which tensor it is; names of one tensor have the same."""
    named: list[tuple[str, torch.Tensor]] = [
        *module.named_parameters(remove_duplicate=False),
        *module.named_buffers(remove_duplicate=False),
    ]
    return {name: id(tensor) for name, tensor in named}


def _separable(
    found: Mapping[str, Home], readers: Mapping[str, list[int]], identities: Mapping[str, int]
) -> dict[str, Home]:
    """`found` without those that share an initializer with other parameters, or readers, and could not be parted."""
    sharers = defaultdict(set)
    for name, home in found.items():
        sharers[home.initializer].add(identities[name])
    kept = copy.copy(dict(found))
    for name, home in found.items():
        apart = [set(other.readers) for key, other in found.items()
                 if other.initializer == home.initializer and identities[key] != identities[name]]  # fmt: skip
        if len(sharers[home.initializer]) > 1 and (not home.readers or any(set(home.readers) & own for own in apart)):
            del kept[name]
    return kept
