"""How the numbers of a network are stored and computed, apart from what the network is.

A quantization method decides encodings; simulation (torch) and the format writers read the same ones, and
the verifier checks that they agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class WeightEncoding:
    """Symmetric signed integers: value = scale × q, q in −(2^(bits−1)−1) … 2^(bits−1)−1.

    `scale` is float32 of shape (channels,) along `axis`, or (1,) with `axis=None` for one scale per tensor.
    """

    bits: int
    scale: NDArray[np.float32]
    axis: int | None = 0

    @property
    def quantized_maximum(self) -> int:
        return (1 << (self.bits - 1)) - 1

    def _broadcast(self, ndim: int) -> NDArray[np.float32]:
        if self.axis is None:
            return self.scale.reshape(())
        shape = [1] * ndim
        shape[self.axis] = -1
        return self.scale.reshape(shape)

    def quantize(self, weight: NDArray[np.float32]) -> NDArray[np.int8]:
        """The integers that stand for `weight` (rounding half to even, saturating)."""
        limit = self.quantized_maximum
        rounded = np.clip(np.rint(weight / self._broadcast(weight.ndim)), -limit, limit)
        return np.asarray(rounded, dtype=np.int8)

    def dequantize(self, quantized: NDArray[np.int8] | NDArray[np.float32]) -> NDArray[np.float32]:
        """The values that whole numbers stand for."""
        return quantized.astype(np.float32) * self._broadcast(quantized.ndim)

    def round_trip(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """`weight` as the encoded layer will use it; float32, same shape."""
        return self.dequantize(self.quantize(weight))


@dataclass(frozen=True, slots=True)
class ActivationEncoding:
    """Unsigned 8-bit, one scale per tensor: value = scale × (q − zero_point), q in 0 … 255."""

    scale: float
    zero_point: int
    bits: int = 8


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
