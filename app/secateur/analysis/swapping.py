"""Swapping one layer for what an option makes of it, and running only what depends on it.

A batch is run once with every intermediate result kept; with a layer changed, only the nodes that read something
that has changed are computed again. What an option makes of a layer is what its method would make of it in a network
where it is applied to this layer alone: the same weights, and for static quantization the same rounding of the
same tensors.

The network that is swapped in may be one in which other layers are changed already, a plan: one of them is then taken
back to what another option makes of it, rounding of activations included.

On the CPU the copy that is run keeps its weights and images channels last, in which oneDNN computes convolutions in
half the time (ResNet-20, 64 images, two threads: 20 ms against 40). Several options as one larger batch were not
faster (192 images 23 ms for each 64, 512 images 39): results no longer fit in the caches.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.methods.change import Change, Narrowed
from secateur.model.encoding import ActivationEncoding

if TYPE_CHECKING:
    import torch
    from torch import fx


Outputs = tuple[NDArray[np.float32], ...]
"""All outputs of a network, in its order."""

NO_CHANGES: Final[Mapping[str, Change]] = MappingProxyType({})


class _Step(NamedTuple):
    """A node as it is run: what it calls, and what it is given; `sources` are the nodes it reads."""

    node: "fx.Node"
    call: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    sources: "tuple[fx.Node, ...]"


class _Again(NamedTuple):
    """A step that is run again with a changed layer: by `call`, after which the results in `dead` are read no more."""

    node: "fx.Node"
    step: _Step
    dead: "tuple[fx.Node, ...]"


class Results(NamedTuple):
    """What each node of a network gives for a batch, and, of those that are rounded, what is read of them."""

    given: "dict[fx.Node, Any]"
    rounded: "dict[fx.Node, Any]"


class SwappedNetwork:
    """A graph that is run as it is and with one of its layers changed; the graph itself is not changed.

    `base`, layer → change, is what was made of its layers before: of the one that is changed, in the place of that. The
    network has weights of its own where these lie in another order here, or where there is a base.
    """

    def __init__(self, graph: "fx.GraphModule", base: Mapping[str, Change] = NO_CHANGES) -> None:
        from secateur.model.device import on_device, torch_device

        self.device, self._base = torch_device(), base
        self._biases: dict[str, Any] = {}
        self.channels_last = False
        self._original: fx.GraphModule = on_device(graph)  # type: ignore[assignment]
        if base:
            self._original = self._changed(self._original)
        self.channels_last = self.device.type == "cpu" and _has_planes(self._original)
        self._take(_channels_last(self._original) if self.channels_last else self._original)

    def _take(self, graph: "fx.GraphModule") -> None:
        from secateur.graph.graph_module import nodes_by_tensor

        self.graph, self.by_tensor = graph, nodes_by_tensor(graph)
        self.steps = [_step(graph, node) for node in graph.graph.nodes]
        self.rounding = self._rounding()
        self._affected: dict[frozenset[fx.Node], list[_Again]] = {}

    def _changed(self, graph: "fx.GraphModule") -> "fx.GraphModule":
        """A copy of a graph with the weights and biases of the base."""
        import copy

        own: fx.GraphModule = copy.deepcopy(graph)
        for layer, change in self._base.items():
            self._take_over(own, layer, change)
        return own

    def _take_over(self, graph: "fx.GraphModule", layer: str, change: Change) -> None:
        """Give a layer the weight and bias of a change; where that has none, the layer's own."""
        import torch

        module: Any = graph.get_submodule(layer)
        module.weight = torch.nn.Parameter(self._placed(_tensor(change.weight)), requires_grad=False)
        if layer not in self._biases:
            self._biases[layer] = module.bias
        bias = None if change.bias is None else _tensor(change.bias).to(self.device)
        module.bias = self._biases[layer] if bias is None else torch.nn.Parameter(bias, requires_grad=False)

    def _rounding(self, layer: str = "", change: Change | None = None) -> "dict[fx.Node, ActivationEncoding]":
        """How nodes are rounded, where of one layer another change is taken than the base's."""
        changes = [own for name, own in self._base.items() if name != layer]
        changes += [change] if change is not None else []
        return {self.by_tensor[name]: encoding for own in changes for name, encoding in own.rounded.items()}

    def run(self, batch: "Sequence[torch.Tensor]") -> Results:
        """Every intermediate result of a batch, by node."""
        try:
            return self._results(batch)
        except RuntimeError:  # an operator that asks for its own order of values
            if not self.channels_last:
                raise
            self.channels_last = False
            self._take(self._original)
            return self._results(batch)

    def _results(self, batch: "Sequence[torch.Tensor]") -> Results:
        import torch

        from secateur.model.device import precise

        inputs = iter(batch)
        results = Results({}, {})
        env = _Layered(results)
        with torch.inference_mode(), precise():
            for step in self.steps:
                is_input = step.node.op == "placeholder"
                value = self._placed(next(inputs)) if is_input else _called(step, env)
                results.given[step.node] = value
                if (encoding := self.rounding.get(step.node)) is not None:
                    results.rounded[step.node] = _rounded(value, encoding)
        return results

    def run_with(self, layer: str, change: Change, results: Results) -> Any:
        """What the graph gives with one layer changed, from its `results` as it is; nothing is kept of the change."""
        import torch

        from secateur.model.device import precise

        module: Any = self.graph.get_submodule(layer)
        weight, bias = module.weight, module.bias
        try:
            self._take_over(self.graph, layer, change)
            with torch.inference_mode(), precise():
                return self._run(layer, self._rounding(layer, change), results)
        finally:
            module.weight, module.bias = weight, bias

    def answers_of(self, change: Narrowed, batch: "Sequence[torch.Tensor]") -> Any:
        """What another network gives for a batch, computed as this one is."""
        import torch

        from secateur.model.device import on_device, precise

        module = on_device(change.module)
        if self.channels_last:
            module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        with torch.inference_mode(), precise():
            return module(*(self._placed(values) for values in batch))

    def _run(self, layer: str, rounding: "Mapping[fx.Node, ActivationEncoding]", results: Results) -> Any:
        """Every reader of a rounded tensor reads it rounded, as in the simulation (`secateur.graph.simulation`)."""
        own = frozenset(s.node for s in self.steps if s.node.op == "call_module" and s.node.target == layer)
        nodes = {*rounding, *self.rounding}
        changed = own.union(node for node in nodes if rounding.get(node) != self.rounding.get(node))
        env = _Layered(results)
        for node, step, dead in self._affected_by(changed):
            encoding = rounding.get(node)
            if node in own or any(source in env.new for source in step.sources):
                value = _called(step, env)
            else:  # nothing but its rounding has changed
                value = results.given[node] if encoding is not None else results.given[node].clone()
            env.new[node] = value if encoding is None else _rounded(value, encoding)
            for read in dead:
                env.new.pop(read, None)
        return env[self.steps[-1].node]

    def _affected_by(self, changed: "frozenset[fx.Node]") -> list[_Again]:
        """The steps that are to be run again, in order. Results are let go after their last reader, and overwritten
        where they can be: memory that is in the caches already is the fastest."""
        if changed not in self._affected:
            reached, found = set(changed), []
            for step in self.steps:
                if step.node in reached or any(source in reached for source in step.sources):
                    in_place = _in_place(step) if step.sources and step.sources[0] in reached else None
                    reached.add(step.node)
                    found.append(step if in_place is None else step._replace(call=in_place))
            seen: set[fx.Node] = {self.steps[-1].node}
            again: list[_Again] = []
            for step in reversed(found):
                dead = tuple(source for source in step.sources if source in reached and source not in seen)
                seen.update(dead)
                again.append(_Again(step.node, step, dead))
            self._affected[changed] = again[::-1]
        return self._affected[changed]

    def _placed(self, values: "torch.Tensor") -> "torch.Tensor":
        import torch

        placed = values.to(self.device)
        if self.channels_last and placed.ndim == 4:
            return placed.contiguous(memory_format=torch.channels_last)
        return placed


