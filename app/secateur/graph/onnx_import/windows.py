"""Pooling over windows that torch's own pooling does not have: dilated, unevenly padded, of any rank.

Each spatial axis is unfolded into (window, entry in it) by an index_select, with what lies outside filled in.
"""

from collections.abc import Sequence

import torch  # noqa: TID253 - imported lazily with the importer
from torch.nn import functional as F  # noqa: N812, TID253


def window_count(size: int, window: int, stride: int, dilation: int, pads: tuple[int, int], ceil: bool) -> int:
    """How many windows lie along an axis (ONNX AveragePool); with `ceil` the last one may reach beyond the end,
    but has to begin within the input or the padding before it."""
    room = size + sum(pads) - dilation * (window - 1) - 1
    count = (-(-room // stride) if ceil else room // stride) + 1
    if ceil and (count - 1) * stride >= size + pads[0]:
        count -= 1
    return count


def unfolded(
    values: torch.Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    fill: float,
    ceil: bool,
) -> torch.Tensor:
    """(N, C, …) → (N, C, windows of axis 1, entries of axis 1, windows of axis 2, …)."""
    for place, window in enumerate(kernel):
        axis, pads = 2 + 2 * place, (begin[place], end[place])
        count = window_count(values.shape[axis], window, strides[place], dilations[place], pads, ceil)
        last = (count - 1) * strides[place] + (window - 1) * dilations[place] + 1
        after = max(last - values.shape[axis] - pads[0], 0)
        behind = values.ndim - 1 - axis
        padded = F.pad(values, [0, 0] * behind + [pads[0], after], value=fill)
        starts = torch.arange(count, device=values.device).unsqueeze(1) * strides[place]
        entries = starts + torch.arange(window, device=values.device) * dilations[place]
        picked = padded.index_select(axis, entries.reshape(-1))
        values = picked.reshape(*picked.shape[:axis], count, window, *picked.shape[axis + 1 :])
    return values


def entry_axes(kernel: Sequence[int]) -> tuple[int, ...]:
    """The axes of `unfolded` along which the entries of a window lie."""
    return tuple(3 + 2 * place for place in range(len(kernel)))


def average_windows(
    values: torch.Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    ceil: bool,
    counts_padding: bool,
) -> torch.Tensor:
    """Averages over windows; divided by the entries that are no padding, or by those within the given padding."""
    window = (kernel, strides, dilations)
    total = unfolded(values, *window, begin, end, 0.0, ceil).sum(entry_axes(kernel))
    ones = torch.ones_like(values[:1, :1])
    if not counts_padding:
        return total / unfolded(ones, *window, begin, end, 0.0, ceil).sum(entry_axes(kernel))
    pads = [amount for pair in zip(reversed(begin), reversed(end), strict=True) for amount in pair]
    padded = F.pad(ones, pads, value=1.0)
    none = [0] * len(kernel)
    # the given padding is part of the input now, so that the last window may begin in it: as many as `total` has
    parts = unfolded(padded, *window, none, none, 0.0, ceil).sum(entry_axes(kernel))
    return total / parts[tuple(slice(0, size) for size in (1, 1, *total.shape[2:]))]


def norm_windows(
    values: torch.Tensor,
    order: float,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    ceil: bool,
) -> torch.Tensor:
    """LpPool: the p-norm of each window."""
    powers = unfolded(values.abs() ** order, kernel, strides, dilations, begin, end, 0.0, ceil)
    return powers.sum(entry_axes(kernel)) ** (1.0 / order)


def maximum_windows(
    values: torch.Tensor,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    begin: Sequence[int],
    end: Sequence[int],
    ceil: bool,
    column_major: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The largest entry of each window, and its place in the flattened input (ONNX MaxPool)."""
    lowest = float("-inf") if values.is_floating_point() else torch.iinfo(values.dtype).min
    window = (kernel, strides, dilations, begin, end)
    sizes, rank = values.shape, len(kernel)
    order = [0, 1, *range(2, 2 + 2 * rank, 2), *entry_axes(kernel)]
    listed = unfolded(values, *window, lowest, ceil).permute(order).flatten(2 + rank)
    largest, entry = listed.max(-1)
    places = torch.arange(sizes[2:].numel(), device=values.device).reshape(1, 1, *sizes[2:])
    if column_major:
        places = places.reshape(sizes[2:][::-1]).permute(*range(rank)[::-1]).reshape(1, 1, *sizes[2:])
    table = unfolded(places, *window, -1, ceil).permute(order).flatten(2 + rank)
    found = torch.gather(table.expand(listed.shape), -1, entry.unsqueeze(-1)).squeeze(-1)
    planes = torch.arange(sizes[0] * sizes[1], device=values.device) * sizes[2:].numel()
    return largest, found + planes.reshape(sizes[0], sizes[1], *[1] * rank)


def unpooled(values: torch.Tensor, places: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """MaxUnpool: a tensor of `shape` with `values` at these places of the flattened tensor, zero elsewhere."""
    size = torch.Size(shape)
    flat = torch.zeros(size.numel(), dtype=values.dtype, device=values.device)
    return flat.scatter(0, places.reshape(-1), values.reshape(-1)).reshape(size)
