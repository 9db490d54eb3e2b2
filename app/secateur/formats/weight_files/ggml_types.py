"""ggml's block types, as GGUF files hold them: how each is decoded to float32. Importing it makes them known.

Every block holds 32 or 256 values with its own scale. Layouts: `ggml-common.h` and `ggml-quants.c` of llama.cpp.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.installing import install_command
from secateur.model.stored import STORED_TYPES, StoredType

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]

PLAIN: Final = {
    0: "float32", 1: "float16", 24: "int8", 25: "int16", 26: "int32", 27: "int64", 28: "float64", 30: "bfloat16",
}  # fmt: skip
"""ggml's number of a type that is not in blocks → our name."""


def _half(raw: Bytes, place: int) -> Floats:
    """The float16 at a place of each block, as a column."""
    return np.asarray(np.ascontiguousarray(raw[:, place : place + 2]).view("<f2"), dtype=np.float32)


def _nibbles(raw: Bytes) -> NDArray[np.uint8]:
    """The lower halves of all bytes, then the upper ones."""
    return np.concatenate([raw & 0xF, raw >> 4], axis=-1)


def _bits(raw: Bytes) -> NDArray[np.uint8]:
    """Every bit of each row's bytes, the lowest first."""
    return np.asarray(np.unpackbits(np.ascontiguousarray(raw), axis=-1, bitorder="little"), dtype=np.uint8)


def _q4_0(raw: Bytes) -> Floats:
    return _half(raw, 0) * (_nibbles(raw[:, 2:]).astype(np.float32) - 8)


def _q4_1(raw: Bytes) -> Floats:
    return _half(raw, 0) * _nibbles(raw[:, 4:]) + _half(raw, 2)


def _q5_0(raw: Bytes) -> Floats:
    codes = _nibbles(raw[:, 6:]) | (_bits(raw[:, 2:6]) << 4)
    return _half(raw, 0) * (codes.astype(np.float32) - 16)


def _q5_1(raw: Bytes) -> Floats:
    return _half(raw, 0) * (_nibbles(raw[:, 8:]) | (_bits(raw[:, 4:8]) << 4)) + _half(raw, 2)


def _q8_0(raw: Bytes) -> Floats:
    return _half(raw, 0) * np.ascontiguousarray(raw[:, 2:]).view(np.int8)


# ---------------------------------------------------------------------- super-blocks of 256


def _pairs(raw: Bytes) -> Bytes:
    """2-bit codes of 64 bytes: for each half of 32 bytes the lowest pairs first, 256 codes a row."""
    halves = raw.reshape(len(raw), 2, 1, 32)
    shifts = np.array([0, 2, 4, 6], np.uint8).reshape(1, 1, 4, 1)
    codes: NDArray[np.uint8] = (halves >> shifts) & np.uint8(3)
    return codes.reshape(len(raw), 256)


def _halves(raw: Bytes) -> Bytes:
    """4-bit codes of 128 bytes: for each 32 bytes the lower halves, then the upper ones, 256 codes a row."""
    return _nibbles(raw.reshape(len(raw), 4, 32)).reshape(len(raw), 256)


