"""What was run, with its numbers: the history as a table, JSON or CSV; one run whole; its report and its card."""

import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from secateur import figures
from secateur.cli.answers import print_run
from secateur.cli.terminal import FAILED, errors, output, print_json, wrong
from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.engine.model_card import CARD, write_card
from secateur.engine.protection import kept_files
from secateur.engine.report import write_report
from secateur.engine.store import HistoryError, RunStore
from secateur.errors import UserError
from secateur.files import Guard, os_error_sentence
from secateur.model.description import ModelSource
from secateur.session.run_table import csv_of_runs, matching


def runs(
    run: str, words: str, *, as_json: bool, as_csv: bool, report: Path | None, card: Path | None, force: bool
) -> None:
    """`run` is one run's name, number or folder; empty for all, of which `words` leaves those that it is found in."""
    try:
        store = RunStore()
        store.find_again()
        if run:
            _one(_found(store, run), as_json=as_json, as_csv=as_csv, report=report, card=card, force=force)
        elif report or card:
            raise UserError("A report and a card are those of one run.", "Name it: secateur runs RUN --report PATH.")
        else:
            _all(matching(store.runs(), words), as_json=as_json, as_csv=as_csv)
    except HistoryError as error:
        errors.print(str(error), markup=False)
        raise SystemExit(FAILED) from error
    except UserError as error:
        wrong(error)
    except OSError as error:
        errors.print(" ".join(os_error_sentence(error)), markup=False)
        raise SystemExit(FAILED) from error


def _found(store: RunStore, wanted: str) -> RunRecord:
    """The run of this number, name or folder; of several with one name the newest."""
    known = store.runs()
    place = str(Path(wanted).absolute())
    found = [record for record in known if wanted in (record.run, record.name) or record.folder == place]
    found.sort(key=lambda record: record.run != wanted and record.folder != place)  # a number goes before a name
    if found:
        return found[0]
    if (record := store.take_in(Path(wanted))) is not None:  # of another machine, or another home
        return record
    raise UserError(f"There is no run {wanted!r}.", "secateur runs lists all; a folder with a result.json is one, too.")


def _all(records: tuple[RunRecord, ...], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json({"runs": [_told(record) for record in records]})
    elif as_csv:
        sys.stdout.write(csv_of_runs(records))
    elif not records:
        output.print("No runs yet. secateur compress makes one; so does the window.")
    else:
        output.print(_table(records))


def _one(
    record: RunRecord, *, as_json: bool, as_csv: bool, report: Path | None, card: Path | None, force: bool
) -> None:
    written = {path: write for path, write in ((report, write_report), (card, write_card)) if path is not None}
    if written and record.document is None:
        raise UserError(f"The run {record.name} has no result to report: it is {record.state}.")
    if written:
        kept = kept_files(record.model_source or ModelSource(), data=record.data_source, runs=_others(record, written))
        Guard(kept, force).check(*written)
    for path, write in written.items():
        write(path, record)
        errors.print(f"Written: {path}", markup=False)
    if as_json:
        print_json({**_told(record), "document": record.document.model_dump(mode="json") if record.document else None})
    elif as_csv:
        sys.stdout.write(csv_of_runs([record]))
    elif not written:
        _print(record)


def _others(record: RunRecord, written: Iterable[Path]) -> list[RunRecord]:
    """The runs whose files are kept: the papers of this very one may be written anew."""
    own = {Path(record.folder) / "report.html", Path(record.folder) / CARD}
    is_anew = all(path.absolute() in own for path in written)
    return [other for other in RunStore().runs() if not (is_anew and other.run == record.run)]


def _print(record: RunRecord) -> None:
    """One run whole."""
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created))
    output.print(f"{record.name} ({record.run}), {record.state}, {when}: {record.model} on {record.data}", markup=False)
    for words in (record.error, ", ".join(record.tags), record.notes):
        if words:
            output.print(words, markup=False)
    if record.document is not None:
        print_run(record.document)
        for part in record.document.parts:
            if part.is_lost:
                write = figures.points if part.is_share else figures.number
                output.print(f"Worse on {part.name}: {write(part.after - part.before)}", markup=False)
    output.print(f"Recipe:\n{record.recipe_yaml}Folder: {record.folder}", markup=False)


def _told(record: RunRecord) -> dict[str, object]:
    """What is said of each run in JSON."""
    document = record.document
    return {
        "run": record.run,
        "name": record.name,
        "state": record.state,
        "created": record.created,
        "model": record.model,
        "fingerprint": record.fingerprint,
        "data": record.data,
        "folder": record.folder,
        "error": record.error,
        "tags": list(record.tags),
        "notes": record.notes,
        "recipe": record.recipe_yaml,
        "model_source": asdict(record.model_source) if record.model_source else None,
        "data_source": asdict(record.data_source) if record.data_source else None,
        "original": document.original.model_dump(mode="json") if document else None,
        "result": document.result.model_dump(mode="json") if document else None,
    }


def _table(records: tuple[RunRecord, ...]) -> Table:
    table = Table("run", "name", "model", "state")
    for head in ("metric", "file", "latency", "MACs"):
        table.add_column(head, justify="right")
    table.add_column("tags")
    for record in records:
        result = record.document.result if record.document else None
        metric, latency = (result.metric, result.latency_ms) if result else (None, None)
        table.add_row(
            record.run,
            record.name,
            Path(record.model).name,
            record.state,
            kind_of(metric.name).write(metric.value) if metric else figures.UNKNOWN,
            figures.size(result.bytes if result else None),
            figures.milliseconds(latency.median if latency else None),
            figures.macs(result.macs if result else None),
            ", ".join(record.tags),
        )
    return table
