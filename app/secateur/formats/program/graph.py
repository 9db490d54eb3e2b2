"""The network of a program: an fx graph of ordinary layers under the program's names, and torch's own functions."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by the reader
from torch import fx, nn  # noqa: TID253

from secateur.formats.program.layers import Owned, owned_layer, shared_path
from secateur.formats.program.placing import attach, parameter, tensor_path
from secateur.formats.program.values import ProgramRefused, arguments_of, call, dtype_of, operator_named, value_of
from secateur.graph.onnx_import.builder import ImportedNetwork
from secateur.graph.onnx_names import module_path, unique
from secateur.model.description import Port

_CHECKS: Final = ("_assert", "sym_constrain_range", "_functional_assert", "_functional_sym_constrain")
"""Operators that only check what goes through; a network that is changed makes other sizes."""

_GRADIENT_REGION: Final = "torch.ops.higher_order.wrap_with_set_grad_enabled"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Rebuilt:
    """The network, and its ports as the program states them."""

    module: fx.GraphModule
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def rebuild(document: Json, tensors: Mapping[str, torch.Tensor]) -> Rebuilt:
    """The network of a program's JSON with these tensors; ProgramRefused says why there is none."""
    try:
        return _Rebuilding(document["graph_module"], tensors).run()
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError) as problem:
        lines = str(problem).strip().splitlines()
        raise ProgramRefused(f"its graph makes no sense ({lines[0] if lines else type(problem).__name__})") from problem


