"""How the numbers of a network are stored and computed, apart from what the network is.

A quantization method decides encodings; simulation (torch) and the format writers read the same ones, and
the verifier checks that they agree. What a weight can be stored as is a closed union, `WeightEncoding`: each kind owns
its way to codes and back in NumPy, the same in torch with a gradient, and its bytes. Of a new kind there every
`Format.holds` is asked, and the type checker names the places that have to know it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float32]
Codes = NDArray[np.integer[Any]]
Granularity = Literal["tensor", "channel", "group"]

SCALE_BYTES: Final = 4
"""A scale is stored as float32 unless a format has another type for it."""

PARTS: Final = (4, 2, 1)
"""Integers of 3, 5 and 6 bits are put together of parts of so many bits, each of which fills whole bytes."""

PLANES_BYTES: Final = 45
"""What nodes and constants that put such integers together take in a file more than a DequantizeLinear does."""


@dataclass(frozen=True, slots=True, eq=False)
class IntegerEncoding:
    """Integers on a uniform grid: value = scale × (q − zero point), with a zero point only where it is affine.

    One `scale` for the whole tensor where `axis` is None, shape (1,); one for each entry of `axis` (the output
    channels), shape (channels,); or, with a `group_size`, one for each group of so many neighbours along `axis` (the
    inputs), in the shape of the weight with that axis divided, the last group being as short as it must. All float32.
    `zero_point` (uint8, in the shape of `scale`) makes it affine.

    The integers, of 2 to 8 bits: affine ones are 0 … 2^bits − 1. Symmetric ones are −(2^(bits−1) − 1) … 2^(bits−1) − 1,
    as integer kernels want them; in groups they have −2^(bits−1) too, and a negative scale lets the largest value of
    either sign be there (as in ggml's Q4_0 and ONNX Runtime's MatMulNBits).

    `in_integers`: fewer than 8 bits that are computed with in integers all the same, in kernels for 8: activations
    around them are rounded too.
    """

    bits: int
    scale: Floats
    axis: int | None = 0
    zero_point: NDArray[np.uint8] | None = None
    group_size: int | None = None
    in_integers: bool = False

    # ------------------------------------------------------------------ what it is

    @property
    def granularity(self) -> Granularity:
        if self.group_size is not None:
            return "group"
        return "tensor" if self.axis is None else "channel"

    @property
    def is_affine(self) -> bool:
        return self.zero_point is not None

    @property
    def lowest(self) -> int:
        """The smallest integer."""
        if self.is_affine:
            return 0
        return -(1 << (self.bits - 1)) + (self.group_size is None)

    @property
    def highest(self) -> int:
        """The largest integer."""
        return (1 << self.bits) - 1 if self.is_affine else (1 << (self.bits - 1)) - 1

    @property
    def dtype(self) -> "np.dtype[Any]":
        """Of the codes that `quantize` gives: int8, or uint8 where affine, whatever the bits."""
        return np.dtype(np.uint8 if self.is_affine else np.int8)

    @property
    def feeds_integer_kernels(self) -> bool:
        """Whether kernels that multiply int8 with int8 can take the codes as they are: the rest computes in float."""
        return (self.bits == 8 or self.in_integers) and not self.is_affine and self.group_size is None

    @property
    def container(self) -> int:
        """Bits of the integers of an ONNX file, of 2, 4 or 8, that a code lies in where it lies in no planes."""
        return 8 if self.in_integers else container_bits(self.bits)

    @property
    def words(self) -> str:
        """As a person calls it: `4-bit integers in groups of 32, affine`."""
        where = {"tensor": "for the whole tensor", "channel": "per channel", "group": f"in groups of {self.group_size}"}
        return f"{self.bits}-bit integers {where[self.granularity]}, {'affine' if self.is_affine else 'symmetric'}"

    # ------------------------------------------------------------------ to codes and back

    def spread(self, numbers: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
        """Scales or zero points so that they broadcast against a weight of this shape."""
        if self.axis is None:
            return numbers.reshape(())
        if self.group_size is None:
            return numbers.reshape([-1 if place == self.axis else 1 for place in range(len(shape))])
        wide = np.repeat(numbers, self.group_size, self.axis)
        return wide[tuple(slice(0, size) for size in shape)]

    def quantize(self, weight: Floats) -> Codes:
        """The integers that stand for `weight` (rounding half to even, saturating), in its shape."""
        steps = np.rint(weight / self.spread(self.scale, weight.shape))
        if self.zero_point is not None:
            steps = steps + self.spread(self.zero_point, weight.shape).astype(np.float32)
        return np.asarray(np.clip(steps, self.lowest, self.highest), dtype=self.dtype)

    def dequantize(self, codes: NDArray[Any]) -> Floats:
        """The values that whole numbers stand for; float32, same shape."""
        steps = codes.astype(np.float32)
        if self.zero_point is not None:
            steps = steps - self.spread(self.zero_point, codes.shape).astype(np.float32)
        return np.asarray(steps * self.spread(self.scale, codes.shape), np.float32)

    def round_trip(self, weight: Floats) -> Floats:
        """`weight` as the encoded layer will use it; float32, same shape."""
        return self.dequantize(self.quantize(weight))

    def torch_form(self) -> "nn.Module":
        """What `round_trip` computes, to the bit, as a module of one tensor, with a straight-through gradient.

        Scales and zero points are its buffers: it moves with the layer whose weight it is put on
        (`torch.nn.utils.parametrize`).
        """
        from secateur.model.encoding_torch import IntegerForm

        return IntegerForm(self)

    # ------------------------------------------------------------------ bytes

    @property
    def stored_bits(self) -> int:
        """Bits that one code takes in a file of a format that has integers of 4 and 8 bits, as most have."""
        return 4 if self.bits <= 4 else 8

    def pack(self, codes: NDArray[Any], bits: int = 0) -> NDArray[np.uint8]:
        """Codes as they lie in a file, in the order of the array: uint8 (n,), in `stored_bits` each (or 2, if said).

        Of several in a byte the first lies lowest.
        """
        flat = np.ascontiguousarray(codes).reshape(-1).astype(self.dtype, copy=False).view(np.uint8)
        return packed_codes(flat, bits or self.stored_bits)

    def size_bytes(self, shape: Sequence[int]) -> int:
        """Bytes of a weight of this shape in an ONNX file: its codes, its scales in float32, its zero points."""
        count, scales = int(np.prod(shape, dtype=np.int64)), self.scale.size
        return stored_bytes(
            count, scales, self.bits, self.group_size, is_affine=self.is_affine, in_integers=self.in_integers
        )

    def lies_in_planes(self, shape: Sequence[int]) -> bool:
        """Whether an ONNX file holds the codes of a weight of this shape in planes; see `lies_in_planes`."""
        count = int(np.prod(shape, dtype=np.int64))
        return lies_in_planes(count, self.bits, self.group_size, in_integers=self.in_integers)

    def planes(self, codes: NDArray[Any]) -> NDArray[np.uint8]:
        """Codes in as many bits as they have, counted from 0 (symmetric ones from −2^(bits−1)); see `packed_planes`."""
        first = 0 if self.is_affine else 1 << (self.bits - 1)
        return packed_planes((codes.astype(np.int16) + first).astype(np.uint8).reshape(-1), self.bits)

    # ------------------------------------------------------------------ layouts

    def transposed(self, order: Sequence[int]) -> "IntegerEncoding":
        """The encoding of a weight whose axes were put in this order (as `numpy.transpose` takes it)."""
        if self.axis is None:
            return self
        axis = list(order).index(self.axis)
        if self.group_size is None:
            return replace(self, axis=axis)
        zero = None if self.zero_point is None else np.ascontiguousarray(self.zero_point.transpose(order))
        return replace(self, axis=axis, scale=np.ascontiguousarray(self.scale.transpose(order)), zero_point=zero)


WeightEncoding = IntegerEncoding
"""All that a weight can be stored as: the closed union, a new kind is one more member of it."""


def grouped_axis(channel_axis: int) -> int:
    """The axis of a weight that groups are on: that of its inputs, beside the output channels."""
    return 1 - channel_axis


def scales_in(shape: Sequence[int], axis: int | None, group_size: int | None = None) -> int:
    """How many scales a weight of this shape has: one, one for each entry of `axis`, or one for each group on it."""
    if axis is None:
        return 1
    if group_size is None:
        return shape[axis]
    rest = int(np.prod([size for place, size in enumerate(shape) if place != axis], dtype=np.int64))
    return rest * -(-shape[axis] // group_size)


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of so many numbers of 2, 4 or 8 bits."""
    return (count * bits + 7) // 8


