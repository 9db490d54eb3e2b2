"""Sensitivity tables in the state: rows as they are measured, and what was measured earlier."""

from typing import TYPE_CHECKING

from secateur.engine.requests import ScoreSensitivity
from secateur.model.documents import SensitivityRow, SensitivityTable
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


def rows_measured(session: "Session", rows: tuple[SensitivityRow, ...], unit: str) -> None:
    """Rows of a running measurement: until its end they are a part of a table, whatever is there.

    `unit` is that of their damage; empty where none is known yet.
    """
    state = session.state
    if state.measured is not None:
        return  # the earlier measurement stands until the new one is whole
    table = state.tables.get("measure") or SensitivityTable(
        depth="measure", metric="", unit=unit, samples=0, seconds=0.0, rank_correlation=None, rows=()
    )
    new = {(row.layer, row.option) for row in rows}
    kept = tuple(row for row in table.rows if (row.layer, row.option) not in new)
    pending = max(1, len(state.rows) * len(OPTIONS) - len(kept) - len(rows))
    own = _seen(session, table.model_copy(update={"rows": rows})).rows
    measured = table.model_copy(update={"rows": (*kept, *own), "pending": pending, "unit": unit or table.unit})
    session.update(tables={**state.tables, "measure": measured})


def sensitivity_found(session: "Session", table: SensitivityTable | None) -> None:
    """What was measured earlier of this model on this data; a measurement that has begun meanwhile knows it too."""
    tables = session.state.tables
    if any(isinstance(job.request, ScoreSensitivity) for job in session.state.jobs):
        return
    if table is not None:
        take(session, table)
    elif session.state.measured is None:
        session.update(tables={key: value for key, value in tables.items() if key != "measure"})
