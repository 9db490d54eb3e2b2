"""Sensitivity tables in the state: rows as they are measured, and what was measured earlier."""

from typing import TYPE_CHECKING

from secateur.engine.requests import ScoreSensitivity
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.recipe.options import OPTIONS

if TYPE_CHECKING:
    from secateur.session.session import Session


def rows_measured(session: "Session", rows: tuple[SensitivityRow, ...]) -> None:
    """Rows of a running measurement: until its end they are a part of a table, whatever is there."""
    state = session.state
    if state.measured is not None:
        return  # the earlier measurement stands until the new one is whole
    table = state.tables.get("measure") or SensitivityTable(
        depth="measure", metric="", unit="nats", samples=0, seconds=0.0, rank_correlation=None, rows=()
    )
    new = {(row.layer, row.option) for row in rows}
    kept = tuple(row for row in table.rows if (row.layer, row.option) not in new)
    pending = max(1, len(state.rows) * len(OPTIONS) - len(kept) - len(rows))
    measured = table.model_copy(update={"rows": (*kept, *rows), "pending": pending})
    session.update(tables={**state.tables, "measure": measured})


def sensitivity_found(session: "Session", table: SensitivityTable | None) -> None:
    """What was measured earlier of this model on this data; a measurement that has begun meanwhile knows it too."""
    tables = session.state.tables
    if any(isinstance(job.request, ScoreSensitivity) for job in session.state.jobs):
        return
    if table is not None:
        session.update(tables={**tables, "measure": table})
    elif session.state.measured is None:
        session.update(tables={key: value for key, value in tables.items() if key != "measure"})
