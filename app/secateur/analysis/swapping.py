"""Swapping one layer for what an option makes of it, and running only what depends on it.

A batch is run once with every intermediate result kept; with a layer changed, only the nodes that read something
that has changed are computed again. What an option makes of a layer is what its method would make of it in a network
where it is applied to this layer alone: the same weights, and for static int8 the same rounding of the same tensors.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.methods.change import Change
from secateur.model.encoding import ActivationEncoding

if TYPE_CHECKING:
    import torch
    from torch import fx


Outputs = tuple[NDArray[np.float32], ...]
"""All outputs of a network, in its order."""


class CachedNetwork:
    """A graph with all results of one batch, from which any layer can be changed and the rest re-run."""

    def __init__(self, graph: "fx.GraphModule", batch: "Sequence[torch.Tensor]") -> None:
        import torch
        from torch import fx

        from secateur.graph.graph_module import nodes_by_tensor
        from secateur.model.device import on_device, precise, torch_device

        self.device = torch_device()
        self.graph = graph = on_device(graph)  # type: ignore[assignment]
        self.nodes = list(graph.graph.nodes)
        self.by_tensor = nodes_by_tensor(graph)
        self.interpreter = fx.Interpreter(graph, garbage_collect_values=False)
        with torch.inference_mode(), precise():
            self.reference = _arrays(self.interpreter.run(*(values.to(self.device) for values in batch)))
        self.results: dict[Any, Any] = dict(self.interpreter.env)
        tensors = [value for value in self.results.values() if isinstance(value, torch.Tensor)]
        self.size_bytes = sum(value.numel() * value.element_size() for value in tensors)

    def outputs_with(self, layer: str, change: Change) -> Outputs:
        """All outputs of the network for the batch with one layer changed; nothing is kept of the change."""
        import torch

        from secateur.model.device import precise

        module = self.graph.get_submodule(layer)
        weight, bias = module.weight, module.bias
        try:
            module.weight = torch.nn.Parameter(_tensor(change.weight).to(self.device), requires_grad=False)
            if change.bias is not None:
                module.bias = torch.nn.Parameter(_tensor(change.bias).to(self.device), requires_grad=False)
            with torch.inference_mode(), precise():
                return self._run(layer, {self.by_tensor[name]: e for name, e in change.rounded.items()})
        finally:
            module.weight = weight
            if change.bias is not None:
                module.bias = bias

    def _run(self, layer: str, rounded: "Mapping[fx.Node, ActivationEncoding]") -> Outputs:
        """Every reader of a rounded tensor reads it rounded, as in the simulation (`secateur.graph.simulation`)."""
        import torch

        env = self.interpreter.env = dict(self.results)
        changed: set[fx.Node] = set()
        for node in self.nodes:
            own = node.op == "call_module" and node.target == layer
            if own or any(source in changed for source in node.all_input_nodes):
                env[node] = self.interpreter.run_node(node)
                changed.add(node)
            encoding = rounded.get(node)
            if encoding is not None:
                env[node] = torch.fake_quantize_per_tensor_affine(
                    env[node], encoding.scale, encoding.zero_point, 0, encoding.highest
                )
                changed.add(node)
            if node.op == "output" and node in changed:
                return _arrays(env[node])
        return self.reference


def _arrays(output: Any) -> Outputs:
    from secateur.graph.network import all_outputs

    return tuple(value.float().cpu().numpy() for value in all_outputs(output))


def _tensor(values: NDArray[np.float32]) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
