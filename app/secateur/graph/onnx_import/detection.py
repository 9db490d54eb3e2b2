"""Operators of object detectors."""

import torch  # noqa: TID253 - imported lazily with the importer
from torch import fx  # noqa: TID253

from secateur.graph.onnx_import.builder import GraphBuilder
from secateur.graph.onnx_import.values import OnnxNode, OperatorTable


def non_max_suppression(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """NonMaxSuppression: how many boxes stay, only a run can tell."""
    numbers = [None if value is None else build.tensor(value) for value in (node.input(index) for index in (2, 3, 4))]
    boxes, scores = build.tensor(node.required(0)), build.tensor(node.required(1))
    example = torch.zeros((), dtype=torch.int64).expand(build.extent, 3)
    return build.unknown(example, _kept_boxes, boxes, scores, *numbers, node.flag("center_point_box"))


def _kept_boxes(
    boxes: torch.Tensor,
    scores: torch.Tensor,
    most: torch.Tensor | None,
    overlap: torch.Tensor | None,
    least: torch.Tensor | None,
    is_centered: bool,
) -> torch.Tensor:
    """Rows (sample, class, box) of the boxes that no better one of their class overlaps by more than `overlap`."""
    limit = 0 if most is None else int(most)
    corners = _corners(boxes, is_centered)
    rows = [
        [sample, kind, box]
        for sample in range(scores.shape[0])
        for kind in range(scores.shape[1])
        for box in _kept(corners[sample], scores[sample, kind], limit, overlap, least)
    ]
    return torch.tensor(rows, dtype=torch.int64, device=boxes.device).reshape(-1, 3)


def _kept(
    corners: torch.Tensor, scores: torch.Tensor, limit: int, overlap: torch.Tensor | None, least: torch.Tensor | None
) -> list[int]:
    order = torch.argsort(scores, descending=True, stable=True)
    if least is not None:
        order = order[scores[order] > least.reshape(())]
    threshold = 0.0 if overlap is None else float(overlap)
    kept: list[int] = []
    while len(order) and len(kept) < limit:
        best, order = int(order[0]), order[1:]
        kept.append(best)
        order = order[_overlap(corners[best], corners[order]) <= threshold]
    return kept


def _corners(boxes: torch.Tensor, is_centered: bool) -> torch.Tensor:
    """(…, y1, x1, y2, x2) with the smaller corner first."""
    if is_centered:
        x, y, width, height = boxes.unbind(-1)
        return torch.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], -1)
    first, second = boxes[..., :2], boxes[..., 2:]
    return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], -1)


def _overlap(one: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Intersection over union of a box and several."""
    inner = (torch.minimum(one[2:], others[:, 2:]) - torch.maximum(one[:2], others[:, :2])).clamp(min=0).prod(-1)
    union = (one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(-1) - inner
    return torch.where(union > 0, inner / union, 0.0)


def roi_align(build: GraphBuilder, node: OnnxNode) -> fx.Node:
    """RoiAlign (He et al., Mask R-CNN, 2017); before opset 16 without the half pixel."""
    default = "half_pixel" if node.opset >= 16 else "output_half_pixel"
    is_shifted = node.word("coordinate_transformation_mode", default) == "half_pixel"
    return build.call(
        _aligned,
        build.tensor(node.required(0)),
        build.tensor(node.required(1)),
        build.tensor(node.required(2)),
        (int(node.attributes.get("output_height", 1)), int(node.attributes.get("output_width", 1))),
        int(node.attributes.get("sampling_ratio", 0)),
        float(node.attributes.get("spatial_scale", 1.0)),
        is_shifted,
        node.word("mode", "avg") == "max",
    )


def _aligned(
    images: torch.Tensor,
    boxes: torch.Tensor,
    samples: torch.Tensor,
    bins: tuple[int, int],
    ratio: int,
    scale: float,
    is_shifted: bool,
    takes_maximum: bool,
) -> torch.Tensor:
    """(boxes, C, bins) of the image that `samples` names for each box."""
    parts = [
        _aligned_one(
            images[int(sample)], box * scale - (0.5 if is_shifted else 0.0), bins, ratio, is_shifted, takes_maximum
        )
        for box, sample in zip(boxes, samples, strict=True)
    ]
    return torch.stack(parts) if parts else images.new_zeros(0, images.shape[1], *bins)


def _aligned_one(
    image: torch.Tensor, box: torch.Tensor, bins: tuple[int, int], ratio: int, is_shifted: bool, takes_maximum: bool
) -> torch.Tensor:
    places = []
    for axis, (first, last) in enumerate(((box[1], box[3]), (box[0], box[2]))):
        extent = last - first if is_shifted else (last - first).clamp(min=1.0)
        count = ratio or max(int(torch.ceil(extent / bins[axis])), 1)
        steps = torch.arange(bins[axis] * count, device=image.device, dtype=image.dtype)
        places.append((first + (steps + 0.5) * extent / (bins[axis] * count), count))
    (y, rows), (x, columns) = places
    found = _corner_products(image, y, x)  # (4, C, bins × rows, bins × columns)
    listed = found.reshape(*found.shape[:2], bins[0], rows, bins[1], columns)
    if takes_maximum:  # of the four weighted corners, as ONNX has it, not of the interpolated values
        return listed.amax((0, 3, 5))
    total: torch.Tensor = listed.sum(0)
    return total.mean((2, 4))


def _corner_products(image: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The four neighbours of each place (y, x), times their bilinear weights."""
    lines = []
    for places, length in ((y, image.shape[1]), (x, image.shape[2])):
        inside = (places >= -1) & (places <= length)
        held = places.clamp(min=0)
        low = held.floor().clamp(max=length - 1)
        share = torch.where(low >= length - 1, 0.0, held - low)
        high = (low + 1).clamp(max=length - 1)
        lines.append([(low.long(), (1 - share) * inside), (high.long(), share * inside)])
    products = [image[:, row][:, :, column] * (by.unsqueeze(1) * bx) for row, by in lines[0] for column, bx in lines[1]]
    return torch.stack(products)


OPERATORS: OperatorTable = {"NonMaxSuppression": non_max_suppression, "RoiAlign": roi_align}
