"""What the heat map says of one cell: measured, estimated, size before and after, whether it helps here."""

import textwrap
from collections.abc import Mapping

import numpy as np

from secateur.data.metrics import kind_of
from secateur.figures import milliseconds, size, thousands
from secateur.methods.base import Effect
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.ui.plots.heat_cells import HeatCells
from secateur.ui.plots.read_out import ReadOut
from secateur.ui.plots.ticks import damage_text


def cell_read_out(
    cells: HeatCells,
    place: tuple[int, int],
    sizes: Mapping[str, int],
    tables: tuple[SensitivityTable | None, SensitivityTable | None],
    effect: Effect | None = None,
    where: str = "here",
) -> ReadOut:
    """The tooltip of the cell at `place` (row, column): a reason where it is unavailable, `not measured yet`
    where it waits. `tables` are the shown one and the data-free estimate;
    `effect` is the method's own what-if for this layer: its verdicts are the line of `where`.
    """
    (row, column), (table, estimate) = place, tables
    layer, option = cells.layers[row], cells.options[column]
    title = f"{layer}  ·  {option.words}"
    reason = cells.reasons.get((row, column))
    if reason:
        return ReadOut(title, tuple((line, "") for line in textwrap.wrap(reason, 46, break_long_words=False)))
    shown = table.row(layer, option.id) if table else None
    lines: list[tuple[str, str]] = []
    if shown is not None and shown.measured:
        lines.append(("damage, measured", _damage(shown, table)))
        lines.extend(_certainty(shown))
        if shown.metric_drop is not None:
            kind = kind_of(table.metric if table else "")
            change = -shown.metric_drop if kind.is_higher_better else shown.metric_drop
            lines.append((kind.title, kind.write_change(0.0, change)))
    guess = estimate.row(layer, option.id) if estimate else None
    if guess is None and shown is not None and not shown.measured:
        guess, estimate = shown, table
    if guess is not None and guess.damage is not None:
        lines.append(("damage, estimated", _damage(guess, estimate)))
    known = shown or guess
    if known is None:
        return ReadOut(title, (("not measured yet", ""),))
    if "per kB" in cells.unit and np.isfinite(cells.values[row, column]):
        lines.append(("damage per kB saved", damage_text(float(cells.values[row, column]))))
    lines.extend(_cost(known, sizes.get(layer), effect, where))
    return ReadOut(title, tuple(lines))


def _certainty(row: SensitivityRow) -> list[tuple[str, str]]:
    """On how many samples a cell was measured, within which bounds its damage is, and what is the weights' share."""
    lines = []
    if row.low is not None and row.high is not None:
        lines.append(("95 % interval", f"{damage_text(row.low)} to {damage_text(row.high)}"))
    if row.samples is not None:
        lines.append(("samples", thousands(row.samples)))
    if row.weights_damage is not None:
        lines.append(("rounded weights alone", damage_text(row.weights_damage)))
    return lines


def _damage(row: SensitivityRow, table: SensitivityTable | None) -> str:
    return f"{damage_text(row.damage or 0.0)} {table.unit if table else ''}".strip()


def _cost(row: SensitivityRow, before: int | None, effect: Effect | None, where: str) -> list[tuple[str, str]]:
    lines = [("size", f"{size(before)} → {size(row.bytes)}" if before else size(row.bytes))]
    if row.latency_ms is not None:
        lines.append(("time", milliseconds(row.latency_ms)))
    if effect is not None:
        faster = effect.faster if row.latency_ms is None else row.faster  # what was measured has the last word
        words = ("smaller" if effect.smaller else "not smaller", "faster" if faster else "not faster")
        lines.append((where, ", ".join(words)))
    return lines
