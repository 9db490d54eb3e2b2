"""The numbers behind the heat map: one value, or one reason, for every layer and option. No Qt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from secateur.methods.offers import Option
from secateur.model.documents import SensitivityRow, SensitivityTable

Floats = NDArray[np.float64]
UNIT_WORDS = {"nats": "KL divergence in nats"}


@dataclass(frozen=True, eq=False)
class HeatCells:
    """`values` (layers, options), NaN where there is none; `estimated` (same shape) marks cells without a
    measurement in a measured table; `reasons` says why a cell has no value. `range` is (low, high), whole
    decades that the colours span.
    """

    layers: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    values: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    estimated: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((0, 0), bool))
    reasons: Mapping[tuple[int, int], str] = field(default_factory=dict)
    range: tuple[float, float] = (1e-4, 1.0)
    unit: str = ""

    def only(self, layers: Sequence[str]) -> "HeatCells":
        """The cells of these layers, in this order; the colours span what they did."""
        if tuple(layers) == self.layers:
            return self
        places = {name: row for row, name in enumerate(self.layers)}
        rows = [places[name] for name in layers]
        reasons = {
            (row, column): reason
            for row, old in enumerate(rows)
            for column in range(len(self.options))
            if (reason := self.reasons.get((old, column)))
        }
        values, estimated = self.values[rows], self.estimated[rows]
        return replace(self, layers=tuple(layers), values=values, estimated=estimated, reasons=reasons)

    def shares(self) -> Floats:
        """Where each value stands on the colour map, 0..1, on log10; NaN where there is none."""
        low, high = np.log10(self.range[0]), np.log10(self.range[1])
        with np.errstate(divide="ignore", invalid="ignore"):
            logarithm = np.log10(np.maximum(self.values, self.range[0]))
        shares: Floats = np.clip((logarithm - low) / (high - low), 0.0, 1.0)
        return shares


def table_rows(table: SensitivityTable | None) -> dict[tuple[str, str], SensitivityRow]:
    """The table's rows by (layer, option): `SensitivityTable.row` looks through all of them every time."""
    return {(row.layer, row.option): row for row in table.rows} if table else {}


def make_cells(
    layers: Sequence[str],
    options: Sequence[Option],
    table: SensitivityTable | None,
    sizes: Mapping[str, int],
    *,
    per_kilobyte: bool = False,
) -> HeatCells:
    """The cells of a table: damage, or damage for each kilobyte saved against `sizes` (bytes by layer)."""
    rows = table_rows(table)
    values = np.full((len(layers), len(options)), np.nan)
    estimated = np.zeros(values.shape, bool)
    reasons: dict[tuple[int, int], str] = {}
    for i, layer in enumerate(layers):
        for j, option in enumerate(options):
            row = rows.get((layer, option.id))
            if row is None:
                continue
            value, reason = _value(row, sizes.get(layer, 0), per_kilobyte=per_kilobyte)
            if reason:
                reasons[i, j] = reason
            elif value is not None:
                values[i, j] = value
                estimated[i, j] = table is not None and table.depth != "free" and not row.measured
    unit = table.unit if table else ""
    named = unit + (" per kB saved" if per_kilobyte and unit else "")
    return HeatCells(tuple(layers), tuple(options), values, estimated, reasons, decades(values), named)


def _value(row: SensitivityRow, size_bytes: int, *, per_kilobyte: bool) -> tuple[float | None, str]:
    if row.unavailable or row.damage is None:
        return None, row.unavailable
    if not per_kilobyte:
        return max(row.damage, 0.0), ""
    saved = size_bytes - row.bytes
    if saved <= 0:
        return None, "Saves no bytes in the file, so there is no damage per kB."
    return max(row.damage, 0.0) / (saved / 1000), ""


def decades(values: Floats) -> tuple[float, float]:
    """Whole decades around the 1 % and 99 % quantile of the positive values, at least one apart."""
    positive = values[np.isfinite(values) & (values > 0)]
    if not positive.size:
        return 1e-4, 1.0
    low, high = np.quantile(np.log10(positive), [0.01, 0.99])
    bottom, top = floor(low + 1e-9), ceil(high - 1e-9)
    return 10.0**bottom, 10.0 ** max(top, bottom + 1)


def grouped(options: Sequence[Option]) -> list[tuple[str, list[int]]]:
    """Neighbouring options of one group: (group, column numbers)."""
    groups: list[tuple[str, list[int]]] = []
    for column, option in enumerate(options):
        if not groups or groups[-1][0] != option.group:
            groups.append((option.group, []))
        groups[-1][1].append(column)
    return groups


def paired(free: SensitivityTable | None, measured: SensitivityTable | None) -> tuple[Floats, Floats]:
    """Estimated and measured damage of the cells that have both and are positive: the scatter's points."""
    estimates = table_rows(free)
    pairs = [
        (estimate.damage, row.damage)
        for key, row in table_rows(measured).items()
        if row.measured
        and row.damage
        and row.damage > 0
        and (estimate := estimates.get(key)) is not None
        and estimate.damage
        and estimate.damage > 0
    ]
    points = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]
