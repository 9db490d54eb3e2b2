"""Pruned weights stay pruned while the network learns."""

import torch
from torch import nn

from secateur.training.zeros import KeptZeros


def test_zeros_are_put_back_and_other_weights_left_alone() -> None:
    layer = nn.Linear(4, 4)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.weight[0] = 0.0
    zeros = KeptZeros(layer)
    with torch.no_grad():
        layer.weight.add_(0.5)
    zeros.restore()
    assert torch.equal(layer.weight[0], torch.zeros(4))
    assert torch.equal(layer.weight[1:], torch.full((3, 4), 1.5))
