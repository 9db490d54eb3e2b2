"""Resize and the older Upsample: torch's interpolation where it means the same coordinates, else our own."""

from dataclasses import astuple, dataclass
from typing import Any

from torch import fx  # noqa: TID253 - imported lazily with the importer
from torch.nn import functional as F  # noqa: N812, TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.interpolation import Way, interpolated
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable, Unsupported, items_of

_LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}


@dataclass(frozen=True, slots=True)
class _Target:
    """What the axes are resized to: sizes (numbers or nodes), or scales."""

    axes: tuple[int, ...]
    sizes: tuple[Any, ...] | None
    scales: tuple[float, ...] | None
    policy: str
    region: tuple[float, ...] | None


def resize(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """Resize: inputs are (x, scales) in opset 10, (x, roi, scales, sizes) later."""
    source, is_old = build.tensor(node.required(0)), node.kind == "Upsample" or node.opset < 11
    target = _target(build, node, source, is_old=is_old)
    mode = node.word("mode", "nearest")
    way = Way(
        "linear" if mode == "bilinear" else mode,
        "asymmetric" if is_old else node.word("coordinate_transformation_mode", "half_pixel"),
        "floor" if is_old else node.word("nearest_mode", "round_prefer_floor"),
        float(node.attributes.get("cubic_coeff_a", -0.75)),
        node.flag("exclude_outside"),
        node.flag("antialias"),
        float(node.attributes.get("extrapolation_value", 0.0)),
    )
    same = _torch_mode(build, source, target, way)
    if same is None:
        parts = (target.axes, target.sizes, target.scales, target.policy, target.region)
        return build.call(interpolated, source, *parts, *astuple(way))
    wanted: dict[str, Any] = {"scale_factor": list(target.scales[-_spatial(build, source) :])} if target.scales else {}
    if target.sizes is not None:
        wanted = {"size": list(target.sizes[-_spatial(build, source) :])}
    options: dict[str, Any] = {} if same.startswith("nearest") else {
        "align_corners": way.coordinates == "align_corners"
    }  # fmt: skip
    return build.call(F.interpolate, source, **wanted, mode=same, **options)


def _spatial(build: GraphBuilder, source: fx.Node) -> int:
    return build.rank(source) - 2


def _target(build: GraphBuilder, node: OnnxNode, source: fx.Node, *, is_old: bool) -> _Target:
    rank = build.rank(source)
    axes = tuple(build.axis(source, int(axis)) for axis in node.attributes.get("axes") or range(rank))
    sizes, region, scales = None, None, node.attributes.get("scales")
    if not is_old:
        wanted, bounds = node.input(3), node.input(1)
        sizes = items_of(wanted) if wanted is not None and items_of(wanted) else None
        region = tuple(float(bound) for bound in items_of(bounds)) if bounds is not None else None  # type: ignore[arg-type]
    if sizes is None and scales is None:
        scales = node.constant(1 if is_old else 2)
    if sizes is None and (scales is None or len(scales) != len(axes)):
        raise Unsupported("neither its scales nor its sizes are known")
    if node.word("coordinate_transformation_mode") != "tf_crop_and_resize":
        region = None
    factors = None if sizes is not None else tuple(float(scale) for scale in scales)  # type: ignore[union-attr]
    return _Target(axes, sizes, factors, node.word("keep_aspect_ratio_policy", "stretch"), region or None)


def _torch_mode(build: GraphBuilder, source: fx.Node, target: _Target, way: Way) -> str | None:
    """The mode of F.interpolate that does the same, None where it has none."""
    rank = build.rank(source)
    plain = not way.smooths and not way.excludes_outside and target.policy == "stretch"
    if not plain or rank not in _LINEAR or not build.is_floating(source):
        return None
    if target.axes not in {tuple(range(rank)), tuple(range(2, rank))} or not _keeps_channels(build, source, target):
        return None
    lengths = [
        length * factor for length, factor in zip(build.shape(source)[2:], _factors(build, source, target), strict=True)
    ]
    if way.mode == "nearest":
        return _nearest_mode(_factors(build, source, target), way)
    is_usual = way.coordinates in {"half_pixel", "align_corners"} or (
        way.coordinates == "pytorch_half_pixel" and all(length > 1 for length in lengths)
    )
    is_whole = target.scales is None or all(abs(length - round(length)) < 1e-6 for length in lengths)
    if not is_usual or (way.coordinates == "align_corners" and not is_whole):
        return None
    if way.mode == "cubic":
        return "bicubic" if rank == 4 and way.cubic == -0.75 else None
    return _LINEAR[rank]


def _keeps_channels(build: GraphBuilder, source: fx.Node, target: _Target) -> bool:
    if len(target.axes) < build.rank(source):
        return True
    if target.scales is not None:
        return target.scales[:2] == (1.0, 1.0)
    first = target.sizes[:2] if target.sizes is not None else ()
    return all(build.traced(size) in {1, length} for size, length in zip(first, build.shape(source), strict=False))


def _nearest_mode(factors: list[float], way: Way) -> str | None:
    """Torch's `nearest` (asymmetric, rounding down) or `nearest-exact` (half pixel); alike for whole factors."""
    is_whole = all(factor >= 1 and factor == int(factor) for factor in factors)
    if way.coordinates == "asymmetric":
        rounds_down = way.rounding == "floor" or (
            way.rounding == "round_prefer_floor" and is_whole and max(factors) <= 2
        )
        return "nearest" if rounds_down else None
    if way.coordinates in {"half_pixel", "pytorch_half_pixel"} and way.rounding.startswith("round"):
        if is_whole:
            return "nearest"
        return "nearest-exact" if way.rounding == "round_prefer_ceil" and way.coordinates == "half_pixel" else None
    return None


def _factors(build: GraphBuilder, source: fx.Node, target: _Target) -> list[float]:
    """The scales of the spatial axes, for the traced shape."""
    spatial = _spatial(build, source)
    if target.scales is not None:
        return list(target.scales[-spatial:])
    lengths, wanted = build.shape(source)[2:], (target.sizes or ())[-spatial:]
    return [float(build.traced(size)) / length for size, length in zip(wanted, lengths, strict=True)]


OPERATORS: OperatorTable = {"Resize": resize, "Upsample": resize}
