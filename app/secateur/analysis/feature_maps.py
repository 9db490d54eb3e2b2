"""From the outputs of a layer in two networks to what is shown of them."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.model.deviation import NO_NUMBERS, deviation_between
from secateur.model.maps import FIRST_CHANNELS, Form, LayerMaps, Values

CHANNELS_FIRST: Final = ("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
MOST_VALUES: Final = 6_000_000
"""Values of one network in the pictures of all its layers together."""
LEAST_SIDE, LARGEST_SIDE, MOST_ROWS = 8, 48, 256
_LARGEST_HALF: Final = 6e4

Output = NDArray[np.float32]


def maps_of(
    layer: str,
    kind: str,
    original: Output,
    compressed: Output | None,
    kept: Sequence[int] | None = None,
    *,
    first: int = 0,
    count: int = FIRST_CHANNELS,
    side: int = LARGEST_SIDE,
) -> LayerMaps:
    """The pictures of one layer: `count` channels from `first` on, none larger than `side` × `side`.

    `original` and `compressed` are outputs without the batch axis, `kind` says where their channels lie; `kept` are the
    numbers, in the original, of the channels that the compressed layer has, where they are known.
    """
    form, ours = _arranged(kind, original)
    theirs = None if compressed is None else _arranged(kind, compressed)[1]
    placed, removed, note = _placed(form, ours, theirs, kept)
    shown = slice(first, first + count) if form == "maps" else slice(None)
    small, pooled = _small(form, ours[shown], side)
    beside = None if placed is None else _small(form, placed[shown], side)[0]
    difference = None if placed is None else _small(form, placed[shown] - ours[shown], side)[0]
    is_finite = all(values is None or bool(np.isfinite(values).all()) for values in (ours, theirs))
    sqnr, unchanged = _sqnr(ours, placed) if is_finite else (None, False)
    low, high = _extremes(small, beside)
    return LayerMaps(
        layer=layer,
        form=form,
        shape=original.shape,
        original=_packed(small),
        compressed=None if beside is None else _packed(beside),
        difference=None if difference is None else _packed(difference),
        first=first if form == "maps" else 0,
        channels=len(ours) if form == "maps" else _channels(form, kind, original),
        pooled=pooled,
        low=low,
        high=high,
        removed=removed,
        sqnr_db=sqnr,
        is_unchanged=unchanged,
        note=note if is_finite else NO_NUMBERS,
    )


def side_for(layers: int) -> int:
    """The largest side of the pictures where so many layers are shown: all of them stay in memory."""
    each = MOST_VALUES / max(1, layers) / FIRST_CHANNELS
    return int(min(max(each**0.5, LEAST_SIDE), LARGEST_SIDE))


def _arranged(kind: str, output: Output) -> tuple[Form, Output]:
    """What an output is, and its values in that order."""
    if output.ndim == 4:  # channels, depth, height, width: the middle of the depth
        output = output[:, output.shape[1] // 2]
    if output.ndim == 3:
        return "maps", output if kind in CHANNELS_FIRST else np.moveaxis(output, -1, 0)
    if output.ndim == 2:
        return "rows", output
    return "features", output.reshape(-1)


def _channels(form: Form, kind: str, output: Output) -> int:
    if form == "features":
        return int(output.size)
    return int(output.shape[0] if kind in CHANNELS_FIRST else output.shape[-1])


def _placed(
    form: Form, ours: Output, theirs: Output | None, kept: Sequence[int] | None
) -> tuple[Output | None, tuple[int, ...], str]:
    """The compressed output in the original's places, NaN where a channel is gone; which are, and what is missing."""
    if theirs is None:
        return None, (), ""
    if theirs.shape == ours.shape and (kept is None or list(kept) == list(range(len(ours)))):
        return theirs, (), ""
    axis = 0 if form != "rows" or theirs.shape[1:] == ours.shape[1:] else 1
    rest = [size for place, size in enumerate(ours.shape) if place != axis]
    if rest != [size for place, size in enumerate(theirs.shape) if place != axis]:
        return None, (), "The compressed layer's output has another shape, and cannot be put beside the original's."
    gone = ours.shape[axis] - theirs.shape[axis]
    if kept is None or len(kept) != theirs.shape[axis]:
        return None, (), f"{gone} of {ours.shape[axis]} channels were removed; which ones is not known of this run."
    placed = np.full_like(ours, np.nan)
    placed[(slice(None),) * axis + (np.asarray(kept),)] = theirs
    return placed, tuple(sorted(set(range(ours.shape[axis])) - {int(place) for place in kept})), ""


def _sqnr(ours: Output, placed: Output | None) -> tuple[float | None, bool]:
    """(decibels over what both have, whether there is no difference at all)."""
    if placed is None:
        return None, False
    both = ~np.isnan(placed)
    found = deviation_between(ours[both], placed[both])
    return found.sqnr_db, found.is_unchanged


def _small(form: Form, values: Output, side: int) -> tuple[Output, tuple[int, int]]:
    """Means of blocks, so that nothing is larger than what is shown; and how large the blocks are.

    A block at the edge is as large as what is left of it.
    """
    if form == "features" or not values.size:
        return values, (1, 1)
    most = side if form == "maps" else MOST_ROWS
    blocks = (-(-values.shape[-2] // most), -(-values.shape[-1] // most))
    small = values
    for axis, block in zip((-2, -1), blocks, strict=True):
        if block > 1:
            starts = np.arange(0, small.shape[axis], block)
            sizes = np.diff([*starts, small.shape[axis]]).astype(np.float32)
            sums = np.add.reduceat(small, starts, axis=axis)
            small = (sums / (sizes[:, None] if axis == -2 else sizes)).astype(np.float32)
    return small, (int(blocks[0]), int(blocks[1]))


def _extremes(*parts: Output | None) -> tuple[float, float]:
    known = [part[np.isfinite(part)] for part in parts if part is not None]
    values = [part for part in known if part.size]
    if not values:
        return 0.0, 0.0
    return float(min(part.min() for part in values)), float(max(part.max() for part in values))


def _packed(values: Output) -> Values:
    """Half precision where its range holds the values."""
    finite = values[np.isfinite(values)]
    fits = not finite.size or float(np.abs(finite).max()) < _LARGEST_HALF
    return np.ascontiguousarray(values, dtype=np.float16 if fits else np.float32)
