"""Attention and rotary embeddings, as opset 23 and later have them, from small functions that torch can trace.

The functions stand alone (they use nothing of this module), so that they can be written into a network's own code.
"""

from typing import Any

import numpy as np
import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder, to_tensor
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Unsupported, Value


def attention(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """Attention: Y, the keys and values with those of the past, and the products of queries and keys."""
    query, key, value = (build.tensor(node.required(index)) for index in range(3))
    is_flat = build.rank(query) == 3
    if is_flat:
        counts = [int(node.attributes[name]) for name in ("q_num_heads", "kv_num_heads", "kv_num_heads")]
        query, key, value = (
            split_heads(build, part, count) for part, count in zip((query, key, value), counts, strict=True)
        )
    offset: Any = 0
    if node.input(4) is not None:
        past = [build.tensor(node.required(index)) for index in (4, 5)]
        offset = build.size(past[0], 2)
        key, value = (build.call(torch.cat, [before, new], 2) for before, new in zip(past, (key, value), strict=True))
    present = (key, value)
    groups = build.shape(query)[1] // build.shape(key)[1]
    if groups > 1:
        key, value = (build.call(torch.repeat_interleave, part, groups, 1) for part in (key, value))
    # in half precision torch's own rounds in other places than the operator says
    is_plain = _is_plain(node) and build.dtype(query) != torch.float16
    made = _plain(build, node, query, key, value) if is_plain else None
    products: fx.Node | None = None
    if made is None:
        made, products = _written_out(build, node, query, key, value, offset)
    made = join_heads(build, made) if is_flat else made
    return (made, *present) if products is None else (made, *present, products)


def _is_plain(node: OnnxNode) -> bool:
    """Whether torch's own attention computes it."""
    has_windows = any(int(node.attributes.get(f"{side}_window_size", -1)) >= 0 for side in ("left", "right"))
    has_products = len(node.outputs) > 3 and bool(node.outputs[3])
    is_bounded = node.flag("is_causal") and (node.input(3) is not None or node.input(4) is not None)
    unusual = has_windows or has_products or is_bounded or node.input(6) is not None
    return not unusual and not node.flag("softcap") and not node.flag("softmax_precision")


def _plain(build: GraphBuilder, node: OnnxNode, query: fx.Node, key: fx.Node, value: fx.Node) -> fx.Node | None:
    """torch's scaled_dot_product_attention; None where the mask is shorter than the keys."""
    mask = node.input(3)
    if mask is not None and build.shape(mask)[-1] != build.shape(key)[2]:
        return None
    scale = node.attributes.get("scale")
    return build.call(
        F.scaled_dot_product_attention, query, key, value,
        attn_mask=None if mask is None else build.tensor(mask),
        is_causal=node.flag("is_causal"), scale=None if scale is None else float(scale),
    )  # fmt: skip


def _written_out(
    build: GraphBuilder, node: OnnxNode, query: fx.Node, key: fx.Node, value: fx.Node, offset: Any
) -> tuple[fx.Node, fx.Node]:
    """Product, cap, mask, softmax and product, and of those what the fourth output asks for."""
    scale = float(node.attributes.get("scale", build.shape(query)[3] ** -0.5))
    scores = [build.call(_scores, query, key, scale)]
    cap = float(node.attributes.get("softcap", 0.0))
    scores.append(build.call(_capped, scores[0], cap) if cap else scores[0])
    mask, lengths = node.input(3), node.input(6)
    given = None if mask is None else build.tensor(mask)
    bias = build.call(_added, scores[1], given)
    if lengths is not None:
        offset = build.call(_external_offset, build.tensor(lengths), query)
        bias = build.call(_without_padding, bias, build.tensor(lengths))
    left, right = (int(node.attributes.get(f"{side}_window_size", -1)) for side in ("left", "right"))
    if node.flag("is_causal"):
        right = 0 if right < 0 else min(right, 0)
    if left >= 0 or right >= 0:
        bias = build.call(_windowed, bias, offset, left, right)
    precision = node.attributes.get("softmax_precision")
    dtype = build.dtype(query) if precision is None else _dtype(int(precision))
    scores.append(build.call(torch.add, scores[1], bias))
    scores.append(build.call(_weights, scores[2], bias, dtype))
    mode = int(node.attributes.get("qk_matmul_output_mode", 0))
    return build.call(_weighted, scores[3], value), scores[mode]


def _dtype(number: int) -> torch.dtype:
    from onnx.helper import tensor_dtype_to_np_dtype

    return to_tensor(np.zeros(0, tensor_dtype_to_np_dtype(number))).dtype


def split_heads(build: GraphBuilder, value: fx.Node, count: int) -> fx.Node:
    """(batch, sequence, heads · size) → (batch, heads, sequence, size)."""
    return build.call(torch.transpose, build.call(torch.unflatten, value, 2, (count, -1)), 1, 2)


def join_heads(build: GraphBuilder, value: fx.Node) -> fx.Node:
    """The way back."""
    return build.call(torch.flatten, build.call(torch.transpose, value, 1, 2), 2)


def _scores(query: torch.Tensor, key: torch.Tensor, scale: float) -> torch.Tensor:
    """Products of queries and keys; both are scaled before, so that half precision does not overflow."""
    root = query.new_full((), abs(scale) ** 0.5)
    left, right = query * root, (key * (root if scale >= 0 else -root)).transpose(2, 3)
    return (left.float() @ right.float()).to(left.dtype) if left.dtype == torch.float16 else left @ right


def _weighted(weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The values weighted and added up, half precision in float32."""
    if weights.dtype == torch.float16:
        return (weights.float() @ values.float()).to(torch.float16)
    return weights @ values


def _capped(scores: torch.Tensor, cap: float) -> torch.Tensor:
    return torch.tanh(scores / cap) * cap


def _added(scores: torch.Tensor, mask: Any) -> torch.Tensor:
    """What a mask adds to the scores: 0 and −∞ for a boolean one; −∞ for keys beyond the end of a short one."""
    if mask is None:
        return torch.zeros_like(scores)
    if mask.dtype == torch.bool:
        mask = torch.zeros_like(mask, dtype=scores.dtype).masked_fill(~mask, float("-inf"))
    if mask.shape[-1] < scores.shape[-1]:
        mask = torch.nn.functional.pad(mask, (0, scores.shape[-1] - mask.shape[-1]), value=float("-inf"))
    wide: torch.Tensor = mask.expand_as(scores)
    return wide


def _external_offset(lengths: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """The place of the first query among the keys, per sample, where the cache is kept outside."""
    return (lengths.reshape(-1) - query.shape[2]).reshape(-1, 1, 1, 1)


def _without_padding(bias: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """`bias` with −∞ for the keys behind each sample's length."""
    places = torch.arange(bias.shape[-1], device=bias.device)
    return bias.masked_fill(places >= lengths.reshape(-1, 1, 1, 1), float("-inf"))


def _windowed(bias: torch.Tensor, offset: Any, left: int, right: int) -> torch.Tensor:
    """`bias` with −∞ where a key is more than `left` before or `right` behind the query; −1 is no bound."""
    rows = torch.arange(bias.shape[-2], device=bias.device).unsqueeze(1) + offset
    distance = rows - torch.arange(bias.shape[-1], device=bias.device)
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if left >= 0:
        hidden = hidden | (distance > left)
    if right >= 0:
        hidden = hidden | (-distance > right)
    return bias.masked_fill(hidden, float("-inf"))


def _weights(scores: torch.Tensor, bias: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Softmax over the keys in `dtype`; zeros where a query may see none."""
    hidden = (bias == float("-inf")).all(-1, keepdim=True)
    seen = scores.masked_fill(hidden, 0.0).to(dtype)
    made = torch.softmax(seen, -1)
    if dtype == torch.float16:  # where torch's softmax rounds only once
        made = torch.exp(seen - seen.amax(-1, keepdim=True))
        made = made / made.sum(-1, keepdim=True)
    return made.masked_fill(hidden, 0.0).to(scores.dtype)


# ---------------------------------------------------------------------- rotary embeddings


def rotary(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """RotaryEmbedding of (batch, heads, sequence, size), or of (batch, sequence, heads · size) with `num_heads`."""
    return rotated(build, node, (1, 2, 3))


def rotated(build: GraphBuilder, node: OnnxNode, places: tuple[int, int, int | None]) -> fx.Node:
    """The same with cosines, sines and positions taken from these inputs."""
    source = build.tensor(node.required(0))
    caches = [build.tensor(node.required(place)) for place in places[:2]]
    positions = None if places[2] is None else node.input(places[2])
    heads = int(node.attributes.get("num_heads", 0))
    is_flat = build.rank(source) == 3
    if is_flat and not heads:
        size = int(node.attributes.get("rotary_embedding_dim", 0)) or 2 * build.shape(caches[0])[-1]
        heads = build.shape(source)[2] // size
    if is_flat:
        source = split_heads(build, source, heads)
    if positions is not None:
        index = build.tensor(positions)
        caches = [build.call(_at_positions, cache, index) for cache in caches]
    elif build.rank(caches[0]) != 3:
        raise Unsupported("its positions are missing")
    width = int(node.attributes.get("rotary_embedding_dim", 0)) or build.shape(source)[3]
    made = build.call(_rotated, source, *caches, width, node.flag("interleaved"))
    return join_heads(build, made) if is_flat else made


def _at_positions(cache: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.embedding(positions.long(), cache)


def _rotated(
    values: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor, width: int, is_interleaved: bool
) -> torch.Tensor:
    """The first `width` entries of each head turned by the angles of (batch, sequence, width / 2) (Su et al. 2021)."""
    turned, rest = values[..., :width], values[..., width:]
    cosines, sines = cosines.unsqueeze(1), sines.unsqueeze(1)
    if is_interleaved:
        one, other = turned[..., 0::2], turned[..., 1::2]
    else:
        one, other = turned[..., : width // 2], turned[..., width // 2 :]
    real, imaginary = cosines * one - sines * other, sines * one + cosines * other
    made = torch.stack([real, imaginary], -1).flatten(-2) if is_interleaved else torch.cat([real, imaginary], -1)
    return torch.cat([made, rest], -1)


OPERATORS: OperatorTable = {"Attention": attention, "RotaryEmbedding": rotary}
