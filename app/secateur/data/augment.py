"""Random mirroring and shifting of images while training, in uint8 and whole batches at once."""

import numpy as np
from numpy.typing import NDArray

PADDING_SHARE = 1 / 8


def mirrored(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A copy of (n, h, w, c) in which each image is mirrored left to right with probability a half."""
    chosen = generator.random(len(images)) < 0.5
    return np.where(chosen[:, None, None, None], images[:, :, ::-1], images)


def shifted(images: NDArray[np.uint8], generator: np.random.Generator) -> NDArray[np.uint8]:
    """A copy of (n, h, w, c), each image moved by up to an eighth of its size; what appears is black."""
    count, high, wide, _ = images.shape
    pad_y, pad_x = round(high * PADDING_SHARE), round(wide * PADDING_SHARE)
    padded = np.pad(images, ((0, 0), (pad_y, pad_y), (pad_x, pad_x), (0, 0)))
    rows = generator.integers(0, 2 * pad_y + 1, count)[:, None] + np.arange(high)
    columns = generator.integers(0, 2 * pad_x + 1, count)[:, None] + np.arange(wide)
    moved: NDArray[np.uint8] = padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return moved
