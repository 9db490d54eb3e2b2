"""Normalizations: ordinary torch layers with the file's statistics, trainable in training mode."""

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Result, Unsupported
from secateur.graph.onnx_layers import OnnxLayer

_BATCH_NORMS: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INSTANCE_NORMS: dict[int, type[nn.Module]] = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


def batch_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """BatchNormalization → nn.BatchNorm1d/2d/3d with the file's statistics (ONNX momentum = 1 − torch's)."""
    if node.flag("training_mode"):
        raise Unsupported("it was exported in training mode")
    layer, source = node.layer, build.tensor(node.required(0))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    kind = _BATCH_NORMS.get(build.rank(source))
    if layer is None or kind is None:
        scale, bias, mean, variance = (build.tensor(node.required(index)) for index in range(1, 5))
        return build.call(F.batch_norm, source, mean, variance, scale, bias, eps=epsilon)

    def make() -> nn.Module:
        scale, bias, mean, variance = (build.weight(name) for name in layer.tensors)
        momentum = 1.0 - float(node.attributes.get("momentum", 0.9))
        made = kind(scale.numel(), eps=epsilon, momentum=momentum, dtype=scale.dtype)
        made.weight, made.bias = nn.Parameter(scale), nn.Parameter(bias)
        made.running_mean, made.running_var = mean, variance
        return made

    return build.layer(layer.name, make, source)


def instance_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    layer, source = node.layer, build.tensor(node.required(0))
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    kind = _INSTANCE_NORMS.get(build.rank(source))
    if layer is None or kind is None:
        scale, bias = (build.tensor(node.required(index)) for index in (1, 2))
        return build.call(F.instance_norm, source, weight=scale, bias=bias, eps=epsilon)

    def make() -> nn.Module:
        made = kind(build.stored.shape(layer.weight)[0], eps=epsilon, affine=True)
        return _with_affine(build, layer, made)

    return build.layer(layer.name, make, source)


def layer_normalization(build: GraphBuilder, node: OnnxNode) -> Result:
    """LayerNormalization → nn.LayerNorm over the axes from `axis` on; mean and deviation on request."""
    layer, source = node.layer, build.tensor(node.required(0))
    shape, epsilon = build.shape(source), float(node.attributes.get("epsilon", 1e-5))
    first = build.axis(source, int(node.attributes.get("axis", -1)))
    axes, normalized = tuple(range(first, len(shape))), shape[first:]
    if layer is not None and _has_shape(build, layer, normalized):

        def make() -> nn.Module:
            return _with_affine(build, layer, nn.LayerNorm(normalized, eps=epsilon, bias=layer.bias is not None))

        result = build.layer(layer.name, make, source)
    else:
        result = _affine(build, node, build.call(_standardized, source, axes, epsilon))
    if len(node.outputs) == 1:
        return result
    statistics = build.call(_statistics, source, axes, epsilon)
    return (result, *(build.item(statistics, index) for index in range(len(node.outputs) - 1)))


def _affine(build: GraphBuilder, node: OnnxNode, normalized: fx.Node) -> fx.Node:
    """The normalized tensor, scaled and shifted by what broadcasts against it."""
    scaled = build.call(torch.mul, normalized, build.tensor(node.required(1)))
    bias = node.input(2)
    return scaled if bias is None else build.call(torch.add, scaled, build.tensor(bias))


def _standardized(values: torch.Tensor, axes: tuple[int, ...], epsilon: float) -> torch.Tensor:
    """Zero mean and unit variance over `axes`, computed in float32 at least."""
    wide = values.double() if values.dtype == torch.float64 else values.float()
    mean, inverse = _statistics(wide, axes, epsilon)
    return ((wide - mean) * inverse).to(values.dtype)


