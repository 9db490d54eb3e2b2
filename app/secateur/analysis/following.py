"""One sample through two networks: the output of every layer, and the answer layer by layer.

Both networks are graphs (`secateur.graph.lowering`); they are walked node by node, and what no later node
reads is let go, so that no more is held than a forward pass holds.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.graph.simulation import ROUNDS

if TYPE_CHECKING:
    import torch
    from torch import fx

Check = Callable[[], None]
Output = NDArray[np.float32]


class Walk:
    """A graph on its way through one sample: `step` computes the next node. `values` are those still to be read."""

    def __init__(self, graph: "fx.GraphModule", inputs: "Sequence[torch.Tensor]") -> None:
        from torch import fx

        self.nodes = list(graph.graph.nodes)
        self._places = {node: place for place, node in enumerate(self.nodes)}
        self.place = 0
        self._interpreter = fx.Interpreter(graph)
        self._interpreter.args_iter = iter(inputs)
        self.values: dict[Any, Any] = self._interpreter.env

    def step(self) -> Any:
        """The value of the next node, as the nodes that read it get it."""
        import torch

        node = self.nodes[self.place]
        self.place += 1
        with torch.inference_mode():
            value = self._interpreter.run_node(node)
        self.values[node] = value
        for read in self._interpreter.user_to_last_uses.get(node, ()):
            self.values.pop(read, None)
        return value

    def go_to(self, node: "fx.Node") -> None:
        """Compute all nodes up to and including this one."""
        while self.place <= self._places[node]:
            self.step()

    def finish(self, place: int = 0, values: "dict[fx.Node, Any] | None" = None) -> "torch.Tensor":
        """The network's first output, from the node at `place` on with these values for what is read of the others."""
        from secateur.graph.network import first_output

        if values is not None:
            self.place, self.values = place, values
            self._interpreter.env = values
        while self.nodes[self.place].op != "output":
            self.step()
        found: torch.Tensor = first_output(self.step())
        return found


def layer_outputs(
    graph: "fx.GraphModule", inputs: "Sequence[torch.Tensor]", layers: Collection[str]
) -> "Iterator[tuple[str, Output]]":
    """(layer, its output for the first sample) in the order of the network; of a layer that is used again the first."""
    walk, seen = Walk(graph, inputs), set[str]()
    while walk.place < len(walk.nodes) and walk.nodes[walk.place].op != "output":
        node = walk.nodes[walk.place]
        value = walk.step()
        if node.op == "call_module" and node.target in layers and node.target not in seen:
            seen.add(str(node.target))
            yield str(node.target), value.detach()[0].float().numpy()


def paired_outputs(
    original: "fx.GraphModule",
    compressed: "fx.GraphModule | None",
    inputs: "Sequence[torch.Tensor]",
    layers: Sequence[str],
) -> "Iterator[tuple[str, Output, Output | None]]":
    """(layer, the original's output, the compressed network's), in the original's order, without the batch axis.

    Both networks are walked side by side. None where the compressed network has no such layer, or is not there.
    """
    others = layer_outputs(compressed, inputs, layers) if compressed is not None else iter(())
    waiting: dict[str, Output] = {}
    for layer, output in layer_outputs(original, inputs, layers):
        while layer not in waiting:
            found = next(others, None)
            if found is None:
                break
            waiting[found[0]] = found[1]
        yield layer, output, waiting.pop(layer, None)


def layers_in_order(graph: "fx.GraphModule", layers: Collection[str]) -> tuple[str, ...]:
    """These layers in the order in which the network computes them; without those that it does not call."""
    called = [str(node.target) for node in graph.graph.nodes if node.op == "call_module" and node.target in layers]
    return tuple(dict.fromkeys(called))


# ---------------------------------------------------------------------- the answer, layer by layer


def is_same_graph(one: "fx.GraphModule", other: "fx.GraphModule") -> bool:
    """Whether two graphs are the same but for their weights and for the roundings of a simulation."""
    return [_kind(node) for node, _ in _plain(one)] == [_kind(node) for node, _ in _plain(other)]


def answers_along(
    original: "fx.GraphModule",
    compressed: "fx.GraphModule",
    inputs: "Sequence[torch.Tensor]",
    layers: Sequence[str],
    check: Check = lambda: None,
) -> "Iterator[tuple[str, Output | None]]":
    """(layer, the answer where the network up to and including it is compressed, and the rest the original).

    What lies between a layer and the next one (activation functions, additions, roundings) belongs to the first, so
    that the last answer is the compressed network's own. First comes the original's answer, under an empty name.
    None where a tensor that the rest of the original reads has another shape on the compressed side. ValueError
    where `is_same_graph` is false. `check` is called before every answer and is the cancel point.
    """
    if not is_same_graph(original, compressed):
        raise ValueError("the two graphs differ in more than their weights and roundings")
    ours, theirs = Walk(original, inputs), Walk(compressed, inputs)
    pairs = list(zip(_plain(original), _plain(compressed), strict=True))
    standing_for = {node: other for (plain, own), (same, rounding) in pairs for node, other in
                    ((plain, rounding or same), (own, rounding or same)) if node is not None}  # fmt: skip
    cuts = _cuts([plain for (plain, _), _ in pairs], layers)
    answer = Walk(original, inputs).finish()
    yield "", _numbers(answer)
    for place, ((plain, own), (same, rounding)) in enumerate(pairs):
        if plain.op == "output":
            return
        ours.go_to(own or plain)
        theirs.go_to(rounding or same)
        if place in cuts:
            check()
            yield cuts[place], _answer_from(original, ours, theirs, standing_for, answer)


def _answer_from(
    original: "fx.GraphModule", ours: Walk, theirs: Walk, standing_for: "dict[fx.Node, fx.Node]", answer: "torch.Tensor"
) -> "Output | None":
    """The original's answer to what the compressed network has come to; None where that does not fit."""
    values: dict[fx.Node, Any] = {}
    differs = False
    for node, value in ours.values.items():
        found = theirs.values.get(standing_for[node])
        if found is None or not _fits(value, found):
            return None
        differs = differs or not _is_equal(value, found)
        values[node] = found
    if not differs:
        return _numbers(answer)
    return _numbers(Walk(original, ()).finish(ours.place, values))


def _plain(graph: "fx.GraphModule") -> "list[tuple[fx.Node, fx.Node | None]]":
    """(node, the rounding of its value that a simulation has put behind it) in order."""
    roundings = {node.args[0]: node for node in graph.graph.nodes if ROUNDS in node.meta}
    return [(node, roundings.get(node)) for node in graph.graph.nodes if ROUNDS not in node.meta]


def _kind(node: "fx.Node") -> tuple[str, str]:
    return node.op, node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


def _cuts(nodes: "list[fx.Node]", layers: Sequence[str]) -> dict[int, str]:
    """Place of the last node before the next layer is computed → the layer that this belongs to."""
    calls: dict[str, int] = {}
    for place, node in enumerate(nodes):
        if node.op == "call_module" and node.target in layers:
            calls.setdefault(str(node.target), place)
    starts = [*calls.values(), next(place for place, node in enumerate(nodes) if node.op == "output")]
    return {after - 1: layer for layer, after in zip(calls, starts[1:], strict=True)}


def _fits(one: Any, other: Any) -> bool:
    shapes = [getattr(value, "shape", None) for value in (one, other)]
    return shapes[0] == shapes[1] and (shapes[0] is not None or type(one) is type(other))


def _is_equal(one: Any, other: Any) -> bool:
    import torch

    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def _numbers(answer: "torch.Tensor") -> Output:
    return np.asarray(answer.detach()[0].float().numpy())
