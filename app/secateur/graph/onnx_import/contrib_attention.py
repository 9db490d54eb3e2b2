"""Attention and MultiHeadAttention of com.microsoft (ONNX Runtime's ContribOperators.md), without caches."""

from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.attention import join_heads, split_heads
from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.linear import stored_linear
from secateur.graph.onnx_import.values import Numbers, OnnxNode, Unsupported, Value


def packed(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """Attention: one linear layer makes queries, keys and values, side by side; then attention of `num_heads`."""
    if node.layer is None:
        raise Unsupported("its weights are computed by the network")
    if node.input(4) is not None or node.input(6) is not None or node.flag("do_rotary"):
        raise Unsupported("it keeps a cache or turns its queries")
    made = stored_linear(build, node.layer, build.tensor(node.required(0)))
    width = build.shape(made)[2]
    sizes = [int(size) for size in node.attributes.get("qkv_hidden_sizes") or (width // 3,) * 3]
    is_even = len(set(sizes)) == 1
    parts = build.call(torch.chunk, made, 3, 2) if is_even else build.call(torch.split, made, sizes, 2)
    query, key, value = (build.item(parts, index) for index in range(3))
    mask = _mask(build, node, node.input(3), query, key)
    return (_attended(build, node, (query, key, value), mask, node.input(5)),)


def multi_head(build: GraphBuilder, node: OnnxNode) -> tuple[Value, ...]:
    """MultiHeadAttention of separate queries, keys and values (batch, sequence, hidden), a bias for all three."""
    parts = [node.input(index) for index in range(3)]
    given = [build.tensor(part) for part in parts if part is not None]
    if len(given) < 3 or any(build.rank(part) != 3 for part in given):
        raise Unsupported("its queries, keys and values are packed into one tensor or already split into heads")
    if any(node.input(index) is not None for index in range(6, 10)):
        raise Unsupported("it keeps a cache")
    if node.input(3) is not None:
        sizes = [build.shape(part)[2] for part in given]
        biases = build.call(torch.split, build.tensor(node.required(3)), sizes)
        given = [build.call(torch.add, part, build.item(biases, index)) for index, part in enumerate(given)]
    mask = _mask(build, node, node.input(4), given[0], given[1])
    return (_attended(build, node, (given[0], given[1], given[2]), mask, node.input(5)),)


def _attended(
    build: GraphBuilder, node: OnnxNode, parts: tuple[fx.Node, ...], mask: fx.Node | None, bias: Value | None
) -> fx.Node:
    """softmax(q · kᵀ · scale + mask + bias) · v, heads split before and joined behind."""
    heads = int(node.attributes["num_heads"])
    query, key, value = (split_heads(build, part, heads) for part in parts)
    if node.flag("unidirectional"):
        later = build.call(_later_hidden, query, key, _hidden_value(node))
        mask = later if mask is None else build.call(torch.add, mask, later)
    if bias is not None:
        mask = build.tensor(bias) if mask is None else build.call(torch.add, mask, build.tensor(bias))
    scale = float(node.attributes.get("scale", 0.0))
    made = build.call(F.scaled_dot_product_attention, query, key, value, attn_mask=mask, scale=scale if scale else None)
    return join_heads(build, made)


def _hidden_value(node: OnnxNode) -> float:
    return float(node.attributes.get("mask_filter_value", -10000.0))


def _mask(build: GraphBuilder, node: OnnxNode, given: Value | None, query: fx.Node, key: fx.Node) -> fx.Node | None:
    """What the mask adds to the scores: it is lengths (batch) or zeros and ones (batch, [queries,] keys)."""
    if given is None:
        return None
    if isinstance(given, Numbers):
        raise Unsupported("its mask is made of sizes")
    mask = build.tensor(given)
    rank = build.rank(mask)
    if rank == 1 and build.shape(mask)[0] == build.shape(query)[0]:
        return build.call(_from_lengths, mask, key, _hidden_value(node))
    if rank in {2, 3}:
        return build.call(_from_ones, mask, query, _hidden_value(node))
    raise Unsupported("its mask says first and last keys, or differs between heads")


def _from_lengths(lengths: torch.Tensor, key: torch.Tensor, hidden: float) -> torch.Tensor:
    """(batch, 1, 1, keys): `hidden` for the keys behind each sample's length."""
    places = torch.arange(key.shape[1], device=key.device)
    kept = places < lengths.reshape(-1, 1, 1, 1)
    return torch.where(kept, 0.0, hidden).to(key.dtype)


def _from_ones(mask: torch.Tensor, query: torch.Tensor, hidden: float) -> torch.Tensor:
    """(batch, 1, queries or 1, keys): `hidden` where the mask has a zero."""
    wide = mask.unsqueeze(1) if mask.dim() == 3 else mask.unsqueeze(1).unsqueeze(1)
    return torch.where(wide > 0, 0.0, hidden).to(query.dtype)


def _later_hidden(query: torch.Tensor, key: torch.Tensor, hidden: float) -> Any:
    """(queries, keys): `hidden` for the keys that come later than the query."""
    rows = torch.arange(query.shape[2], device=query.device).unsqueeze(1)
    kept = torch.arange(key.shape[2], device=key.device) <= rows
    return torch.where(kept, 0.0, hidden).to(query.dtype)
