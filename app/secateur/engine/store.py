"""The run store: every run of every model in one SQLite file, still there after a restart.

A run is entered before it starts, so that one which is killed can be found and resumed.
"""

import json
import logging
import os
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TypeVar

import psutil
from pydantic import ValidationError

from secateur.engine.database import add_columns, opened
from secateur.engine.events import RunRecord, RunState
from secateur.engine.places import home, run_folder, trash_folder
from secateur.engine.requests import DataSource
from secateur.errors import UserError
from secateur.model.description import ModelSource
from secateur.model.documents import RunDocument

S = TypeVar("S", ModelSource, DataSource)

_log = logging.getLogger(__name__)
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, name TEXT NOT NULL, model TEXT NOT NULL, fingerprint TEXT NOT NULL,
    data TEXT NOT NULL, recipe TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL,
    folder TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', document TEXT, process TEXT NOT NULL DEFAULT ''
)
"""


_LATER_COLUMNS = {
    "model_source": "TEXT",
    "data_source": "TEXT",
    "exports": "TEXT",
    "tags": "TEXT",
    "trashed": "REAL",
}
"""Added to files of earlier versions, in which they are NULL. `trashed`: when it was deleted, in epoch seconds."""

KEPT_IN_TRASH_S = 24 * 3600.0
"""How long a deleted run can be brought back."""


class RunStore:
    """Reads and writes run records; every call opens the file anew, so processes can share it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "runs.sqlite"
        with opened(self.path) as database:
            database.execute(_TABLE)
            add_columns(database, "runs", _LATER_COLUMNS)

    def begin(self, record: RunRecord) -> None:
        """Enter a run that starts (or goes on) in this process; `created` of a resumed run is kept.

        One that was deleted meanwhile is in the history again: the trash must not be emptied of a run that goes on.
        """
        with opened(self.path) as database:
            database.execute(
                "INSERT INTO runs (run, name, model, fingerprint, data, recipe, state, created, folder, process,"
                " model_source, data_source, exports) VALUES (?, ?, ?, ?, ?, ?, 'running', ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (run) DO UPDATE SET state = 'running', error = '', process = excluded.process,"
                " recipe = excluded.recipe, data = excluded.data, name = excluded.name,"
                " model_source = excluded.model_source, data_source = excluded.data_source,"
                " exports = excluded.exports, trashed = NULL",
                (
                    record.run,
                    record.name,
                    record.model,
                    record.fingerprint,
                    record.data,
                    record.recipe_yaml,
                    record.created,
                    record.folder,
                    _this_process(),
                    json.dumps(asdict(record.model_source)) if record.model_source else None,
                    json.dumps(asdict(record.data_source)) if record.data_source else None,
                    json.dumps(record.exports),
                ),
            )

    def end(self, run: str, state: RunState, *, error: str = "", document: RunDocument | None = None) -> RunRecord:
        with opened(self.path) as database:
            database.execute(
                "UPDATE runs SET state = ?, error = ?, document = COALESCE(?, document) WHERE run = ?",
                (state, error, document.model_dump_json() if document else None, run),
            )
        record = self.find(run)
        assert record is not None  # noqa: S101 - it was entered by begin
        return record

    def forget_others(self, folder: Path, run: str) -> None:
        """Take out the runs whose files in `folder` have been replaced by those of `run`."""
        with opened(self.path) as database:
            database.execute("DELETE FROM runs WHERE folder = ? AND run != ?", (str(folder), run))

    def find(self, run: str) -> RunRecord | None:
        with opened(self.path) as database:
            row = database.execute("SELECT * FROM runs WHERE run = ?", (run,)).fetchone()
        return _record(row) if row else None

    def runs(self, fingerprint: str = "") -> tuple[RunRecord, ...]:
        """Newest first; of one model where `fingerprint` is given."""
        return self._select("trashed IS NULL", "created DESC", fingerprint)

    def deleted(self, fingerprint: str = "") -> tuple[RunRecord, ...]:
        """What lies in the trash, the last deleted one first."""
        return self._select("trashed IS NOT NULL", "trashed DESC", fingerprint)

    def _select(self, where: str, order: str, fingerprint: str) -> tuple[RunRecord, ...]:
        where, values = (f"{where} AND fingerprint = ?", (fingerprint,)) if fingerprint else (where, ())
        with opened(self.path) as database:
            rows = database.execute(f"SELECT * FROM runs WHERE {where} ORDER BY {order}, rowid DESC", values)  # noqa: S608
            return tuple(record for row in rows if (record := _readable(row)) is not None)

    # ------------------------------------------------------------------ a person's changes

    def rename(self, run: str, name: str) -> None:
        with opened(self.path) as database:
            database.execute("UPDATE runs SET name = ? WHERE run = ?", (name, run))

    def tag(self, run: str, tags: Sequence[str]) -> None:
        with opened(self.path) as database:
            database.execute("UPDATE runs SET tags = ? WHERE run = ?", (json.dumps(list(tags)), run))

    def delete(self, run: str) -> None:
        """Move a run into the trash, with its folder where that is the store's own: files elsewhere are a person's.

        UserError for a run that goes on.
        """
        record = self._known(run)
        if record.state == "running":
            raise UserError(f"The run {record.name} is going on.", "Stop it first.")
        if Path(record.folder) == run_folder(run):
            _move(run_folder(run), trash_folder(run))
        with opened(self.path) as database:
            database.execute("UPDATE runs SET trashed = ? WHERE run = ?", (time.time(), run))

    def bring_back(self, run: str) -> None:
        """Take a run out of the trash again; UserError where its day is over."""
        self._known(run)
        _move(trash_folder(run), run_folder(run))
        with opened(self.path) as database:
            database.execute("UPDATE runs SET trashed = NULL WHERE run = ?", (run,))

    def empty_trash(self, older_than_s: float = KEPT_IN_TRASH_S) -> None:
        """Really remove what has lain in the trash for longer; what cannot be removed stays for the next time."""
        limit = time.time() - older_than_s
        with opened(self.path) as database:
            rows = database.execute("SELECT run FROM runs WHERE trashed <= ?", (limit,)).fetchall()
        for row in rows:
            run = row["run"]
            shutil.rmtree(trash_folder(run), ignore_errors=True)
            if not trash_folder(run).exists():
                with opened(self.path) as database:
                    database.execute("DELETE FROM runs WHERE run = ?", (run,))

    def _known(self, run: str) -> RunRecord:
        record = self.find(run)
        if record is None:
            raise UserError("That run is not in the history any more.", "A deleted run can be brought back for a day.")
        return record


