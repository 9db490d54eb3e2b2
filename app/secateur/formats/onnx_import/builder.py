"""The torch.fx graph under construction: nodes, layers and constants, each with the shape it will have.

Every call is run once, and of its result only shape and dtype are kept, so that operator functions can ask for
the rank and the sizes of what they work on. (Torch's meta tensors would compute nothing, but load its compiler,
which takes longer than most networks do.)
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray
from torch import fx, nn  # noqa: TID253

from secateur.formats.onnx_import.values import Constant, Numbers, Unsupported, Value
from secateur.model.onnx_layers import GraphIndex
from secateur.model.onnx_names import module_path, unique


class ImportedNetwork(fx.GraphModule):
    """A GraphModule that raises its errors without printing them.

    Torch's own writes the generated code to standard error with every exception; here some are expected (a
    batch or a channel count that is tried out), and the rest are told by whoever catches them.
    """

    def recompile(self) -> Any:
        code = super().recompile()
        type(self).__call__ = nn.Module.__call__  # type: ignore[method-assign]
        return code


class GraphBuilder:
    """Collects nodes and layers; `finish` makes the GraphModule. `batch` is the traced batch."""

    def __init__(self, stored: GraphIndex, batch: int) -> None:
        self.stored = stored
        self.batch = batch
        self._graph = fx.Graph()
        self._root = nn.Module()
        self._examples: dict[fx.Node, Any] = {}
        self._layers: dict[str, nn.Module] = {}
        self._constants: dict[int, tuple[NDArray[Any], fx.Node]] = {}
        self._names: set[str] = set()

    # ------------------------------------------------------------------ nodes

    def placeholder(self, name: str, dtype: torch.dtype, shape: tuple[int, ...]) -> fx.Node:
        node = self._graph.placeholder(module_path(name).replace(".", "_") or "input")
        self._examples[node] = torch.zeros((), dtype=dtype).expand(shape)
        node.meta["onnx"] = name
        return node

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A node that calls a function on nodes and plain values."""
        return self._record(self._graph.call_function(function, args, kwargs), function)

    def layer(self, name: str, make: Callable[[], nn.Module], *args: Any) -> fx.Node:
        """A node that calls the layer of this name, made on its first use."""
        if name not in self._layers:
            self._layers[name] = make().eval()
            self._names.add(name)
            _attach(self._root, name, self._layers[name])
        return self._record(self._graph.call_module(name, args), self._layers[name])

    def _record(self, node: fx.Node, function: Callable[..., Any]) -> fx.Node:
        args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda part: self._examples[part])
        with torch.no_grad():
            self._examples[node] = _hollow(function(*args, **kwargs))
        return node

    def size(self, node: fx.Node, axis: int) -> fx.Node:
        """A node that gives the length of an axis when run."""
        size = self._graph.call_method("size", (node, axis))
        self._examples[size] = int(self._examples[node].size(axis))
        return size

    def item(self, node: fx.Node, index: int) -> fx.Node:
        return self.call(operator.getitem, node, index)

    # ------------------------------------------------------------------ what a value is

    def shape(self, value: Value) -> tuple[int, ...]:
        """Shape for the traced batch."""
        if isinstance(value, fx.Node):
            return tuple(int(size) for size in self._examples[value].shape)
        if isinstance(value, Numbers):
            return () if value.is_scalar else (len(value.items),)
        return tuple(value.array.shape)

    def rank(self, value: Value) -> int:
        return len(self.shape(value))

    def is_floating(self, value: Value) -> bool:
        if isinstance(value, fx.Node):
            example = self._examples[value]
            return (
                bool(example.is_floating_point()) if isinstance(example, torch.Tensor) else isinstance(example, float)
            )
        if isinstance(value, Numbers):
            return any(isinstance(self.traced(item), float) for item in value.items)
        return bool(np.issubdtype(value.array.dtype, np.floating))

    def traced(self, item: Any) -> Any:
        """The number that an entry of a shape has in the traced run."""
        return self._examples[item] if isinstance(item, fx.Node) else item

    def axis(self, value: Value, axis: int) -> int:
        """A possibly negative axis of `value`, counted from the front."""
        return axis + self.rank(value) if axis < 0 else axis

    # ------------------------------------------------------------------ constants

    def tensor(self, value: Value) -> fx.Node:
        """A node that gives `value` as a tensor; constants of the file become parameters or buffers."""
        if isinstance(value, fx.Node):
            return value
        if isinstance(value, Numbers):
            return self.call(torch.tensor, value.items[0] if value.is_scalar else list(value.items))
        known = self._constants.get(id(value.array))
        if known is None:
            known = self._constants[id(value.array)] = (value.array, self._store(value))
        return known[1]

    def operand(self, value: Value, other: Value | None = None) -> Any:
        """A node, or a Python number for a constant that has one value and no more axes than `other`."""
        if isinstance(value, Numbers) and len(value.items) == 1:
            return value.items[0]
        if isinstance(value, Constant) and value.array.size == 1:
            small = value.array.ndim == 0 or (other is not None and value.array.ndim <= self.rank(other))
            if small and not isinstance(other, Constant):
                return value.array.reshape(()).item()
        return self.tensor(value)

    def _store(self, constant: Constant) -> fx.Node:
        tensor = to_tensor(constant.array)
        name = unique(module_path(constant.name) or "constant", self._names)
        container, leaf = _container(self._root, name)
        if constant.stored and tensor.is_floating_point():
            container.register_parameter(leaf, nn.Parameter(tensor))
        else:
            container.register_buffer(leaf, tensor)
        node = self._graph.create_node("get_attr", name)
        self._examples[node] = _hollow(tensor)
        if constant.name:
            node.meta["onnx"] = constant.name
        return node

    # ------------------------------------------------------------------ end

    def finish(self, outputs: list[fx.Node]) -> fx.GraphModule:
        """The network; several outputs come back as a tuple."""
        self._graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        self._graph.lint()
        module = ImportedNetwork(self._root, self._graph)
        module.graph.eliminate_dead_code()
        module.recompile()
        return module.eval()


def to_tensor(array: NDArray[Any]) -> torch.Tensor:
    """A torch tensor with its own memory."""
    try:
        return torch.from_numpy(np.array(array, copy=True, order="C"))
    except TypeError as problem:
        raise Unsupported(f"torch has no counterpart of numbers stored as {array.dtype}") from problem


def _hollow(value: Any) -> Any:
    """A tensor of the same shape and dtype in which one zero stands for every entry, so that it takes no memory."""
    if isinstance(value, torch.Tensor):
        return torch.zeros((), dtype=value.dtype).expand(value.shape)
    return tuple(_hollow(part) for part in value) if isinstance(value, tuple | list) else value


def _container(root: nn.Module, path: str) -> tuple[nn.Module, str]:
    """The module that will hold `path`, made where it is missing, and the last segment."""
    *parents, leaf = path.split(".")
    holder = root
    for segment in parents:
        child = getattr(holder, segment, None)
        if not isinstance(child, nn.Module):
            child = nn.Module()
            holder.add_module(segment, child)
        holder = child
    return holder, leaf


def _attach(root: nn.Module, path: str, layer: nn.Module) -> None:
    """Put `layer` at `path`; a container that already stands there hands over its children."""
    holder, leaf = _container(root, path)
    former = getattr(holder, leaf, None)
    if isinstance(former, nn.Module):
        for name, child in former.named_children():
            layer.add_module(name, child)
    setattr(holder, leaf, layer)