def container_bits(bits: int) -> int:
    """Bits of the smallest of ONNX's own integers (of 2, 4 and 8) that a code of so many fits in."""
    return 2 if bits <= 2 else 4 if bits <= 4 else 8


def planes_bytes(count: int, bits: int) -> int:
    """Bytes of so many codes in planes: every eight take one byte a bit."""
    return bits * -(-count // 8)


def lies_in_planes(count: int, bits: int, group_size: int | None = None, *, in_integers: bool = False) -> bool:
    """Whether an ONNX file holds so many codes in planes, as many bits to a code as it has, and not in containers.

    Those of 3, 5 and 6 bits with scales per channel, and all of fewer than 8 that are computed with in integers, where
    that saves more than the nodes take that put them together.
    """
    container = 8 if in_integers else container_bits(bits)
    if group_size is not None or bits == container:
        return False
    return planes_bytes(count, bits) + PLANES_BYTES < packed_bytes(count, container)


def stored_bytes(
    count: int,
    scales: int,
    bits: int,
    group_size: int | None = None,
    *,
    is_affine: bool = False,
    in_integers: bool = False,
) -> int:
    """Bytes of so many codes in an ONNX file, with so many scales (float32), and zero points where they are affine."""
    in_planes = lies_in_planes(count, bits, group_size, in_integers=in_integers)
    container = 8 if in_integers else container_bits(bits)
    codes = planes_bytes(count, bits) if in_planes else packed_bytes(count, container)
    zeros = packed_bytes(scales, 8 if in_planes else container) if is_affine else 0
    return codes + scales * SCALE_BYTES + zeros


def packed_planes(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Codes (n,) of 0 … 2^bits − 1 in planes: uint8 (bits, ⌈n / 8⌉), the highest bits in the first rows.

    They are divided into parts of 4, 2 and 1 bits, whichever `bits` is the sum of. A part of p bits fills p rows: the
    first 1 / (8 / p) of all codes lies in the lowest p bits of each byte, the next above it, and so on, so that a shift
    of the rows as they lie gives the codes in order. Missing ones are zero.
    """
    columns = -(-codes.size // 8)
    padded = np.pad(codes, (0, 8 * columns - codes.size))
    rows, below = [], bits
    for part in (part for part in PARTS if bits & part):
        below -= part
        apart = ((padded >> np.uint8(below)) & np.uint8((1 << part) - 1)).reshape(8 // part, part, columns)
        shifts = (np.arange(8 // part, dtype=np.uint8) * np.uint8(part)).reshape(-1, 1, 1)
        rows.append(np.bitwise_or.reduce(apart << shifts, axis=0))
    return np.ascontiguousarray(np.concatenate(rows), np.uint8)


def unpacked_planes(planes: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """The first `count` codes of what `packed_planes` gives."""
    bits = len(planes)
    codes, row, below = np.zeros(8 * planes.shape[1], np.uint8), 0, bits
    for part in (part for part in PARTS if bits & part):
        below -= part
        shifts = (np.arange(8 // part, dtype=np.uint8) * np.uint8(part)).reshape(-1, 1, 1)
        apart = (planes[row : row + part] >> shifts) & np.uint8((1 << part) - 1)
        codes |= apart.reshape(-1) << np.uint8(below)
        row += part
    return codes[:count]


def packed_codes(codes: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Along the last axis as many codes of 2, 4 or 8 bits to a byte as fit, the first lowest; missing ones are zero."""
    each = 8 // bits
    if each == 1:
        return np.ascontiguousarray(codes)
    missing = -codes.shape[-1] % each
    if missing:
        codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, missing)])
    apart = (codes & np.uint8((1 << bits) - 1)).reshape(*codes.shape[:-1], -1, each)
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(bits)
    return np.asarray(np.bitwise_or.reduce(apart << shifts, axis=-1), np.uint8)


