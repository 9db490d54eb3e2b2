"""Operators of com.microsoft that ONNX Runtime's optimisers put in the place of several: taken apart again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.activation import plain
from secateur.graph.onnx_import.attention import rotated
from secateur.graph.onnx_import.builder import GraphBuilder, to_tensor
from secateur.graph.onnx_import.contrib_attention import multi_head, packed
from secateur.graph.onnx_import.convolution import convolution
from secateur.graph.onnx_import.linear import gemm, product
from secateur.graph.onnx_import.normalization import layer_normalization
from secateur.graph.onnx_import.values import Constant, OnnxNode, OperatorTable, Unsupported, Value
from secateur.graph.onnx_names import layer_name

_NEWEST: Final = 20
"""The opset whose meaning the operators inside the fused ones have."""


# ---------------------------------------------------------------------- with an activation


def fused_convolution(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """FusedConv: a convolution, a tensor added to it (fourth input) and an activation."""
    made = convolution(build, node)
    if node.input(3) is not None:
        made = build.call(torch.add, made, build.tensor(node.required(3)))
    return _activated(build, made, node.word("activation"), list(node.attributes.get("activation_params", ())))


def fused_gemm(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    numbers = [float(node.attributes[name]) for name in _GEMM_NUMBERS if name in node.attributes]
    return _activated(build, gemm(build, node), node.word("activation"), numbers)


_GEMM_NUMBERS: Final = ("activation_alpha", "activation_beta", "activation_gamma")


def _activated(build: GraphBuilder, source: fx.Node, name: str, numbers: list[float]) -> fx.Node:
    """`source` through the activation that a fused operator names; its numbers as that operator lists them."""
    simple: dict[str, Callable[..., Any]] = {
        "Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Softplus": F.softplus, "Softsign": F.softsign,
    }  # fmt: skip
    if not name:
        return source
    if name in simple:
        return build.call(simple[name], source)
    if name in {"LeakyRelu", "Elu"}:
        function = F.leaky_relu if name == "LeakyRelu" else F.elu
        return build.call(function, source, *(numbers[:1] or [0.01 if name == "LeakyRelu" else 1.0]))
    if name == "Clip" and len(numbers) == 2:
        return build.call(torch.clamp, source, *numbers)
    if name == "HardSigmoid":
        slope, shift = numbers if len(numbers) == 2 else (0.2, 0.5)
        line = build.call(torch.add, build.call(torch.mul, source, slope), shift)
        return build.call(torch.clamp, line, 0.0, 1.0)
    raise Unsupported(f"its activation is {name}")


# ---------------------------------------------------------------------- products


def fused_product(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """FusedMatMul: a product of transposed tensors, scaled; a linear layer where its matrix is stored."""
    alpha = float(node.attributes.get("alpha", 1.0))
    if node.layer is not None:
        made = product(build, node)
    else:
        sides = [build.tensor(node.required(index)) for index in range(2)]
        for index, letter in enumerate("AB"):
            sides[index] = _turned(
                build, sides[index], node.flag(f"transBatch{letter}"), is_turned=node.flag(f"trans{letter}")
            )
        made = build.call(torch.matmul, *sides)
    return made if alpha == 1.0 else build.call(torch.mul, made, alpha)


def _turned(build: GraphBuilder, side: fx.Node, is_batch_moved: bool, *, is_turned: bool) -> fx.Node:
    """A side of the product: its first axis moved behind the batch, then its last two axes exchanged."""
    rank = build.rank(side)
    if is_batch_moved:
        side = build.call(torch.permute, side, (*range(1, rank - 1), 0, rank - 1))
    return build.call(torch.transpose, side, -2, -1) if is_turned and rank > 1 else side


# ---------------------------------------------------------------------- activations


def gelu_with_bias(approximate: str) -> Callable[[GraphBuilder, OnnxNode], fx.Node]:
    """BiasGelu and FastGelu: a bias, where there is one, added before the function."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        source = build.tensor(node.required(0))
        if node.input(1) is not None:
            source = build.call(torch.add, source, build.tensor(node.required(1)))
        return build.call(F.gelu, source, approximate=approximate)

    return handler


def quick_gelu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """x · sigmoid(alpha · x) (Hendrycks and Gimpel 2016)."""
    source = build.tensor(node.required(0))
    steep = build.call(torch.mul, source, float(node.attributes.get("alpha", 1.702)))
    return build.call(torch.mul, source, build.call(torch.sigmoid, steep))


