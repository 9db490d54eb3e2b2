"""Taking channels out of the stored tensors of a network, and telling its layers how wide they are now."""

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from numpy.typing import NDArray
from torch import nn  # noqa: TID253

from secateur.graph.coupling.channel_padding import ChannelPad
from secateur.graph.coupling.following import Findings, Unfit

Kept = NDArray[np.bool_]


def slice_network(module: nn.Module, found: Findings, gone: Collection[int]) -> Findings:
    """Take the units `gone` (marks that stand for them) out of `module`, in place; what is left of `found`.

    The channels that stay keep their order. Unfit where the groups of a convolution would differ in width.
    """
    removed = np.array(sorted(gone), np.int64)
    keeps = {key: ~np.isin(found.marks.roots(marks), removed) for key, marks in found.stored.items()}
    tensors = dict((*module.named_parameters(), *module.named_buffers()))
    made: dict[int, torch.Tensor] = {}
    for name, tensor in tensors.items():
        own = {role: keep for (owner, role), keep in keeps.items() if owner == name and not keep.all()}
        if own:
            made[id(tensor)] = _sliced(name, tensor, own, found, keeps)
    for layer in module.modules():
        changed = _put(layer, made)
        if changed:
            _tell_width(layer, changed)
        if isinstance(layer, ChannelPad):
            _narrow_padding(module, layer, keeps)
    left = {key: marks[keeps[key]] for key, marks in found.stored.items()}
    return replace(found, stored=left)


def _sliced(
    name: str,
    tensor: torch.Tensor,
    own: dict[str | int, Kept],
    found: Findings,
    keeps: dict[tuple[str, str | int], Kept],
) -> torch.Tensor:
    values = tensor.detach()
    if "blocks" in own:
        values = _sliced_blocks(name, values, own["blocks"], found.groups[name], keeps.get((name, 0)))
    else:
        for role, keep in own.items():
            values = values.index_select(int(role), torch.from_numpy(np.flatnonzero(keep)))
    return nn.Parameter(values, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else values


def _sliced_blocks(name: str, values: torch.Tensor, keep: Kept, groups: int, rows: Kept | None) -> torch.Tensor:
    """The weight of a grouped convolution: each group's rows with the group's own columns."""
    height = values.shape[0] // groups
    blocks = []
    for group, columns in enumerate(keep.reshape(groups, -1)):
        block = values[group * height : (group + 1) * height]
        if rows is not None:
            block = block[torch.from_numpy(rows[group * height : (group + 1) * height])]
        blocks.append(block[:, torch.from_numpy(columns)])
    if len({block.shape for block in blocks}) != 1:
        raise Unfit(np.zeros(0, np.int64), f"the groups of {name} would differ in width")
    return torch.cat(blocks)


def _put(layer: nn.Module, made: dict[int, torch.Tensor]) -> dict[str, tuple[torch.Size, torch.Size]]:
    """Put new tensors in the place of old ones; name → (shape before, shape after)."""
    changed = {}
    for held in (layer._parameters, layer._buffers):
        for key, tensor in held.items():
            if tensor is not None and id(tensor) in made:
                new = made[id(tensor)]
                changed[key] = (tensor.shape, new.shape)
                held[key] = new  # type: ignore[assignment]
    return changed


def _tell_width(layer: nn.Module, changed: dict[str, tuple[torch.Size, torch.Size]]) -> None:
    before, after = changed.get("weight") or next(iter(changed.values()))
    if isinstance(layer, nn.modules.conv._ConvNd):
        if "weight" not in changed:
            return
        inner = after[0] if layer.transposed else after[1]
        is_depthwise = layer.groups > 1 and layer.groups == layer.in_channels
        if is_depthwise:
            layer.groups = after[0] * layer.groups // before[0]
        many = layer.groups
        layer.in_channels = after[0] if layer.transposed else inner * many
        layer.out_channels = after[1] * many if layer.transposed else after[0]
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = layer.weight.shape
    elif isinstance(layer, nn.modules.batchnorm._NormBase):
        layer.num_features = after[0]
    elif isinstance(layer, nn.GroupNorm):
        layer.num_channels = after[0]
    elif isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = tuple(after)
    elif isinstance(layer, nn.PReLU):
        layer.num_parameters = after[0]
    elif isinstance(layer, nn.Embedding):
        layer.embedding_dim = after[1]


def _narrow_padding(module: nn.Module, layer: ChannelPad, keeps: dict[tuple[str, str | int], Kept]) -> None:
    name = next(name for name, other in module.named_modules() if other is layer)
    for side in ("before", "after"):
        keep = keeps.get((f"{name}:{side}", 1))
        if keep is not None:
            setattr(layer, side, int(keep.sum()))
