"""Values one by one, and axes that end or are resized."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Follower, Stored
from secateur.graph.coupling.mark_tensors import compact, filled, shortened, tensors_in, varying
from secateur.graph.coupling.marks import ANY, FIXED, Array
from secateur.graph.coupling.rules.common import MEETS_FIXED, NOT_ALONE, Marked, argument_of, line, tie_all, values_of

PLACES: Final = {"1d": 1, "2d": 2, "3d": 3, "2": 2}
"""How many last axes are places, by the end of an operation's name."""

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
                run.fix(marks[against == FIXED], MEETS_FIXED)
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
    marks, axis = values_of(run, full[0]), int(full[1]) % full[0].ndim
    first, second = marks.chunk(2, axis)
    first, second = compact(first), compact(second)
    if axis in varying(marks):
        run.balance((line(run, first, axis), line(run, second, axis)))
    tie_all(run, shortened(first), shortened(second))
    return first


def same(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """A copy, or something else of the same shape."""
    made = tensors_in(result)[0]
    marks = values_of(run, full[0])
    return marks if marks.shape == made.shape else filled(ANY, made.shape)


def new_of_a_size(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    return filled(ANY, tensors_in(result)[0].shape)


# ---------------------------------------------------------------------- axes that end


def reduced(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Sums, means and the like over some axes."""
    made = tensors_in(result)[0]
    source = next(tensor for tensor in full if isinstance(tensor, torch.Tensor))
    marks = values_of(run, source)
    wanted, number = argument_of(func, full, "dim", "dims"), run.next_number("sum")
    if wanted is None or wanted == []:
        return filled(FIXED, made.shape)
    axes = sorted({axis % source.ndim for axis in ([wanted] if isinstance(wanted, int) else wanted)})
    lost = [axis for axis in axes if axis in varying(marks)]
    if lost and len(lost) < len(varying(marks)):  # like an addition of what lies along these axes
        array = shortened(marks)
        first = array
        for axis in lost:
            first = first.take([0], axis)
        tie_all(run, first, array)
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
    marks = values_of(run, full[0])
    last = tuple(range(marks.ndim - places, marks.ndim))
    if any(axis in last for axis in varying(marks)):
        array = shortened(marks)
        first = array
        for axis in last:
            first = first.take([0], axis)
        tie_all(run, first, array)
    for axis in last:
        marks = marks.narrow(axis, 0, 1)
    return marks.expand((*made.shape[: made.ndim - places], *made.shape[made.ndim - places :]))