class CachedNetwork:
    """A network with all results of one batch, from which any layer can be changed and the rest run again."""

    def __init__(self, network: SwappedNetwork, batch: "Sequence[torch.Tensor]") -> None:
        import torch

        self.network, self.run, self._batch = network, network.run(batch), tuple(batch)
        self.reference = _arrays(self.results[network.steps[-1].node])
        every = (*self.run.given.values(), *self.run.rounded.values())
        tensors = [value for value in every if isinstance(value, torch.Tensor)]
        self.size_bytes = sum(value.numel() * value.element_size() for value in tensors)

    @property
    def results(self) -> "dict[fx.Node, Any]":
        """What each node gives for the batch."""
        return self.run.given

    def outputs_with(self, layer: str, change: Change | Narrowed) -> Outputs:
        """All outputs of the network for the batch with one layer changed; nothing is kept of the change.

        A network that was narrowed answers for itself, from its inputs on.
        """
        if isinstance(change, Narrowed):
            return _arrays(self.network.answers_of(change, self._batch))
        return _arrays(self.network.run_with(layer, change, self.run))


class _Layered:
    """Results of which some are `new`; the others are those of the network as it is, as they are read."""

    def __init__(self, known: Results) -> None:
        self.known = known
        self.new: dict[Any, Any] = {}

    def __getitem__(self, node: Any) -> Any:
        if node in self.new:
            return self.new[node]
        return self.known.rounded[node] if node in self.known.rounded else self.known.given[node]


