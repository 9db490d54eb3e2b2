"""Weight scales: symmetric integers per output channel, from each channel's maximum or by least squared error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.model.encoding import WeightEncoding

if TYPE_CHECKING:
    from secateur.graph.network import OnnxModel, StoredModel, TorchModel
    from secateur.methods.quantize.weight_only import WeightOnly

_CLIPS = np.linspace(1.0, 0.3, 36)
_CHUNK = 1 << 22
"""Weights that are searched at once: bounds the memory of the search to a few copies of this."""


def encode_weight(weight: NDArray[np.float32], bits: int, axis: int, observer: str = "minmax") -> WeightEncoding:
    """One scale per output channel of `weight` (channels on `axis`), for `bits` (2..8).

    `minmax` maps each channel's largest magnitude to the largest integer; `mse` draws it in to between 30 and 100 % of
    that, wherever the channel's squared error is least. A channel of zeros gets the layer's largest scale.
    """
    limit = 2 ** (bits - 1) - 1
    rows = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1).astype(np.float32, copy=False)
    peaks = np.abs(rows).max(axis=1) if rows.size else np.zeros(len(rows), np.float32)
    clips = _best_clips(rows, peaks, limit) if observer == "mse" else np.ones(len(rows), np.float32)
    scale = (peaks * clips / limit).astype(np.float32)
    fallback = scale.max(initial=0.0) or np.float32(1.0 / limit)
    return WeightEncoding(bits, np.where(scale > np.finfo(np.float32).tiny, scale, fallback), axis)


def _best_clips(rows: NDArray[np.float32], peaks: NDArray[np.float32], limit: int) -> NDArray[np.float32]:
    """The share of its maximum at which each row's squared rounding error is least; float32 (rows,)."""
    best = np.ones(len(rows), np.float32)
    step = max(1, _CHUNK // max(rows.shape[1], 1))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        peak = np.maximum(peaks[start : start + step, None], np.finfo(np.float32).tiny)
        errors = []
        for clip in _CLIPS:
            scale = peak * np.float32(clip / limit)
            rounded = np.clip(np.rint(part / scale), -limit, limit) * scale
            errors.append(np.square(part - rounded, dtype=np.float32).sum(axis=1))
        best[start : start + step] = _CLIPS[np.argmin(errors, axis=0)]
    return best


def quantize_weights(
    model: "TorchModel", layers: Sequence[str], method: "WeightOnly", context: Context
) -> "TorchModel":
    """The lowered model with weight encodings for these layers; what was encoded before stays encoded."""
    from secateur.graph.layers import channel_axes
    from secateur.graph.lowering import graph_of, lower, require_layers
    from secateur.graph.qdq.placing import settled
    from secateur.methods.quantize.tables import with_tables_in_half

    lowered = lower(model, context)
    require_layers(lowered, layers, method.title)
    weights, axes = lowered.weights(), channel_axes(lowered)
    encoded: dict[str, WeightEncoding] = {}
    for done, name in enumerate(layers):
        context.progress(done, len(layers), f"{method.title}: {name}")
        encoded[name] = encode_weight(weights[name], method.bits, axes[name], method.observer)
    context.progress(len(layers), len(layers), method.title)
    encodings = lowered.encodings.with_weights(one_per_weight(lowered, encoded, context.log))
    encoded_model = replace(lowered, encodings=settled(graph_of(lowered), encodings))
    return with_tables_in_half(encoded_model, context.log)


def one_per_weight(
    model: "TorchModel", encoded: Mapping[str, WeightEncoding], log: Callable[[str], None] = lambda text: None
) -> dict[str, WeightEncoding]:
    """`encoded` with one encoding for each stored weight: layers that share one share its integers.

    With the same channels they get the same scales, the larger of each two. One that reads the weight along other
    channels has no encoding of its own, which is said: it computes in float with the integers of the first. UserError
    where the weight is encoded already, in a step before, by a layer that is not among these.
    """
    weights = {name: id(model.module.get_submodule(name).weight) for name in (*model.encodings.weights, *encoded)}
    earlier = {weights[name]: name for name in model.encodings.weights if name not in encoded}
    first: dict[int, str] = {}
    kept: dict[str, WeightEncoding] = {}
    for name, encoding in encoded.items():
        key = weights[name]
        if key in earlier:
            raise UserError(
                f"{name} shares its weight with {earlier[key]}, which is quantized already.",
                "Quantize both in one step, or take one of them out.",
            )
        owner = first.setdefault(key, name)
        if encoding.axis == encoded[owner].axis:
            kept[name] = encoding
        else:
            log(f"{name} shares its weight with {owner}, along other channels: it computes in float with it.")
    joint: dict[str, WeightEncoding] = {}
    for name, encoding in kept.items():
        sharers = [other.scale for key, other in kept.items() if weights[key] == weights[name]]
        joint[name] = replace(encoding, scale=np.maximum.reduce(sharers)) if len(sharers) > 1 else encoding
    return joint


def quantize_stored(
    model: "StoredModel | OnnxModel", layers: Sequence[str], method: "WeightOnly", context: Context
) -> "StoredModel | OnnxModel":
    """Weights without a network, or of a file that is none here, with encodings for these layers, one at a time."""
    from secateur.graph.layers import channel_axes

    weights, axes = model.weights(), channel_axes(model)
    encoded: dict[str, WeightEncoding] = {}
    integers = _stored_as_integers(model)
    for done, name in enumerate(layers):
        context.progress(done, len(layers), f"{method.title}: {name}")
        if name in integers:
            context.log(f"{name} stays as it is: its weights are integers already.")
            continue
        encoded[name] = encode_weight(weights[name], method.bits, axes[name], method.observer)
    context.progress(len(layers), len(layers), method.title)
    return replace(model, encodings=model.encodings.with_weights(encoded))


def _stored_as_integers(model: "StoredModel | OnnxModel") -> set[str]:
    """The layers whose weights an ONNX file stores as integers."""
    from secateur.graph.network import OnnxModel

    if not isinstance(model, OnnxModel):
        return set()
    from secateur.graph.onnx_layers import GraphIndex, onnx_layers

    graph = GraphIndex(model.proto)
    return {layer.name for layer in onnx_layers(model.proto) if not graph.is_floating(layer.weight)}
