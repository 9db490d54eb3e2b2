"""What each way of computing does to the channels that pass through it (see `following`)."""

from collections.abc import Callable, Sequence
from math import gcd, prod
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch import nn  # noqa: TID253

from secateur.methods.prune.following import (
    Follower,
    Stored,
    Unfit,
    along,
    compact,
    filled,
    shortened,
    tensors_in,
    varying,
)
from secateur.methods.prune.marks import ANY, FIXED, Array

Marked = torch.Tensor
Rule = Callable[[Follower, Any, Sequence[Any], Any], Any]
"""(follower, operation, its arguments in full, its result) → marks of the result: a tensor, a list, or None."""

COMPUTED_WEIGHTS: Final = "It is read by a layer whose weights are computed."
NOT_ALONE: Final = "Its outputs stand beside those of another layer in every row."

SAME: Final = frozenset({
    "clone", "alias", "detach", "detach_", "contiguous", "_to_copy", "lift_fresh", "to", "dropout", "native_dropout",
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "cumsum_", "bernoulli",
})  # fmt: skip
MOVING: Final = frozenset({
    "permute", "transpose", "t", "unsqueeze", "squeeze", "flip", "stack", "cat", "repeat", "pixel_shuffle",
    "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle", "im2col", "unfold", "movedim", "t_", "squeeze_",
    "unsqueeze_", "transpose_", "tile",
})  # fmt: skip
RESHAPING: Final = frozenset({"view", "_unsafe_view", "reshape", "_reshape_alias"})
CUTTING: Final = frozenset({"slice", "split", "split_with_sizes", "select", "unbind", "chunk", "narrow"})
PLACES: Final = {"1d": 1, "2d": 2, "3d": 3, "2": 2}
"""How many last axes are places, by the end of an operation's name."""
SPATIAL: Final = ("pool", "upsample", "reflection_pad", "replication_pad", "grid_sampler", "_upsample")
NORMS: Final = frozenset({
    "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training", "_native_batch_norm_legit",
    "_batch_norm_with_update", "miopen_batch_norm", "_batch_norm_no_update",
})  # fmt: skip
ALONG_ALL: Final = frozenset(
    {"_softmax", "_log_softmax", "cumsum", "cumprod", "logcumsumexp", "softmax", "log_softmax"}
)
ATTENTION: Final = "scaled_dot_product"
QUIET: Final = frozenset({"_local_scalar_dense", "item", "is_nonzero", "equal", "sym_size", "arange", "_assert_async"})


def follow(run: Follower, func: Any, args: Sequence[Any], kwargs: Any, result: Any) -> None:
    """Give the results of an operation their marks."""
    name = func._schema.name.partition("::")[2]
    full = _in_full(func, args, kwargs)
    given = tensors_in((args, kwargs))
    made = tensors_in(result)
    if not made:
        return
    if _is_view_of_stored(run, name, given, made):
        return
    rule = _rule(name, func)
    marks = rule(run, func, full, result) if given else filled(ANY, made[0].shape)
    for tensor, own in zip(made, marks if isinstance(marks, list) else [marks] * len(made), strict=False):
        if own is not None:
            run.mark(tensor, own if own.ndim == tensor.ndim else filled(FIXED, tensor.shape))


def _in_full(func: Any, args: Sequence[Any], kwargs: Any) -> list[Any]:
    """All arguments in the order of the operation's schema, defaults filled in."""
    full = list(args)
    for argument in func._schema.arguments[len(args) :]:
        full.append(kwargs.get(argument.name, argument.default_value if argument.has_default_value() else None))
    return full


def _argument(func: Any, full: Sequence[Any], *names: str) -> Any:
    for argument, value in zip(func._schema.arguments, full, strict=False):
        if argument.name in names:
            return value
    return None


def _rule(name: str, func: Any) -> Rule:
    tags = {str(tag).rpartition(".")[2] for tag in func.tags}
    if name in BY_NAME:
        return BY_NAME[name]
    for names, rule in BY_SET:
        if name in names:
            return rule
    if "pointwise" in tags:
        return elementwise
    if "reduction" in tags:
        return reduced
    if name.startswith(SPATIAL) or any(part in name for part in ("_pool", "upsample")):
        return spatial
    if ATTENTION in name:
        return attention
    return not_followed


