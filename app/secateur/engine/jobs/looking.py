"""A layer's weight as the window looks at it: figures of its channels, pages of its filters, tiles of its matrix."""

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.filters import Check, Places, Rows, Take, block_edges, blocks_of
from secateur.engine.events import ChannelsRead, FiltersRead, MatrixRead
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ReadChannels, ReadFilters, ReadMatrix
from secateur.engine.weight_views import After, LayerLook, with_similarities
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.model.weight_views import MOST_TILE, FilterPage, MatrixTile, Order

AT_ONCE = 512
"""Channels up to which comparing them takes no time worth an answer in between."""


def read_channels(request: ReadChannels, reporter: Reporter, workshop: Workshop) -> ChannelsRead:
    """The channels' figures; before they are compared, what is known without that."""
    bench, looks = workshop.bench(request.model, reporter), workshop.looks
    look = looks.look(bench, request.layer, reporter)
    figures = looks.planned_figures(bench, look, request.plan, reporter)
    if look.why_unordered:
        return ChannelsRead(request.layer, figures)
    if look.shape[0] > AT_ONCE:
        reporter.emit(ChannelsRead(request.layer, figures))
    found = look.similar(_check(reporter, f"Comparing the channels of {request.layer}"))
    return ChannelsRead(request.layer, with_similarities(figures, found))


def read_filters(request: ReadFilters, reporter: Reporter, workshop: Workshop) -> FiltersRead:
    """The filters from place `first` to `stop` in an order, as small integers. UserError for what has no kernels."""
    bench, looks = workshop.bench(request.model, reporter), workshop.looks
    look = looks.look(bench, request.layer, reporter)
    order, _ = _ordered(look, request.order, reporter)
    places = order[max(request.first, 0) : request.stop]
    after = looks.after(bench, look, request.plan, reporter) if request.is_after else None
    rows = after.rows[places] if after is not None else look.take(places)
    codes, limits = _codes(rows, _kernel_shape(look))
    return FiltersRead(request.layer, FilterPage(max(request.first, 0), codes, limits, look.limit, look.shape[0]))


def _kernel_shape(look: LayerLook) -> tuple[int, int, int]:
    """(inputs, height, width) of one filter; a volume's depth counts among the inputs."""
    weight = look.weight
    if weight is None or weight.ndim < 3:
        raise UserError(f"{look.layer.name} has no kernels: every weight stands for itself.", "Look at its matrix.")
    height, width = weight.shape[-2:] if weight.ndim > 3 else (1, weight.shape[-1])
    return look.shape[1] // max(height * width, 1), height, width


def _codes(rows: Rows, shape: tuple[int, int, int]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 of each filter on a scale of its own, and that scale."""
    finite = np.isfinite(rows)
    limits = np.abs(np.where(finite, rows, 0)).max(axis=1, initial=0).astype(np.float32)
    scaled = np.where(finite, rows, 0) * (127 / np.where(limits > 0, limits, 1))[:, None]
    codes = np.where(finite, np.rint(scaled), -128).astype(np.int8)
    return codes.reshape(len(rows), *shape), limits


def read_matrix(request: ReadMatrix, reporter: Reporter, workshop: Workshop) -> MatrixRead:
    """A tile of the sorted matrix, before and after the plan; as fine as asked for, and a million blocks at most."""
    bench, looks = workshop.bench(request.model, reporter), workshop.looks
    look = looks.look(bench, request.layer, reporter)
    notes: list[str] = []
    rows, told = _ordered(look, request.row_order, reporter)
    notes += told
    columns, told = _ordered(look, request.column_order, reporter, "columns")
    notes += told
    after = None
    try:
        after = looks.after(bench, look, request.plan, reporter)
    except UserError as error:
        notes.append(f"{error.sentence} {error.hint}".strip())
    return MatrixRead(request.layer, _tile(request, look, after, (rows, columns), tuple(notes), reporter))


def _tile(
    request: ReadMatrix, look: LayerLook, after: After | None, orders: tuple[Places, Places], notes: tuple[str, ...],
    reporter: Reporter,
) -> MatrixTile:  # fmt: skip
    rows, columns = orders
    (top, bottom), (left, right) = _within(request.rows, look.shape[0]), _within(request.columns, look.shape[1])
    height = min(request.most[0], MOST_TILE)
    row_edges = block_edges(top, bottom, height)
    column_edges = block_edges(left, right, min(request.most[1], MOST_TILE // max(len(row_edges) - 1, 1)))
    check = _check(reporter, f"Reading {request.layer}")
    own = slice(left, right) if request.column_order == "network" else columns[left:right]
    shown = rows[top:bottom]

    def tile(take: Take) -> Rows:
        return blocks_of(take, shown, own, row_edges, column_edges, check, request.blocks)

    before = tile(look.take)
    figures = look.figures(check)
    limit = float(np.nanmax(np.maximum(np.abs(figures.minimum), np.abs(figures.maximum)), initial=0.0))
    later = change = None
    change_limit = 0.0
    if after is not None:
        later = tile(lambda places: after.rows[places])
        change = tile(lambda places: after.rows[places] - look.take(places))
        change_limit = after.change_limit
    return MatrixTile(look.shape, row_edges, column_edges, before, rows, columns, later, change, limit, change_limit,
                      notes, request.blocks)  # fmt: skip


def _within(wanted: tuple[int, int], count: int) -> tuple[int, int]:
    """A range of at least one place that lies in 0 … count."""
    first = min(max(wanted[0], 0), max(count - 1, 0))
    return first, min(max(wanted[1], first + 1), count)


def _ordered(look: LayerLook, order: Order, reporter: Reporter, axis: str = "rows") -> tuple[Places, list[str]]:
    """Rows or columns in an order, or in the network's with the reason."""
    try:
        return look.order(order, _check(reporter, f"Sorting the {axis} of {look.layer.name}"), axis), []
    except UserError as error:
        return look.order("network", _check(reporter, ""), axis), [f"{error.sentence} {error.hint}".strip()]


def _check(reporter: Reporter, text: str) -> Check:
    return lambda done, total: reporter.progress(done, total, text)
