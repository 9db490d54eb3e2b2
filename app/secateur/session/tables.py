"""Sensitivity tables in the state: rows as they are measured, and what was measured earlier."""

from typing import TYPE_CHECKING

from secateur.engine.events import RowsMeasured
from secateur.engine.requests import ScoreSensitivity
from secateur.model.documents import SensitivityTable
from secateur.recipe.options import OPTIONS
from secateur.recipe.speed import judged
from secateur.targets import target_named

if TYPE_CHECKING:
    from secateur.session.session import Session


def take(session: "Session", table: SensitivityTable) -> None:
    """A whole table has come, of its depth: kept as the chosen target sees it."""
    session.update(tables={**session.state.tables, table.depth: _seen(session, table)})


def judge(session: "Session") -> None:
    """Another target was chosen, or its milliseconds are known now: what is faster is told anew for every cell."""
    tables = session.state.tables
    if tables:
        session.update(tables={depth: _seen(session, table) for depth, table in tables.items()})


def _seen(session: "Session", table: SensitivityTable) -> SensitivityTable:
    state = session.state
    return table if state.model is None else judged(table, state.model, target_named(state.target), state.timings)


def measure_on(session: "Session", samples: int) -> None:
    """Measure on so many samples from now on: what is known of them is looked up, and stands in the table."""
    if samples == session.state.measured_on:
        return
    tables = {depth: table for depth, table in session.state.tables.items() if depth != "measure"}
    session.update(measured_on=samples, tables=tables)
    session.find_sensitivity()


def rows_measured(session: "Session", measured: RowsMeasured) -> None:
    """Rows of a running measurement or estimate: until its end they are a part of a table, whatever is there."""
    state, rows, depth = session.state, measured.rows, measured.depth
    earlier = state.tables.get(depth)
    if earlier is not None and not earlier.pending:
        return  # the earlier measurement stands until the new one is whole
    table = earlier or SensitivityTable(
        depth=depth, metric="", unit=measured.unit, samples=0, seconds=0.0, rank_correlation=None, rows=()
    )
    new = {(row.layer, row.option) for row in rows}
    kept = tuple(row for row in table.rows if (row.layer, row.option) not in new)
    pending = max(1, len(state.rows) * len(OPTIONS) - len(kept) - len(rows))
    own = _seen(session, table.model_copy(update={"rows": rows})).rows
    samples = max(table.samples, *(row.samples or 0 for row in rows), 0)
    changes = {"rows": (*kept, *own), "pending": pending, "unit": measured.unit or table.unit, "samples": samples}
    session.update(tables={**state.tables, depth: table.model_copy(update=changes)})


def sensitivity_found(session: "Session", table: SensitivityTable | None, estimate: SensitivityTable | None) -> None:
    """What was measured earlier of this model on this data; a measurement that has begun meanwhile knows it too."""
    if any(isinstance(job.request, ScoreSensitivity) for job in session.state.jobs):
        return
    for depth, found in (("measure", table), ("estimate", estimate)):
        known = session.state.tables.get(depth)
        if found is not None:
            take(session, found)
        elif known is not None and known.pending:
            session.update(tables={key: value for key, value in session.state.tables.items() if key != depth})