# ---------------------------------------------------------------------- stored tensors on their way


def _is_view_of_stored(run: Follower, name: str, given: list[torch.Tensor], made: list[torch.Tensor]) -> bool:
    """Whether this only turned a stored tensor or gave it axes of size 1; then the result is a view of it."""
    if len(given) != 1 or len(made) != 1:
        return False
    view = run.look(given[0])
    if not isinstance(view, Stored):
        return False
    shape = tuple(made[0].shape)
    if name in {"t", "transpose", "permute"}:
        places = torch.arange(given[0].ndim).tolist()
        order = _order_of_axes(name, given[0].ndim, places, made[0], given[0])
        run.mark_view(made[0], Stored(view.name, tuple(view.axes[place] for place in order)))
        return True
    long = [size for size in given[0].shape if size != 1]
    if name in RESHAPING | SAME | {"unsqueeze", "squeeze", "expand", "repeat"} and [s for s in shape if s != 1] == long:
        axes = iter(axis for axis, size in zip(view.axes, given[0].shape, strict=True) if size != 1)
        run.mark_view(made[0], Stored(view.name, tuple(None if size == 1 else next(axes) for size in shape)))
        return True
    return False


def _order_of_axes(
    name: str, rank: int, places: list[int], made: torch.Tensor, given: torch.Tensor
) -> list[int]:  # strides tell it whatever the arguments were
    if name == "t" or (name == "transpose" and rank == 2):
        return places[::-1] if rank == 2 and made.stride() != given.stride() else _by_strides(made, given)
    return _by_strides(made, given)


def _by_strides(made: torch.Tensor, given: torch.Tensor) -> list[int]:
    """Which axis of `given` each axis of its transposition `made` is."""
    left = list(range(given.ndim))
    order = []
    for size, stride in zip(made.shape, made.stride(), strict=True):
        place = next(p for p in left if given.shape[p] == size and given.stride(p) == stride)
        left.remove(place)
        order.append(place)
    return order


def _values(run: Follower, tensor: torch.Tensor) -> Marked:
    """The marks of a tensor that is used as a value."""
    carried = run.look(tensor)
    return carried if isinstance(carried, torch.Tensor) else compact(run.as_source(tensor, carried))


def line(run: Follower, marks: Marked, axis: int) -> Array:
    """One mark for each place along an axis, all that lie beside it tied to it."""
    size = marks.shape[axis]
    rows = np.moveaxis(shortened(marks), axis, 0)
    rows = rows.reshape(rows.shape[0], -1)
    first = rows[:, 0]
    for column in rows.T[1:]:
        run.meet(first, column)
    return first if len(first) == size else np.repeat(first, size)


# ---------------------------------------------------------------------- layers


