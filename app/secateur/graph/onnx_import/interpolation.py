"""Interpolation in every way that ONNX knows (operator Resize), one axis after the other.

For each place of the output along an axis: the coordinate in the input, the neighbours read there, and their
weights. Source: the specification of Resize and the coordinates that it lists.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import torch  # noqa: TID253 - imported lazily with the importer


@dataclass(frozen=True, slots=True)
class Way:
    """How to interpolate; the words are ONNX's."""

    mode: str
    coordinates: str
    rounding: str = "round_prefer_floor"
    cubic: float = -0.75
    excludes_outside: bool = False
    smooths: bool = False
    outside: float = 0.0


def interpolated(
    values: torch.Tensor,
    axes: Sequence[int],
    sizes: Sequence[int] | None,
    scales: Sequence[float] | None,
    policy: str,
    region: Sequence[float] | None,
    *way: str | float | bool,
) -> torch.Tensor:
    """`values` resized along `axes` to `sizes` or by `scales`; `region` holds starts, then ends, of tf_crop_and_resize.

    Whole numbers are rounded and saturated. `way` are the fields of `Way`.
    """
    how = Way(*way)  # type: ignore[arg-type]
    lengths, factors = _targets([values.shape[axis] for axis in axes], sizes, scales, policy)
    result = values if values.is_floating_point() else values.double()
    for index, axis in enumerate(axes):
        bounds = (0.0, 1.0) if not region else (float(region[index]), float(region[index + len(axes)]))
        if factors[index] != 1.0 or lengths[index] != values.shape[axis] or bounds != (0.0, 1.0):
            result = _along(result, axis, lengths[index], factors[index], bounds, how)
    if values.is_floating_point():
        return result
    limits = torch.iinfo(values.dtype)
    return result.round().clamp(limits.min, limits.max).to(values.dtype)


def _targets(
    lengths: Sequence[int], sizes: Sequence[int] | None, scales: Sequence[float] | None, policy: str
) -> tuple[list[int], list[float]]:
    """Output length and scale of each axis; a policy other than `stretch` takes one scale for all."""
    if sizes is None:
        factors = [float(scale) for scale in scales or ()]
        return [floor(length * scale) for length, scale in zip(lengths, factors, strict=True)], factors
    factors = [size / length for size, length in zip(sizes, lengths, strict=True)]
    if policy == "stretch":
        return [int(size) for size in sizes], factors
    common = min(factors) if policy == "not_larger" else max(factors)
    return [floor(common * length + 0.5) for length in lengths], [common] * len(factors)


def _along(
    values: torch.Tensor, axis: int, count: int, scale: float, bounds: tuple[float, float], way: Way
) -> torch.Tensor:
    length = values.shape[axis]
    places = torch.arange(count, dtype=torch.float64, device=values.device)
    where = _coordinates(places, length, scale, bounds, way.coordinates)
    if way.mode == "nearest":
        result = values.index_select(axis, _nearest(where, way.rounding).clamp(0, length - 1))
    else:
        neighbours, weights = _neighbours(where, scale, way)
        if way.excludes_outside:
            weights = weights * ((neighbours >= 0) & (neighbours < length))
            weights = weights / weights.sum(1, keepdim=True)
        listed = values.index_select(axis, neighbours.clamp(0, length - 1).reshape(-1))
        read = listed.reshape(*values.shape[:axis], *weights.shape, *values.shape[axis + 1 :])
        behind = [1] * (values.ndim - 1 - axis)
        result = (read * weights.to(values.dtype).reshape(*weights.shape, *behind)).sum(axis + 1)
    if way.coordinates != "tf_crop_and_resize":
        return result
    shape = [1] * values.ndim
    shape[axis] = count
    return torch.where(((where < 0) | (where > length - 1)).reshape(shape), way.outside, result).to(values.dtype)


def _coordinates(
    places: torch.Tensor, length: int, scale: float, bounds: tuple[float, float], word: str
) -> torch.Tensor:
    """Where in the input each entry of the output lies; the output is `scale × length` long, whole or not."""
    target = scale * length
    if word == "align_corners":
        return places * 0 if target == 1 else places * (length - 1) / (target - 1)
    if word == "asymmetric":
        return places / scale
    if word == "tf_crop_and_resize":
        first, extent = bounds[0] * (length - 1), (bounds[1] - bounds[0]) * (length - 1)
        return places * 0 + extent / 2 + first if target == 1 else places * extent / (target - 1) + first
    half = (places + 0.5) / scale - 0.5
    if word == "pytorch_half_pixel" and target == 1:
        return places * 0 - 0.5
    if word == "half_pixel_symmetric":
        return half + length / 2 * (1 - len(places) / target)
    return half


def _nearest(where: torch.Tensor, rounding: str) -> torch.Tensor:
    rounded = {
        "round_prefer_floor": torch.ceil(where - 0.5),
        "round_prefer_ceil": torch.floor(where + 0.5),
        "floor": torch.floor(where),
        "ceil": torch.ceil(where),
    }[rounding]
    return rounded.long()


def _neighbours(where: torch.Tensor, scale: float, way: Way) -> tuple[torch.Tensor, torch.Tensor]:
    """(output, neighbour) → index in the input, and weight."""
    shrink = min(scale, 1.0) if way.smooths else 1.0
    reach = (2 if way.mode == "cubic" else 1) / shrink
    first = torch.floor(where - reach).long() + 1
    steps = torch.arange(2 * -floor(-reach), device=where.device)
    neighbours = first.unsqueeze(1) + steps
    distances = ((neighbours - where.unsqueeze(1)) * shrink).abs()
    weights = _cubic(distances, way.cubic) if way.mode == "cubic" else (1 - distances).clamp(min=0)
    return neighbours, weights / weights.sum(1, keepdim=True) if way.smooths else weights


def _cubic(distance: torch.Tensor, a: float) -> torch.Tensor:
    """Keys' kernel (Cubic convolution interpolation, 1981)."""
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, 0.0))
