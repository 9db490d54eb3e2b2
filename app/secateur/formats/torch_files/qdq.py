"""Encodings as a torch graph: integers in the state dict, and in the graph the operators that give them back.

With plain operators the graph runs in any torch: weights are cast and scaled, activations rounded and clamped. With
`quantized_decomposed` ones, which backends such as XNNPACK and Inductor recognise, every pair is a quantize and a
dequantize operator. Weights of 4 bits and fewer are packed two to a byte.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import torch  # noqa: TID253 - this file is about nothing else and is imported lazily
import torch.nn.functional as F  # noqa: N812, TID253 - torch's own name for it
from torch import fx, nn  # noqa: TID253

from secateur.graph.products import MatrixProduct
from secateur.graph.simulation import simulate
from secateur.model.encoding import WeightEncoding

if TYPE_CHECKING:
    from secateur.graph.network import TorchModel

_CONVOLUTIONS: Final[dict[type[nn.Module], Callable[..., Any]]] = {
    nn.Conv1d: F.conv1d,
    nn.Conv2d: F.conv2d,
    nn.Conv3d: F.conv3d,
}
_TRANSPOSED: Final[dict[type[nn.Module], Callable[..., Any]]] = {
    nn.ConvTranspose1d: F.conv_transpose1d,
    nn.ConvTranspose2d: F.conv_transpose2d,
    nn.ConvTranspose3d: F.conv_transpose3d,
}


_LARGEST_BYTE: Final = 255


def quantized_module(model: "TorchModel", *, decomposed: bool = False, packed: bool = True) -> nn.Module:
    """The network of a lowered model with its encodings in it; its own module where nothing is encoded.

    Without `packed`, weights of 4 bits and fewer take a byte each, which backends can read.
    `model` is not changed. ValueError where a layer cannot be computed from a dequantized weight.
    """
    if not model.encodings:
        return model.module.eval()
    module = simulate(model.module, model.encodings)
    if not isinstance(module, fx.GraphModule):
        raise TypeError(f"{model.name} is not lowered")
    _spell_out_activations(module, decomposed=decomposed)
    done: set[str] = set()
    for name, encoding in model.encodings.weights.items():
        if name not in done:
            done.update(_store_integers(module, name, encoding, decomposed=decomposed, packed=packed))
    module.graph.eliminate_dead_code()
    module.graph.lint()
    module.recompile()
    return module


def decomposed_operators() -> Any:
    """`torch.ops.quantized_decomposed`, registered."""
    import torch.ao.quantization.fx._decomposed  # the import registers them

    return torch.ops.quantized_decomposed


# ---------------------------------------------------------------------- activations


def _spell_out_activations(module: fx.GraphModule, *, decomposed: bool) -> None:
    """Every fake quantization of the simulation, which torch.export cannot trace, as operators that it can."""
    graph = module.graph
    for node in list(graph.nodes):
        if node.target is not torch.fake_quantize_per_tensor_affine:
            continue
        source, *numbers = node.args
        with graph.inserting_before(node):
            if decomposed:
                operators, arguments = (
                    decomposed_operators(),
                    (*numbers, torch.uint8 if numbers[-1] <= _LARGEST_BYTE else torch.uint16),
                )
                quantized = graph.call_function(operators.quantize_per_tensor.default, (source, *arguments))
                rounded = graph.call_function(operators.dequantize_per_tensor.default, (quantized, *arguments))
            else:
                rounded = graph.call_function(round_to_grid, (source, *numbers))
        rounded.meta = dict(node.meta)
        node.replace_all_uses_with(rounded)
        graph.erase_node(node)


def round_to_grid(values: torch.Tensor, scale: float, zero_point: int, low: int, high: int) -> torch.Tensor:
    """`values` rounded to scale × (q − zero point), q a whole number from `low` to `high`."""
    whole = torch.clamp(torch.round(values * (1.0 / scale)) + zero_point, low, high)
    return (whole - zero_point) * scale


# ---------------------------------------------------------------------- weights


def _store_integers(
    module: fx.GraphModule, name: str, encoding: WeightEncoding, *, decomposed: bool, packed: bool
) -> tuple[str, ...]:
    """Replace a layer by its integers and scales, and its calls by what dequantizes and computes.

    So are those that share its weight, which read the same integers. The names of all of them.
    """
    layer: Any = module.get_submodule(name)
    weight = layer.weight
    layers = {name: layer}
    layers |= {other: part for other, part in module.named_modules() if getattr(part, "weight", None) is weight}
    integers = torch.from_numpy(encoding.quantize(weight.detach().float().numpy()))
    is_packed = packed and encoding.stored_bits == 4
    holder = nn.Module()
    packed_integers = torch.from_numpy(encoding.pack(integers.numpy())) if is_packed else integers
    holder.register_buffer("weight", packed_integers)
    holder.register_buffer("scale", torch.from_numpy(encoding.scale.astype("float32")))
    if encoding.zero_point is not None:
        holder.register_buffer("zero_point", torch.from_numpy(encoding.zero_point))
    elif decomposed:
        holder.register_buffer("zero_point", torch.zeros(encoding.scale.size, dtype=torch.int64))
    for user, part in layers.items():
        compute, bias = _computation(part), getattr(part, "bias", None)
        own = holder if user == name else nn.Module()
        if isinstance(bias, torch.Tensor):
            own.bias = bias
        _replace(module, user, own)
        for node in [node for node in module.graph.nodes if node.op == "call_module" and node.target == user]:
            with module.graph.inserting_before(node):
                stored = module.graph.get_attr(f"{name}.weight")
                if is_packed:
                    unpack = unpack_uint4 if encoding.is_affine else unpack_int4
                    stored = module.graph.call_function(unpack, (stored, tuple(weight.shape)))
                shape = tuple(weight.shape)
                restored = _restored(module.graph, stored, name, encoding, shape, decomposed=decomposed)
                added = module.graph.get_attr(f"{user}.bias") if isinstance(bias, torch.Tensor) else None
                computed = compute(module.graph, node.args[0], restored, added)
            computed.meta = dict(node.meta)
            node.replace_all_uses_with(computed)
            module.graph.erase_node(node)
    return tuple(layers)


def _restored(
    graph: fx.Graph, stored: fx.Node, name: str, encoding: WeightEncoding, shape: tuple[int, ...], *, decomposed: bool
) -> fx.Node:
    """The float weight of stored integers; in groups always with plain operators, as no others know them."""
    scale = graph.get_attr(f"{name}.scale")
    if decomposed and encoding.granularity != "group":
        zero = graph.get_attr(f"{name}.zero_point")
        ends, axis = (encoding.lowest, encoding.highest), encoding.axis
        dtype = torch.uint8 if encoding.is_affine else torch.int8
        if axis is None:  # one scale for all: the same scale for every channel
            origin = 0 if encoding.zero_point is None else int(encoding.zero_point[0])
            operator = decomposed_operators().dequantize_per_tensor.default
            return graph.call_function(operator, (stored, float(encoding.scale[0]), origin, *ends, dtype))
        operator = decomposed_operators().dequantize_per_channel.default
        return graph.call_function(operator, (stored, scale, zero, axis, *ends, dtype))
    steps = graph.call_method("to", (stored, torch.float32))
    if encoding.is_affine:
        zero = graph.call_method("to", (graph.get_attr(f"{name}.zero_point"), torch.float32))
        steps = graph.call_function(torch.sub, (steps, _spread(graph, zero, encoding, shape)))
    return graph.call_function(torch.mul, (steps, _spread(graph, scale, encoding, shape)))


def _spread(graph: fx.Graph, numbers: fx.Node, encoding: WeightEncoding, shape: tuple[int, ...]) -> fx.Node:
    """Scales or zero points so that they broadcast against a weight of this shape."""
    axis = encoding.axis
    if axis is None or encoding.group_size is None:
        places = [-1 if place == axis else 1 for place in range(len(shape))]
        return graph.call_method("reshape", (numbers, places))
    wide = graph.call_function(torch.repeat_interleave, (numbers, encoding.group_size), {"dim": axis})
    return graph.call_function(torch.narrow, (wide, axis, 0, shape[axis]))


def _computation(layer: Any) -> Callable[[fx.Graph, Any, fx.Node, fx.Node | None], fx.Node]:
    """How the layer computes with a weight that is given to it."""
    kind = type(layer)
    if isinstance(layer, nn.Embedding):
        return lambda graph, x, weight, bias: graph.call_function(F.embedding, (x, weight))
    if isinstance(layer, MatrixProduct):
        return lambda graph, x, weight, bias: _product(graph, layer, x, weight, bias)
    if isinstance(layer, nn.Linear):
        return lambda graph, x, weight, bias: graph.call_function(F.linear, (x, weight, bias))
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise ValueError(f"a convolution with {layer.padding_mode} padding has no plain form")
    if kind in _CONVOLUTIONS:
        sizes = (layer.stride, layer.padding, layer.dilation, layer.groups)
        return lambda graph, x, weight, bias: graph.call_function(_CONVOLUTIONS[kind], (x, weight, bias, *sizes))
    if kind in _TRANSPOSED:
        places = (layer.stride, layer.padding, layer.output_padding, layer.groups, layer.dilation)
        return lambda graph, x, weight, bias: graph.call_function(_TRANSPOSED[kind], (x, weight, bias, *places))
    raise ValueError(f"{kind.__name__} has no form that computes with a dequantized weight")


def _product(graph: fx.Graph, layer: MatrixProduct, x: fx.Node, weight: fx.Node, bias: fx.Node | None) -> fx.Node:
    """What a product with a stored matrix computes, with a weight that is given to it."""
    turned = graph.call_method("permute", (weight, layer.order))
    made = graph.call_function(torch.matmul, (turned, x) if layer.is_left else (x, turned))
    return made if bias is None else graph.call_function(torch.add, (made, bias))


def unpack_uint4(packed: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The uint8 values of 4-bit integers without a sign, two to a byte, the first in the low half."""
    low, high = packed & 15, packed >> 4
    pairs = torch.stack([low, high], dim=-1).reshape(-1)
    count = 1
    for size in shape:
        count *= size
    return pairs[:count].reshape(shape)


def unpack_int4(packed: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """The int8 values of 4-bit integers with a sign, two to a byte, the first in the low half."""
    low, high = packed.to(torch.int32) & 15, packed.to(torch.int32) >> 4
    pairs = torch.stack([low, high], dim=-1).reshape(-1)
    count = 1
    for size in shape:
        count *= size
    signed = (pairs ^ 8) - 8
    return signed[:count].reshape(shape).to(torch.int8)


def _replace(module: nn.Module, name: str, part: nn.Module) -> None:
    """Put `part` where the submodule `name` is; layers below that place stay."""
    parent, _, leaf = name.rpartition(".")
    holder = module.get_submodule(parent)
    for child, below in module.get_submodule(name).named_children():
        part.add_module(child, below)
    holder._modules[leaf] = part