class _Rebuilding:
    """One program: nodes by the names that the file gives them, and the layers that come out."""

    def __init__(self, graph_module: Json, tensors: Mapping[str, torch.Tensor]) -> None:
        self._json: Json = graph_module["graph"]
        self._signature: Json = graph_module["signature"]
        self._tensors = tensors
        self._graph = fx.Graph()
        self._root = nn.Module()
        self._nodes: dict[str, Any] = {}
        self._metas: Json = self._json["tensor_values"]
        self._paths: dict[fx.Node, str] = {}
        self._values: dict[fx.Node, torch.Tensor] = {}
        self._layers: dict[str, Owned] = {}
        self._first: set[fx.Node] = set()

    def run(self) -> Rebuilt:
        specs = self._signature["input_specs"]
        inputs = [port for spec in specs if (port := self._take_input(spec)) is not None]
        for spec in specs:
            if "user_input" not in spec:
                self._take_stored(spec)
        for node in self._json["nodes"]:
            self._take(node)
        outputs = self._outputs()
        self._drop_unread()
        self._place_rest()
        module = ImportedNetwork(self._root, self._graph)
        return Rebuilt(module.eval(), tuple(inputs), outputs)

    # ------------------------------------------------------------------ what goes in

    def _take_stored(self, spec: Json) -> None:
        """A parameter, buffer or constant: the tensor of its name."""
        (kind, entry), *_ = spec.items()
        if kind == "constant_input":
            self._nodes[entry["name"]] = value_of(entry["value"], {})
            return
        keys = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}
        if kind not in keys:
            raise ProgramRefused(f"it reads {'an object of its own' if kind == 'custom_obj' else kind}")
        name, key = entry[keys[kind]], entry["arg"]["name"]
        if name not in self._tensors:
            raise ProgramRefused(f"the tensor {name!r} is missing")
        tensor = self._tensors[name]
        is_trained = kind == "parameter" and tensor.is_floating_point()
        node = self._graph.get_attr(name)
        self._nodes[key] = node
        self._paths[node] = name
        self._values[node] = nn.Parameter(tensor) if is_trained else tensor

    def _take_input(self, spec: Json) -> Port | None:
        """An input that a person gives; numbers that were fixed when the program was exported are none."""
        if "user_input" not in spec:
            return None
        argument = spec["user_input"]["arg"]
        if "as_tensor" not in argument:
            (tag, value), *_ = argument.items()
            if tag.startswith("as_sym"):
                raise ProgramRefused("it takes a number besides tensors")
            if isinstance(value, Mapping) and "name" in value:
                self._nodes[value["name"]] = None
            return None
        name = argument["as_tensor"]["name"]
        node = self._graph.placeholder(module_path(name).replace(".", "_") or "input")
        self._nodes[name] = node
        return self._port(name)

    def _port(self, name: str) -> Port:
        meta = self._metas[name]
        sizes = tuple(size.get("as_int") for size in meta["sizes"])
        if not all(size is None or (isinstance(size, int) and size >= 0) for size in sizes):
            raise ProgramRefused(f"the sizes of {name!r} make no sense")
        return Port(name, str(dtype_of(meta["dtype"])).removeprefix("torch."), sizes)

    # ------------------------------------------------------------------ operators

    def _take(self, node: Json) -> None:
        target = str(node["target"])
        if target.startswith("torch.ops.aten.") and target.split(".")[3].startswith(_CHECKS):
            self._pass_through(node)
            return
        if target == _GRADIENT_REGION:
            self._inline(node)
            return
        function = operator_named(target)
        named = [(entry["name"], value_of(entry["arg"], self._nodes)) for entry in node["inputs"]]
        values = arguments_of(function, named)
        owned = None
        if isinstance(function, torch._ops.OpOverload):
            owned = owned_layer(target.removeprefix("torch.ops.aten."), values, self._values, self._rank(node))
        made = self._call_layer(owned) if owned is not None else None
        if made is None:
            made = call(self._graph, function, values, {name for name, _ in named})
        self._enter(node["outputs"], made)

    def _inline(self, node: Json) -> None:
        """A region in which gradients are switched on or off: its operators, and results that gradients stop at."""
        is_enabled, inner, *given = [entry["arg"] for entry in node["inputs"]]
        graph: Json = inner["as_graph"]["graph"]
        values = [value_of(argument, self._nodes) for argument in given]
        outer, self._nodes = self._nodes, {}
        metas, self._metas = self._metas, graph["tensor_values"]
        for argument, value in zip(graph["inputs"], values, strict=True):
            self._name(argument, value)
        for part in graph["nodes"]:
            self._take(part)
        results = [value_of(argument, self._nodes) for argument in graph["outputs"]]
        self._nodes, self._metas = outer, metas
        if not is_enabled["as_bool"]:
            results = [self._graph.call_function(torch.ops.aten.detach.default, (result,)) for result in results]
        outputs = [entry for output in node["outputs"] for entry in _singles(output)]
        for entry, result in zip(outputs, results, strict=True):
            self._name(entry, result)

    def _pass_through(self, node: Json) -> None:
        """A check gives nothing, or what it was given."""
        for entry in node["outputs"]:
            if "as_tensor" in entry:
                self._nodes[entry["as_tensor"]["name"]] = value_of(node["inputs"][0]["arg"], self._nodes)

    def _rank(self, node: Json) -> int:
        """Axes of an operator's first input; −1 where it is no tensor."""
        argument = node["inputs"][0]["arg"] if node["inputs"] else {}
        meta = self._metas.get(argument.get("as_tensor", {}).get("name"))
        return len(meta["sizes"]) if meta else -1

    def _call_layer(self, owned: Owned) -> fx.Node | None:
        """A call of the layer, made on its first use; None where its tensors belong to different layers."""
        path = shared_path(owned, self._paths)
        if not path or module_path(path) != path:
            return None
        if path in self._layers and dict(self._layers[path].tensors) != dict(owned.tensors):
            return None
        if path not in self._layers:
            layer = owned.make()
            if not self._fill(layer, owned):
                return None
            attach(self._root, path, layer)
            self._layers[path] = owned
        elif repr(self._layers[path].make()) != repr(owned.make()):
            return None  # the same weights with another stride: the second call stays a function
        node = self._graph.call_module(path, owned.inputs)
        if owned.is_first:
            self._first.add(node)
        return node

    def _fill(self, layer: nn.Module, owned: Owned) -> bool:
        """Put the tensors into a layer made on the meta device; False where they do not fit."""
        for name, node in owned.tensors.items():
            held = getattr(layer, name, None)
            value = self._values[node] if node is not None else None
            if held is None and value is None:
                continue
            if held is None or value is None or value.shape != held.shape:
                return False
            is_parameter = name in layer._parameters
            layer.register_parameter(name, parameter(value)) if is_parameter else layer.register_buffer(name, value)
        for name, buffer in list(layer.named_buffers()):
            if buffer.is_meta:  # num_batches_tracked, which decides nothing
                layer.register_buffer(name, torch.zeros(buffer.shape, dtype=buffer.dtype))
        return not any(value.is_meta for value in layer.state_dict().values())

    def _enter(self, outputs: Sequence[Json], made: fx.Node) -> None:
        """Give an operator's results the names that the file has for them."""
        if made in self._first:
            self._nodes[outputs[0]["as_tensor"]["name"]] = made
            return
        if len(outputs) == 1 and "as_tensors" not in outputs[0]:
            self._name(outputs[0], made)
            return
        if made.op == "call_module":
            self._enter_recurrent(outputs, made)
            return
        for place, entry in enumerate(entry for output in outputs for entry in _singles(output)):
            self._name(entry, self._graph.call_function(operator.getitem, (made, place)))

    def _enter_recurrent(self, outputs: Sequence[Json], made: fx.Node) -> None:
        """A recurrent layer gives (output, state), an LSTM's state being a pair."""
        self._name(outputs[0], self._graph.call_function(operator.getitem, (made, 0)))
        state = self._graph.call_function(operator.getitem, (made, 1))
        if len(outputs) == 2:
            self._name(outputs[1], state)
            return
        for place, entry in enumerate(outputs[1:]):
            self._name(entry, self._graph.call_function(operator.getitem, (state, place)))

    def _name(self, entry: Json, node: fx.Node) -> None:
        (tag, value), *_ = entry.items()
        if tag == "as_none":
            return
        self._nodes[value["name"] if "name" in value else value["as_name"]] = node

    # ------------------------------------------------------------------ what comes out

    def _outputs(self) -> tuple[Port, ...]:
        """The output node; what the program would write back into buffers is left out."""
        results, ports = [], []
        for spec in self._signature["output_specs"]:
            argument = (spec.get("user_output") or spec.get("loss_output") or {}).get("arg", {})
            argument = {"as_tensor": argument} if "name" in argument else argument
            if "as_tensor" in argument:
                name = argument["as_tensor"]["name"]
                results.append(self._nodes[name])
                ports.append(self._port(name))
        if not results:
            raise ProgramRefused("it gives no tensor")
        self._graph.output(results[0] if len(results) == 1 else tuple(results))
        return tuple(ports)

    def _drop_unread(self) -> None:
        """Remove what nothing reads: parameters that went into layers, and the arithmetic behind dropped checks."""
        for node in reversed(list(self._graph.nodes)):
            is_kept = node.op in ("placeholder", "output") or bool(node.users)
            writes = isinstance(node.target, torch._ops.OpOverload) and node.target._schema.is_mutable
            if not is_kept and not writes:
                self._graph.erase_node(node)

    def _place_rest(self) -> None:
        """Parameters and buffers that are read by themselves, where the program has them."""
        owners = {
            node: f"{path}.{name}"
            for path, owned in self._layers.items()
            for name, node in owned.tensors.items()
            if node is not None
        }
        used = {node.target: node for node in self._graph.nodes if node.op == "get_attr"}
        names: set[str] = set()
        for node in used.values():
            if node in owners:
                node.target = owners[node]
                continue
            path = unique(tensor_path(self._paths[node]), names)
            node.target = path
            attach(self._root, path, self._values[node])


def _singles(output: Json) -> list[Json]:
    """An output, or those of the list that it is."""
    return [{"as_tensor": item} for item in output["as_tensors"]] if "as_tensors" in output else [output]
