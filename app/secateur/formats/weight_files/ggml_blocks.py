"""Our integers in ggml's blocks of 32: Q4_0, Q4_1 and Q8_0, number by number as the encodings have them.

A block is a float16 scale d, in Q4_1 a float16 minimum m, and 32 integers: in 4 bits 16 bytes, byte i with integer i
below and integer i + 16 above. Values are d·(q − 8), d·q + m and d·q (ggml-quants.c).
"""

from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from secateur.model.encoding import WeightEncoding

BLOCK: Final = 32
BlockType = Literal["Q4_0", "Q4_1", "Q8_0"]


def why_not_in_blocks(encoding: WeightEncoding, shape: tuple[int, ...]) -> str | None:
    """Why ggml's blocks cannot hold an encoded weight (of this shape, where known); None where they can."""
    if encoding.group_size is None:
        return "GGUF has no scales per channel: it stores the floats that such integers stand for."
    if encoding.group_size % BLOCK:
        return f"GGUF has a scale for every {BLOCK} values: it stores the floats that other groups stand for."
    if encoding.stored_bits == 8 and encoding.is_affine:
        return "GGUF has no zero points beside 8-bit integers: it stores the floats that they stand for."
    if shape and (encoding.axis != len(shape) - 1 or shape[-1] % BLOCK):
        return (
            f"GGUF's blocks lie along the last axis of a tensor, which must divide by {BLOCK}: others are stored as "
            "the floats that they stand for."
        )
    offsets = [] if encoding.zero_point is None else [encoding.scale * encoding.zero_point.astype(np.float32)]
    if not all(np.array_equal(part.astype(np.float16).astype(np.float32), part) for part in (encoding.scale, *offsets)):
        return "GGUF has float16 scales, which are too coarse for these: it stores the floats that they stand for."
    return None


def block_type(encoding: WeightEncoding) -> BlockType:
    """The name of the blocks that hold the integers of an encoding."""
    if encoding.stored_bits == 8:
        return "Q8_0"
    return "Q4_1" if encoding.is_affine else "Q4_0"


def in_blocks(encoding: WeightEncoding, values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The bytes of a weight, uint8 of its shape with the last axis in bytes of blocks."""
    assert encoding.group_size is not None  # noqa: S101 - `why_not_in_blocks` was asked
    codes = encoding.quantize(values).astype(np.int16).reshape(-1, BLOCK)
    scale = _by_block(encoding.scale, encoding.group_size, values.shape)
    parts: list[NDArray[Any]] = [scale.astype("<f2").view(np.uint8).reshape(-1, 2)]
    if encoding.zero_point is not None:
        zero = _by_block(encoding.zero_point.astype(np.float32), encoding.group_size, values.shape)
        parts.append((-scale * zero).astype("<f2").view(np.uint8).reshape(-1, 2))
    if encoding.stored_bits == 8:
        parts.append(codes.astype(np.int8).view(np.uint8))
    else:
        nibbles = (codes if encoding.is_affine else codes + 8).astype(np.uint8)
        half = BLOCK // 2
        parts.append(nibbles[:, :half] | (nibbles[:, half:] << np.uint8(4)))
    return np.concatenate(parts, axis=1).reshape(*values.shape[:-1], -1)


def _by_block(numbers: NDArray[np.float32], group_size: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A number of each group for each of its blocks, float32 (blocks,)."""
    each = np.repeat(numbers, group_size // BLOCK, axis=-1)
    return np.ascontiguousarray(each[..., : shape[-1] // BLOCK]).reshape(-1)
