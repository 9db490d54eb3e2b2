"""The run store: every run of every model in one SQLite file, still there after a restart.

A run is entered before it starts, so that one which is killed can be found and resumed. Its result lies in its folder
as well, before the store has it: a run that finished and could not be entered (the disk was full, the process was
killed, the file is damaged) is found again by it.
"""

import json
import logging
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from secateur.engine.database import add_columns, opened
from secateur.engine.events import RunRecord, RunState
from secateur.engine.places import home, run_folder, runs_folder, trash_folder
from secateur.engine.records import left_in, readable, record_in, record_of_row, this_process
from secateur.errors import UserError
from secateur.files import free_name
from secateur.model.documents import RunDocument

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
    "notes": "TEXT",
    "begun": "REAL",
}
"""Added to files of earlier versions, in which they are NULL.

In epoch seconds: `trashed` when it was deleted, `begun` when it was begun or went on last.
"""

KEPT_IN_TRASH_S = 24 * 3600.0
"""How long a deleted run can be brought back."""


_DAMAGED = ("file is not a database", "malformed")
"""What SQLite says of a file that is no history any more."""


class HistoryError(UserError):
    """The history cannot be read or written; what runs made is in their folders all the same."""


class RunStore:
    """Reads and writes run records; every call opens the file anew, so processes can share it.

    HistoryError where the file cannot be used. One that is damaged is put aside and begun anew, from the results that
    lie in the folders of runs.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or home() / "runs.sqlite"
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            if not any(words in str(error) for words in _DAMAGED):
                raise self._told(error) from error
            aside = free_name(self.path.with_name(f"{self.path.stem}-damaged{self.path.suffix}"))
            _log.warning("the history %s is damaged (%s): it is kept as %s", self.path, error, aside.name)
            self.path.replace(aside)
            self._prepare()

    def _prepare(self) -> None:
        with opened(self.path) as database:
            database.execute(_TABLE)
            add_columns(database, "runs", _LATER_COLUMNS)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, in one transaction."""
        try:
            with opened(self.path) as database:
                yield database
        except (sqlite3.Error, OSError) as error:
            raise self._told(error) from error

    def _told(self, error: Exception) -> HistoryError:
        said = str(error)
        if "full" in said or "No space left" in said:
            return HistoryError(
                "The disk is full: the history of runs was not written.",
                "Free some space; what was run is kept in its folder, and is found again from there.",
            )
        if "locked" in said:
            return HistoryError("Another program keeps the history of runs to itself.", "Try again when it has ended.")
        if "readonly" in said or "unable to open" in said:
            return HistoryError(f"There is no permission to write {self.path}.", "Change its rights, and try again.")
        return HistoryError(f"The history {self.path} cannot be used: {said}.", "What was run is kept in its folder.")

    def begin(self, record: RunRecord) -> None:
        """Enter a run that starts (or goes on) in this process; `created` of a resumed run is kept.

        One that was deleted meanwhile is in the history again: the trash must not be emptied of a run that goes on.
        """
        self._write(record, "running")

    def _write(self, record: RunRecord, state: RunState) -> None:
        with self._opened() as database:
            database.execute(
                "INSERT INTO runs (run, name, model, fingerprint, data, recipe, state, created, folder, process,"
                " model_source, data_source, exports, begun) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (run) DO UPDATE SET state = excluded.state, error = '', process = excluded.process,"
                " recipe = excluded.recipe, data = excluded.data, name = excluded.name,"
                " model_source = excluded.model_source, data_source = excluded.data_source,"
                " exports = excluded.exports, trashed = NULL, begun = excluded.begun",
                (
                    record.run,
                    record.name,
                    record.model,
                    record.fingerprint,
                    record.data,
                    record.recipe_yaml,
                    state,
                    record.created,
                    record.folder,
                    this_process(),
                    json.dumps(asdict(record.model_source)) if record.model_source else None,
                    json.dumps(asdict(record.data_source)) if record.data_source else None,
                    json.dumps(record.exports),
                    time.time(),
                ),
            )

    def end(self, run: str, state: RunState, *, error: str = "", document: RunDocument | None = None) -> RunRecord:
        with self._opened() as database:
            database.execute(
                "UPDATE runs SET state = ?, error = ?, document = COALESCE(?, document) WHERE run = ?",
                (state, error, document.model_dump_json() if document else None, run),
            )
        record = self.find(run)
        assert record is not None  # noqa: S101 - it was entered by begin
        return record

    def forget_others(self, folder: str, run: str) -> None:
        """Take out the runs whose files in `folder` have been replaced by those of `run`."""
        with self._opened() as database:
            database.execute("DELETE FROM runs WHERE folder = ? AND run != ?", (folder, run))

    def find(self, run: str) -> RunRecord | None:
        with self._opened() as database:
            row = database.execute("SELECT * FROM runs WHERE run = ?", (run,)).fetchone()
        return record_of_row(row) if row else None

    def runs(self, fingerprint: str = "") -> tuple[RunRecord, ...]:
        """Newest first; of one model where `fingerprint` is given."""
        return self._select("trashed IS NULL", "created DESC", fingerprint)

    def deleted(self, fingerprint: str = "") -> tuple[RunRecord, ...]:
        """What lies in the trash, the last deleted one first."""
        return self._select("trashed IS NOT NULL", "trashed DESC", fingerprint)

    def _select(self, where: str, order: str, fingerprint: str) -> tuple[RunRecord, ...]:
        where, values = (f"{where} AND fingerprint = ?", (fingerprint,)) if fingerprint else (where, ())
        with self._opened() as database:
            rows = database.execute(f"SELECT * FROM runs WHERE {where} ORDER BY {order}, rowid DESC", values).fetchall()  # noqa: S608
        records = [readable(row) for row in rows]
        for row, record in zip(rows, records, strict=True):
            if record is None:
                _log.warning("run %s cannot be read by this version", row["run"])
        return tuple(record for record in records if record is not None)

    # ------------------------------------------------------------------ found again

    def find_again(self) -> tuple[RunRecord, ...]:
        """Enter what finished without being entered: rows whose folder holds their result, folders without a row.

        Returns those that were found. What cannot be entered now is found the next time.
        """
        with self._opened() as database:
            rows = database.execute("SELECT * FROM runs").fetchall()
        broken = [row for row in rows if row["state"] == "running" and row["trashed"] is None]
        found = [record for row in broken if (record := readable(row)) is not None and record.document is not None]
        found += left_in(runs_folder(), [row["run"] for row in rows])
        for record in found:
            self._enter(record)
        return tuple(found)

    def take_in(self, folder: Path) -> RunRecord | None:
        """Enter the run that left its result in a folder, wherever that is; None where there is none."""
        record = record_in(folder)
        if record is None:
            return None
        known = self.find(record.run)
        if known is None or known.document is None:
            self._enter(record)
        return self.find(record.run)

    def _enter(self, record: RunRecord) -> None:
        """Make a finished run's row say so; what a person said of it stays."""
        try:
            self._write(record, "finished")
            self.end(record.run, "finished", document=record.document)
        except HistoryError as error:
            _log.warning("the run %s could not be entered: %s", record.run, error.sentence)

    # ------------------------------------------------------------------ a person's changes

    def rename(self, run: str, name: str) -> None:
        with self._opened() as database:
            database.execute("UPDATE runs SET name = ? WHERE run = ?", (name, run))

    def annotate(self, run: str, notes: str) -> None:
        """What a person writes about a run, as it is."""
        with self._opened() as database:
            database.execute("UPDATE runs SET notes = ? WHERE run = ?", (notes, run))

    def tag(self, run: str, tags: Sequence[str]) -> None:
        with self._opened() as database:
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
        with self._opened() as database:
            database.execute("UPDATE runs SET trashed = ? WHERE run = ?", (time.time(), run))

    def bring_back(self, run: str) -> None:
        """Take a run out of the trash again; UserError where its day is over."""
        self._known(run)
        _move(trash_folder(run), run_folder(run))
        with self._opened() as database:
            database.execute("UPDATE runs SET trashed = NULL WHERE run = ?", (run,))

    def empty_trash(self, older_than_s: float = KEPT_IN_TRASH_S) -> None:
        """Really remove what has lain in the trash for longer; what cannot be removed stays for the next time."""
        limit = time.time() - older_than_s
        with self._opened() as database:
            rows = database.execute("SELECT run FROM runs WHERE trashed <= ?", (limit,)).fetchall()
        for row in rows:
            run = row["run"]
            shutil.rmtree(trash_folder(run), ignore_errors=True)
            if not trash_folder(run).exists():
                with self._opened() as database:
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