def root_mean_square(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """SimplifiedLayerNormalization → nn.RMSNorm over the axes from `axis` on (Zhang and Sennrich 2019)."""
    if len([name for name in node.outputs if name]) > 1:
        raise Unsupported("its mean is used as an output")
    source, scale = build.tensor(node.required(0)), _stored(node, 1)
    shape = build.shape(source)[build.axis(build.tensor(node.required(0)), int(node.attributes.get("axis", -1))) :]
    if scale.array.shape != shape:
        raise Unsupported("its scale does not have the shape of what it normalizes")

    def make() -> nn.Module:
        made = nn.RMSNorm(shape, eps=float(node.attributes.get("epsilon", 1e-5)))
        made.weight = nn.Parameter(to_tensor(scale.array))
        return made

    return build.layer(_name(node, scale), make, source)


def skip_normalization(*, is_simplified: bool) -> Callable[[GraphBuilder, OnnxNode], tuple[Value, ...]]:
    """Skip(Simplified)LayerNormalization: input + skip (+ bias), normalized; the sum is the fourth output."""

    def handler(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
        if any(node.outputs[1:3]):
            raise Unsupported("its mean is used as an output")
        total = build.call(torch.add, build.tensor(node.required(0)), build.tensor(node.required(1)))
        bias = node.input(3 if is_simplified else 4)
        if bias is not None:
            total = build.call(torch.add, total, build.tensor(bias))
        attributes = {"epsilon": node.attributes.get("epsilon", 1e-12)}
        affine = (node.input(2),) if is_simplified else (node.input(2), node.input(3))
        inner = replace(node, inputs=(total, *affine), outputs=node.outputs[:1], attributes=attributes, opset=_NEWEST)
        made: Any = root_mean_square(build, inner) if is_simplified else layer_normalization(build, inner)
        made = made[0] if isinstance(made, tuple) else made
        return (made, made, made, total)

    return handler


def embedding_normalization(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """EmbedLayerNormalization → embeddings of words, places and segments, their sum through nn.LayerNorm.

    The second output is the number of words that the mask leaves in each sample (of all, without a mask).
    """
    words = build.tensor(node.required(0))
    total = _embedded(build, node, 2, words)
    places = node.input(8)
    steps = build.call(torch.unsqueeze, build.call(torch.arange, build.size(words, 1)), 0) if places is None else None
    spots = _embedded(build, node, 3, build.tensor(places) if places is not None else steps)
    total = build.call(torch.add, total, spots)
    if node.input(1) is not None and node.input(4) is not None:
        total = build.call(torch.add, total, _embedded(build, node, 4, build.tensor(node.required(1))))
    scale, bias = _stored(node, 5), _stored(node, 6)

    def make() -> nn.Module:
        made = nn.LayerNorm(scale.array.shape, eps=float(node.attributes.get("epsilon", 1e-12)))
        made.weight, made.bias = nn.Parameter(to_tensor(scale.array)), nn.Parameter(to_tensor(bias.array))
        return made

    made = build.layer(_name(node, scale), make, total)
    mask = node.input(7)
    count = build.call(_mask_lengths, words if mask is None else build.tensor(mask), mask is not None)
    return (made, count, total)


def _mask_lengths(mask: torch.Tensor, is_mask: bool) -> torch.Tensor:
    """How many entries of each row of a mask are set; zeros without one (com.microsoft.EmbedLayerNormalization)."""
    if not is_mask:
        return torch.zeros_like(mask[:, 0], dtype=torch.int32)
    return mask.sum(1).to(torch.int32)


def _embedded(build: GraphBuilder, node: OnnxNode, place: int, indices: Any) -> fx.Node:
    """What the stored table of input `place` has at `indices`, by a layer that is named after the table."""
    table = _stored(node, place)

    def make() -> nn.Module:
        rows, width = table.array.shape
        return nn.Embedding(rows, width, _weight=to_tensor(table.array))

    return build.layer(_name(node, table), make, indices)


def _stored(node: OnnxNode, place: int) -> Constant:
    value = node.required(place)
    if not isinstance(value, Constant):
        raise Unsupported(f"its input {place} is computed by the network and not a constant")
    return value


def _name(node: OnnxNode, weight: Constant) -> str:
    """The layer that a fused operator's weight belongs to."""
    if node.layer is not None:
        return node.layer.name
    return layer_name(weight.name, None, f"{node.name}.{weight.name}", node.kind, set())


# ---------------------------------------------------------------------- rotary embeddings


def rotary(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """RotaryEmbedding of com.microsoft: the positions come before the caches, one number being the first of all."""
    positions = build.tensor(node.required(1))
    if build.rank(positions) == 1:
        spread = build.call(_positions, build.tensor(node.required(0)), positions)
        node = replace(node, inputs=(node.inputs[0], spread, *node.inputs[2:]))
    return rotated(build, node, (2, 3, 1))


def _positions(values: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """(batch, sequence) positions that count from `first`."""
    steps = torch.arange(values.shape[-2], device=values.device) + first
    return steps.unsqueeze(0).expand(values.shape[0], -1)


OPERATORS: OperatorTable = {
    "com.microsoft.FusedConv": fused_convolution,
    "com.microsoft.FusedGemm": fused_gemm,
    "com.microsoft.FusedMatMul": fused_product,
    "com.microsoft.TransposeMatMul": fused_product,
    "com.microsoft.Gelu": plain(F.gelu),
    "com.microsoft.FastGelu": gelu_with_bias("tanh"),
    "com.microsoft.BiasGelu": gelu_with_bias("none"),
    "com.microsoft.QuickGelu": quick_gelu,
    "com.microsoft.LayerNormalization": layer_normalization,
    "com.microsoft.SimplifiedLayerNormalization": root_mean_square,
    "com.microsoft.SkipLayerNormalization": skip_normalization(is_simplified=False),
    "com.microsoft.SkipSimplifiedLayerNormalization": skip_normalization(is_simplified=True),
    "com.microsoft.EmbedLayerNormalization": embedding_normalization,
    "com.microsoft.Attention": packed,
    "com.microsoft.MultiHeadAttention": multi_head,
    "com.microsoft.RotaryEmbedding": rotary,
    "SimplifiedLayerNormalization": root_mean_square,  # the optimisers leave it in ONNX's own domain
}
