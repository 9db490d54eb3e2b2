"""The run store survives restarts and tells a broken run from one that goes on."""

import sqlite3
from dataclasses import replace

import pytest

from secateur.engine.events import RunRecord
from secateur.engine.requests import DataSource
from secateur.engine.store import RunStore
from secateur.errors import UserError
from secateur.model.description import ModelSource


def record(run="r1", created=1.0):
    return RunRecord(run, "int8", "net.onnx", "abc", "data", "schema: 1\nsteps: []\n", "running", created, "/tmp/x")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs.sqlite")


def test_runs_are_still_there_after_a_restart(store):
    store.begin(record())
    store.end("r1", "stopped")
    again = RunStore(store.path)
    assert [(r.run, r.state) for r in again.runs("abc")] == [("r1", "stopped")]


def test_a_run_of_a_process_that_is_gone_is_interrupted(store):
    store.begin(record())
    assert store.find("r1").state == "running"
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE runs SET process = '999999999:1.00'")
    assert store.find("r1").state == "interrupted"


def test_a_resumed_run_keeps_its_place_in_the_history(store):
    store.begin(record(created=5.0))
    store.end("r1", "stopped")
    store.begin(record(created=9.0))
    assert store.find("r1").created == 5.0
    assert store.find("r1").state == "running"


def test_runs_come_newest_first_and_by_model(store):
    for index in range(3):
        store.begin(record(f"r{index}", float(index)))
    assert [r.run for r in store.runs("abc")] == ["r2", "r1", "r0"]
    assert store.runs("other") == ()


def test_a_run_that_is_resumed_with_another_recipe_is_filed_under_it(store):
    store.begin(record())
    store.end("r1", "stopped")
    store.begin(replace(record(), recipe_yaml="schema: 1\nsteps: [x]\n"))
    assert store.find("r1").recipe_yaml == "schema: 1\nsteps: [x]\n"


def test_one_result_that_cannot_be_read_does_not_hide_the_others(store):
    store.begin(record("old"))
    store.begin(record("new"))
    with sqlite3.connect(store.path) as database:
        database.execute("UPDATE runs SET document = '{}' WHERE run = 'old'")
    assert [r.run for r in store.runs()] == ["new"]


# ---------------------------------------------------------------------- how a run is opened again

SCHEMA_0_1 = """
CREATE TABLE runs (
    run TEXT PRIMARY KEY, name TEXT NOT NULL, model TEXT NOT NULL, fingerprint TEXT NOT NULL,
    data TEXT NOT NULL, recipe TEXT NOT NULL, state TEXT NOT NULL, created REAL NOT NULL,
    folder TEXT NOT NULL, error TEXT NOT NULL DEFAULT '', document TEXT, process TEXT NOT NULL DEFAULT ''
)
"""
"""The table as it was before runs kept how they are opened again."""


def test_a_run_keeps_how_its_model_and_its_data_are_opened_again(store):
    model = ModelSource("net.pth", "net.py:make", trusted=True)
    data = DataSource("digits.zip", {"mean": [0.1], "std": [0.3], "resize": 28})
    store.begin(replace(record(), model_source=model, data_source=data, exports=("onnx", "openvino")))
    again = RunStore(store.path).find("r1")
    assert (again.model_source, again.data_source, again.exports) == (model, data, ("onnx", "openvino"))


def test_a_history_of_an_earlier_version_is_read_and_goes_on(tmp_path):
    path = tmp_path / "runs.sqlite"
    with sqlite3.connect(path) as database:
        database.execute(SCHEMA_0_1)
        database.execute(
            "INSERT INTO runs (run, name, model, fingerprint, data, recipe, state, created, folder)"
            " VALUES ('old', 'int8', 'net.onnx', 'abc', 'digits.zip', '', 'stopped', 1.0, '/tmp/x')"
        )
    store = RunStore(path)
    store.begin(replace(record("new", 2.0), data_source=DataSource("digits.zip")))
    assert [(r.run, r.data, r.data_source) for r in store.runs()] == [
        ("new", "data", DataSource("digits.zip")),
        ("old", "digits.zip", None),
    ]
    assert RunStore(path).find("old").model_source is None  # opened a second time


