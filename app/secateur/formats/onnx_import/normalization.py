"""Normalizations: ordinary torch layers with the file's statistics, trainable in training mode."""

from collections.abc import Mapping

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253

from secateur.formats.onnx_import.builder import GraphBuilder, to_tensor
from secateur.formats.onnx_import.values import OnnxNode, OperatorTable, Unsupported
from secateur.model.onnx_layers import OnnxLayer

_BATCH_NORMS = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INSTANCE_NORMS = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


def batch_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """BatchNormalization → nn.BatchNorm1d/2d/3d with the file's statistics (ONNX momentum = 1 − torch's)."""
    if node.flag("training_mode"):
        raise Unsupported("it was exported in training mode")
    layer, source = _stored_layer(node), build.tensor(node.required(0))
    kind = _of_rank(_BATCH_NORMS, build.rank(source))

    def make() -> nn.Module:
        scale, bias, mean, variance = (to_tensor(build.stored.values(name)) for name in layer.tensors)
        epsilon = float(node.attributes.get("epsilon", 1e-5))
        momentum = 1.0 - float(node.attributes.get("momentum", 0.9))
        made = kind(scale.numel(), eps=epsilon, momentum=momentum, dtype=scale.dtype)
        made.weight, made.bias = nn.Parameter(scale), nn.Parameter(bias)
        made.running_mean, made.running_var = mean, variance
        return made

    return build.layer(layer.name, make, source)


def instance_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    layer, source = _stored_layer(node), build.tensor(node.required(0))
    kind = _of_rank(_INSTANCE_NORMS, build.rank(source))

    def make() -> nn.Module:
        channels = build.stored.shape(layer.weight)[0]
        made = kind(channels, eps=float(node.attributes.get("epsilon", 1e-5)), affine=True)
        return _with_affine(build, layer, made)

    return build.layer(layer.name, make, source)


def layer_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """LayerNormalization → nn.LayerNorm over the axes from `axis` on."""
    layer, source = _stored_layer(node), build.tensor(node.required(0))
    shape = build.shape(source)
    normalized = shape[build.axis(source, int(node.attributes.get("axis", -1))) :]
    if build.stored.shape(layer.weight) != normalized:
        raise Unsupported("its scale does not have the shape of what it normalizes")
    if len([name for name in node.outputs if name]) > 1:
        raise Unsupported("its mean is used as an output")

    def make() -> nn.Module:
        epsilon = float(node.attributes.get("epsilon", 1e-5))
        return _with_affine(build, layer, nn.LayerNorm(normalized, eps=epsilon, bias=layer.bias is not None))

    return build.layer(layer.name, make, source)


def group_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """GroupNormalization → nn.GroupNorm; before opset 21 scale and bias are one number a group."""
    layer, source = _stored_layer(node), build.tensor(node.required(0))
    groups, channels = int(node.attributes["num_groups"]), build.shape(source)[1]

    def make() -> nn.Module:
        made = nn.GroupNorm(groups, channels, eps=float(node.attributes.get("epsilon", 1e-5)))
        _with_affine(build, layer, made)
        if made.weight.numel() != channels:
            made.weight = nn.Parameter(made.weight.detach().repeat_interleave(channels // groups))
            made.bias = nn.Parameter(made.bias.detach().repeat_interleave(channels // groups))
        return made

    return build.layer(layer.name, make, source)


def lp_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    order, axis = float(node.attributes.get("p", 2)), int(node.attributes.get("axis", -1))
    return build.call(torch.nn.functional.normalize, build.tensor(node.required(0)), order, axis)


def _with_affine(build: GraphBuilder, layer: OnnxLayer, made: nn.Module) -> nn.Module:
    made.weight = nn.Parameter(to_tensor(build.stored.values(layer.weight)))
    if layer.bias is not None:
        made.bias = nn.Parameter(to_tensor(build.stored.values(layer.bias)))
    return made


def _stored_layer(node: OnnxNode) -> OnnxLayer:
    if node.layer is None:
        raise Unsupported("its scale or its statistics are computed by the network")
    return node.layer


def _of_rank(kinds: Mapping[int, type[nn.Module]], rank: int) -> type[nn.Module]:
    if rank not in kinds:
        raise Unsupported(f"torch has no such layer for tensors with {rank} axes")
    return kinds[rank]


OPERATORS: OperatorTable = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "GroupNormalization": group_normalization,
    "LpNormalization": lp_normalization,
}