def unpacked_codes(packed: NDArray[Any], bits: int, count: int) -> NDArray[np.uint8]:
    """The first `count` codes along the last axis of what `packed_codes` gives."""
    each = 8 // bits
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(bits)
    apart = (np.asarray(packed, np.uint8)[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return apart.reshape(*packed.shape[:-1], -1)[..., :count]


@dataclass(frozen=True, slots=True)
class ActivationEncoding:
    """Unsigned integers, one scale per tensor: value = scale × (q − zero_point), q in 0 … 2^bits − 1 (8 or 16 bits)."""

    scale: float
    zero_point: int
    bits: int = 8

    @property
    def highest(self) -> int:
        """The largest integer; the smallest is 0."""
        return (1 << self.bits) - 1

    @property
    def feeds_integer_kernels(self) -> bool:
        """Whether kernels that multiply int8 with uint8 can take its integers: of 16 bits, most compute in float."""
        return self.bits == 8

    @property
    def words(self) -> str:
        """As a person calls it."""
        return f"activations of {self.bits} bits"

    @property
    def dtype(self) -> "np.dtype[Any]":
        """The type that holds its integers: uint8 or uint16."""
        return np.dtype(np.uint8 if self.bits <= 8 else np.uint16)

    def quantize(self, values: Floats) -> Codes:
        """The integers that stand for values (rounding half to even, saturating), in their shape."""
        steps = np.rint(values / np.float32(self.scale)) + np.float32(self.zero_point)
        return np.asarray(np.clip(steps, 0, self.highest), dtype=self.dtype)

    def dequantize(self, codes: NDArray[Any]) -> Floats:
        """The values that whole numbers stand for; float32, same shape."""
        return np.asarray((codes.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale))


@dataclass(frozen=True, slots=True, eq=False)
class Encodings:
    """Weights by layer name, activations by tensor name of the lowered graph."""

    weights: Mapping[str, WeightEncoding] = field(default_factory=dict)
    activations: Mapping[str, ActivationEncoding] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.weights or self.activations)

    def with_weights(self, weights: Mapping[str, WeightEncoding]) -> "Encodings":
        return replace(self, weights={**self.weights, **weights})

    def with_activations(self, activations: Mapping[str, ActivationEncoding]) -> "Encodings":
        return replace(self, activations={**self.activations, **activations})


def round_bias(bias: NDArray[np.float32], input_scale: float, weight_scale: NDArray[np.float32]) -> NDArray[np.float32]:
    """A bias as integer kernels add it: int32 in steps of input scale × weight scale, back in float32."""
    step = np.float64(np.float32(input_scale)) * weight_scale.astype(np.float64)
    whole = np.clip(np.rint(bias.astype(np.float64) / step), -(2.0**31), 2.0**31 - 1)
    return np.asarray(whole * step, dtype=np.float32)
