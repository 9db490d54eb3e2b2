"""Norms and softmax: channels pass, each with numbers of its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Follower, Stored
from secateur.graph.coupling.mark_tensors import shortened, tensors_in, varying
from secateur.graph.coupling.rules.common import (
    COMPUTED_WEIGHTS,
    NOT_ALONE,
    argument_of,
    consume_vector,
    line,
    parts_of,
    tie_all,
    values_of,
)

# ---------------------------------------------------------------------- norms


def batch_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks = values_of(run, full[0])
    channels = line(run, marks, 1)
    for tensor in full[1:5]:
        if isinstance(tensor, torch.Tensor):
            consume_vector(run, tensor, channels)
    return [marks, *[None] * (len(tensors_in(result)) - 1)]


def group_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks, groups = values_of(run, full[0]), int(argument_of(func, full, "group"))
    channels = line(run, marks, 1)
    run.balance(parts_of(channels, groups))
    for tensor in full[1:3]:
        consume_vector(run, tensor, channels)
    return [marks, None, None]


def layer_norm(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    marks, shape = values_of(run, full[0]), full[1]
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
    marks, axis = values_of(run, full[0]), int(full[1])
    if axis % marks.ndim in varying(marks):
        rows = np.moveaxis(shortened(marks), axis % marks.ndim, 0)
        tie_all(run, rows[:1], rows)
    return marks
