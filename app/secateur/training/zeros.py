"""Zeros that stay zeros: training after weight pruning must not fill what was pruned."""

import torch  # noqa: TID253 - imported by the training loop alone
from torch import nn  # noqa: TID253

from secateur.graph.network import weighted_modules


class KeptZeros:
    """Remembers which weights of convolutions and linear layers are exactly zero, and puts them back to zero.

    Trained weights are as good as never exactly zero unless something pruned them.
    """

    def __init__(self, module: nn.Module) -> None:
        weights = [layer.weight for _, layer in weighted_modules(module)]
        self._masks = [(weight, weight.detach() != 0) for weight in weights if bool((weight == 0).any())]

    def restore(self) -> None:
        """Call after each step of the optimizer."""
        with torch.no_grad():
            for weight, kept in self._masks:
                weight.mul_(kept)