def _move(folder: Path, target: Path) -> None:
    """Rename a folder, where it is there; both are in the program's home, so nothing is copied."""
    if folder.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        folder.rename(target)


def _readable(row: sqlite3.Row) -> RunRecord | None:
    """The record of a row; None, and a line in the log, where another version's result cannot be read."""
    try:
        return _record(row)
    except ValidationError:
        _log.warning("run %s cannot be read by this version", row["run"])
        return None


def _record(row: sqlite3.Row) -> RunRecord:
    state: RunState = row["state"]
    if state == "running" and not _is_alive(row["process"]):
        state = "interrupted"
    return RunRecord(
        run=row["run"],
        name=row["name"],
        model=row["model"],
        fingerprint=row["fingerprint"],
        data=row["data"],
        recipe_yaml=row["recipe"],
        state=state,
        created=row["created"],
        folder=row["folder"],
        error=row["error"],
        document=_document(row),
        model_source=_source(ModelSource, row["model_source"]),
        data_source=_source(DataSource, row["data_source"]),
        exports=tuple(json.loads(row["exports"])) if row["exports"] else (),
        tags=tuple(json.loads(row["tags"])) if row["tags"] else (),
    )


def _document(row: sqlite3.Row) -> RunDocument | None:
    """The result, under the name that the run has now."""
    if not row["document"]:
        return None
    return RunDocument.model_validate_json(row["document"]).model_copy(update={"name": row["name"]})


def _source(kind: type[S], text: str | None) -> S | None:
    """A source from its JSON, without what a later version says besides; None where nothing is there."""
    known = {entry.name for entry in fields(kind)}
    return kind(**{key: value for key, value in json.loads(text).items() if key in known}) if text else None


def _this_process() -> str:
    """Process id and start time: an id alone is given to another process some day."""
    return f"{os.getpid()}:{psutil.Process().create_time():.2f}"


def _is_alive(mark: str) -> bool:
    number, _, started = mark.partition(":")
    try:
        process = psutil.Process(int(number))
        return process.status() != psutil.STATUS_ZOMBIE and f"{process.create_time():.2f}" == started
    except (psutil.Error, ValueError):
        return False
