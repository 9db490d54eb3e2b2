"""Layers that compute in integers, in torch: their sums are whole numbers, which no order of adding changes.

A simulation that multiplies dequantized numbers adds them in float32, and where a result lies between two steps the
last bits decide: one value in some thousands becomes its neighbour, and the layers behind it make more of it. Here
inputs and weights are the integers themselves. Sums of products of 8 bits are exact in float32 below 2^24, and are
scaled as integer kernels scale them: by one float32 number for each channel, input scale × weight scale ÷ output scale,
before rounding half to even (QLinearConv and QGemm of ONNX Runtime's MLAS; ONNX operator QLinearConv).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
import torch.nn.functional as F  # noqa: N812, TID253
from torch import fx, nn  # noqa: TID253

if TYPE_CHECKING:
    from secateur.model.encoding import Encodings, WeightEncoding

MONOTONE: Final = frozenset({torch.relu, F.relu, F.relu6, F.hardtanh, torch.clamp, torch.clip})
"""What a kernel does on its way from sums to rounded results: it takes float64 as it takes float32."""
MONOTONE_MODULES: Final = (nn.ReLU, nn.ReLU6, nn.Hardtanh)


def compute_in_integers(
    module: fx.GraphModule, encodings: "Encodings", input_scales: Mapping[str, float], rounds: str
) -> None:
    """Have the layers of `input_scales` (name → scale of the rounded input) in a simulation add whole numbers.

    `module` is a simulation of its own: weights and biases are rounded already, and stay what they are. `rounds` is the
    key in a node's meta that marks roundings; each of them is done in the precision that comes in.
    """
    scales: dict[str, set[float | None]] = {}
    for node in module.graph.nodes:
        if node.op == "call_module" and node.target in input_scales:
            scales.setdefault(node.target, set()).add(_scale_behind(node, module, rounds))
    for name, found in scales.items():
        layer, encoding = module.get_submodule(name), encodings.weights[name]
        kind = _KINDS.get(type(layer))
        if kind is None or encoding.axis not in (0, None):
            continue
        layer.__class__ = kind  # as torch's parametrization does: the layer keeps its name, numbers and hooks
        layer.take_scales(input_scales[name], encoding, found.pop() if len(found) == 1 else None)  # type: ignore[operator]
    for node in module.graph.nodes:
        if rounds in node.meta:
            node.target = rounded
    module.recompile()


def _scale_behind(node: fx.Node, module: fx.GraphModule, rounds: str) -> float | None:
    """Of the rounding that is all that reads a layer's results, activation included; None where other things do."""
    while len(node.users) == 1:
        (node,) = node.users
        if rounds in node.meta:
            return float(torch.tensor(node.args[1], dtype=torch.float32))
        is_module = node.op == "call_module" and isinstance(module.get_submodule(str(node.target)), MONOTONE_MODULES)
        if not is_module and node.target not in MONOTONE:
            return None
    return None


def rounded(values: torch.Tensor, scale: float, zero_point: int, lowest: int, highest: int) -> torch.Tensor:
    """float32: `values` on the grid of a tensor's encoding, divided in float32, half to even.

    float64 values are a layer's float32 numbers times `scale`, which the division gives back to the last bit.
    """
    step = torch.tensor(scale, dtype=torch.float32).to(values.device, values.dtype)
    steps = (values / step).float().round_()
    return steps.clamp_(lowest - zero_point, highest - zero_point).mul_(step.float())


class _InIntegers(nn.Module):
    """A layer whose inputs and weights are rounded already, computed from the integers behind them."""

    weight: torch.Tensor
    input_scale: torch.Tensor
    weight_scale: torch.Tensor
    output_scale: torch.Tensor | None

    def take_scales(self, input_scale: float, encoding: "WeightEncoding", output_scale: float | None) -> None:
        """`output_scale` is None where results are not rounded at once, or in different ways."""
        device = self.weight.device
        for name, value in (("input_scale", input_scale), ("output_scale", output_scale)):
            number = None if value is None else torch.tensor(value, dtype=torch.float32, device=device)
            self.register_buffer(name, number, persistent=False)
        scale = torch.from_numpy(encoding.scale.copy()).to(device)
        self.register_buffer("weight_scale", scale.expand(self.weight.shape[0]), persistent=False)

    def _sums(self, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """What the layer computes without its bias."""
        raise NotImplementedError

    def _in_channels(self, numbers: torch.Tensor) -> torch.Tensor:
        """One number for each output channel, so that it broadcasts against results."""
        raise NotImplementedError

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """float64 where results are rounded next, float32 elsewhere."""
        exact = torch.float32 if inputs.device.type == "mps" else torch.float64  # Apple's GPUs have no double
        by_weight = self.weight_scale.reshape(-1, *[1] * (self.weight.dim() - 1))
        sums = self._sums((inputs / self.input_scale).round_(), (self.weight / by_weight).round_())
        step = self.input_scale.to(exact) * self.weight_scale.to(exact)
        bias: torch.Tensor | None = self._parameters["bias"]
        if bias is not None:
            sums += self._in_channels((bias.to(exact) / step).round_()).float()
        if self.output_scale is None:
            return sums.mul_(self._in_channels(step.float()))
        ratio = self.input_scale * self.weight_scale / self.output_scale
        return sums.mul_(self._in_channels(ratio)).to(exact).mul_(self.output_scale.to(exact))


class _IntegerLinear(_InIntegers, nn.Linear):
    def _sums(self, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.linear(inputs, weight)

    def _in_channels(self, numbers: torch.Tensor) -> torch.Tensor:
        return numbers


class _IntegerConv(_InIntegers):
    def _sums(self, inputs: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self._conv_forward(inputs, weight, None)  # type: ignore[operator]  # of the convolution
        return made

    def _in_channels(self, numbers: torch.Tensor) -> torch.Tensor:
        return numbers.reshape(-1, *[1] * (self.weight.dim() - 2))


class _IntegerConv1d(_IntegerConv, nn.Conv1d):
    pass


class _IntegerConv2d(_IntegerConv, nn.Conv2d):
    pass


class _IntegerConv3d(_IntegerConv, nn.Conv3d):
    pass


_KINDS: Final[Mapping[type[Any], type[_InIntegers]]] = {
    nn.Linear: _IntegerLinear,
    nn.Conv1d: _IntegerConv1d,
    nn.Conv2d: _IntegerConv2d,
    nn.Conv3d: _IntegerConv3d,
}
