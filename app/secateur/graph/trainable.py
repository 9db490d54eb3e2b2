"""A simulated network that can be trained: float weights that every pass rounds as the file will have them.

What comes out of a training is float weights again, under the encodings that the model had or under new ones of the
same kind: the file is written from both, and the simulation of the trained model is the network that was trained.
"""

import copy
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from torch import fx, nn  # noqa: TID253
from torch.func import functional_call  # noqa: TID253

from secateur.graph.homes import homes, with_parameters
from secateur.graph.simulation import input_scales, round_activations
from secateur.graph.straight_through import rounded_bias, rounded_weight
from secateur.model.encoding import Encodings, WeightEncoding

if TYPE_CHECKING:
    from collections.abc import Callable

    from secateur.graph.network import TorchModel
    from secateur.graph.shipped import ShippedGraph


class TrainableSimulation(nn.Module):
    """The network of a lowered model, whose answers are those of `simulate` to the last bit, its sums in float.

    `network` has the layers and float parameters under the model's own names (`network.state_dict()` fits the model's
    module; hooks on its layers work). Each pass rounds the encoded ones for whoever reads them, and activations where
    they are encoded; the gradient goes straight through and is zero beyond a range. Parameters that could not be
    written back into the graph that is shipped do not learn (`requires_grad` is off).
    """

    def __init__(self, network: nn.Module, encodings: Encodings) -> None:
        super().__init__()
        self.network = network
        self._activations = dict(encodings.activations)
        self._input_scales: dict[str, float] = {}
        if encodings.activations:
            if not isinstance(network, fx.GraphModule):
                raise ValueError("activation encodings need a lowered network: they name tensors of its graph")
            self._input_scales = input_scales(network, encodings)
            round_activations(network, encodings)
        self.encode_weights(encodings.weights)

    @property
    def encodings(self) -> Encodings:
        """How the network is rounded: what the trained model ships."""
        return Encodings(dict(self._weights), dict(self._activations))

    def encode_weights(self, weights: Mapping[str, WeightEncoding]) -> None:
        """Round these layers so from now on: scales that were decided anew for weights that have moved.

        ValueError where a layer is not there or has no weight.
        """
        canonical = {id(parameter): name for name, parameter in self.network.named_parameters()}
        self._weights = dict(weights)
        self._roundings: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
        for name, encoding in weights.items():
            try:
                layer = self.network.get_submodule(name)
            except AttributeError:
                raise ValueError(f"the network has no layer {name} to encode") from None
            weight, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
            if id(weight) not in canonical:
                raise ValueError(f"the layer {name} has no weight to encode")
            self._roundings.setdefault(canonical[id(weight)], partial(rounded_weight, encoding=encoding))
            scale = self._input_scales.get(name)
            if scale is not None and isinstance(bias, torch.Tensor) and encoding.scale.size in (1, bias.numel()):
                step = partial(rounded_bias, input_scale=scale, encoding=encoding)
                self._roundings.setdefault(canonical[id(bias)], step)

    def forward(self, *inputs: Any) -> Any:
        floats = dict(self.network.named_parameters())
        rounded = {name: rounding(floats[name]) for name, rounding in self._roundings.items()}
        return functional_call(self.network, rounded, inputs)


def trainable_simulation(model: "TorchModel") -> TrainableSimulation:
    """The simulation of `model` (which `lower` or an encoding method made) to train, in evaluation mode.

    It works on a copy: `model` is not changed.
    """
    simulated = TrainableSimulation(copy.deepcopy(model.module).eval(), model.encodings)
    if model.lowered is not None:
        places, integers = homes(model.lowered, model.module), {f"{name}.weight" for name in model.encodings.weights}
        # what the file keeps in 16 bits beside integers stays as it was rounded
        free = {name for name, home in places.items() if name in integers or home.initializer not in model.narrow}
        for name, parameter in simulated.network.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name in free)
    return simulated


def weights_of(simulated: nn.Module) -> dict[str, NDArray[np.float32]]:
    """Layer → float32 weight, not rounded, of every convolution and linear layer: what new scales are decided from."""
    from secateur.graph.network import weighted_modules

    network = simulated.network if isinstance(simulated, TrainableSimulation) else simulated
    return {name: layer.weight.detach().float().cpu().numpy() for name, layer in weighted_modules(network)}


def trained_model(model: "TorchModel", simulated: TrainableSimulation) -> "TorchModel":
    """`model` with what `simulated` (made of it) learned and the encodings that it is rounded with.

    Its simulation answers as `simulated` in evaluation mode; the graph that is shipped has the same numbers.
    """
    module: nn.Module = copy.deepcopy(model.module)
    module.load_state_dict({name: tensor.detach().cpu() for name, tensor in simulated.network.state_dict().items()})
    lowered = model.lowered
    if lowered is not None:
        lowered = with_parameters(lowered, homes(lowered, model.module), module)
    return replace(model, module=module.eval(), lowered=lowered, encodings=simulated.encodings)


def graph_with(model: "TorchModel", trained: nn.Module) -> "ShippedGraph | None":
    """The graph of `model` with what `trained`, a trained copy of its network, learned: it need not be exported anew.

    None where there is no graph that can be shipped as it is, or where it has no place for all that was learned.
    """
    from secateur.graph.lowering import is_lowered
    from secateur.graph.network import weighted_modules

    graph = model.lowered
    if graph is None or not is_lowered(graph.structure, {name for name, _ in weighted_modules(model.module)}):
        return None
    before, after = model.module.state_dict(), trained.state_dict()
    if before.keys() != after.keys():
        return None
    places = homes(graph, model.module)
    learned = {name for name, values in after.items() if not torch.equal(values.cpu(), before[name].cpu())}
    return with_parameters(graph, places, trained) if learned <= places.keys() else None
