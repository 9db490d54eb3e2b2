"""Where in the shipped graph each parameter of the network imported from it lives, and writing it back there."""

import copy
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253

from secateur.graph.onnx_layers import OnnxLayer, onnx_layers

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


def homes(proto: onnx.ModelProto, module: "nn.Module") -> dict[str, Home]:
    """Name in the state of `module` → its home, for all that can be written back.

    Not among them is what the graph holds in another form (the gates of a recurrent layer, integers): each is looked
    at, and has a home only where the initializer now holds the same numbers.
    """
    state = module.state_dict()
    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    readers: dict[str, list[int]] = defaultdict(list)
    for index, node in enumerate(proto.graph.node):
        for name in node.input:
            readers[name].append(index)
    found = {}
    for name, home in _candidates(proto, module, readers):
        tensor, value = tensors.get(home.initializer), state.get(name)
        if tensor is None or value is None or not value.is_floating_point() or name in found:
            continue
        stored = home.stored(value.detach().cpu().numpy(), tuple(tensor.dims))
        if stored is not None and np.array_equal(numpy_helper.to_array(tensor), stored):
            found[name] = home
    return _separable(found, readers, _identities(module))


def with_parameters(proto: onnx.ModelProto, places: Mapping[str, Home], module: "nn.Module") -> onnx.ModelProto:
    """A copy of `proto` with the values that the parameters at these places have now in `module`.

    Exporters store equal tensors once: of those that have since become different each gets an initializer of its own.
    """
    made = onnx.ModelProto()
    made.CopyFrom(proto)
    tensors = {tensor.name: tensor for tensor in made.graph.initializer}
    state = module.state_dict()
    written: dict[str, NDArray[Any]] = {}
    for name, home in places.items():
        target = tensors[home.initializer]
        values = home.stored(state[name].detach().cpu().numpy(), tuple(target.dims))
        if values is None:
            raise ValueError(f"{name} has another shape than the graph keeps for it")
        known = written.setdefault(home.initializer, values)
        if known is values:
            if not np.array_equal(numpy_helper.to_array(target), values):
                target.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), target.name))
        elif not np.array_equal(known, values):
            _store_apart(made, home, _unused(name, tensors), values)
    return made


def _store_apart(proto: onnx.ModelProto, home: Home, name: str, values: NDArray[Any]) -> None:
    proto.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
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
