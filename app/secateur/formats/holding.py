"""What weights and activations can be stored as, beside what each format says of it: for the pages and before a run."""

from collections.abc import Iterable
from itertools import product
from typing import Final

import numpy as np

from secateur.formats.base import Format
from secateur.model.encoding import ActivationEncoding, IntegerEncoding, WeightEncoding

AnyEncoding = WeightEncoding | ActivationEncoding


def example(bits: int, group_size: int | None = None, *, is_affine: bool = False) -> IntegerEncoding:
    """An encoding of a matrix with its outputs first, its scales 1: what a format says of it, it says of all such."""
    axis = 0 if group_size is None else 1
    zero = np.zeros((1, 1), np.uint8) if is_affine else None
    return IntegerEncoding(bits, np.ones((1, 1), np.float32), axis, zero, group_size)


USUAL: Final[tuple[AnyEncoding, ...]] = (
    *(example(b, group, is_affine=affine) for b, group, affine in product((8, 4, 2), (None, 32), (False, True))),
    *(example(bits) for bits in (6, 5, 3)),
    *(ActivationEncoding(1.0, 0, bits) for bits in (8, 16)),
)
"""One of every kind that a method here decides on."""


def held(entry: Format) -> dict[str, str]:
    """The words of each usual encoding → empty where a format that is written holds it, else what becomes of it."""
    return {encoding.words: entry.holds(encoding) or "" for encoding in USUAL}


def not_held(entry: Format, encodings: Iterable[AnyEncoding]) -> tuple[str, ...]:
    """What a format says of those of these encodings that it does not hold, each sentence once."""
    return tuple(dict.fromkeys(reason for one in encodings if (reason := entry.holds(one))))
