"""Copies of networks over the same numbers: what does not change is in memory once."""

import copy
from collections.abc import Mapping

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from torch import nn  # noqa: TID253


def sharing_copy(module: nn.Module, replaced: Mapping[int, torch.Tensor] | None = None) -> nn.Module:
    """A copy with parameters and buffers of its own over the same numbers, which nobody may write to.

    `replaced`: id of a parameter or buffer of `module` → what the copy has instead; tied ones stay tied. Gradients and
    `requires_grad` are each copy's own. To train a copy, make one with numbers of its own (`copy.deepcopy`).
    """
    given = replaced or {}
    parameters = {
        id(own): nn.Parameter(given.get(id(own), own).detach(), own.requires_grad) for own in module.parameters()
    }
    buffers = {id(own): given.get(id(own), own).detach() for own in module.buffers()}
    return copy.deepcopy(module, {**parameters, **buffers})
