"""Networks in plain values as people open them; `known_states` has what a session may know of one. No torch.

Names, shapes and numbers are those of real networks where they are hard to show: long, alike but for their middle,
depthwise, three hundred, and weights without a network.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from secateur.model.description import ChannelBundle, Layer, ModelDescription, ModelSource, Port, TensorInfo

SIDE = 56
"""Height and width of every layer's output: what turns weights into multiply-accumulates."""


def _layer(name: str, kind: str, shape: tuple[int, ...], groups: int = 1, latency_ms: float | None = None) -> Layer:
    count = int(np.prod(shape))
    weight = TensorInfo(f"{name}.weight", "float32", shape, 4 * count)
    kernel = shape[2:]
    macs = count * (SIDE * SIDE if kernel else 1)
    return Layer(
        name, kind, weight, None, count, macs, 4 * count, (shape[0], SIDE, SIDE)[: 3 if kernel else 1], kernel,
        groups, latency_ms=latency_ms,
    )  # fmt: skip


def _conv(name: str, inputs: int, outputs: int, side: int = 3, groups: int = 1) -> Layer:
    return _layer(name, "Conv2d", (outputs, inputs // groups, side, side), groups, 0.11 + outputs / 300)


def _linear(name: str, inputs: int, outputs: int) -> Layer:
    return _layer(name, "Linear", (outputs, inputs), latency_ms=0.04 + inputs / 9000)


def residual_15() -> ModelDescription:
    """Fifteen layers with the names of a ResNet."""
    layers = [_conv("conv1", 3, 64)]
    for stage, (inputs, outputs) in enumerate(((64, 64), (64, 128), (128, 256)), 1):
        for block in range(2):
            first = inputs if block == 0 else outputs
            layers += [
                _conv(f"layer{stage}.{block}.conv1", first, outputs),
                _conv(f"layer{stage}.{block}.conv2", outputs, outputs),
            ]
    layers += [_conv("layer3.0.downsample.0", 128, 256, 1), _linear("fc", 256, 1000)]
    return _network("resnet_small_imagenet.onnx", layers)


def depthwise_50() -> ModelDescription:
    """Fifty layers of a mobile network: names that differ in the middle, every third layer depthwise."""
    layers, width = [_conv("features.0.conv.block.stem.conv", 3, 32)], 32
    for block in range(1, 17):
        wide, out = width * 6, 32 + 24 * (block // 3)
        layers += [
            _conv(f"features.{block}.conv.block.expansion.conv", width, wide, 1),
            _conv(f"features.{block}.conv.block.depthwise.conv", wide, wide, 3, groups=wide),
            _conv(f"features.{block}.conv.block.projection.conv", wide, out, 1),
        ]
        width = out
    layers.append(_linear("classifier.head.fully_connected.linear", width, 1000))
    return _network("mobilenet_v2_100_quantization_friendly.onnx", layers)


def deep_300() -> ModelDescription:
    """Three hundred layers."""
    layers = [_conv("stem.conv", 3, 64)]
    for block in range(99):
        layers += [
            _conv(f"stages.{block // 33}.blocks.{block % 33}.mixer.pointwise1.conv", 64, 128, 1),
            _conv(f"stages.{block // 33}.blocks.{block % 33}.mixer.depthwise7x7.conv", 128, 128, 7, groups=128),
            _conv(f"stages.{block // 33}.blocks.{block % 33}.mixer.pointwise2.conv", 128, 64, 1),
        ]
    layers += [_linear("head.norm_mlp.fc1", 64, 4096), _linear("head.norm_mlp.fc2", 4096, 1000)]
    return _network("convnext_large_in22k_ft_in1k_384.pt2", layers)


def transformer() -> ModelDescription:
    """A folder of Hugging Face: twelve blocks of attention, as large as such networks are."""
    layers = []
    for block in range(12):
        within = f"bert.encoder.layer.{block}"
        layers += [
            *(_linear(f"{within}.attention.self.{name}", 768, 768) for name in ("query", "key", "value")),
            _linear(f"{within}.attention.output.dense", 768, 768),
            _linear(f"{within}.intermediate.dense", 768, 3072),
            _linear(f"{within}.output.dense", 3072, 768),
        ]
    layers += [_linear("bert.pooler.dense", 768, 768), _linear("classifier", 768, 2)]
    made = _network("distilbert-base-uncased-finetuned-sst-2-english", layers)
    ports = (
        Port("input_ids", "int64", (None, None), (1, 16)),
        Port("attention_mask", "int64", (None, None), (1, 16)),
        Port("token_type_ids", "int64", (None, None), (1, 16)),
    )
    return replace(made, format="hugging_face", inputs=ports)


def bare_weights() -> ModelDescription:
    """Tensors of a file that holds no network."""
    layers = []
    for block in range(22):
        within = f"model.layers.{block}"
        layers += [
            _bare(f"{within}.self_attn.q_proj.weight", (2048, 2048)),
            _bare(f"{within}.self_attn.k_proj.weight", (256, 2048)),
            _bare(f"{within}.mlp.gate_proj.weight", (5632, 2048)),
            _bare(f"{within}.post_attention_layernorm.weight", (2048,)),
        ]
    layers = [
        _bare("model.embed_tokens.weight", (32000, 2048)),
        *layers,
        _bare("rope.inverse_frequencies", (32,)),
        _bare("logit_scale", ()),
    ]
    made = _network("TinyLlama-1.1B-intermediate-step-1431k-3T.safetensors", layers)
    return replace(
        made, format="safetensors", runnable=False, trainable=False, inputs=(), outputs=(),
        reason="The file holds weights and no network.",
    )  # fmt: skip


def _bare(name: str, shape: tuple[int, ...]) -> Layer:
    """A tensor without a layer around it: a matrix counts as linear, the rest as what it is."""
    count = int(np.prod(shape))
    kind = "Linear" if len(shape) == 2 else "Tensor"
    return Layer(name, kind, TensorInfo(name, "bfloat16", shape, 2 * count), None, count, 0, 2 * count)


def _network(name: str, layers: Sequence[Layer]) -> ModelDescription:
    readers = {a.name: (b.name,) for a, b in pairwise(layers)}
    layers = [replace(layer, readers=readers.get(layer.name, ())) for layer in layers]
    bundles = tuple(
        ChannelBundle(a.out_channels, ((a.name, 1),), ((b.name, 1),))
        for a, b in pairwise(layers)
        if a.weight is not None and len(a.weight.shape) > 1
    )
    size = sum(layer.size_bytes for layer in layers)
    return ModelDescription(
        name, ModelSource(name), "onnx", size + 12_345, tuple(layers), (Port("input", "float32", (None, 3, 224, 224)),),
        (Port("logits", "float32", (None, 1000)),), overhead_bytes=12_345, fingerprint=f"{len(layers):08d}",
        bundles=bundles,
    )  # fmt: skip


NETWORKS = {
    "15 layers": residual_15,
    "50 layers, depthwise": depthwise_50,
    "300 layers": deep_300,
    "Hugging Face": transformer,
    "bare weights": bare_weights,
}