def _statistics(values: torch.Tensor, axes: tuple[int, ...], epsilon: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean, and the inverse of the standard deviation."""
    wide = values.double() if values.dtype == torch.float64 else values.float()
    variance, mean = torch.var_mean(wide, axes, correction=0, keepdim=True)
    return mean, torch.rsqrt(variance + epsilon)


def rms_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """RMSNormalization → nn.RMSNorm over the axes from `axis` on."""
    layer, source = node.layer, build.tensor(node.required(0))
    shape, epsilon = build.shape(source), float(node.attributes.get("epsilon", 1e-5))
    normalized = shape[build.axis(source, int(node.attributes.get("axis", -1))) :]
    if layer is not None and _has_shape(build, layer, normalized):
        return build.layer(layer.name, lambda: _with_affine(build, layer, nn.RMSNorm(normalized, epsilon)), source)
    return _affine(build, node, build.call(F.rms_norm, source, normalized, None, epsilon))


def group_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """GroupNormalization → nn.GroupNorm; before opset 21 scale and bias are one number a group."""
    layer, source = node.layer, build.tensor(node.required(0))
    groups, channels = int(node.attributes["num_groups"]), build.shape(source)[1]
    epsilon = float(node.attributes.get("epsilon", 1e-5))
    if layer is None:
        scale, bias = (build.call(_per_channel, build.tensor(node.required(index)), channels) for index in (1, 2))
        return build.call(F.group_norm, source, groups, scale, bias, epsilon)

    def make() -> nn.Module:
        made = nn.GroupNorm(groups, channels, eps=epsilon)
        scale, bias = (_per_channel(build.weight(name), channels) for name in layer.tensors)
        made.weight, made.bias = nn.Parameter(scale), nn.Parameter(bias)
        return made

    return build.layer(layer.name, make, source)


def _per_channel(values: torch.Tensor, channels: int) -> torch.Tensor:
    """One number a channel from one a group, or as it is."""
    return values.repeat_interleave(channels // values.numel())


def lp_normalization(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    order, axis = float(node.attributes.get("p", 2)), int(node.attributes.get("axis", -1))
    return build.call(F.normalize, build.tensor(node.required(0)), order, axis)


def local_response(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """LRN: each entry divided by the squares of its neighbours among the channels."""
    numbers = [float(node.attributes.get(name, default)) for name, default in
               (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))]  # fmt: skip
    size, source = int(node.attributes["size"]), build.tensor(node.required(0))
    function = F.local_response_norm if size % 2 else _local_response
    return build.call(function, source, size, *numbers)


def _local_response(values: torch.Tensor, size: int, alpha: float, beta: float, bias: float) -> torch.Tensor:
    """The same for an even size: ONNX takes one channel more after the entry, torch before it."""
    spatial = [0, 0] * (values.ndim - 2)
    squares = F.pad(values.square(), [*spatial, (size - 1) // 2, size // 2])
    total = squares.unfold(1, size, 1).sum(-1)
    return values / (bias + alpha / size * total) ** beta


def mean_variance(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    axes = tuple(int(axis) for axis in node.attributes.get("axes", (0, 2, 3)))
    return build.call(_mean_variance, build.tensor(node.required(0)), axes)


def _mean_variance(values: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """(x − mean) / (deviation + 1e-9), as the function body of MeanVarianceNormalization has it."""
    variance, mean = torch.var_mean(values, axes, correction=0, keepdim=True)
    return (values - mean) / (variance.sqrt() + 1e-9)


def _with_affine(build: GraphBuilder, layer: OnnxLayer, made: nn.Module) -> nn.Module:
    made.weight = nn.Parameter(build.weight(layer.weight))
    if layer.bias is not None:
        made.bias = nn.Parameter(build.weight(layer.bias))
    return made


def _has_shape(build: GraphBuilder, layer: OnnxLayer, shape: tuple[int, ...]) -> bool:
    return all(build.stored.shape(name) == shape for name in layer.tensors)


OPERATORS: OperatorTable = {
    "BatchNormalization": batch_normalization,
    "InstanceNormalization": instance_normalization,
    "LayerNormalization": layer_normalization,
    "RMSNormalization": rms_normalization,
    "GroupNormalization": group_normalization,
    "LpNormalization": lp_normalization,
    "LRN": local_response,
    "MeanVarianceNormalization": mean_variance,
}
