"""The torch.fx graph under construction: nodes, layers and constants, each with the shape it will have.

Every call is run once, and of its result only shape and dtype are kept, so that operator functions can ask for
the rank and the sizes of what they work on. (Torch's meta tensors would compute nothing, but load its compiler,
which takes longer than most networks do.)
"""

import operator
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from numpy.typing import NDArray
from torch import fx, nn  # noqa: TID253

from secateur.graph.onnx_import.storage import to_tensor as to_tensor
from secateur.graph.onnx_import.storage import torch_dtype
from secateur.graph.onnx_import.values import Constant, ImportRefused, Numbers, Value
from secateur.graph.onnx_layers import GraphIndex
from secateur.graph.onnx_names import module_path, unique


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
    """Collects nodes and layers; `finish` makes the GraphModule.

    `batch` is the traced batch, `extent` stands for extents that only a run can tell. `names` are taken: those of the
    file's layers, and of what is stored on the way.
    """

    def __init__(self, stored: GraphIndex, batch: int, extent: int, names: Iterable[str] = ()) -> None:
        self.stored = stored
        self.batch = batch
        self.extent = extent
        self.has_unknown = False
        self._parameters: dict[str, nn.Parameter] = {}
        unpacked = [made for made, maker in stored.makers.items() if maker.op_type == "DequantizeLinear"]
        views = [(stored.view(made), made) for made in unpacked]
        self._unpacked = {view.initializer: made for view, made in views if view is not None}
        self._graph = fx.Graph()
        self._root = nn.Module()
        self._examples: dict[fx.Node, Any] = {}
        self._layers: dict[str, nn.Module] = {}
        self._constants: dict[int, tuple[NDArray[Any], fx.Node]] = {}
        self.names = set(names)
        self._kinds: dict[fx.Node, str] = {}

    def weight(self, initializer: str) -> torch.Tensor:
        """A stored tensor as a layer computes with it: integers that a DequantizeLinear unpacks as their floats."""
        return to_tensor(np.array(self.stored.values_as_stored(self._unpacked.get(initializer, initializer))))

    def parameter(self, initializer: str) -> nn.Parameter:
        """The one parameter that a stored tensor becomes, whichever layers use it: tied weights stay tied."""
        if initializer not in self._parameters:
            self._parameters[initializer] = nn.Parameter(self.weight(initializer))
        return self._parameters[initializer]

    # ------------------------------------------------------------------ nodes

    def placeholder(self, name: str, stored_as: str, shape: tuple[int, ...]) -> fx.Node:
        """An input of the network; `stored_as` is the dtype as numpy calls it."""
        dtype = torch_dtype(stored_as)
        if dtype is None:
            raise ImportRefused(f"the input '{name}' has the dtype {stored_as}, which torch does not have.")
        node = self._graph.placeholder(module_path(name).replace(".", "_") or "input")
        self._examples[node] = torch.zeros((), dtype=dtype).expand(shape)
        node.meta["onnx"], self._kinds[node] = name, stored_as
        return node

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A node that calls a function on nodes and plain values."""
        return self._record(self._graph.call_function(function, args, kwargs), function)

    def call_as(self, stored_as: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """The same for a result that stands for numbers of a dtype that torch does not compute in."""
        node = self.call(function, *args, **kwargs)
        self._kinds[node] = stored_as
        return node

    def unknown(self, example: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A node whose extent depends on the values that it gets; `example` has `extent` in that place.

        The importer builds such a graph for two extents and refuses it where they leave a trace.
        """
        self.has_unknown = True
        return self.call_like(example, function, *args, **kwargs)

    def call_like(self, example: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """A call that is not run once: `example` shows what it gives (where zeros are no fit arguments)."""
        node = self._graph.call_function(function, args, kwargs)
        self._examples[node] = _hollow(example)
        return node

    def layer(self, name: str, make: Callable[[], nn.Module], *args: Any) -> fx.Node:
        """A node that calls the layer of this name, made on its first use."""
        if name not in self._layers:
            self._layers[name] = make().eval()
            self.names.add(name)
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

    def dtype(self, value: Value) -> torch.dtype:
        """The dtype of the tensor that `value` is, or becomes."""
        if isinstance(value, fx.Node):
            example = self._examples[value]
            return example.dtype if isinstance(example, torch.Tensor) else torch.tensor(example).dtype
        if isinstance(value, Numbers):
            kinds = {type(self.traced(item)) for item in value.items}
            return torch.float32 if float in kinds else torch.bool if kinds == {bool} else torch.int64
        return to_tensor(value.array.reshape(-1)[:0]).dtype

    def dtype_name(self, value: Value) -> str:
        """What numpy (or ml_dtypes) calls the numbers that `value` stands for."""
        if isinstance(value, Constant):
            return str(value.array.dtype.name)
        if isinstance(value, fx.Node) and value in self._kinds:
            return self._kinds[value]
        return str(self.dtype(value)).removeprefix("torch.")

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
            entries = value.items[0] if value.is_scalar else list(value.items)
            return self.call(torch.tensor, entries, dtype=self.dtype(value))
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
        # `val_9` is what torch's exporter calls its own: a network that has such a name cannot be exported
        name = unique(module_path(constant.name).replace("val_", "constant_") or "constant", self.names)
        container, leaf = _container(self._root, name)
        if constant.stored and tensor.is_floating_point() and tensor.numel() > 1:  # a lone number is no weight
            is_file_s = constant.name in self.stored.initializers
            container.register_parameter(leaf, self.parameter(constant.name) if is_file_s else nn.Parameter(tensor))
        else:
            container.register_buffer(leaf, tensor)
        node = self._graph.create_node("get_attr", name)
        self._examples[node], self._kinds[node] = _hollow(tensor), str(constant.array.dtype.name)
        if constant.name:
            node.meta["onnx"] = constant.name
        return node

    # ------------------------------------------------------------------ end

    def finish(self, outputs: list[fx.Node]) -> fx.GraphModule:
        """The network; several outputs come back as a tuple."""
        self._graph.output(outputs[0] if len(outputs) == 1 else tuple(outputs))
        self._graph.lint()
        module = ImportedNetwork(self._root, self._graph)
        if module.graph.eliminate_dead_code():
            module.recompile()
        return module.eval()


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
