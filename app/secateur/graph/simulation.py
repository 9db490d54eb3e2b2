"""Simulation: the network as it will compute once encoded, in torch.

Weights are rounded to their integers and back; behind every tensor with an activation encoding stands a fake
quantization, whose gradient is straight-through, so that a simulated network can also be trained.
"""

import weakref
from typing import TYPE_CHECKING, Final

from secateur.graph.graph_module import nodes_by_tensor

if TYPE_CHECKING:
    import numpy as np
    import onnx
    import torch
    from numpy.typing import NDArray
    from torch import fx, nn

    from secateur.graph.network import OnnxModel, TorchModel
    from secateur.model.encoding import Encodings

_GRAPHS: "weakref.WeakKeyDictionary[OnnxModel, onnx.ModelProto]" = weakref.WeakKeyDictionary()
ROUNDS: Final = "rounds"
"""Key in a node's meta under which a rounding names the tensor that it rounds."""

_SIMULATED: "weakref.WeakKeyDictionary[TorchModel, nn.Module]" = weakref.WeakKeyDictionary()


def executable(model: "TorchModel") -> "nn.Module":
    """The module to run for `model`, in evaluation mode: its own where nothing is encoded, else the simulation.

    Layers that have integers on both sides add whole numbers, as the runtime's kernels do. A simulation is made once
    for each model object and freed with it.
    """
    from torch import fx

    if not model.encodings:
        return model.module.eval()
    if model not in _SIMULATED:
        module, encodings = model.module, model.encodings
        simulated = simulate(module, encodings)
        if encodings.activations and isinstance(module, fx.GraphModule) and isinstance(simulated, fx.GraphModule):
            from secateur.graph.integer_layers import compute_in_integers

            compute_in_integers(simulated, encodings, input_scales(module, encodings), ROUNDS)
        _SIMULATED[model] = simulated
    return _SIMULATED[model]


def executable_graph(model: "OnnxModel") -> "onnx.ModelProto":
    """The graph to run for a file that stays a file: its own, or one with the encoded weights rounded.

    Weights that the file keeps in another float type are rounded to their integers and then to that type.
    """
    if not model.encodings:
        return model.proto
    if model not in _GRAPHS:
        from secateur.graph.onnx_layers import onnx_layers, replace_weights

        weights, layers = model.weights(), {layer.name: layer for layer in onnx_layers(model.proto)}
        rounded = {layers[name].weight: name for name in reversed(list(model.encodings.weights)) if name in layers}
        _GRAPHS[model] = replace_weights(
            model.proto, {name: model.encodings.weights[name].round_trip(weights[name]) for name in rounded.values()}
        )
    return _GRAPHS[model]


def simulate(module: "nn.Module", encodings: "Encodings") -> "nn.Module":
    """A copy of a lowered network with encoded weights and rounded activations; `module` is not changed.

    It shares with `module` what is not rounded, and is not to be trained (see `trainable_simulation`). ValueError where
    an encoding names a tensor or a layer that the network does not have.
    """
    from torch import fx

    from secateur.graph.copies import sharing_copy

    replaced: dict[int, torch.Tensor] = {}
    if encodings.activations:
        if not isinstance(module, fx.GraphModule):
            raise ValueError("activation encodings need a lowered network: they name tensors of its graph")
        replaced |= _rounded_biases(module, encodings)
    replaced |= _rounded_weights(module, encodings)
    simulated = sharing_copy(module, replaced).eval()
    if isinstance(simulated, fx.GraphModule) and encodings.activations:
        round_activations(simulated, encodings)
    return simulated


def _rounded_weights(module: "nn.Module", encodings: "Encodings") -> "dict[int, torch.Tensor]":
    """Id of a weight → the weight rounded; one that layers share is rounded for each of them."""
    import torch

    rounded: dict[int, torch.Tensor] = {}
    for name, encoding in encodings.weights.items():
        try:
            layer = module.get_submodule(name)
        except AttributeError:
            raise ValueError(f"the network has no layer {name} to encode") from None
        weight = layer.weight
        if not isinstance(weight, torch.Tensor):
            raise ValueError(f"the layer {name} has no weight to encode")
        values = encoding.round_trip(rounded.get(id(weight), weight).detach().float().cpu().numpy())
        rounded[id(weight)] = torch.empty_like(weight, requires_grad=False).copy_(torch.from_numpy(values))
    return rounded


def _rounded_biases(module: "fx.GraphModule", encodings: "Encodings") -> "dict[int, torch.Tensor]":
    import torch

    rounded: dict[int, torch.Tensor] = {}
    for name, values in rounded_biases(module, encodings).items():
        bias = module.get_submodule(name).bias
        if isinstance(bias, torch.Tensor):
            rounded[id(bias)] = torch.empty_like(bias, requires_grad=False).copy_(torch.from_numpy(values))
    return rounded


def rounded_biases(module: "fx.GraphModule", encodings: "Encodings") -> "dict[str, NDArray[np.float32]]":
    """By layer: the biases, rounded, of the layers that compute in integers, whose kernels add them in steps."""
    import torch

    from secateur.model.encoding import round_bias

    found = {}
    for name, scale in input_scales(module, encodings).items():
        bias, encoding = module.get_submodule(name).bias, encodings.weights[name]
        if isinstance(bias, torch.Tensor) and encoding.scale.size in (1, bias.numel()):
            found[name] = round_bias(bias.detach().float().numpy(), scale, encoding.scale)
    return found


def input_scales(module: "fx.GraphModule", encodings: "Encodings") -> dict[str, float]:
    """Layer of 8 bits → the scale of its input of 8 bits, where all calls of the layer have one and the same."""
    known = {node: encodings.activations[name] for name, node in _encoded_nodes(module, encodings).items()}
    scales: dict[str, set[float | None]] = {}
    for node in module.graph.nodes:
        if node.op == "call_module" and node.target in encodings.weights:
            source = known.get(node.args[0])
            scales.setdefault(node.target, set()).add(
                source.scale if source is not None and source.feeds_integer_kernels else None
            )
    return {
        name: scale
        for name, found in scales.items()
        for scale in found
        if len(found) == 1 and scale is not None and encodings.weights[name].feeds_integer_kernels
    }


def _encoded_nodes(module: "fx.GraphModule", encodings: "Encodings") -> "dict[str, fx.Node]":
    """Encoded tensor → the node that makes it; ValueError where nothing does."""
    nodes = nodes_by_tensor(module)
    missing = set(encodings.activations) - set(nodes)
    if missing:
        raise ValueError(f"the network has no tensor {min(missing)} to round")
    return {name: nodes[name] for name in encodings.activations}


def round_activations(module: "fx.GraphModule", encodings: "Encodings") -> None:
    import torch

    graph = module.graph
    for node, name in {node: name for name, node in _encoded_nodes(module, encodings).items()}.items():
        encoding, readers = encodings.activations[name], list(node.users)
        with graph.inserting_after(node):
            rounded = graph.call_function(
                torch.fake_quantize_per_tensor_affine,
                (node, encoding.scale, encoding.zero_point, 0, encoding.highest),
            )
        rounded.meta[ROUNDS] = name
        for reader in readers:
            reader.replace_input_with(node, rounded)
    graph.lint()
    module.recompile()
