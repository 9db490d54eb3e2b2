"""Marks laid over tensors: one for each number, with stride 0 along the axes on which they are equal."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone
from torch.utils import _pytree  # noqa: TID253

from secateur.graph.coupling.marks import Array


def filled(mark: int, shape: Any) -> torch.Tensor:
    return torch.full((), mark, dtype=torch.int64).expand(tuple(shape))


def along(marks: Array, axis: int, shape: Any) -> torch.Tensor:
    """Marks that differ along one axis of `shape`."""
    sizes = [1] * len(shape)
    sizes[axis] = len(marks)
    return torch.from_numpy(np.ascontiguousarray(marks)).reshape(sizes).expand(tuple(shape))


def compact(marks: torch.Tensor) -> torch.Tensor:
    """The same marks with stride 0 along each axis along which they are equal."""
    shape = marks.shape
    if 0 in shape:
        return marks
    for axis in range(marks.ndim):
        if marks.shape[axis] > 1 and (marks.stride(axis) == 0 or bool((marks == marks.narrow(axis, 0, 1)).all())):
            marks = marks.narrow(axis, 0, 1)
    return marks.clone().expand(shape) if marks.shape != shape else marks


def shortened(marks: torch.Tensor) -> Array:
    """Marks as an array in which every axis along which they are equal has the size 1."""
    for axis in range(marks.ndim):
        if marks.shape[axis] > 1 and marks.stride(axis) == 0:
            marks = marks.narrow(axis, 0, 1)
    return np.ascontiguousarray(marks.numpy())


def varying(marks: torch.Tensor) -> tuple[int, ...]:
    """The axes along which marks differ."""
    return tuple(axis for axis in range(marks.ndim) if marks.shape[axis] > 1 and marks.stride(axis) != 0)


def tensors_in(value: Any) -> list[torch.Tensor]:
    """All tensors in a value of any structure, in order."""
    if isinstance(value, Mapping):
        return [tensor for part in value.values() for tensor in tensors_in(part)]
    return [leaf for leaf in _pytree.tree_leaves(value) if isinstance(leaf, torch.Tensor)]
