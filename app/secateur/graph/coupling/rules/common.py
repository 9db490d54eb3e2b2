"""What the rules share: the marks of a value, a line of channels, reasons."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Follower, Stored
from secateur.graph.coupling.mark_tensors import compact, filled, shortened, tensors_in, varying
from secateur.graph.coupling.marks import FIXED, Array

COMPUTED_WEIGHTS: Final = "It is read by a layer whose weights are computed."
NOT_ALONE: Final = "Its outputs stand beside those of another layer in every row."
MEETS_FIXED: Final = "It meets values whose number is fixed."
PICKED: Final = "Single channels of it are picked by number."

Marked = torch.Tensor


def argument_of(func: Any, full: Sequence[Any], *names: str) -> Any:
    for argument, value in zip(func._schema.arguments, full, strict=False):
        if argument.name in names:
            return value
    return None


def values_of(run: Follower, tensor: torch.Tensor) -> Marked:
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


def differs(run: Follower, marks: Marked, axis: int) -> bool:
    """Whether units differ along an axis."""
    if axis not in varying(marks):
        return False
    roots = run.found.marks.roots(shortened(marks))
    return bool((roots != roots.take([0], axis)).any())


def fix_picked(run: Follower, marks: Marked) -> None:
    """Single places of an axis with channels are picked: they stay, unless a reshape made that axis out of blocks."""
    own = shortened(marks)
    cuts = {number for number, cut in run.found.cuts.items() if np.isin(cut, own).any()} - run.tied_cuts
    if cuts:
        run.found.wrong_cuts |= cuts
    else:
        run.fix(own, PICKED)


def tie_all(run: Follower, first: Array, second: Array) -> None:
    """Tie two arrays of marks that broadcast, and fix what meets fixed sizes."""
    first, second = np.broadcast_arrays(first, second)
    run.tie(first, second)
    run.fix(first[(second == FIXED)], MEETS_FIXED)
    run.fix(second[(first == FIXED)], MEETS_FIXED)


def unreadable(run: Follower, inputs: torch.Tensor, result: torch.Tensor) -> Marked:
    run.fix(shortened(values_of(run, inputs)), COMPUTED_WEIGHTS)
    return filled(FIXED, result.shape)


def consume_vector(run: Follower, tensor: Any, marks: Array) -> None:
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


def parts_of(marks: Array, count: int) -> tuple[Array, ...]:
    return tuple(marks.reshape(count, -1))


def not_followed(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """Nobody said what this does to channels: all that reach it stay."""
    name = func._schema.name.partition("::")[2].strip("_")
    for tensor in tensors_in(full):
        if isinstance(run.look(tensor), torch.Tensor):
            run.fix(shortened(values_of(run, tensor)), f"Its channels reach {name}, which is not followed.")
    return [filled(FIXED, tensor.shape) for tensor in tensors_in(result)]
