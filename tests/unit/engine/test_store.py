"""The run store survives restarts and tells a broken run from one that goes on."""

import sqlite3
from dataclasses import replace

import pytest

from secateur.engine.events import RunRecord
from secateur.engine.requests import DataSource
from secateur.engine.store import RunStore
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
