"""What a runtime computes for a layer: an operator, its shapes, and the numbers it computes with.

Two layers of the same workload take the same time, so that one measurement serves both.
"""

from dataclasses import dataclass, replace
from math import prod
from typing import Literal

Operator = Literal["conv", "linear"]
FLOAT_BITS = 32


@dataclass(frozen=True, slots=True)
class Precision:
    """Widths of the stored weights and of the activations as they are computed; 32 is float.

    `group` is how many weights share a scale: 0 for one a channel. `is_affine` weights have zero points.
    """

    weight_bits: int = FLOAT_BITS
    activation_bits: int = FLOAT_BITS
    group: int = 0
    is_affine: bool = False
    is_between: bool = False
    """A float layer that reads integers and whose output is rounded to integers again: some runtimes treat it apart."""

    @property
    def is_float(self) -> bool:
        return self.weight_bits == FLOAT_BITS and self.activation_bits == FLOAT_BITS and not self.is_between

    @property
    def is_static(self) -> bool:
        """Whether activations are rounded to integers too."""
        return self.activation_bits < FLOAT_BITS

    @property
    def words(self) -> str:
        if self.is_float or self.is_between:
            return "float"
        group = f" in groups of {self.group}" if self.group else ""
        if self.is_static:
            return f"{self.weight_bits}-bit weights and {self.activation_bits}-bit activations{group}"
        return f"{self.weight_bits}-bit weights{group}"


FLOAT = Precision()
BETWEEN = Precision(is_between=True)


@dataclass(frozen=True, slots=True)
class Workload:
    """`positions` are the spatial lengths of the input of a convolution, (rows,) of a linear layer's input.

    `pads` are those at the begin of every axis, then those at the end, as in ONNX.
    """

    operator: Operator
    inputs: int
    outputs: int
    positions: tuple[int, ...]
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()
    pads: tuple[int, ...] = ()
    dilations: tuple[int, ...] = ()
    groups: int = 1
    activation: str = ""
    """The operator that the runtime computes with it (`Relu`, `Clip`); empty for none."""
    precision: Precision = FLOAT

    def at(self, precision: Precision) -> "Workload":
        """The same shapes, computed with other numbers."""
        return replace(self, precision=precision)

    def narrowed(self, inputs: int, outputs: int) -> "Workload":
        """The same layer with other numbers of channels; a depthwise one keeps one group a channel."""
        groups = outputs if self.groups > 1 and self.groups == self.inputs else self.groups
        return replace(self, inputs=inputs, outputs=outputs, groups=groups)

    @property
    def output_positions(self) -> tuple[int, ...]:
        if self.operator == "linear":
            return self.positions
        axes = range(len(self.positions))
        return tuple(
            (self.positions[a] + self.pads[a] + self.pads[a + len(self.kernel)] - self._reach(a)) // self.strides[a] + 1
            for a in axes
        )

    def _reach(self, axis: int) -> int:
        return self.dilations[axis] * (self.kernel[axis] - 1) + 1

    @property
    def output_count(self) -> int:
        """Numbers in the output of one sample."""
        return self.outputs * prod(self.output_positions)

    @property
    def input_count(self) -> int:
        return self.inputs * prod(self.positions)

    @property
    def macs(self) -> int:
        """Multiplications for one sample."""
        return self.output_count * self.inputs // max(self.groups, 1) * prod(self.kernel)

    @property
    def key(self) -> str:
        """All of it in one line: where its measurement is kept."""
        parts = (
            *(self.operator, f"{self.inputs}x{self.outputs}", "x".join(map(str, self.positions))),
            *("-".join(map(str, v)) for v in (self.kernel, self.strides, self.pads, self.dilations)),
            *(str(self.groups), self.activation, f"w{self.precision.weight_bits}a{self.precision.activation_bits}"),
            *(f"g{self.precision.group}", "affine" if self.precision.is_affine else "symmetric"),
            *(["between"] if self.precision.is_between else []),
        )
        return "/".join(parts)
