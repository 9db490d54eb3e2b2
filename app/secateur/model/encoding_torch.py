"""Encodings in torch: what their NumPy form computes, with a gradient that passes through the rounding.

This file is about torch and nothing else, and is imported lazily.
"""

from typing import TYPE_CHECKING

import numpy as np
import torch  # noqa: TID253 - imported lazily, by `torch_form`
from torch import nn  # noqa: TID253

if TYPE_CHECKING:
    from secateur.model.encoding import IntegerEncoding


class IntegerForm(nn.Module):
    """`IntegerEncoding.round_trip` of a tensor: float32 in and out, same shape.

    The gradient is that of the identity where a value lies within the grid, and none where it saturates
    (straight-through estimator, Bengio et al. 2013).
    """

    scale: torch.Tensor
    zero_point: torch.Tensor | None

    def __init__(self, encoding: "IntegerEncoding") -> None:
        super().__init__()
        self.axis, self.group_size = encoding.axis, encoding.group_size
        self.lowest, self.highest = encoding.lowest, encoding.highest
        self.register_buffer("scale", torch.from_numpy(np.ascontiguousarray(encoding.scale, np.float32)))
        zero = encoding.zero_point
        self.register_buffer("zero_point", None if zero is None else torch.from_numpy(zero.astype(np.float32)))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        scale = self._spread(self.scale, values)
        zero = torch.zeros_like(scale) if self.zero_point is None else self._spread(self.zero_point, values)
        with torch.no_grad():
            whole = torch.round(values / scale) + zero
            rounded = (whole.clamp(self.lowest, self.highest) - zero) * scale
            is_within = (whole >= self.lowest) & (whole <= self.highest)
        held = torch.where(is_within, values, values.detach())
        return rounded + (held - held.detach())  # the values of the first, the gradient of the second

    def _spread(self, numbers: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Numbers so that they broadcast against a tensor, as `IntegerEncoding.spread`."""
        if self.axis is None:
            return numbers.reshape(())
        if self.group_size is None:
            return numbers.reshape([-1 if place == self.axis else 1 for place in range(like.ndim)])
        return numbers.repeat_interleave(self.group_size, self.axis).narrow(self.axis, 0, like.shape[self.axis])
