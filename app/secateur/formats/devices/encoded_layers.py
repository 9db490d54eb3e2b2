"""Which encoded layers a network computes in integers, and which it only stores so, for writers to act on and tell."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from secateur.graph.network import Model, TorchModel
    from secateur.model.encoding import WeightEncoding

_MOST_NAMED = 3


def computed_layers(model: "TorchModel") -> tuple[str, ...]:
    """The layers of 8 bits whose inputs have an encoding too, so that they can be computed in integers."""
    from secateur.graph.lowering import structure_of
    from secateur.graph.qdq.placing import static_layers

    return tuple(static_layers(structure_of(model), model.encodings)) if model.encodings else ()


def stored_layers(model: "TorchModel") -> tuple[str, ...]:
    """The encoded layers whose weights alone are encoded: they compute in float."""
    computed = set(computed_layers(model))
    return tuple(name for name in model.encodings.weights if name not in computed)


def float_results(model: "TorchModel") -> tuple[str, ...]:
    """The layers whose result goes on without an encoding (behind a fused ReLU, if there is one): mostly the last."""
    from secateur.graph.graph_module import nodes_by_tensor, tensors_of_layers

    graph: Any = model.module
    nodes = nodes_by_tensor(graph)
    encoded = {nodes[name] for name in model.encodings.activations if name in nodes}

    def goes_on_encoded(tensor: str) -> bool:
        node = nodes[tensor]
        followers = list(node.users)
        return node in encoded or (len(followers) == 1 and followers[0] in encoded and _is_fused(graph, followers[0]))

    return tuple(layer for layer, tensor in tensors_of_layers(graph).items() if not goes_on_encoded(tensor))


def _is_fused(graph: Any, node: Any) -> bool:
    """Whether a node is a ReLU or a clip, which kernels apply to the sums before they round them."""
    import torch
    from torch import nn
    from torch.nn import functional

    if node.op == "call_module":
        return isinstance(graph.get_submodule(node.target), nn.ReLU | nn.ReLU6 | nn.Hardtanh)
    return node.target in (functional.relu, functional.relu6, functional.hardtanh, torch.relu, torch.clamp)


def rounded(model: "TorchModel", layers: Collection[str] | None = None) -> "TorchModel":
    """The network with float weights as the encodings round them, of these layers or of all that are encoded."""
    weights, encodings = model.weights(), model.encodings.weights
    wanted = [name for name in encodings if layers is None or name in layers]
    return model.with_weights({name: encodings[name].round_trip(weights[name]) for name in wanted})


def why_not_in_equal_blocks(encoding: "WeightEncoding", shape: tuple[int, ...], title: str) -> str | None:
    """Why a format that finds out the size of groups from how many there are cannot hold a weight; None where it can.

    Without a shape nothing speaks against it.
    """
    size, axis = encoding.group_size, encoding.axis
    if size is None or axis is None or not shape or shape[axis] % size == 0:
        return None
    return f"{title} wants groups of one size: layers whose last one is shorter are stored as rounded floats."


def as_torch(model: "Model") -> "TorchModel":
    """The model, which must be a torch network, without what `activations_told` tells of; TypeError where `can_write`
    was not asked."""
    from secateur.graph.network import TorchModel

    if not isinstance(model, TorchModel):
        raise TypeError(f"{model.name} is not a torch network")
    return in_eight_bits(model)


def in_eight_bits(model: "TorchModel") -> "TorchModel":
    """The network with no other activations encoded than those of 8 bits."""
    kept = {name: one for name, one in model.encodings.activations.items() if one.feeds_integer_kernels}
    if len(kept) == len(model.encodings.activations):
        return model
    return replace(model, encodings=replace(model.encodings, activations=kept))


def activations_told(model: "Model", name: str) -> str:
    """What becomes of the encodings of activations that the format of this id does not hold; empty where it does."""
    from secateur.formats import format_named
    from secateur.formats.holding import not_held

    encodings = getattr(model, "encodings", None)
    return sentences(*not_held(format_named(name), encodings.activations.values())) if encodings else ""


def listed(names: Sequence[str]) -> str:
    """A few names and how many more there are."""
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def sentences(*parts: str) -> str:
    """Those sentences that say something."""
    return " ".join(part for part in parts if part)