def _scales_and_minima(raw: Bytes) -> tuple[Floats, Floats]:
    """Eight 6-bit scales and minima packed into 12 bytes: the first four plain, the last four in pieces."""
    first, second, third = raw[:, :4], raw[:, 4:8], raw[:, 8:12]
    scales = np.concatenate([first & 63, (third & 15) | ((first >> 6) << 4)], axis=1)
    minima = np.concatenate([second & 63, (third >> 4) | ((second >> 6) << 4)], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _by_group(values: NDArray[np.generic], scales: Floats, minima: Floats | None = None) -> Floats:
    """Values of each group times its scale, less its minimum; as many groups a row as there are scales."""
    groups = scales.shape[1]
    parts = np.asarray(values, dtype=np.float32).reshape(len(values), groups, -1) * scales[:, :, None]
    return parts if minima is None else parts - minima[:, :, None]


def _q2_k(raw: Bytes) -> Floats:
    scales = _half(raw, 80) * (raw[:, :16] & 15)
    return _by_group(_pairs(raw[:, 16:80]), scales, _half(raw, 82) * (raw[:, :16] >> 4))


def _q3_k(raw: Bytes) -> Floats:
    packed = raw[:, 96:108]
    low, high = _nibbles(packed[:, :8]), packed[:, 8:]
    tops = np.concatenate([(high >> shift) & 3 for shift in (0, 2, 4, 6)], axis=1)
    scales = (low | (tops << 4)).astype(np.float32) - 32
    # the mask has one bit a value, bit k of byte j for value 32·k + j; a bit that is not set takes four away
    mask = _bits(raw[:, :32]).reshape(len(raw), 32, 8).transpose(0, 2, 1).reshape(len(raw), 256)
    codes = _pairs(raw[:, 32:96]).astype(np.float32) - 4.0 * (mask == 0)
    return _by_group(codes, _half(raw, 108) * scales)


def _q4_k(raw: Bytes) -> Floats:
    scales, minima = _scales_and_minima(raw[:, 4:16])
    return _by_group(_halves(raw[:, 16:]), _half(raw, 0) * scales, _half(raw, 2) * minima)


def _q5_k(raw: Bytes) -> Floats:
    scales, minima = _scales_and_minima(raw[:, 4:16])
    high = _bits(raw[:, 16:48]).reshape(len(raw), 32, 8).transpose(0, 2, 1).reshape(len(raw), 256)
    return _by_group(_halves(raw[:, 48:]) | (high << 4), _half(raw, 0) * scales, _half(raw, 2) * minima)


def _q6_k(raw: Bytes) -> Floats:
    low = _nibbles(raw[:, :128].reshape(len(raw), 2, 64)).reshape(len(raw), 256)
    codes = (low | (_pairs(raw[:, 128:192]) << 4)).astype(np.float32) - 32
    scales = np.ascontiguousarray(raw[:, 192:208]).view(np.int8)
    return _by_group(codes, _half(raw, 208) * scales)


def _q8_k(raw: Bytes) -> Floats:
    scale = np.ascontiguousarray(raw[:, :4]).view("<f4")
    return np.asarray(scale * np.ascontiguousarray(raw[:, 4:260]).view(np.int8), dtype=np.float32)


def _of_blocks(size: int, decode: Callable[[Bytes], Floats]) -> Callable[[Bytes], Floats]:
    def whole(raw: Bytes) -> Floats:
        with np.errstate(all="ignore"):  # a scale may be infinite: what comes out is counted as not finite
            return np.ascontiguousarray(decode(raw.reshape(-1, size)), dtype=np.float32).reshape(-1)

    return whole


def _by_package(number: int, title: str) -> Callable[[Bytes], Floats]:
    """A rarer type is decoded by the `gguf` package, where that is installed."""

    def decode(raw: Bytes) -> Floats:
        try:
            from gguf import GGMLQuantizationType, quants
        except ImportError as problem:
            raise UserError(
                f"Tensors of the type {title} are decoded by the gguf package, which is not installed.",
                f"Install it: {install_command('gguf')}",
            ) from problem
        return np.asarray(quants.dequantize(raw, GGMLQuantizationType(number)), dtype=np.float32)

    return decode


BLOCKS: Final[dict[int, tuple[str, StoredType]]] = {
    number: (f"ggml_{title}", StoredType(size, values, _of_blocks(size, decode or _by_package(number, title))))
    for number, title, values, size, decode in (
        (2, "q4_0", 32, 18, _q4_0),
        (3, "q4_1", 32, 20, _q4_1),
        (6, "q5_0", 32, 22, _q5_0),
        (7, "q5_1", 32, 24, _q5_1),
        (8, "q8_0", 32, 34, _q8_0),
        (10, "q2_k", 256, 84, _q2_k),
        (11, "q3_k", 256, 110, _q3_k),
        (12, "q4_k", 256, 144, _q4_k),
        (13, "q5_k", 256, 176, _q5_k),
        (14, "q6_k", 256, 210, _q6_k),
        (15, "q8_k", 256, 292, _q8_k),
        (16, "iq2_xxs", 256, 66, None),
        (17, "iq2_xs", 256, 74, None),
        (18, "iq3_xxs", 256, 98, None),
        (19, "iq1_s", 256, 50, None),
        (20, "iq4_nl", 32, 18, None),
        (21, "iq3_s", 256, 110, None),
        (22, "iq2_s", 256, 82, None),
        (23, "iq4_xs", 256, 136, None),
        (29, "iq1_m", 256, 56, None),
        (34, "tq1_0", 256, 54, None),
        (35, "tq2_0", 256, 66, None),
        (39, "mxfp4", 32, 17, None),
    )
}
"""ggml's number of a block type → our name, its bytes, its values and how it is decoded."""

STORED_TYPES.update(dict(BLOCKS.values()))
