"""Records of runs: out of a row of the store, and out of the result that a run left in its folder."""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TypeVar, get_args

import psutil
from pydantic import ValidationError

from secateur.engine.events import RunRecord, RunState
from secateur.engine.requests import DataSource
from secateur.model.description import ModelSource
from secateur.model.documents import RunDocument
from secateur.model.run_details import RunOrigin
from secateur.recipe.reading import as_meant_then

S = TypeVar("S", ModelSource, DataSource)
RESULT = "result.json"
_CLOCK_S = 1.0
"""By how much the times of a file system may lag behind the clock."""


def record_of_row(row: sqlite3.Row) -> RunRecord:
    """The record of a row; a run that finished and was not entered as finished is told by its folder.

    ValidationError where another version's result cannot be read.
    """
    record = RunRecord(
        run=row["run"],
        name=row["name"],
        model=row["model"],
        fingerprint=row["fingerprint"],
        data=row["data"],
        recipe_yaml=as_meant_then(row["recipe"]),
        state=_state(row),
        created=row["created"],
        folder=row["folder"],
        error=row["error"],
        document=_document(row),
        model_source=_source(ModelSource, json.loads(row["model_source"] or "null")),
        data_source=_source(DataSource, json.loads(row["data_source"] or "null")),
        exports=tuple(json.loads(row["exports"] or "[]")),
        tags=tuple(json.loads(row["tags"] or "[]")),
        notes=row["notes"] or "",
    )
    if record.state in ("running", "interrupted") and record.document is None:
        return _finished_after_all(record, row["begun"] or 0.0)
    return record


def _state(row: sqlite3.Row) -> RunState:
    """How the run stands: one whose process is gone broke off; a word of a later version's is told by the result."""
    state = row["state"]
    if state == "running" and not is_alive(row["process"]):
        return "interrupted"
    if state not in get_args(RunState):
        return "finished" if row["document"] else "interrupted"
    known: RunState = state
    return known


def _document(row: sqlite3.Row) -> RunDocument | None:
    """The result, under the name that the run has now."""
    if not row["document"]:
        return None
    return RunDocument.model_validate_json(row["document"]).model_copy(update={"name": row["name"]})


def _source(kind: type[S], told: dict[str, object] | None) -> S | None:
    """A source from its fields, without what a later version says besides; None where nothing is there."""
    known = {entry.name for entry in fields(kind)}
    return kind(**{key: value for key, value in told.items() if key in known}) if told else None  # type: ignore[arg-type]


# ---------------------------------------------------------------------- results in folders


def origin_of(record: RunRecord) -> RunOrigin:
    """What the result of a run says of what it was made of."""
    return RunOrigin(
        model=record.model,
        fingerprint=record.fingerprint,
        data=record.data,
        recipe_yaml=record.recipe_yaml,
        created=record.created,
        model_source=asdict(record.model_source) if record.model_source else None,
        data_source=asdict(record.data_source) if record.data_source else None,
        exports=record.exports,
    )


def document_in(folder: Path) -> RunDocument | None:
    """The result that lies in a folder; None where there is none, or one that cannot be read."""
    try:
        return RunDocument.model_validate_json((folder / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def record_in(folder: Path) -> RunRecord | None:
    """The record of the run that left its result in a folder; None where there is none that says what it was of."""
    document = document_in(folder)
    if document is None or document.origin is None:
        return None
    origin = document.origin
    return RunRecord(
        run=document.run,
        name=document.name,
        model=origin.model,
        fingerprint=origin.fingerprint,
        data=origin.data,
        recipe_yaml=as_meant_then(origin.recipe_yaml),
        state="finished",
        created=origin.created,
        folder=str(folder.absolute()),
        document=document,
        model_source=_source(ModelSource, origin.model_source),
        data_source=_source(DataSource, origin.data_source),
        exports=origin.exports,
    )


def left_in(folder: Path, known: Iterable[str]) -> Iterator[RunRecord]:
    """Runs that left their result in a folder below this one, and that are not among those known by their name."""
    entered = set(known)
    for below in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = record_in(below) if below.name not in entered else None
        if found is not None and found.run == below.name:
            yield found


def _finished_after_all(record: RunRecord, begun: float) -> RunRecord:
    """The record with the result in its folder, where it was written since the run was begun last; else as it is."""
    folder = Path(record.folder)
    document = document_in(folder) if _written(folder / RESULT) >= begun - _CLOCK_S else None
    if document is None or document.run != record.run:
        return record
    if document.origin is None or as_meant_then(document.origin.recipe_yaml) != record.recipe_yaml:
        return record
    return replace(record, state="finished", document=document.model_copy(update={"name": record.name}), error="")


def _written(path: Path) -> float:
    """When a file was written, in epoch seconds; long ago where there is none."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


# ---------------------------------------------------------------------- processes


def this_process() -> str:
    """Process id and start time: an id alone is given to another process some day."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_alive(mark: str) -> bool:
    number, _, started = mark.partition(":")
    try:
        process = psutil.Process(int(number))
        return process.status() != psutil.STATUS_ZOMBIE and f"{process.create_time():.2f}" == started
    except (psutil.Error, ValueError):
        return False


def readable(row: sqlite3.Row) -> RunRecord | None:
    """The record of a row; None where another version's result cannot be read."""
    try:
        return record_of_row(row)
    except ValidationError:
        return None