def test_what_a_later_version_says_of_a_source_is_passed_over(store):
    store.begin(replace(record(), data_source=DataSource("digits.zip")))
    with sqlite3.connect(store.path) as database:
        database.execute("""UPDATE runs SET data_source = '{"path": "digits.zip", "columns": {"text": 0}}'""")
    assert store.find("r1").data_source == DataSource("digits.zip")


def test_sources_are_written_down_from_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "net.pth", "digits.npz", "random"):
        (tmp_path / name).touch()
    here = str(tmp_path)
    assert ModelSource("net.pth", "net.py:make").absolute() == ModelSource(f"{here}/net.pth", f"{here}/net.py:make")
    assert ModelSource("sample:model").absolute() == ModelSource("sample:model")
    assert ModelSource("", "package.module:make").absolute() == ModelSource("", "package.module:make")
    paths = {name: DataSource(name).absolute().path for name in ("digits.npz", "net.py:data", "random", "sample:mnist")}
    assert paths == {
        "digits.npz": f"{here}/digits.npz", "net.py:data": f"{here}/net.py:data", "random": "random",
        "sample:mnist": "sample:mnist",
    }  # fmt: skip


# ---------------------------------------------------------------------- names, tags, the trash


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A store in a home of its own, with one finished run that left a file in its folder."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path))
    (tmp_path / "runs" / "r1").mkdir(parents=True)
    (tmp_path / "runs" / "r1" / "model.onnx").write_bytes(b"weights")
    made = RunStore()
    made.begin(replace(record(), folder=str(tmp_path / "runs" / "r1")))
    made.end("r1", "finished")
    return made


def test_a_name_and_tags_are_still_there_after_a_restart(store):
    store.begin(record())
    store.rename("r1", "the good one")
    store.tag("r1", ("candidate", "for Anna"))
    again = RunStore(store.path).find("r1")
    assert (again.name, again.tags) == ("the good one", ("candidate", "for Anna"))


def test_a_deleted_run_is_in_the_trash_with_its_files_and_comes_back_with_them(home, tmp_path):
    home.delete("r1")
    assert home.runs() == ()
    assert [r.run for r in home.deleted("abc")] == ["r1"]
    assert not (tmp_path / "runs" / "r1").exists()
    home.empty_trash()  # its day is not over
    home.bring_back("r1")
    assert [r.run for r in home.runs("abc")] == ["r1"]
    assert (tmp_path / "runs" / "r1" / "model.onnx").read_bytes() == b"weights"


def test_what_has_lain_in_the_trash_for_a_day_is_really_removed(home, tmp_path):
    home.delete("r1")
    home.empty_trash(older_than_s=0.0)
    assert home.deleted() == ()
    assert home.find("r1") is None
    assert not list(tmp_path.rglob("model.onnx"))


def test_the_files_of_a_run_in_a_folder_of_a_persons_own_stay_where_they_are(home, tmp_path):
    own = tmp_path / "mine"
    own.mkdir()
    (own / "model.onnx").write_bytes(b"mine")
    home.begin(replace(record("r2"), folder=str(own)))
    home.end("r2", "finished")
    home.delete("r2")
    home.empty_trash(older_than_s=0.0)
    assert (own / "model.onnx").read_bytes() == b"mine"


def test_a_run_that_goes_on_is_not_deleted(store):
    store.begin(record())
    with pytest.raises(UserError, match="is going on"):
        store.delete("r1")


def test_a_deleted_run_that_goes_on_after_all_is_not_removed_with_the_trash(home):
    store = RunStore()
    store.begin(record())
    store.end("r1", "stopped")
    store.delete("r1")
    store.begin(record())
    store.empty_trash(older_than_s=0)
    assert store.end("r1", "finished").state == "finished"
    assert [r.run for r in store.runs()] == ["r1"]
