"""Linear layers and matrix products."""

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx, nn  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable
from secateur.graph.onnx_layers import OnnxLayer, multiplied_axes
from secateur.graph.products import MatrixProduct


def gemm(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Gemm → nn.Linear where its matrix is stored, else a product and a sum."""
    if node.layer is None:
        return _general_gemm(build, node)
    result = stored_linear(build, node.layer, build.tensor(node.required(0)))
    alpha = float(node.attributes.get("alpha", 1.0))
    if alpha != 1.0:
        result = build.call(torch.mul, result, alpha)
    extra = node.input(2)
    if extra is None or node.layer.bias is not None:
        return result
    beta = float(node.attributes.get("beta", 1.0))
    added = build.tensor(extra) if beta == 1.0 else build.call(torch.mul, build.tensor(extra), beta)
    return build.call(torch.add, result, added)


def _general_gemm(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    left, right = build.tensor(node.required(0)), build.tensor(node.required(1))
    if node.flag("transA"):
        left = build.call(torch.transpose, left, 0, 1)
    if node.flag("transB"):
        right = build.call(torch.transpose, right, 0, 1)
    result = build.call(torch.matmul, left, right)
    alpha, beta = float(node.attributes.get("alpha", 1.0)), float(node.attributes.get("beta", 1.0))
    if alpha != 1.0:
        result = build.call(torch.mul, result, alpha)
    extra = node.input(2)
    if extra is None:
        return result
    added = build.tensor(extra)
    return build.call(torch.add, result, added if beta == 1.0 else build.call(torch.mul, added, beta))


def product(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """MatMul → nn.Linear where its matrix is stored, else torch.matmul."""
    if node.layer is not None:
        return stored_linear(build, node.layer, build.tensor(node.required(0 if node.layer.weight_place else 1)))
    return build.call(torch.matmul, build.tensor(node.required(0)), build.tensor(node.required(1)))


def stored_linear(build: GraphBuilder, layer: OnnxLayer, source: fx.Node) -> fx.Node:
    """nn.Linear, or a MatrixProduct, with the stored matrix and bias of `layer`, made on its first use."""

    def make() -> nn.Module:
        bias = None if layer.bias is None else build.weight(layer.bias).reshape(-1)
        if layer.kind == "MatrixProduct":
            order = multiplied_axes(build.stored, layer)
            is_left = layer.weight_place == 0
            return MatrixProduct(build.parameter(layer.weight), order, layer.channel_axis, is_left=is_left, bias=bias)
        is_turned = layer.channel_axis == 1
        weight = nn.Parameter(build.weight(layer.weight).T.contiguous()) if is_turned else build.parameter(layer.weight)
        made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        made.weight = weight
        if bias is not None:
            made.bias = nn.Parameter(bias)
        return made

    return build.layer(layer.name, make, source)


def einsum(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    sources = [build.tensor(node.required(index)) for index in range(len(node.inputs))]
    return build.call(torch.einsum, node.word("equation"), *sources)


OPERATORS: OperatorTable = {"Gemm": gemm, "MatMul": product, "Einsum": einsum}