def convolution(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    inputs, weight, bias = full[0], full[1], full[2]
    transposed, groups = bool(_argument(func, full, "transposed")), int(_argument(func, full, "groups"))
    view = run.look(weight)
    if not _is_whole(view, weight):
        return _unreadable(run, inputs, result)
    assert isinstance(view, Stored)  # noqa: S101 - _is_whole says so
    arriving = line(run, _values(run, inputs), 1)
    if groups == len(arriving) > 1 and view.name not in run.found.groups:
        run.found.depthwise.add(view.name)
    if view.name in run.found.depthwise:
        leaving = _depthwise(run, view.name, weight, arriving, transposed, result.shape[1])
    elif groups == 1:
        run.consume(view.name, 0 if transposed else 1, arriving, weight)
        leaving = run.produce(view.name, 1 if transposed else 0, result.shape[1])
    elif not isinstance(_owner(run, view.name), nn.modules.conv._ConvNd):
        return _unreadable(run, inputs, result)
    else:
        run.found.groups[view.name] = groups
        run.balance(_parts(arriving, groups))
        run.consume(view.name, 0 if transposed else "blocks", arriving, weight)
        leaving = run.produce(view.name, "blocks" if transposed else 0, result.shape[1])
        run.balance(_parts(leaving, groups))
    if bias is not None:
        _consume(run, bias, leaving)
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


def _unreadable(run: Follower, inputs: torch.Tensor, result: torch.Tensor) -> Marked:
    run.fix(shortened(_values(run, inputs)), COMPUTED_WEIGHTS)
    return filled(FIXED, result.shape)


def _consume(run: Follower, tensor: Any, marks: Array) -> None:
    """A stored vector (bias, scale, statistics) belongs to these channels."""
    if tensor is None:
        return
    view = run.look(tensor)
    sized = zip(view.axes, tensor.shape, strict=True) if isinstance(view, Stored) else ()
    long = [axis for axis, size in sized if axis is not None and size > 1]
    if isinstance(view, Stored) and len(long) == 1:
        run.consume(view.name, long[0], marks, tensor)
    elif not isinstance(view, Stored):
        run.fix(marks, COMPUTED_WEIGHTS)


def product(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """mm, bmm, addmm, baddbmm: a linear layer where one factor is stored."""
    bias, first, second = full[:3] if "add" in func._schema.name else (None, *full[:2])
    view = run.look(second)
    if not isinstance(view, Stored) or view.axes[-2:].count(None):
        return _contraction(run, first, second, bias, result)
    marks = _values(run, first)
    inner, outer = view.axes[-2], view.axes[-1]
    rows = [axis for axis in varying(marks) if axis != marks.ndim - 1]
    leaving = run.produce(view.name, outer or 0, result.shape[-1])
    number, is_sum = run.next_number(), not rows or marks.ndim - 1 in varying(marks)
    if not run.sums_over_channels(number, is_so=is_sum):  # rows are channels: each is computed for itself
        run.fix(leaving, NOT_ALONE)
        return marks.narrow(-1, 0, 1).expand(result.shape)
    run.consume(view.name, inner or 0, line(run, marks, marks.ndim - 1), second)
    _consume(run, bias, leaving)
    return along(leaving, result.ndim - 1, result.shape)


def linear(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """aten::linear where it is not taken apart: the weight is stored as (outputs, inputs)."""
    inputs, weight, bias = full[:3]
    view = run.look(weight)
    if not isinstance(view, Stored) or None in view.axes:
        return _unreadable(run, inputs, result)
    marks = _values(run, inputs)
    run.consume(view.name, 1, line(run, marks, marks.ndim - 1), weight)
    leaving = run.produce(view.name, 0, result.shape[-1])
    _consume(run, bias, leaving)
    return along(leaving, result.ndim - 1, result.shape)


def _contraction(run: Follower, first: Any, second: Any, bias: Any, result: torch.Tensor) -> Marked:
    """A product of two computed tensors: what is summed over goes together, rows and columns stay what they are."""
    a, b = _values(run, first), _values(run, second)
    if isinstance(bias, torch.Tensor):
        run.fix(shortened(_values(run, bias)), COMPUTED_WEIGHTS)
    is_sum = a.ndim - 1 in varying(a) or b.ndim - 2 in varying(b)
    if run.sums_over_channels(run.next_number(), is_so=is_sum):
        left, right = np.moveaxis(shortened(a), -1, -2), shortened(b)  # (…, inner, rows) and (…, inner, columns)
        _tie_all(run, left[..., :1], left)
        _tie_all(run, right[..., :1], right)
        _tie_all(run, left[..., :1], right[..., :1])
        return filled(FIXED, result.shape)
    rows, columns = a.narrow(-1, 0, 1), b.narrow(-2, 0, 1)
    marked = [part for part in (rows, columns) if bool((part >= 0).any())]
    if len(marked) == 2 and not torch.equal(rows.expand(result.shape), columns.expand(result.shape)):
        for part in marked:
            run.fix(shortened(part), NOT_ALONE)
        return filled(FIXED, result.shape)
    return marked[0].expand(result.shape) if marked else filled(FIXED, result.shape)


def _tie_all(run: Follower, first: Array, second: Array) -> None:
    """Tie two arrays of marks that broadcast, and fix what meets fixed sizes."""
    first, second = np.broadcast_arrays(first, second)
    run.tie(first, second)
    run.fix(first[(second == FIXED)], "It meets values whose number is fixed.")
    run.fix(second[(first == FIXED)], "It meets values whose number is fixed.")


def attention(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Attention in one operation: it divides by the size of a head, which therefore stays; the values may shrink."""
    query, key, value = (_values(run, tensor) for tensor in full[:3])
    for marks in (query, key):
        run.fix(shortened(marks), "The size of its attention heads is part of what is computed.")
    mask = _argument(func, full, "attn_mask", "attn_bias")
    if isinstance(mask, torch.Tensor):
        run.fix(shortened(_values(run, mask)), COMPUTED_WEIGHTS)
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


# ---------------------------------------------------------------------- norms


def batch_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks = _values(run, full[0])
    channels = line(run, marks, 1)
    for tensor in full[1:5]:
        if isinstance(tensor, torch.Tensor):
            _consume(run, tensor, channels)
    return [marks, *[None] * (len(tensors_in(result)) - 1)]


def group_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks, groups = _values(run, full[0]), int(_argument(func, full, "group"))
    channels = line(run, marks, 1)
    run.balance(_parts(channels, groups))
    for tensor in full[1:3]:
        _consume(run, tensor, channels)
    return [marks, None, None]


def layer_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks, shape = _values(run, full[0]), full[1]
    first = marks.ndim - len(shape)
    differing = [axis for axis in varying(marks) if axis >= first]
    for axis in differing[:1]:
        channels = line(run, marks, axis)
        for tensor in full[2:4]:
            if tensor is None:
                continue
            view = run.look(tensor)
            if isinstance(view, Stored) and view.axes[axis - first] is not None:
                run.consume(view.name, view.axes[axis - first] or 0, channels, tensor)
            else:
                run.fix(channels, COMPUTED_WEIGHTS)
    if len(differing) > 1:
        run.fix(shortened(marks), NOT_ALONE)
    return [marks, None, None]


def mixed_along(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """What is computed from all values along an axis, for each of them: they stay together."""
    marks, axis = _values(run, full[0]), int(full[1])
    if axis % marks.ndim in varying(marks):
        rows = np.moveaxis(shortened(marks), axis % marks.ndim, 0)
        _tie_all(run, rows[:1], rows)
    return marks


# ---------------------------------------------------------------------- values one by one


def elementwise(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    made = tensors_in(result)[0]
    given = [tensor for tensor in tensors_in(full) if tensor.numel() > 1]
    stored = [(t, view) for t in given if isinstance(view := run.look(t), Stored)]
    values = [(t, marks) for t in given if isinstance(marks := run.look(t), torch.Tensor)]
    if not values and stored:
        tensor, view = stored.pop(0)
        values = [(tensor, compact(run.as_source(tensor, view)))]
    marks = _combined(run, values, made.shape)
    differing = varying(marks)
    for tensor, view in stored:
        places = {place + made.ndim - tensor.ndim: axis for place, axis in enumerate(view.axes)
                  if axis is not None and tensor.shape[place] > 1}  # fmt: skip
        shared = [place for place in places if place in differing]
        if not shared:
            continue
        if len(shared) == 1:
            run.consume(view.name, places[shared[0]], line(run, marks, shared[0]), tensor)
        else:
            run.fix(shortened(marks), NOT_ALONE)
    return marks


def _combined(run: Follower, values: list[tuple[torch.Tensor, Marked]], shape: Any) -> Marked:
    """The marks of what several tensors are combined to, place by place."""
    if not values:
        return filled(ANY, shape)
    wide = [marks.expand(tuple(shape)) for _, marks in values]
    kept = sorted({axis for marks in wide for axis in varying(marks)})
    short = [_narrowed(marks, kept) for marks in wide]
    result = short[0].copy()
    for number, other in enumerate(short[1:], 1):
        run.tie(result, other)
        for (tensor, _), marks, against in ((values[number], result, other), (values[0], other, result)):
            # a value that is repeated along the axis of the channels has no size of its own there
            axes = [axis for axis in kept if _differs(marks, axis)]
            if not axes or not all(_own_size(tensor, axis, shape) == 1 for axis in axes):
                run.fix(marks[against == FIXED], "It meets values whose number is fixed.")
        result = np.where(result >= 0, result, np.where(other >= 0, other, np.maximum(result, other)))
    return torch.from_numpy(np.ascontiguousarray(result)).expand(tuple(shape))


def _narrowed(marks: Marked, kept: list[int]) -> Array:
    for axis in range(marks.ndim):
        if axis not in kept and marks.shape[axis] > 1:
            marks = marks.narrow(axis, 0, 1)
    return np.array(marks.numpy())


def _differs(marks: Array, axis: int) -> bool:
    return marks.shape[axis] > 1 and bool((marks != marks.take([0], axis)).any())


def _own_size(tensor: torch.Tensor, axis: int, shape: Any) -> int:
    place = axis - (len(shape) - tensor.ndim)
    return tensor.shape[place] if place >= 0 else 1


def halves(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Gated linear unit: the second half switches the first, so that they go in pairs."""
    marks, axis = _values(run, full[0]), int(full[1]) % full[0].ndim
    first, second = marks.chunk(2, axis)
    first, second = compact(first), compact(second)
    if axis in varying(marks):
        run.balance((line(run, first, axis), line(run, second, axis)))
    _tie_all(run, shortened(first), shortened(second))
    return first


def same(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """A copy, or something else of the same shape."""
    made = tensors_in(result)[0]
    marks = _values(run, full[0])
    return marks if marks.shape == made.shape else filled(ANY, made.shape)


def new_of_a_size(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    return filled(ANY, tensors_in(result)[0].shape)


# ---------------------------------------------------------------------- axes that end


def reduced(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Sums, means and the like over some axes."""
    made = tensors_in(result)[0]
    source = next(tensor for tensor in full if isinstance(tensor, torch.Tensor))
    marks = _values(run, source)
    wanted, number = _argument(func, full, "dim", "dims"), run.next_number()
    if wanted is None or wanted == []:
        return filled(FIXED, made.shape)
    axes = sorted({axis % source.ndim for axis in ([wanted] if isinstance(wanted, int) else wanted)})
    lost = [axis for axis in axes if axis in varying(marks)]
    if lost and len(lost) < len(varying(marks)):  # like an addition of what lies along these axes
        array = shortened(marks)
        first = array
        for axis in lost:
            first = first.take([0], axis)
        _tie_all(run, first, array)
    elif run.sums_over_channels(number, is_so=bool(lost)):
        return filled(FIXED, made.shape)
    for axis in axes:
        marks = marks.narrow(axis, 0, 1)
    if made.ndim != source.ndim:
        for axis in reversed(axes):
            marks = marks.squeeze(axis)
    return marks


def spatial(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Pooling, resizing: the last axes are places, and each channel is computed for itself."""
    made = tensors_in(result)[0]
    name = func._schema.name
    places = next((count for end, count in PLACES.items() if end in name), made.ndim - 2)
    marks = _values(run, full[0])
    last = tuple(range(marks.ndim - places, marks.ndim))
    if any(axis in last for axis in varying(marks)):
        array = shortened(marks)
        first = array
        for axis in last:
            first = first.take([0], axis)
        _tie_all(run, first, array)
    for axis in last:
        marks = marks.narrow(axis, 0, 1)
    return marks.expand((*made.shape[: made.ndim - places], *made.shape[made.ndim - places :]))


# ---------------------------------------------------------------------- moving


def moved(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """The operation itself, done to the marks."""

    def carried(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return _values(run, value)
        return [carried(part) for part in value] if isinstance(value, list | tuple) else value

    arguments = [carried(value) for value in full]
    if func._schema.name.endswith("im2col"):  # there is none for integers
        return func(arguments[0].double(), *arguments[1:]).long()
    return func(*arguments)


def expanded(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """Repeated along axes of size 1: there it has no size of its own."""
    marks = _values(run, full[0])
    wide = marks.expand(result.shape)
    grows = result.shape != full[0].shape
    return torch.where(wide == FIXED, ANY, wide) if grows and bool((wide == FIXED).all()) else wide


def reshaped(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """A view of other sizes. Where it takes an axis with channels apart, each part loses as many as the others."""
    source, number = full[0], run.next_number()
    marks = _values(run, source)
    made = compact(marks.reshape(result.shape))
    for before, after in _pieces(source.shape, result.shape):
        differing = [axis for axis in before if axis in varying(marks)]
        long = [axis for axis in after if result.shape[axis] > 1]
        if not differing or len(long) < 2:
            continue
        if len([axis for axis in before if source.shape[axis] > 1]) > 1:
            if [source.shape[a] for a in before if source.shape[a] > 1] != [result.shape[a] for a in long]:
                run.fix(shortened(marks), "It is reshaped across the bounds of its channels.")
            continue
        kept = [axis for axis in long if axis in varying(made)]
        if len(kept) < 2:
            continue
        run.found.cuts.setdefault(number, line(run, marks, differing[0]))
        rows = np.moveaxis(shortened(made), kept[-1], -1)
        if number in run.tied_cuts:
            _tie_all(run, rows[..., :1], rows)
        else:
            run.balance(tuple(rows.reshape(-1, rows.shape[-1])))
    return made


def _pieces(before: Sequence[int], after: Sequence[int]) -> list[tuple[list[int], list[int]]]:
    """Runs of axes of two shapes that hold the same numbers: ([0], [0]), ([1], [1, 2]) for (1, 16) → (1, 2, 8)."""
    pieces, a, b = [], 0, 0
    while a < len(before) or b < len(after):
        left, right = [a] if a < len(before) else [], [b] if b < len(after) else []
        a, b = a + len(left), b + len(right)
        while (x := prod(before[i] for i in left)) != (y := prod(after[i] for i in right)):
            if x < y and a < len(before):
                left.append(a)
                a += 1
            elif b < len(after):
                right.append(b)
                b += 1
            else:
                break
        pieces.append((left, right))
    return pieces


def cut(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Parts of a tensor along one axis."""
    source, name = full[0], func._schema.name.partition("::")[2]
    marks = _values(run, source)
    axis = int(_argument(func, full, "dim") or 0) % source.ndim
    if axis in varying(marks) and not _whole_parts(run, marks, axis):
        size = source.shape[axis]
        bounds = _bounds(name, func, full, size)
        step = int(_argument(func, full, "step") or 1) if name == "slice" else 1
        if bounds is None or step != 1 or len(varying(marks)) > 1:
            run.fix(shortened(marks), "Single channels of it are picked by number.")
        else:
            part = gcd(*bounds, size)
            if part < size:
                run.balance(_parts(line(run, marks, axis), size // part))
    made = func(marks, *full[1:])
    return [compact(part) for part in made] if isinstance(made, list | tuple) else compact(made)


def _bounds(name: str, func: Any, full: Sequence[Any], size: int) -> list[int] | None:
    """Where an axis is cut; None where single places are picked."""
    if name == "slice":
        start, end = (_argument(func, full, key) for key in ("start", "end"))
        start, end = 0 if start is None else start, size if end is None else end
        return [max(0, start + size if start < 0 else start), min(size, end + size if end < 0 else end)]
    if name == "narrow":
        return [full[2], full[2] + full[3]]
    if name in {"split", "chunk"}:
        width = int(full[1]) if name == "split" else -(-size // int(full[1]))
        return list(range(0, size, width))
    if name == "split_with_sizes":
        return [int(edge) for edge in np.cumsum(full[1])]
    return None


def _whole_parts(run: Follower, marks: Marked, axis: int) -> bool:
    """Whether what lies at each place of an axis is a whole part that was cut before: then its size stays anyway."""
    if len(varying(marks)) < 2:
        return False
    rows = np.moveaxis(shortened(marks), axis, 0)
    known = {frozenset(part.tolist()) for parts in run.found.balances for part in parts}
    return all(frozenset(np.unique(row).tolist()) in known for row in rows)


def padded(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """Zeros around a tensor; around its channels, they are channels of their own that nothing makes."""
    source, amounts = full[0], full[1]
    marks, name = _values(run, source), run.padding_name()
    differing = {
        axis for axis in range(source.ndim) if axis in varying(marks) or (f"{name}:after", axis) in run.found.stored
    }
    for axis in range(source.ndim):
        place = 2 * (source.ndim - 1 - axis)
        before, after = (amounts[place], amounts[place + 1]) if place + 1 < len(amounts) else (0, 0)
        if axis not in differing:
            if before or after:
                marks = marks.narrow(axis, 0, 1).expand(
                    *marks.shape[:axis], result.shape[axis], *marks.shape[axis + 1 :]
                )
            continue
        if before < 0 or after < 0:
            run.fix(shortened(marks), "Single channels of it are picked by number.")
            return filled(FIXED, result.shape)
        if before or after or (f"{name}:after", axis) in run.found.stored:
            sides = [(f"{name}:before", before), (f"{name}:after", after)]
            ghosts = [_ghosts(run, side, count, axis, marks) for side, count in sides]
            marks = torch.cat([ghosts[0], marks, ghosts[1]], axis)
    return compact(marks)


def _ghosts(run: Follower, name: str, count: int, axis: int, marks: Marked) -> Marked:
    shape = (*marks.shape[:axis], count, *marks.shape[axis + 1 :])
    if (name, axis) not in run.found.stored:
        run.found.stored[(name, axis)] = run.found.marks.new(count)
    found = run.found.stored[(name, axis)]
    if len(found) != count:
        raise Unfit(found, "a padding has another size")
    return along(found, axis, shape)


def not_followed(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Nobody said what this does to channels: all that reach it stay."""
    name = func._schema.name.partition("::")[2].strip("_")
    for tensor in tensors_in(full):
        if isinstance(run.look(tensor), torch.Tensor):
            run.fix(shortened(_values(run, tensor)), f"Its channels reach {name}, which is not followed.")
    return [filled(FIXED, tensor.shape) for tensor in tensors_in(result)]


def quiet(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    return [filled(FIXED, tensor.shape) for tensor in tensors_in(result)]


def picked(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """index_select and indexing with lists: along axes without channels."""
    source = full[0]
    marks = _values(run, source)
    name = func._schema.name.partition("::")[2]
    if name == "index_select":
        axes = [int(full[1]) % source.ndim]
    else:
        axes = [axis for axis, index in enumerate(full[1]) if index is not None]
    if any(axis in varying(marks) and not _whole_parts(run, marks, axis) for axis in axes):
        run.fix(shortened(marks), "Single channels of it are picked by number.")
    return compact(func(marks, *full[1:]))


def _parts(marks: Array, count: int) -> tuple[Array, ...]:
    return tuple(marks.reshape(count, -1))


BY_NAME: Final[dict[str, Rule]] = {
    "convolution": convolution,
    "_convolution": convolution,
    "mm": product,
    "bmm": product,
    "addmm": product,
    "baddbmm": product,
    "linear": linear,
    "embedding": embedding,
    "native_group_norm": group_norm,
    "native_layer_norm": layer_norm,
    "_prelu_kernel": elementwise,
    "glu": halves,
    "expand": expanded,
    "constant_pad_nd": padded,
    "index_select": picked,
    "index": picked,
    "max": reduced,
    "min": reduced,
    "argmax": reduced,
    "argmin": reduced,
    "var_mean": reduced,
    "logsumexp": reduced,
    "new_zeros": new_of_a_size,
    "new_ones": new_of_a_size,
    "new_full": new_of_a_size,
    "new_empty": new_of_a_size,
}

BY_SET: Final[tuple[tuple[frozenset[str], Rule], ...]] = (
    (SAME, same),
    (MOVING, moved),
    (RESHAPING, reshaped),
    (CUTTING, cut),
    (NORMS, batch_norm),
    (ALONG_ALL, mixed_along),
    (QUIET, quiet),
)
