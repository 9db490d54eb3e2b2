"""Tensors where they lie in a file: described from its header, mapped and decoded block by block when asked.

A file of any size needs memory for one block, or for one tensor where the whole of it is asked for.
"""

import mmap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.model.description import TensorInfo
from secateur.model.encoding import IntegerEncoding

Floats = NDArray[np.float32]
Decode = Callable[[NDArray[np.uint8]], Floats]

_MAPPING: Final[dict[str, int]] = (
    {"flags": mmap.MAP_SHARED | mmap.MAP_POPULATE, "prot": mmap.PROT_READ}
    if hasattr(mmap, "MAP_POPULATE")  # Linux: all pages at once, instead of sixteen at each fault
    else {"access": mmap.ACCESS_READ}
)

BLOCK_BYTES: Final = 1 << 24
"""How much of a file is looked at in one step."""


class StoredType(NamedTuple):
    """How numbers lie in bytes: `values` of them in each group of `size` bytes; `decode` gives them as float32.

    `decode` takes whole groups as uint8 (n × size,) and may return a view of what it was given.
    """

    size: int
    values: int
    decode: Decode


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """One tensor of a file.

    `dtype` is a name in `STORED_TYPES`. `offset` counts bytes from the beginning of `path`; −1 where the bytes
    cannot be mapped (compressed, for instance), and then `load` gives the values, float32 in the tensor's shape.
    Where there is a `scale`, the numbers in the file are integers: what is counted are they, and what `read_values`
    gives is their products with it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size_bytes: int
    path: Path
    offset: int
    load: Callable[[], Floats] | None = None
    scale: "StoredTensor | None" = None
    """What the integers are multiplied with, one for each channel on `scale_axis` (None: one for all)."""
    scale_axis: int | None = None
    zero_point: "StoredTensor | None" = None
    """Where unsigned integers have their zero, one number for each scale."""
    group_size: int | None = None
    """How many neighbours along `scale_axis` share a scale; None where all do that are in one of its places."""

    def encoding_of_values(self) -> IntegerEncoding | None:
        """How integers with a scale stand for values; None where the numbers are the values."""
        if self.scale is None:
            return None
        shape: tuple[int, ...] = (-1,)
        if self.group_size is not None and self.scale_axis is not None:
            groups = -(-self.shape[self.scale_axis] // self.group_size)
            shape = (*self.shape[: self.scale_axis], groups, *self.shape[self.scale_axis + 1 :])
        zero = None if self.zero_point is None else read_values(self.zero_point).astype(np.uint8).reshape(shape)
        bits = 4 if self.dtype.endswith("int4") else 8
        return IntegerEncoding(bits, read_values(self.scale).reshape(shape), self.scale_axis, zero, self.group_size)

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def info(self) -> TensorInfo:
        return TensorInfo(self.name, self.dtype, self.shape, self.size_bytes)


def _plain(dtype: Any) -> StoredType:
    kind = np.dtype(dtype)
    return StoredType(kind.itemsize, 1, lambda raw: np.asarray(raw.view(kind), dtype=np.float32))


def _bfloat16(raw: NDArray[np.uint8]) -> Floats:
    return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)


@cache
def _float8_table(exponent_bits: int) -> Floats:
    """All 256 values of an 8-bit float (OCP FP8: E4M3 has no infinities and NaN at 0x7F, E5M2 is as IEEE 754)."""
    mantissa_bits, bias = 7 - exponent_bits, (1 << (exponent_bits - 1)) - 1
    codes = np.arange(256)
    exponent, mantissa = (codes >> mantissa_bits) & ((1 << exponent_bits) - 1), codes & ((1 << mantissa_bits) - 1)
    fraction = mantissa / (1 << mantissa_bits)
    size = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - float(bias)))
    values = np.where(codes & 0x80, -size, size)
    if exponent_bits == 4:
        values[(codes & 0x7F) == 0x7F] = np.nan
    else:
        top = exponent == 31
        values[top] = np.where(mantissa[top] == 0, np.copysign(np.inf, values[top]), np.nan)
    return values.astype(np.float32)


def _float8(exponent_bits: int) -> StoredType:
    return StoredType(1, 1, lambda raw: _float8_table(exponent_bits)[raw])


def _nibbles(*, signed: bool) -> StoredType:
    """Two 4-bit integers a byte, the lower half first (as ONNX packs them)."""

    def decode(raw: NDArray[np.uint8]) -> Floats:
        both = np.stack([raw & 0xF, raw >> 4], axis=-1).reshape(-1).astype(np.int8)
        return np.asarray(np.where(both > 7, both - 16, both) if signed else both, dtype=np.float32)

    return StoredType(1, 2, decode)


STORED_TYPES: Final[dict[str, StoredType]] = {
    "float64": _plain("<f8"),
    "float32": _plain("<f4"),
    "float16": _plain("<f2"),
    "bfloat16": StoredType(2, 1, _bfloat16),
    "float8_e4m3fn": _float8(4),
    "float8_e5m2": _float8(5),
    "int64": _plain("<i8"),
    "int32": _plain("<i4"),
    "int16": _plain("<i2"),
    "int8": _plain("i1"),
    "uint64": _plain("<u8"),
    "uint32": _plain("<u4"),
    "uint16": _plain("<u2"),
    "uint8": _plain("u1"),
    "bool": _plain("u1"),
    "int4": _nibbles(signed=True),
    "uint4": _nibbles(signed=False),
}
"""What can lie in a file, by name; formats with types of their own (GGUF's blocks) add them."""

FLOATING: Final = frozenset({"float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"})


def stored_bytes(dtype: str, count: int) -> int:
    """Bytes that `count` values of a stored type take."""
    kind = STORED_TYPES[dtype]
    return -(-count // kind.values) * kind.size


def mapped(tensor: StoredTensor, begin: int, size: int) -> NDArray[np.uint8]:
    """`size` bytes of a tensor from its byte `begin` on, mapped read-only: they take memory only while looked at.

    The mapping lives as long as the array. UserError where the file has become shorter since it was opened.
    """
    if not size:
        return np.empty(0, np.uint8)
    start = tensor.offset + begin
    aligned = start - start % mmap.ALLOCATIONGRANULARITY
    try:
        with tensor.path.open("rb") as stream:
            view = mmap.mmap(stream.fileno(), size + start - aligned, **_MAPPING, offset=aligned)
    except ValueError as problem:
        raise UserError(f"{tensor.path.name} was changed while it was open.", "Open it again.") from problem
    return np.frombuffer(view, np.uint8, size, start - aligned)


def float_blocks(tensor: StoredTensor, most_bytes: int = BLOCK_BYTES) -> Iterator[Floats]:
    """The tensor's values in order as flat float32 blocks; each is read only, and valid until the next is asked for."""
    if tensor.load is not None:
        yield tensor.load().reshape(-1)
        return
    if not tensor.count:
        return
    kind = STORED_TYPES[tensor.dtype]
    step = max(most_bytes // kind.size, 1) * kind.size
    left = tensor.count
    for begin in range(0, tensor.size_bytes, step):
        block = kind.decode(mapped(tensor, begin, min(step, tensor.size_bytes - begin)))[:left]
        left -= len(block)
        yield block


def read_values(tensor: StoredTensor) -> Floats:
    """The whole tensor as float32 in its shape, in memory of its own."""
    if tensor.load is not None:
        return tensor.load()
    values = np.empty(tensor.count, np.float32)
    place = 0
    for block in float_blocks(tensor):
        values[place : place + len(block)] = block
        place += len(block)
    encoding = tensor.encoding_of_values()
    whole = values.reshape(tensor.shape)
    return whole if encoding is None else encoding.dequantize(whole)
