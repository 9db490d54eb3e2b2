"""Training through the rounding of encodings: which layers can have a batch norm meanwhile, what becomes of scales."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.graph.trainable import TrainableSimulation
from secateur.model.encoding import WeightEncoding

_NETWORK: Final = "network."
"""What the names of layers begin with in a simulation."""


def network_of(module: nn.Module) -> nn.Module:
    """The network whose layers have the names that a person knows."""
    return module.network if isinstance(module, TrainableSimulation) else module


def normalizable(simulated: TrainableSimulation) -> frozenset[str]:
    """Layers of a simulation, by their names in it, whose scales can take in the factors of a batch norm behind them.

    They have one scale for each output channel and integers that lie evenly about zero, or are not rounded at all; and
    they learn.
    """
    weights = simulated.encodings.weights
    return frozenset(
        _NETWORK + name
        for name, layer in simulated.network.named_modules()
        if isinstance(weight := getattr(layer, "weight", None), torch.Tensor)
        and isinstance(bias := getattr(layer, "bias", None), torch.Tensor)
        and weight.requires_grad
        and bias.requires_grad
        and (name not in weights or _is_per_channel(weights[name]))
    )


def _is_per_channel(encoding: WeightEncoding) -> bool:
    return encoding.granularity == "channel" and encoding.axis == 0 and not encoding.is_affine


def rescaled(weights: Mapping[str, WeightEncoding], factors: Mapping[str, torch.Tensor]) -> dict[str, WeightEncoding]:
    """`weights` after a layer's channels were multiplied by `factors` (channels,), by their names in the simulation.

    The weights have the same integers as before, of the other sign where a factor is negative. A channel whose factor
    is zero keeps its scale: all of it is zero.
    """
    changed = dict(weights)
    for name, factor in factors.items():
        layer = name.removeprefix(_NETWORK)
        if layer in changed:
            sizes = np.abs(factor.numpy())
            sizes = np.where(sizes > 0, sizes, np.float32(1.0))
            changed[layer] = replace(changed[layer], scale=(changed[layer].scale * sizes).astype(np.float32))
    return changed
