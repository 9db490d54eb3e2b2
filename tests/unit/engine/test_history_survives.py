"""The history survives a kill during a write, two windows at once, a full disk, and files of other versions."""

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from known_results import a_document, a_record

from secateur.engine.database import opened
from secateur.engine.events import Finished, Log
from secateur.engine.places import run_folder
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ChangeRun, Compress, ListRuns
from secateur.engine.store import HistoryError, RunStore
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.recipe.reading import parse_recipe

RECIPE = parse_recipe({"schema": 1, "steps": [{"method": "static_int8", "layers": ["*"]}]})
OF_0_1_0 = Path(__file__).parent / "histories" / "of_0_1_0.sql"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def left_behind(run: str, folder: Path, **origin: object) -> None:
    """A folder as a finished run leaves it."""
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(a_document(run, **origin).model_dump_json())


# ---------------------------------------------------------------------- a kill

WRITER = """
import sys
from dataclasses import replace
from known_results import a_document, a_record
from secateur.engine.store import RunStore

store, number = RunStore(), 0
while True:
    number += 1
    run = f"{sys.argv[1]}-{number}"
    store.begin(replace(a_record(run), folder=f"/nowhere/{run}"))
    store.end(run, "finished", document=a_document(run))
    print(run, flush=True)
"""


