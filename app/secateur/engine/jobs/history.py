"""The history of runs."""

import shutil
from pathlib import Path

from secateur.engine.events import RunsListed
from secateur.engine.requests import DeleteRun, ListRuns
from secateur.engine.store import RunStore


def list_runs(request: ListRuns) -> RunsListed:
    """Newest first."""
    return RunsListed(RunStore().runs(request.fingerprint))


def delete_run(request: DeleteRun) -> RunsListed:
    """Take a run out of the history, with its folder where that is the program's own."""
    from secateur.engine.places import run_folder

    store = RunStore()
    record = store.find(request.run)
    if record is not None:
        if Path(record.folder) == run_folder(request.run):
            shutil.rmtree(record.folder, ignore_errors=True)
        store.delete(request.run)
    return RunsListed(store.runs(record.fingerprint if record else ""))
