"""Padding of tensors: adding to their ends, or cutting from them."""

from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Unsupported, items_of

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def pad(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Pad → F.pad, over as few of the last axes as need it."""
    source = build.tensor(node.required(0))
    rank, mode = build.rank(source), node.word("mode", "constant")
    if mode not in _MODES:
        raise Unsupported(f"torch does not pad in the mode '{mode}'")
    begin, end = _amounts(build, node, source)
    first = next((axis for axis in range(rank) if (begin[axis], end[axis]) != (0, 0)), rank - 1)
    if mode == "constant":
        listed = [amount for axis in reversed(range(first, rank)) for amount in (begin[axis], end[axis])]
        return build.call(F.pad, source, listed, "constant", _fill(build, node))
    if first >= 2 and not _is_cutting(begin, end) and mode != "wrap":
        # torch pads 1, 2 or 3 last axes in these modes, and wants exactly rank − 2 of them
        listed = [amount for axis in reversed(range(2, rank)) for amount in (begin[axis], end[axis])]
        return build.call(F.pad, source, listed, _MODES[mode])
    for axis in range(rank):
        if (begin[axis], end[axis]) != (0, 0):
            source = build.call(_continued, source, axis, begin[axis], end[axis], mode)
    return source


def _amounts(build: GraphBuilder, node: OnnxNode, source: fx.Node) -> tuple[list[Any], list[Any]]:
    """Entries to add before and after each axis; the attribute is called `paddings` before opset 2."""
    listed = node.attributes.get("pads") or node.attributes.get("paddings")
    amounts = list(listed if listed is not None else items_of(node.required(1)))
    axes = node.integers("axes", 3) or tuple(range(len(amounts) // 2))
    begin: list[Any] = [0] * build.rank(source)
    end: list[Any] = [0] * build.rank(source)
    for position, axis in enumerate(axes):
        begin[build.axis(source, axis)] = amounts[position]
        end[build.axis(source, axis)] = amounts[position + len(axes)]
    return begin, end


def _fill(build: GraphBuilder, node: OnnxNode) -> Any:
    value = node.input(2)
    if value is None:
        return float(node.attributes.get("value", 0.0))
    known = node.constant(2)
    return known.reshape(-1)[0].item() if known is not None and known.size else 0.0


def _is_cutting(begin: list[Any], end: list[Any]) -> bool:
    return any(isinstance(amount, int) and amount < 0 for amount in (*begin, *end))


def _continued(values: torch.Tensor, axis: int, before: int, after: int, mode: str) -> torch.Tensor:
    """One axis lengthened by what stands in it: mirrored, repeated at the edge, or from the other end."""
    length = values.shape[axis]
    places = torch.arange(-before, length + after, device=values.device)
    if mode == "wrap":
        picked = places % length
    elif mode == "edge":
        picked = places.clamp(0, length - 1)
    else:
        period = max(2 * (length - 1), 1)
        turned = places % period
        picked = torch.minimum(turned, period - turned)
    return values.index_select(axis, picked)


def center_crop_pad(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """CenterCropPad: each axis cut or padded around its middle; an odd entry is cut first and added last."""
    source, wanted = build.tensor(node.required(0)), items_of(node.required(1))
    axes = node.attributes.get("axes") or range(build.rank(source))
    for axis, target in zip(axes, wanted, strict=True):
        source = build.call(_centered, source, int(axis), target)
    return source


def _centered(values: torch.Tensor, axis: int, target: int) -> torch.Tensor:
    length = values.shape[axis]
    if target <= length:
        return values.narrow(axis, (length - target) // 2, target)
    before = (target - length) // 2
    behind = values.ndim - 1 - axis % values.ndim
    return F.pad(values, [0, 0] * behind + [before, target - length - before])


OPERATORS: OperatorTable = {"Pad": pad, "CenterCropPad": center_crop_pad}