def writer(mark: str) -> subprocess.Popen[str]:
    places = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, mark],
        env={**os.environ, "PYTHONPATH": places},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_during_a_write_loses_nothing_that_was_entered(home: Path) -> None:
    told: list[str] = []
    for mark in ("a", "b"):
        process = writer(mark)
        assert process.stdout is not None
        told += [process.stdout.readline().strip() for _ in range(7)]
        process.send_signal(signal.SIGKILL)  # it is in the middle of the next one
        told += [line.strip() for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        process.wait()
    with opened(home / "runs.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    kept = {record.run: record for record in RunStore().runs()}
    assert set(told) <= set(kept)
    assert all(kept[run].document is not None for run in told)
    assert {record.state for record in kept.values()} <= {"finished", "interrupted"}


def test_two_processes_that_write_at_once_lose_nothing_of_each_other(home: Path) -> None:
    both = [writer("a"), writer("b")]
    told = [process.stdout.readline().strip() for _ in range(10) for process in both if process.stdout]
    for process in both:
        process.kill()
        process.wait()
    assert set(told) <= {record.run for record in RunStore().runs()}


def _begin(path: str, barrier: Any) -> None:
    barrier.wait()
    RunStore(Path(path)).begin(a_record(str(os.getpid())))


def test_processes_that_open_a_history_of_an_earlier_version_at_once_all_get_its_new_columns(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(OF_0_1_0.read_text())
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(4)
    others = [context.Process(target=_begin, args=(str(path), barrier)) for _ in range(4)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert [process.exitcode for process in others] == [0] * 4
    assert len(RunStore(path).runs()) == 5


# ---------------------------------------------------------------------- found again from the folder


def test_a_run_that_was_killed_before_it_was_entered_as_finished_is_found_by_its_folder(home: Path) -> None:
    store = RunStore()
    store.begin(replace(a_record("r1"), folder=str(run_folder("r1"))))
    store.rename("r1", "the good one")
    with opened(store.path) as database:
        database.execute("UPDATE runs SET process = '999999999:1.00'")
    assert store.find("r1").state == "interrupted"  # type: ignore[union-attr]
    left_behind("r1", run_folder("r1"))
    (listed,) = run_job(ListRuns(), Reporter(1, lambda event: None), Workshop(1)).result.runs  # type: ignore[union-attr]
    assert (listed.state, listed.name, listed.document.name) == ("finished", "the good one", "the good one")
    (run_folder("r1") / "result.json").unlink()  # it is in the history now
    assert store.find("r1").state == "finished"  # type: ignore[union-attr]


def test_the_result_of_an_earlier_attempt_is_not_taken_for_that_of_a_run_that_was_begun_anew(home: Path) -> None:
    left_behind("r1", run_folder("r1"))
    earlier = time.time() - 3600
    os.utime(run_folder("r1") / "result.json", (earlier, earlier))
    store = RunStore()
    store.begin(replace(a_record("r1"), folder=str(run_folder("r1"))))
    assert store.find("r1").state == "running"  # type: ignore[union-attr]
    assert store.find_again() == ()


def test_a_folder_without_an_entry_is_entered_with_all_that_it_was_made_of(home: Path) -> None:
    left_behind("r1", run_folder("r1"), model_source={"path": "/net.onnx"}, data_source={"path": "digits.zip"})
    store = RunStore()
    assert [record.run for record in store.find_again()] == ["r1"]
    found = store.find("r1")
    assert found is not None
    assert found.model_source is not None
    assert (found.model_source.path, found.recipe_yaml, found.state) == (
        "/net.onnx",
        a_record("r1").recipe_yaml,
        "finished",
    )
    assert [record.run for record in store.runs(a_record("r1").fingerprint)] == ["r1"]
    assert store.find_again() == ()


def test_a_run_in_a_folder_of_a_persons_own_is_taken_in_on_purpose(home: Path, tmp_path: Path) -> None:
    left_behind("r1", tmp_path / "mine")
    found = RunStore().take_in(tmp_path / "mine")
    assert found is not None
    assert (found.run, found.folder) == ("r1", str(tmp_path / "mine"))
    assert RunStore().take_in(tmp_path) is None


def test_what_was_deleted_is_not_found_again(home: Path, tmp_path: Path) -> None:
    store = RunStore()
    for run, folder in (("r1", run_folder("r1")), ("r2", tmp_path / "mine")):
        store.begin(replace(a_record(run), folder=str(folder)))
        left_behind(run, folder)
        store.end(run, "finished", document=a_document(run))
        store.delete(run)
    assert store.find_again() == ()
    assert store.runs() == ()


def test_a_damaged_history_is_put_aside_and_made_anew_from_the_folders(home: Path) -> None:
    left_behind("r1", run_folder("r1"))
    (home / "runs.sqlite").write_bytes(b"not a database at all" * 100)
    store = RunStore()
    store.find_again()
    assert [record.run for record in store.runs()] == ["r1"]
    assert (home / "runs-damaged.sqlite").read_bytes().startswith(b"not a database")


# ---------------------------------------------------------------------- a full disk


class FullDisk:
    """Lets the history be read and not written, as a disk without room does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = True
        connect = sqlite3.connect
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if disk.is_full and sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
                    raise sqlite3.OperationalError("database or disk is full")
                return super().execute(sql, *values)

        def connected(*arguments: Any, **more: Any) -> sqlite3.Connection:
            return connect(*arguments, **more, factory=Connection)

        monkeypatch.setattr("secateur.engine.database.sqlite3.connect", connected)


def test_a_full_disk_is_told_in_a_sentence_and_nothing_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore()
    store.begin(a_record("r1"))
    FullDisk(monkeypatch)
    with pytest.raises(HistoryError, match="disk is full"):
        store.rename("r1", "another name")
    failed: Any = run_job(ChangeRun("r1", notes="a note"), Reporter(1, lambda event: None), Workshop(1))
    assert failed.sentence == "The disk is full: the history of runs was not written."
    assert store.find("r1").name == a_record("r1").name  # type: ignore[union-attr]


def test_a_run_on_a_full_disk_is_a_result_and_is_in_the_history_once_there_is_room(
    home: Path, model: Any, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunStore()
    disk = FullDisk(monkeypatch)
    events: list[Any] = []
    done = run_job(Compress(model, data, RECIPE, "the-run"), Reporter(1, events.append), Workshop(1))
    assert isinstance(done, Finished), done
    record: Any = done.result.record  # type: ignore[union-attr]
    assert (record.state, record.document.run) == ("finished", "the-run")
    assert any("The disk is full" in event.text for event in events if isinstance(event, Log))
    assert RunStore().runs() == ()
    disk.is_full = False
    (listed,) = run_job(ListRuns(), Reporter(1, lambda event: None), Workshop(1)).result.runs  # type: ignore[union-attr]
    assert (listed.run, listed.state, listed.recipe_yaml) == ("the-run", "finished", RECIPE.to_yaml())
    assert listed.model_source == model
    assert listed.data_source == data


def test_a_report_that_cannot_be_written_costs_no_run(
    home: Path, model: Any, data: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("secateur.engine.jobs.compressing.write_report", no_room)
    events: list[Any] = []
    done = run_job(Compress(model, data, RECIPE, "the-run"), Reporter(1, events.append), Workshop(1))
    assert isinstance(done, Finished), done
    assert RunStore().find("the-run").state == "finished"  # type: ignore[union-attr]
    assert any("report was not written" in event.text for event in events if isinstance(event, Log))


# ---------------------------------------------------------------------- other versions


def test_a_history_of_version_0_1_0_is_read_whole_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(OF_0_1_0.read_text())
    store = RunStore(path)
    (run,) = store.runs()
    assert (run.name, run.state, run.tags, run.notes) == ("int8", "finished", ("candidate", "for Anna"), "")
    assert run.model_source is not None
    assert run.model_source.path == "sample:model"
    assert run.document is not None
    assert (run.document.result.bytes, len(run.document.layers), run.document.origin) == (201688, 15, None)
    assert [record.name for record in store.deleted()] == ["by hand"]
    store.annotate(run.run, "for the phone")
    store.begin(a_record("new"))
    assert {record.run: record.notes for record in RunStore(path).runs()} == {run.run: "for the phone", "new": ""}


def test_a_history_of_a_later_version_is_read_as_far_as_it_is_known(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs.sqlite")
    for run in ("r1", "r2"):
        store.begin(a_record(run))
        store.end(run, "finished", document=a_document(run))
    with opened(store.path) as database:
        database.execute("ALTER TABLE runs ADD COLUMN colour TEXT DEFAULT 'green'")
        database.execute("UPDATE runs SET document = json_set(document, '$.energy_joules', 5.0) WHERE run = 'r1'")
        database.execute("UPDATE runs SET state = 'paused', document = NULL WHERE run = 'r2'")
    later = RunStore(store.path)
    later.begin(a_record("r3"))
    assert {record.run: record.state for record in later.runs()} == {
        "r1": "finished",
        "r2": "interrupted",
        "r3": "running",
    }
    with opened(store.path) as database:
        rows = database.execute("SELECT run, colour FROM runs").fetchall()
    assert {row["colour"] for row in rows} == {"green"}
