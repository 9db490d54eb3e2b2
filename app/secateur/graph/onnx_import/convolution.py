"""Convolutions and their transposes."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import fx, nn  # noqa: TID253 - imported lazily with the importer
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.padding import Padding, pad_argument, resolve_padding
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Unsupported
from secateur.graph.onnx_layers import OnnxLayer

_CONVOLUTIONS: dict[int, Callable[..., nn.Module]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
_FUNCTIONS: dict[int, Callable[..., Any]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED: dict[int, Callable[..., Any]] = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_TRANSPOSES: dict[int, Callable[..., nn.Module]] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def convolution(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Conv → nn.Conv1d/2d/3d (or its function, where the weight is computed); uneven padding is an F.pad before it."""
    layer, shape = node.layer, build.shape(node.required(1))
    rank = len(shape) - 2
    if rank not in _CONVOLUTIONS:
        raise Unsupported(f"torch has no convolution over {rank} axes")
    source = build.tensor(node.required(0))
    strides, dilations = _per_axis(node, "strides", rank), _per_axis(node, "dilations", rank)
    padding = resolve_padding(node, build.shape(source)[2:], shape[2:], strides, dilations)
    if not padding.is_even:
        source = build.call(F.pad, source, pad_argument(padding.begin, padding.end))
        padding = Padding((0,) * rank, (0,) * rank)
    groups = int(node.attributes.get("group", 1))
    if layer is None:
        weight, bias = _computed(build, node)
        return build.call(_FUNCTIONS[rank], source, weight, bias, strides, padding.begin, dilations, groups)

    def make() -> nn.Module:
        made = _CONVOLUTIONS[rank](
            shape[1] * groups, shape[0], shape[2:], strides, padding.begin, dilations, groups, layer.bias is not None
        )
        return filled(build, layer, made)

    return build.layer(layer.name, make, source)


def transposed_convolution(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """ConvTranspose → nn.ConvTranspose1d/2d/3d; what uneven padding cuts off more is cut by a negative F.pad."""
    layer, shape = node.layer, build.shape(node.required(1))
    rank = len(shape) - 2
    if rank not in _TRANSPOSES:
        raise Unsupported(f"torch has no transposed convolution over {rank} axes")
    source = build.tensor(node.required(0))
    strides, dilations = _per_axis(node, "strides", rank), _per_axis(node, "dilations", rank)
    extra = tuple(node.attributes.get("output_padding", (0,) * rank))
    padding = _transposed_padding(build, node, source, shape, strides, dilations, extra)
    extra = tuple(more - min(after, 0) for more, after in zip(extra, padding.end, strict=True))
    padding = Padding(padding.begin, tuple(max(after, 0) for after in padding.end))
    common = tuple(min(pair) for pair in zip(padding.begin, padding.end, strict=True))
    groups = int(node.attributes.get("group", 1))

    if layer is None:
        weight, bias = _computed(build, node)
        function = _TRANSPOSED[rank]
        result = build.call(function, source, weight, bias, strides, common, extra, groups, dilations)
    else:
        known = layer

        def make() -> nn.Module:
            has_bias = known.bias is not None
            made = _TRANSPOSES[rank](
                shape[0], shape[1] * groups, shape[2:], strides, common, extra, groups, has_bias, dilations
            )
            return filled(build, known, made)

        result = build.layer(layer.name, make, source)
    if padding.is_even:
        return result
    before = [low - begin for low, begin in zip(common, padding.begin, strict=True)]
    after = [low - end for low, end in zip(common, padding.end, strict=True)]
    return build.call(F.pad, result, pad_argument(before, after))


def _transposed_padding(
    build: GraphBuilder,
    node: OnnxNode,
    source: fx.Node,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
    extra: tuple[int, ...],
) -> Padding:
    """Padding as given, or what `output_shape` or SAME asks for (ONNX operator specification, ConvTranspose)."""
    automatic, rank = node.word("auto_pad", "NOTSET"), len(strides)
    wanted = node.attributes.get("output_shape")
    if wanted is None and not automatic.startswith("SAME"):
        pads = tuple(node.attributes.get("pads", (0,) * (2 * rank))) if automatic == "NOTSET" else (0,) * (2 * rank)
        return Padding(pads[:rank], pads[rank:])
    sizes = build.shape(source)[2:]
    targets = wanted[-rank:] if wanted is not None else [size * step for size, step in zip(sizes, strides, strict=True)]
    begin, end = [], []
    for axis, target in enumerate(targets):
        full = strides[axis] * (sizes[axis] - 1) + extra[axis] + (shape[axis + 2] - 1) * dilations[axis] + 1
        total = full - int(target)
        if total < 0:  # the wanted size is beyond what the windows reach: more is added at the end
            begin.append(0)
            end.append(total)
            continue
        first = total // 2 if automatic == "SAME_UPPER" else total - total // 2
        begin.append(first)
        end.append(total - first)
    return Padding(tuple(begin), tuple(end))


def filled(build: GraphBuilder, layer: OnnxLayer, made: nn.Module) -> nn.Module:
    """`made` with the stored weight and bias of `layer`."""
    made.weight = build.parameter(layer.weight)
    if layer.bias is not None:
        made.bias = nn.Parameter(build.weight(layer.bias).reshape(-1))
    return made


def _computed(build: GraphBuilder, node: OnnxNode) -> tuple[fx.Node, fx.Node | None]:
    """Weight and bias as nodes, where they are not both stored."""
    bias = node.input(2)
    return build.tensor(node.required(1)), None if bias is None else build.tensor(bias)


def _per_axis(node: OnnxNode, attribute: str, rank: int) -> tuple[int, ...]:
    values: Sequence[int] = node.attributes.get(attribute) or (1,) * rank
    return tuple(int(value) for value in values)


OPERATORS: OperatorTable = {"Conv": convolution, "ConvTranspose": transposed_convolution}
