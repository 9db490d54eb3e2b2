"""Simulation: the network as it will compute once encoded, in torch.

Weights are rounded to their integers and back; behind every tensor with an activation encoding stands a fake
quantization, whose gradient is straight-through, so that a simulated network can also be trained.
"""

import copy
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import fx, nn

    from secateur.model.encoding import ActivationEncoding, Encodings
    from secateur.model.model import TorchModel

_SIMULATED: "weakref.WeakKeyDictionary[TorchModel, nn.Module]" = weakref.WeakKeyDictionary()


def executable(model: "TorchModel") -> "nn.Module":
    """The module to run for `model`, in evaluation mode: its own where nothing is encoded, else the simulation.

    A simulation is made once for each model object and freed with it.
    """
    if not model.encodings:
        return model.module.eval()
    if model not in _SIMULATED:
        _SIMULATED[model] = simulate(model.module, model.encodings)
    return _SIMULATED[model]


def tensor_names(node: "fx.Node") -> tuple[str, ...]:
    """The tensors of the ONNX graph that a node of an imported network stands for: one, or several of equal values."""
    name = node.meta.get("onnx")
    return () if name is None else (name, *node.meta.get("onnx_aliases", ()))


def simulate(module: "nn.Module", encodings: "Encodings") -> "nn.Module":
    """A copy of a lowered network with encoded weights and rounded activations; `module` is not changed.

    ValueError where an encoding names a tensor or a layer that the network does not have.
    """
    from torch import fx

    simulated = copy.deepcopy(module).eval()
    if encodings.activations:
        if not isinstance(simulated, fx.GraphModule):
            raise ValueError("activation encodings need a lowered network: they name tensors of its graph")
        _round_activations(simulated, dict(encodings.activations))
    _round_weights(simulated, encodings)
    return simulated


def _round_weights(module: "nn.Module", encodings: "Encodings") -> None:
    import torch

    for name, encoding in encodings.weights.items():
        try:
            layer = module.get_submodule(name)
        except AttributeError:
            raise ValueError(f"the network has no layer {name} to encode") from None
        weight = layer.weight
        if not isinstance(weight, torch.Tensor):
            raise ValueError(f"the layer {name} has no weight to encode")  # noqa: TRY004 - a wrong name, not a wrong type
        with torch.no_grad():
            weight.copy_(torch.from_numpy(encoding.round_trip(weight.detach().float().cpu().numpy())))


def _round_activations(module: "fx.GraphModule", encodings: "dict[str, ActivationEncoding]") -> None:
    import torch

    graph = module.graph
    missing = set(encodings)
    for node in list(graph.nodes):
        names = [name for name in tensor_names(node) if name in encodings]
        if not names:
            continue
        encoding = encodings[names[0]]
        with graph.inserting_after(node):
            rounded = graph.call_function(
                torch.fake_quantize_per_tensor_affine,
                (node, encoding.scale, encoding.zero_point, 0, 2**encoding.bits - 1),
            )
        node.replace_all_uses_with(rounded, delete_user_cb=lambda user, own=rounded: user is not own)  # type: ignore[misc]
        missing.difference_update(names)
    if missing:
        raise ValueError(f"the network has no tensor {min(missing)} to round")
    graph.lint()
    module.recompile()
