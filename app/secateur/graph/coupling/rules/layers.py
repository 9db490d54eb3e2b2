"""Convolutions, linear layers, products and attention: where channels are read and made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch import nn  # noqa: TID253

from secateur.graph.coupling.following import Follower, Stored
from secateur.graph.coupling.mark_tensors import along, filled, shortened, tensors_in, varying
from secateur.graph.coupling.marks import FIXED, Array
from secateur.graph.coupling.rules.common import (
    COMPUTED_WEIGHTS,
    NOT_ALONE,
    Marked,
    argument_of,
    consume_vector,
    line,
    not_followed,
    parts_of,
    tie_all,
    unreadable,
    values_of,
)

# ---------------------------------------------------------------------- layers


def convolution(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    inputs, weight, bias = full[0], full[1], full[2]
    transposed, groups = bool(argument_of(func, full, "transposed")), int(argument_of(func, full, "groups"))
    view = run.look(weight)
    if not _is_whole(view, weight):
        return unreadable(run, inputs, result)
    assert isinstance(view, Stored)  # noqa: S101 - _is_whole says so
    arriving = line(run, values_of(run, inputs), 1)
    if groups == len(arriving) > 1 and view.name not in run.found.groups:
        run.found.depthwise.add(view.name)
    if view.name in run.found.depthwise:
        leaving = _depthwise(run, view.name, weight, arriving, transposed, result.shape[1])
    elif groups == 1:
        run.consume(view.name, 0 if transposed else 1, arriving, weight)
        leaving = run.produce(view.name, 1 if transposed else 0, result.shape[1])
    elif not isinstance(_owner(run, view.name), nn.modules.conv._ConvNd):
        return unreadable(run, inputs, result)
    else:
        run.found.groups[view.name] = groups
        run.balance(parts_of(arriving, groups))
        run.consume(view.name, 0 if transposed else "blocks", arriving, weight)
        leaving = run.produce(view.name, "blocks" if transposed else 0, result.shape[1])
        run.balance(parts_of(leaving, groups))
    if bias is not None:
        consume_vector(run, bias, leaving)
    return along(leaving, 1, result.shape)


def _depthwise(run: Follower, name: str, weight: torch.Tensor, arriving: Array, transposed: bool, count: int) -> Array:
    """Each input channel is a group of its own and makes `count // len(arriving)` output channels."""
    each = count // len(arriving)
    if not isinstance(_owner(run, name), nn.modules.conv._ConvNd):
        run.fix(arriving, COMPUTED_WEIGHTS)
    if transposed:
        run.consume(name, 0, arriving, weight)
        return np.repeat(run.found.stored[(name, 0)], each)
    if (name, 0) not in run.found.stored:
        run.produce(name, 0, count)
    run.consume(name, 0, np.repeat(arriving, each), weight)
    marks = run.found.stored[(name, 0)]
    return np.full(1, FIXED) if count == 1 else marks


def _is_whole(view: Any, weight: torch.Tensor) -> bool:
    """Whether a convolution's weight is a stored tensor as it is stored."""
    return isinstance(view, Stored) and all(axis in (None, place) for place, axis in enumerate(view.axes))


def _owner(run: Follower, name: str) -> nn.Module:
    return run.module.get_submodule(name.rpartition(".")[0])


def product(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """mm, bmm, addmm, baddbmm: a linear layer where one factor is stored."""
    bias, first, second = full[:3] if "add" in func._schema.name else (None, *full[:2])
    view = run.look(second)
    if not isinstance(view, Stored) or view.axes[-2:].count(None):
        return _contraction(run, first, second, bias, result)
    marks = values_of(run, first)
    inner, outer = view.axes[-2], view.axes[-1]
    rows = [axis for axis in varying(marks) if axis != marks.ndim - 1]
    leaving = run.produce(view.name, outer or 0, result.shape[-1])
    number, is_sum = run.next_number("sum"), not rows or marks.ndim - 1 in varying(marks)
    if not run.sums_over_channels(number, is_so=is_sum):  # rows are channels: each is computed for itself
        run.fix(leaving, NOT_ALONE)
        return marks.narrow(-1, 0, 1).expand(result.shape)
    run.consume(view.name, inner or 0, line(run, marks, marks.ndim - 1), second)
    consume_vector(run, bias, leaving)
    return along(leaving, result.ndim - 1, result.shape)


def linear(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """aten::linear where it is not taken apart: the weight is stored as (outputs, inputs)."""
    inputs, weight, bias = full[:3]
    view = run.look(weight)
    if not isinstance(view, Stored) or None in view.axes:
        return unreadable(run, inputs, result)
    marks = values_of(run, inputs)
    run.consume(view.name, 1, line(run, marks, marks.ndim - 1), weight)
    leaving = run.produce(view.name, 0, result.shape[-1])
    consume_vector(run, bias, leaving)
    return along(leaving, result.ndim - 1, result.shape)


def _contraction(run: Follower, first: Any, second: Any, bias: Any, result: torch.Tensor) -> Marked:
    """A product of two computed tensors: what is summed over goes together, rows and columns stay what they are."""
    a, b = values_of(run, first), values_of(run, second)
    if isinstance(bias, torch.Tensor):
        run.fix(shortened(values_of(run, bias)), COMPUTED_WEIGHTS)
    is_sum = a.ndim - 1 in varying(a) or b.ndim - 2 in varying(b)
    if run.sums_over_channels(run.next_number("sum"), is_so=is_sum):
        left, right = np.moveaxis(shortened(a), -1, -2), shortened(b)  # (…, inner, rows) and (…, inner, columns)
        tie_all(run, left[..., :1], left)
        tie_all(run, right[..., :1], right)
        tie_all(run, left[..., :1], right[..., :1])
        return filled(FIXED, result.shape)
    rows, columns = a.narrow(-1, 0, 1), b.narrow(-2, 0, 1)
    marked = [part for part in (rows, columns) if bool((part >= 0).any())]
    if len(marked) == 2 and not torch.equal(rows.expand(result.shape), columns.expand(result.shape)):
        for part in marked:
            run.fix(shortened(part), NOT_ALONE)
        return filled(FIXED, result.shape)
    return marked[0].expand(result.shape) if marked else filled(FIXED, result.shape)


def attention(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Attention in one operation: it divides by the size of a head, which therefore stays; the values may shrink."""
    query, key, value = (values_of(run, tensor) for tensor in full[:3])
    for marks in (query, key):
        run.fix(shortened(marks), "The size of its attention heads is part of what is computed.")
    mask = argument_of(func, full, "attn_mask", "attn_bias")
    if isinstance(mask, torch.Tensor):
        run.fix(shortened(values_of(run, mask)), COMPUTED_WEIGHTS)
    made = tensors_in(result)
    last = value.ndim - 2
    rows = value.narrow(last, 0, 1) if last not in varying(value) else None
    if rows is None:
        run.fix(shortened(value), NOT_ALONE)
    own = rows.expand(made[0].shape) if rows is not None else filled(FIXED, made[0].shape)
    return [own, *(filled(FIXED, tensor.shape) for tensor in made[1:])]


def embedding(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    view = run.look(full[0])
    if not isinstance(view, Stored) or None in view.axes:
        return not_followed(run, func, full, result)
    return along(run.produce(view.name, 1, result.shape[-1]), result.ndim - 1, result.shape)
