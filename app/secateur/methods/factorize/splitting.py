"""Low-rank factorization at work: layers of a network are replaced by two, one after the other."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch  # noqa: TID253 - imported by low rank's apply alone
from torch import nn  # noqa: TID253

from secateur.errors import UserError
from secateur.graph.context import Context, LeftOut
from secateur.graph.factors import FIRST, SECOND
from secateur.graph.network import TorchModel, weighted_modules
from secateur.methods.factorize.low_rank import largest_rank
from secateur.model.singular_values import as_matrix, factors, singular_values

if TYPE_CHECKING:
    from secateur.methods.factorize.low_rank import LowRank


def split_layers(model: TorchModel, layers: Sequence[str], method: "LowRank", context: Context) -> TorchModel:
    """A copy of `model` in which each of `layers` is two, named beneath it.

    A layer that would not get smaller is left out with the reason, as is one that shares its weight. `model` is not
    changed. UserError where a layer is unknown, or the network is quantized already.
    """
    if model.encodings:
        raise UserError(
            f"{method.title} changes float weights, and {model.name} is quantized already.",
            f"Put the {method.title.lower()} step before the quantization step.",
        )
    import copy

    module = copy.deepcopy(model.module)
    known = dict(weighted_modules(module))
    changed = False
    for done, name in enumerate(layers):
        context.progress(done, len(layers), f"{method.title}: {name}")
        if name not in known:
            raise UserError(f"{model.name} has no layer {name} that could be split.", "Check the layer's name.")
        made = _split(module, known[name], method)
        if isinstance(made, str):
            context.leave_out([LeftOut(name, made)])
            continue
        parent, _, own = name.rpartition(".")
        module.get_submodule(parent).register_module(own, made[0])
        context.log(f"{name}: rank {made[1]}")
        changed = True
    return replace(model, module=module, lowered=None) if changed else model


def _split(network: nn.Module, layer: Any, method: "LowRank") -> tuple[nn.Module, int] | str:
    """The two layers in place of one, and their rank; or why it stays."""
    if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return "Only convolutions and linear layers are split into two."
    if getattr(layer, "groups", 1) > 1:
        return "Its channels are in groups, each with few inputs: there is no low rank to find."
    holders = [name for name, weight in network.named_parameters(remove_duplicate=False) if weight is layer.weight]
    if len(holders) > 1:
        return "It shares its weight with another layer, which needs it whole."
    matrix = as_matrix(layer.weight.detach().float().cpu().numpy(), 0)
    rows, columns = matrix.shape
    rank = method.rank_of(rows, columns, singular_values(matrix) if method.by == "energy" else None)
    most = largest_rank(rows, columns)
    if rank is None or rank > most:
        return f"At rank {rank} the two layers would hold no less than this one: it gets smaller up to rank {most}."
    left, right = factors(matrix, rank)
    first, second = _pair(layer, rank)
    with torch.no_grad():
        first.weight.copy_(torch.from_numpy(np.ascontiguousarray(right)).reshape(first.weight.shape))
        second.weight.copy_(torch.from_numpy(np.ascontiguousarray(left)).reshape(second.weight.shape))
        if layer.bias is not None:
            second.bias.copy_(layer.bias)
    pair = nn.Sequential(OrderedDict([(FIRST, first), (SECOND, second)]))
    pair.to(device=layer.weight.device, dtype=layer.weight.dtype)
    return pair.train(layer.training), rank


def _pair(layer: Any, rank: int) -> tuple[Any, Any]:
    """Two layers with such a width between them: the first without a bias, as it is all in the second."""
    has_bias = layer.bias is not None
    if isinstance(layer, nn.Linear):
        return nn.Linear(layer.in_features, rank, bias=False), nn.Linear(rank, layer.out_features, bias=has_bias)
    kind = type(layer)
    first = kind(
        layer.in_channels, rank, layer.kernel_size, layer.stride, layer.padding, layer.dilation, bias=False,
        padding_mode=layer.padding_mode,
    )  # fmt: skip
    return first, kind(rank, layer.out_channels, 1, bias=has_bias)
