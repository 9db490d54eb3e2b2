"""Activations: one torch function each."""

from collections.abc import Callable
from math import prod
from typing import Any

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Result, Unsupported, Value
from secateur.graph.onnx_names import module_path

Handler = Callable[[GraphBuilder, OnnxNode], Value]


def plain(function: Callable[..., Any]) -> Handler:
    """An operator that is one torch function of one tensor."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        return build.call(function, build.tensor(node.required(0)))

    return handler


def with_number(function: Callable[..., Any], attribute: str, default: float) -> Handler:
    """An operator that is a torch function of one tensor and one number."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        return build.call(function, build.tensor(node.required(0)), float(node.attributes.get(attribute, default)))

    return handler


def clip(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Clip: bounds are attributes before opset 11, then inputs, each of them optional."""
    source = build.tensor(node.required(0))
    bounds: list[Any] = []
    for index, attribute in ((1, "min"), (2, "max")):
        value = node.input(index)
        bounds.append(node.attributes.get(attribute) if value is None else build.operand(value, node.required(0)))
    if bounds == [0.0, 6.0]:
        return build.call(F.relu6, source)
    return build.call(torch.clamp, source, *bounds) if bounds != [None, None] else source


def hard_sigmoid(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """HardSigmoid: max(0, min(1, alpha × x + beta)); torch's own has alpha 1/6 and beta 1/2."""
    source = build.tensor(node.required(0))
    alpha, beta = float(node.attributes.get("alpha", 0.2)), float(node.attributes.get("beta", 0.5))
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return build.call(F.hardsigmoid, source)
    line = build.call(torch.add, build.call(torch.mul, source, alpha), beta)
    return build.call(torch.clamp, line, 0.0, 1.0)


def selu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Selu: gamma × elu(x, alpha)."""
    alpha = float(node.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(node.attributes.get("gamma", 1.05070102214813232421875))
    return build.call(torch.mul, build.call(F.elu, build.tensor(node.required(0)), alpha), gamma)


def gelu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return build.call(F.gelu, build.tensor(node.required(0)), approximate=node.word("approximate", "none"))


def softmax(function: Callable[..., Any]) -> Handler:
    """Softmax and LogSoftmax; before opset 13 all axes from `axis` on are one."""

    def handler(build: GraphBuilder, node: OnnxNode) -> fx.Node:
        source = build.tensor(node.required(0))
        rank = build.rank(source)
        axis = build.axis(source, int(node.attributes.get("axis", -1 if node.opset >= 13 else 1)))
        if node.opset >= 13 or axis == rank - 1:
            return build.call(function, source, axis)
        flat = build.call(function, build.call(torch.flatten, source, axis), -1)
        return build.call(_reshape_as, flat, source)

    return handler


def _reshape_as(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.reshape(like.shape)


def prelu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """PRelu → nn.PReLU where its slope is one number or one a channel, else an expression."""
    source, layer = build.tensor(node.required(0)), node.layer
    if layer is not None:
        shape = build.stored.shape(layer.weight)
        # slopes broadcast from the right: (C, 1, 1) stands for the channels of (N, C, H, W)
        aligned = (1,) * (build.rank(source) - len(shape)) + shape
        if prod(shape) == 1 or aligned[1] == prod(shape):

            def make() -> nn.Module:
                made = nn.PReLU(prod(shape))
                made.weight = nn.Parameter(build.weight(layer.weight).reshape(-1))
                return made

            return build.layer(layer.name, make, source)
    slope = build.operand(node.required(1), node.required(0))
    negative = build.call(torch.mul, build.call(torch.clamp, source, max=0.0), slope)
    return build.call(torch.add, build.call(F.relu, source), negative)


def dropout(build: GraphBuilder, node: OnnxNode) -> Result:
    """Dropout → nn.Dropout: nothing in evaluation, active again in training."""
    training, ratio = node.constant(2), node.constant(1)
    if training is not None and bool(training):
        raise Unsupported("it was exported in training mode")
    probability = float(node.attributes.get("ratio", 0.5) if ratio is None else ratio.item())
    name = module_path(f"dropout_{node.outputs[0]}".replace(".", "_"))
    result = build.layer(name, lambda: nn.Dropout(probability), build.tensor(node.required(0)))
    if len(node.outputs) == 1:
        return result
    return result, build.call(torch.ones_like, result, dtype=torch.bool)  # the mask: in evaluation all stay


def thresholded_relu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return build.call(F.threshold, build.tensor(node.required(0)), float(node.attributes.get("alpha", 1.0)), 0.0)


def swish(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Swish: x × sigmoid(alpha × x), which is torch's SiLU for alpha 1."""
    return _swish(build, build.tensor(node.required(0)), float(node.attributes.get("alpha", 1.0)))


def swiglu(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    gate = _swish(build, build.tensor(node.required(0)), float(node.attributes.get("alpha", 1.0)))
    return build.call(torch.mul, gate, build.tensor(node.required(1)))


def _swish(build: GraphBuilder, source: fx.Node, alpha: float) -> fx.Node:
    if alpha == 1.0:
        return build.call(F.silu, source)
    return build.call(torch.mul, source, build.call(torch.sigmoid, build.call(torch.mul, source, alpha)))


def shrink(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    return build.call(
        _shrunk,
        build.tensor(node.required(0)),
        float(node.attributes.get("lambd", 0.5)),
        float(node.attributes.get("bias", 0.0)),
    )


def _shrunk(values: torch.Tensor, threshold: float, bias: float) -> torch.Tensor:
    """Shrink: towards zero by `bias` beyond the threshold, zero below it."""
    kept = torch.where(values < -threshold, values + bias, torch.where(values > threshold, values - bias, 0.0))
    return kept.to(values.dtype)


def _hardmax(values: torch.Tensor, axis: int) -> torch.Tensor:
    """One at the first of the largest entries along `axis`, zero elsewhere."""
    places = torch.argmax(values, axis, keepdim=True)
    return torch.zeros_like(values).scatter(axis, places, 1.0)


OPERATORS: OperatorTable = {
    "Relu": plain(F.relu),
    "LeakyRelu": with_number(F.leaky_relu, "alpha", 0.01),
    "PRelu": prelu,
    "Sigmoid": plain(torch.sigmoid),
    "Tanh": plain(torch.tanh),
    "Clip": clip,
    "HardSwish": plain(F.hardswish),
    "HardSigmoid": hard_sigmoid,
    "Elu": with_number(F.elu, "alpha", 1.0),
    "Celu": with_number(F.celu, "alpha", 1.0),
    "Selu": selu,
    "Softplus": plain(F.softplus),
    "Softsign": plain(F.softsign),
    "Mish": plain(F.mish),
    "Gelu": gelu,
    "ThresholdedRelu": thresholded_relu,
    "Softmax": softmax(torch.softmax),
    "LogSoftmax": softmax(torch.log_softmax),
    "Hardmax": softmax(_hardmax),
    "Swish": swish,
    "SwiGLU": swiglu,
    "Shrink": shrink,
    "Dropout": dropout,
}
