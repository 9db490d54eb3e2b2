"""Swapping one layer for what an option makes of it, and running only what depends on it.

A batch is run once with every intermediate result kept; with a layer changed, only the nodes that read something
that has changed are computed again. What an option makes of a layer is what its method would make of it in a network
where it is applied to this layer alone: the same weights, and for static int8 the same rounding of the same tensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from secateur.graph.context import Context
from secateur.methods.base import WeightMethod
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.encoding import ActivationEncoding
from secateur.model.spectrum import Spectrum
from secateur.recipe.options import Option

if TYPE_CHECKING:
    import torch
    from torch import fx

    from secateur.graph.network import TorchModel


@dataclass(frozen=True, eq=False)
class Change:
    """One layer's new weight and bias (None: as it was), and the tensors of the graph that are rounded to 8 bits."""

    weight: "torch.Tensor"
    bias: "torch.Tensor | None" = None
    rounded: Mapping[str, ActivationEncoding] = field(default_factory=dict)


class CachedNetwork:
    """A graph with all results of one batch, from which any layer can be changed and the rest re-run."""

    def __init__(self, graph: "fx.GraphModule", batch: "torch.Tensor") -> None:
        import torch
        from torch import fx

        from secateur.graph.graph_module import nodes_by_tensor
        from secateur.model.device import on_device, precise, torch_device

        self.device = torch_device()
        graph, batch = on_device(graph), batch.to(self.device)  # type: ignore[assignment]
        self.graph = graph
        self.nodes = list(graph.graph.nodes)
        self.by_tensor = nodes_by_tensor(graph)
        self.interpreter = fx.Interpreter(graph, garbage_collect_values=False)
        with torch.inference_mode(), precise():
            self.reference = _first(self.interpreter.run(batch))
        self.results: dict[Any, Any] = dict(self.interpreter.env)
        tensors = [value for value in self.results.values() if isinstance(value, torch.Tensor)]
        self.size_bytes = sum(value.numel() * value.element_size() for value in tensors)

    def output_with(self, layer: str, change: Change) -> "torch.Tensor":
        """The network's first output for the batch with one layer changed; nothing is kept of the change."""
        import torch

        from secateur.model.device import precise

        module = self.graph.get_submodule(layer)
        weight, bias = module.weight, module.bias
        try:
            module.weight = torch.nn.Parameter(change.weight.to(self.device), requires_grad=False)
            if change.bias is not None:
                module.bias = torch.nn.Parameter(change.bias.to(self.device), requires_grad=False)
            with torch.inference_mode(), precise():
                return self._run(layer, {self.by_tensor[name]: e for name, e in change.rounded.items()})
        finally:
            module.weight = weight
            if change.bias is not None:
                module.bias = bias

    def _run(self, layer: str, rounded: "Mapping[fx.Node, ActivationEncoding]") -> "torch.Tensor":
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
                return _first(env[node])
        return self.reference


def _first(output: Any) -> "torch.Tensor":
    from secateur.graph.network import first_output

    result: torch.Tensor = first_output(output)
    return result


class Changes:
    """What each option does to each layer of a lowered network; computed when it is first needed.

    `context` has the data that static quantization calibrates on: its ranges are recorded once, for all `layers`.
    """

    def __init__(self, model: "TorchModel", layers: Sequence[str], context: Context) -> None:
        from secateur.graph.layers import channel_axes

        self._model, self._layers, self._context = model, layers, context
        self._weights, self._axes = model.weights(), channel_axes(model)
        self._spectra: dict[int, dict[str, Spectrum]] = {}

    def of(self, layer: str, option: Option) -> Change:
        """What the option does to the layer; UserError where its method cannot be carried out there."""
        method = option.method
        weight, axis = self._weights[layer], self._axes[layer]
        match method:
            case StaticInt8():
                return self._static(layer, method)
            case WeightOnly() | WeightMethod():
                return Change(_tensor(method.on_weight(weight, axis)))
            case _:
                raise TypeError(f"{method.id} cannot be measured one layer at a time")

    def _static(self, layer: str, method: StaticInt8) -> Change:
        from secateur.graph.simulation import rounded_biases
        from secateur.methods.quantize.calibration import record_spectra, static_encodings, tensors_to_record

        model = self._model
        if method.samples not in self._spectra:
            wanted: set[str] = set()
            for done, name in enumerate(self._layers):
                self._context.progress(done, len(self._layers), "Placing the rounding of int8")
                wanted |= tensors_to_record(model, [name])
            self._spectra[method.samples] = record_spectra(model, wanted, self._context, method.samples)
        encodings = static_encodings(model, [layer], method, self._spectra[method.samples])
        weight = encodings.weights[layer].round_trip(self._weights[layer])
        bias = rounded_biases(model.module, encodings).get(layer)  # type: ignore[arg-type]
        rounded = {name: e for name, e in encodings.activations.items() if name not in model.encodings.activations}
        return Change(_tensor(weight), None if bias is None else _tensor(bias), rounded)


def _tensor(values: Any) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
