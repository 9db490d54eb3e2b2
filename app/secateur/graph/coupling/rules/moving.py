"""Reshaping, cutting, padding, picking: what merely moves numbers."""

from collections.abc import Sequence
from math import gcd, prod
from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported by channel removal alone

from secateur.graph.coupling.following import Follower, Unfit
from secateur.graph.coupling.mark_tensors import along, compact, filled, shortened, varying
from secateur.graph.coupling.marks import ANY, FIXED
from secateur.graph.coupling.rules.common import (
    Marked,
    argument_of,
    differs,
    fix_picked,
    line,
    parts_of,
    tie_all,
    values_of,
)

# ---------------------------------------------------------------------- moving


def moved(run: Follower, func: Any, full: Sequence[Any], result: Any) -> Any:
    """The operation itself, done to the marks."""

    def carried(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return values_of(run, value)
        return [carried(part) for part in value] if isinstance(value, list | tuple) else value

    arguments = [carried(value) for value in full]
    if func._schema.name.endswith("im2col"):  # there is none for integers
        return func(arguments[0].double(), *arguments[1:]).long()
    return func(*arguments)


def expanded(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """Repeated along axes of size 1: there it has no size of its own."""
    marks = values_of(run, full[0])
    wide = marks.expand(result.shape)
    grows = result.shape != full[0].shape
    return torch.where(wide == FIXED, ANY, wide) if grows and bool((wide == FIXED).all()) else wide


def reshaped(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """A view of other sizes. Where it takes an axis with channels apart, each part loses as many as the others."""
    source, number = full[0], run.next_number("reshape")
    marks = values_of(run, source)
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
        run.found.cut_at.setdefault(number, len(run.found.steps))
        rows = np.moveaxis(shortened(made), kept[-1], -1)
        if number in run.tied_cuts:
            tie_all(run, rows[..., :1], rows)
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
    marks = values_of(run, source)
    axis = int(argument_of(func, full, "dim") or 0) % source.ndim
    if differs(run, marks, axis) and not _whole_parts(run, marks, axis):
        size = source.shape[axis]
        bounds = _bounds(name, func, full, size)
        step = int(argument_of(func, full, "step") or 1) if name == "slice" else 1
        if bounds is None or step != 1 or len(varying(marks)) > 1:
            fix_picked(run, marks)
        else:
            part = gcd(*bounds, size)
            if part < size:
                run.balance(parts_of(line(run, marks, axis), size // part))
    made, number = func(marks, *full[1:]), run.next_number("cut")
    pieces = [compact(part) for part in (made if isinstance(made, list | tuple) else [made])]
    if axis in varying(marks) or number in run.found.pieces:
        run.see_pieces(number, [np.unique(shortened(piece)) for piece in pieces])
    return pieces


def _bounds(name: str, func: Any, full: Sequence[Any], size: int) -> list[int] | None:
    """Where an axis is cut; None where single places are picked."""
    if name == "slice":
        start, end = (argument_of(func, full, key) for key in ("start", "end"))
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
    marks, name = values_of(run, source), run.padding_name()
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
            fix_picked(run, marks)
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


def rolled(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """Places moved round along axes without channels."""
    marks = values_of(run, full[0])
    if not full[2] or any(differs(run, marks, int(axis) % marks.ndim) for axis in full[2]):
        fix_picked(run, marks)
    return marks


def picked(run: Follower, func: Any, full: Sequence[Any], result: torch.Tensor) -> Any:
    """index_select and indexing with lists: along axes without channels."""
    source = full[0]
    marks = values_of(run, source)
    name = func._schema.name.partition("::")[2]
    if name == "index_select":
        axes = [int(full[1]) % source.ndim]
    else:
        axes = [axis for axis, index in enumerate(full[1]) if index is not None]
    if any(differs(run, marks, axis) and not _whole_parts(run, marks, axis) for axis in axes):
        fix_picked(run, marks)
    return compact(func(marks, *full[1:]))