def _step(graph: "fx.GraphModule", node: "fx.Node") -> _Step:
    sources = tuple(node.all_input_nodes)
    given, named = node.args, dict(node.kwargs)
    match node.op:
        case "call_module":
            return _Step(node, graph.get_submodule(str(node.target)), given, named, sources)
        case "call_function":
            return _Step(node, node.target, given, named, sources)  # type: ignore[arg-type]
        case "call_method":
            name = str(node.target)
            return _Step(node, lambda own, *rest, **words: getattr(own, name)(*rest, **words), given, named, sources)
        case "get_attr":
            value = _attribute(graph, str(node.target))
            return _Step(node, lambda: value, (), {}, sources)
        case _:  # output gives what it is given; a placeholder is never called
            return _Step(node, lambda value: value, given, named, sources)


def _attribute(graph: "fx.GraphModule", place: str) -> Any:
    found: Any = graph
    for name in place.split("."):
        found = getattr(found, name)
    return found


def _in_place(step: _Step) -> Callable[..., Any] | None:
    """How a step overwrites what it is given: a ReLU alone reads what a layer or a sum has just made."""
    import torch
    from torch.nn import functional

    if step.call is not functional.relu or step.named or len(step.sources[0].users) > 1:
        return None
    source = step.sources[0]
    makes_its_own = source.op == "call_module" or source.target in (torch.add, operator.add)
    return torch.relu_ if makes_its_own else None


def _called(step: _Step, results: _Layered) -> Any:
    if all(argument in step.sources for argument in step.arguments) and not step.named:
        return step.call(*(results[argument] for argument in step.arguments))
    from torch.fx.node import map_arg

    arguments, named = map_arg((step.arguments, step.named), lambda node: results[node])
    return step.call(*arguments, **named)


def _rounded(values: Any, encoding: ActivationEncoding) -> Any:
    """What torch.fake_quantize_per_tensor_affine gives, to the bit, in a tenth of its time on a CPU."""
    scale, zero = np.float32(encoding.scale), int(encoding.zero_point)
    steps = values.mul(float(np.float32(1.0) / scale)).round_()
    return steps.clamp_(-zero, encoding.highest - zero).mul_(float(scale))


def _has_planes(graph: "fx.GraphModule") -> bool:
    """Whether images are convolved in it."""
    return any(parameter.ndim == 4 for parameter in graph.parameters())


def _channels_last(graph: "fx.GraphModule") -> "fx.GraphModule":
    import copy

    import torch

    own: fx.GraphModule = copy.deepcopy(graph)
    return own.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _arrays(output: Any) -> Outputs:
    from secateur.graph.network import all_outputs

    return tuple(value.float().cpu().numpy() for value in all_outputs(output))


def _tensor(values: NDArray[np.float32]) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
