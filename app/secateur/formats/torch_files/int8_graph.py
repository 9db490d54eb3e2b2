"""A quantized network as a torch graph that the compilers for phones recognise: int8 throughout.

Our activations are uint8; theirs are int8. Both are one grid: with the zero point and both ends less 128, every value
gets the integer less 128, and the same float.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
from torch import fx, nn  # noqa: TID253

from secateur.formats.devices.encoded_layers import rounded
from secateur.formats.torch_files.qdq import decomposed_operators, quantized_module
from secateur.model.encoding import Encodings

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel

_SHIFT: Final = 128


def int8_module(model: "TorchModel", integers: Collection[str], *, unfolded: bool = False) -> nn.Module:
    """The network with its encodings as `quantized_decomposed` operators on int8; its own module where it has none.

    The layers named in `integers` keep integer weights behind a dequantize operator; all others get rounded floats.
    `unfolded` has those weights as floats behind a quantize and a dequantize operator instead, which gives the same
    values. `model` is not changed.
    """
    if not model.encodings:
        return model.module.eval()
    weights = {name: encoding for name, encoding in model.encodings.weights.items() if name in integers}
    floats = rounded(model, set(model.encodings.weights) - set(integers))
    module = quantized_module(
        replace(floats, lowered=model.lowered, encodings=Encodings(weights, model.encodings.activations)),
        decomposed=True,
        packed=False,
    )
    if isinstance(module, fx.GraphModule):
        _shift_activations(module)
        if unfolded:
            _unfold_weights(module)
        module.graph.lint()
        module.recompile()
    return module


def _shift_activations(module: fx.GraphModule) -> None:
    """uint8 grids as int8 ones."""
    operators = decomposed_operators()
    pairs = (operators.quantize_per_tensor.default, operators.dequantize_per_tensor.default)
    for node in module.graph.nodes:
        if node.target in pairs and node.args[-1] is torch.uint8:
            source, scale, zero_point, low, high, _ = node.args
            node.args = (source, scale, zero_point - _SHIFT, low - _SHIFT, high - _SHIFT, torch.int8)


def _unfold_weights(module: fx.GraphModule) -> None:
    """Integer weights as float ones with a quantize operator behind them, whose rounding gives the same integers."""
    operators = decomposed_operators()
    twins = {
        operators.dequantize_per_channel.default: operators.quantize_per_channel.default,
        operators.dequantize_per_tensor.default: operators.quantize_per_tensor.default,
    }
    for node in list(module.graph.nodes):
        stored = node.args[0] if node.target in twins else None
        if not isinstance(stored, fx.Node) or stored.op != "get_attr":
            continue
        holder, _, leaf = str(stored.target).rpartition(".")
        parent = module.get_submodule(holder)
        if leaf in parent._buffers:  # a shared layer is met again
            values = _evaluated(module, node)
            del parent._buffers[leaf]
            parent.register_parameter(leaf, nn.Parameter(values, requires_grad=False))
        with module.graph.inserting_before(node):
            quantized = module.graph.call_function(twins[node.target], (stored, *node.args[1:]))
        node.args = (quantized, *node.args[1:])


def _evaluated(module: fx.GraphModule, node: fx.Node) -> torch.Tensor:
    """What a node gives whose arguments are stored tensors and plain values."""

    def value(part: Any) -> Any:
        return _attribute(module, str(part.target)) if isinstance(part, fx.Node) else part

    with torch.no_grad():
        return node.target(*(value(part) for part in node.args)).detach().clone()  # type: ignore[operator, no-any-return]


def _attribute(module: nn.Module, path: str) -> Any:
    holder, _, leaf = path.rpartition(".")
    return getattr(module.get_submodule(holder), leaf)


def as_array(tensor: torch.Tensor) -> np.ndarray[Any, Any]:
    """A tensor as numpy sees it; for runtimes that give torch tensors which they will use again."""
    return np.array(tensor.detach().cpu().numpy())
