"""Rounding that can be trained through: forward as encodings round, backward straight through.

Behind a rounding the gradient is that of the rounded value, unless the value lies beyond the range of the integers:
there it is zero, as a small change would change nothing (Bengio, Léonard and Courville 2013, arXiv:1308.3432; clipped
as `torch.fake_quantize_per_tensor_affine` does). That operator multiplies with the reciprocal of the scale, which
differs from division in the last bit: weights are therefore rounded by the torch form of their encoding.
"""

from typing import Any

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily

from secateur.model.encoding import WeightEncoding


def rounded_weight(weight: torch.Tensor, encoding: WeightEncoding) -> torch.Tensor:
    """`encoding.round_trip` of a float32 weight, to the last bit; the gradient passes where it is in range."""
    rounded: torch.Tensor = encoding.torch_form().to(weight.device)(weight)
    return rounded


def rounded_bias(bias: torch.Tensor, input_scale: float, encoding: WeightEncoding) -> torch.Tensor:
    """`round_bias` of a float32 bias: whole steps of input scale × weight scale in int32; straight through."""
    exact = torch.float32 if bias.device.type == "mps" else torch.float64  # Apple's GPUs have no double
    step = torch.tensor(input_scale, dtype=torch.float32).double() * torch.from_numpy(encoding.scale).double()
    return _rounded(bias.to(exact), step.to(bias.device, exact), -(2.0**31), 2.0**31 - 1).to(bias.dtype)


def _rounded(values: torch.Tensor, scale: torch.Tensor, low: float, high: float) -> torch.Tensor:
    made: torch.Tensor = _Rounding.apply(values, scale, low, high)  # type: ignore[no-untyped-call]
    return made


class _Rounding(torch.autograd.Function):
    """values → scale × clamp(round(values ÷ scale), low, high), half to even."""

    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, scale: torch.Tensor, low: float, high: float) -> torch.Tensor:
        whole = torch.round(values / scale)
        ctx.save_for_backward((whole >= low) & (whole <= high))
        return torch.clamp(whole, low, high) * scale

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (is_within,) = ctx.saved_tensors
        return gradients[0] * is_within, None, None, None
