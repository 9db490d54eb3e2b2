"""Resize and the older Upsample, where torch's interpolation means the same coordinates."""

from typing import Any

from torch import fx  # noqa: TID253 - imported lazily with the importer
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.formats.onnx_import.builder import GraphBuilder
from secateur.formats.onnx_import.values import OnnxNode, OperatorTable, Unsupported, items_of

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


def resize(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Resize: inputs are (x, scales) in opset 10, (x, roi, scales, sizes) later."""
    source = build.tensor(node.required(0))
    rank = build.rank(source)
    if node.flag("antialias"):
        raise Unsupported("it smooths before it shrinks")
    if "axes" in node.attributes or node.word("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise Unsupported("it names axes or keeps the aspect ratio")
    target = _sizes(node, rank) or _scales(node, rank)
    mode, coordinates = node.word("mode", "nearest"), node.word("coordinate_transformation_mode", "half_pixel")
    if node.kind == "Upsample" or node.opset < 11:
        coordinates = "asymmetric"
    if mode == "nearest":
        return build.call(F.interpolate, source, **target, mode=_nearest(build, node, source, coordinates, target))
    word = _LINEAR.get(rank) if mode == "linear" else "bicubic" if mode == "cubic" and rank == 4 else None
    if word is None or coordinates not in {"half_pixel", "pytorch_half_pixel", "align_corners"}:
        raise Unsupported(f"torch has no '{mode}' interpolation with '{coordinates}' coordinates")
    if mode == "cubic" and float(node.attributes.get("cubic_coeff_a", -0.75)) != -0.75:
        raise Unsupported("its cubic coefficient is not torch's")
    return build.call(F.interpolate, source, **target, mode=word, align_corners=coordinates == "align_corners")


def _nearest(build: GraphBuilder, node: OnnxNode, source: fx.Node, coordinates: str, target: dict[str, Any]) -> str:
    """Torch's `nearest` (asymmetric, rounding down) or `nearest-exact` (half pixel); alike for whole factors."""
    rounding = node.word("nearest_mode", "round_prefer_floor")
    if node.kind == "Upsample" or node.opset < 11:
        rounding = "floor"
    if coordinates == "asymmetric" and rounding == "floor":
        return "nearest"
    if coordinates in {"half_pixel", "pytorch_half_pixel"} and rounding.startswith("round"):
        return "nearest" if _is_whole(build, source, target) else "nearest-exact"
    if coordinates == "asymmetric" and _is_whole(build, source, target):
        if rounding in {"floor", "round_prefer_floor"} and _largest(build, source, target) <= 2:
            return "nearest"
        raise Unsupported(f"torch has no nearest interpolation with '{rounding}' rounding")
    raise Unsupported(f"torch has no nearest interpolation with '{coordinates}' coordinates and '{rounding}' rounding")


def _factors(build: GraphBuilder, source: fx.Node, target: dict[str, Any]) -> list[float]:
    if "scale_factor" in target:
        return list(target["scale_factor"])
    sizes = build.shape(source)[2:]
    return [float(build.traced(wanted)) / size for wanted, size in zip(target["size"], sizes, strict=True)]


def _is_whole(build: GraphBuilder, source: fx.Node, target: dict[str, Any]) -> bool:
    return all(factor >= 1 and factor == int(factor) for factor in _factors(build, source, target))


def _largest(build: GraphBuilder, source: fx.Node, target: dict[str, Any]) -> float:
    return max(_factors(build, source, target))


def _sizes(node: OnnxNode, rank: int) -> dict[str, Any] | None:
    value = node.input(3)
    if value is None or not items_of(value):
        return None
    return {"size": [int(item) if not isinstance(item, fx.Node) else item for item in items_of(value)[2:rank]]}


def _scales(node: OnnxNode, rank: int) -> dict[str, Any]:
    scales = node.attributes.get("scales")
    if scales is None:
        array = node.constant(1 if node.kind == "Upsample" or node.opset < 11 else 2)
        if array is None or array.size != rank:
            raise Unsupported("neither its scales nor its sizes are known")
        scales = array.tolist()
    if any(scale != 1.0 for scale in scales[:2]):
        raise Unsupported("it resizes the batch or the channels")
    return {"scale_factor": [float(scale) for scale in scales[2:]]}


OPERATORS: OperatorTable = {"Resize": resize, "Upsample": resize}
