"""Measured sensitivity is kept cell by cell: what was stopped or killed goes on, and nothing is measured twice."""

import os
import shutil
import signal
import sqlite3
import threading
from dataclasses import replace

import numpy as np
import pytest

from secateur.analysis.measured import Measuring
from secateur.analysis.tallies import Cell, Span, Tally, spans_of
from secateur.data.evidence import Evidence
from secateur.engine.events import Failed, Finished, Partial, RowsMeasured, SensitivityFound, Stopped
from secateur.engine.measurements import MeasurementStore, Subject
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, FindSensitivity, ScoreSensitivity
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.methods.offers import Option
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.recipe.options import OPTIONS

IDS = tuple(option.id for option in OPTIONS if not option.method.changes_widths)
CELLS, SPANS = 3 * len(IDS), 2
"""Cells, and the batches that each is run on."""


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))


@pytest.fixture
def request_(model, data):
    return ScoreSensitivity(model, data, "measure", IDS, 100)


@pytest.fixture
def computed(monkeypatch):
    """The layer of every batch of a cell that is run, in this process."""
    seen = []
    original = Measuring._answered

    def counting(self, part, layer, change, **asked):
        seen.append(layer)
        return original(self, part, layer, change, **asked)

    monkeypatch.setattr(Measuring, "_answered", counting)
    return seen


def do(request, *, stop_after=None):
    """The event that ends a request, in a workshop of its own; told to stop once so many layers were told."""
    told, cancelled = [], threading.Event()

    def send(event):
        if isinstance(event, Partial) and isinstance(event.value, RowsMeasured) and event.value.rows:
            told.append(event.value.rows)
            if stop_after is not None and len(told) >= stop_after:
                cancelled.set()

    event = run_job(request, Reporter(1, send, cancelled), Workshop(1))
    assert not isinstance(event, Failed), event
    return event


def unbroken(request, monkeypatch, tmp_path):
    """The rows of the same measurement in an empty home."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("SECATEUR_HOME", str(tmp_path / "elsewhere"))
        return do(request).result.table


def test_a_stopped_measurement_goes_on_to_the_table_of_an_unbroken_one(request_, computed, monkeypatch, tmp_path):
    assert isinstance(do(request_, stop_after=1), Stopped)
    before = len(computed)
    assert 0 < before < CELLS * SPANS
    continued = do(request_).result.table
    assert len(computed) == CELLS * SPANS
    whole = unbroken(request_, monkeypatch, tmp_path)
    assert continued.rows == whole.rows
    assert continued.within_option_correlation == whole.within_option_correlation
    assert (continued.samples, continued.pending) == (96, 0)  # all that the validation part has


def test_a_killed_measurement_goes_on_in_another_process(engine, request_, computed, monkeypatch, tmp_path):
    engine.client.submit(request_)
    engine.wait_for(lambda e: isinstance(e, Partial) and isinstance(e.value, RowsMeasured) and e.value.rows)
    os.kill(engine.client.pid, signal.SIGKILL)
    with sqlite3.connect(tmp_path / "home" / "measurements.sqlite") as database:
        kept = database.execute("SELECT COUNT(*) FROM tallies").fetchone()[0] // len(spans_of(96))
    assert kept >= len(IDS)
    continued = do(request_).result.table
    assert len(computed) == (CELLS - kept) * SPANS
    assert continued.rows == unbroken(request_, monkeypatch, tmp_path).rows


def test_a_whole_table_is_found_again_and_nothing_is_measured(request_, computed):
    table = do(request_).result.table
    computed.clear()
    assert do(FindSensitivity(request_)).result.table.rows == table.rows
    assert do(request_).result.table.rows == table.rows
    assert not computed


def test_a_part_of_a_table_is_found_and_says_how_much_is_lacking(request_):
    do(request_, stop_after=1)
    found = do(FindSensitivity(request_)).result.table
    assert found.pending == CELLS - len(found.rows) > 0
    assert all(row.measured for row in found.rows)


def test_what_an_estimate_measured_is_found_and_not_measured_again(request_, computed):
    estimating = replace(request_, depth="estimate")
    table = do(estimating).result.table
    assert (table.depth, table.pending) == ("estimate", 0)
    assert {row.samples for row in table.rows if row.damage is not None} <= {16, 32, 64, 96}
    done = len(computed)
    found = do(FindSensitivity(request_)).result
    assert found.estimate.rows == table.rows
    assert do(estimating).result.table.rows == table.rows
    assert len(computed) == done


def test_a_stopped_estimate_is_a_table_of_what_it_came_to_and_goes_on(request_, computed, monkeypatch, tmp_path):
    estimating = replace(request_, depth="estimate")
    assert isinstance(do(estimating, stop_after=1), Stopped)
    part = do(FindSensitivity(request_)).result
    assert part.table is None
    assert 0 < len(part.estimate.rows) < CELLS
    assert part.estimate.pending == CELLS - len(part.estimate.rows)
    assert do(estimating).result.table.rows == unbroken(estimating, monkeypatch, tmp_path).rows


def test_nothing_is_found_where_nothing_was_measured(request_):
    assert do(FindSensitivity(request_)).result == SensitivityFound(None)


def test_a_copy_of_the_data_under_another_name_is_the_same_data(request_, data, computed, tmp_path):
    do(request_)
    computed.clear()
    shutil.copy(data.path, tmp_path / "copy.npz")
    do(replace(request_, data=DataSource(str(tmp_path / "copy.npz"))))
    assert not computed


@pytest.mark.parametrize("what", ["a pixel", "a label", "the mean"])
def test_other_data_is_measured_anew(request_, data, computed, what):
    do(request_)
    computed.clear()
    held = dict(np.load(data.path))
    held["images"] = held["images"] ^ np.uint8(what == "a pixel")
    held["labels"] = (held["labels"] + (what == "a label")) % 3
    np.savez(data.path, **held)
    preprocessing = {"mean": [0.4], "std": [0.3]} if what == "the mean" else {}
    assert do(FindSensitivity(replace(request_, data=DataSource(data.path, preprocessing)))).result.table is None
    do(replace(request_, data=DataSource(data.path, preprocessing)))
    assert len(computed) == CELLS * SPANS


def test_a_network_whose_code_changed_is_measured_anew(request_, model, computed):
    do(request_)
    computed.clear()
    from pathlib import Path

    code = Path(model.factory.rpartition(":")[0])
    code.write_text(code.read_text().replace("nn.ReLU()", "nn.Tanh()"))
    do(request_)
    assert len(computed) == CELLS * SPANS


def test_more_samples_measure_only_those_that_are_new(request_, computed):
    do(replace(request_, samples=64))
    first = len(computed)
    assert first == CELLS
    do(request_)
    assert len(computed) == CELLS * SPANS


# ---------------------------------------------------------------------- the store itself

SUBJECT = Subject("model", "data")
ROWS = (np.linspace(-1, 1, 64, dtype=np.float32), np.arange(64))
PARTS = np.linspace(0, 1, 128, dtype=np.float32).reshape(2, 64)
SUMS = Evidence(np.array([[0.1 + 0.2, np.nan]]))
TALLY = Tally(64, "nats", 0.1 + 0.2, 64.0, PARTS, SUMS, Evidence(rows=ROWS), 0.1, 0.5)
INT8 = Option("int8", "Bits", "8", StaticInt8())


def keep(store, layer, tallies):
    store.keep(SUBJECT, {"int8": INT8}, {Cell(layer, "int8"): tallies})


def test_numbers_come_back_to_the_last_bit(tmp_path):
    store = MeasurementStore(tmp_path / "m.sqlite")
    keep(store, "conv1", {Span(0, 64): TALLY})
    found = store.find(SUBJECT, [INT8])[Cell("conv1", "int8")][Span(0, 64)]
    assert (found.error, found.weights_error) == (TALLY.error, TALLY.weights_error)
    assert np.array_equal(found.parts, PARTS)
    assert np.array_equal(found.before.sums, TALLY.before.sums, equal_nan=True)
    assert found.before.rows == ()
    assert all(np.array_equal(ours, theirs) for ours, theirs in zip(found.after.rows, ROWS, strict=True))
    assert [rows.dtype for rows in found.after.rows] == [rows.dtype for rows in ROWS]


def test_a_method_with_another_parameter_is_another_cell(tmp_path):
    store = MeasurementStore(tmp_path / "m.sqlite")
    keep(store, "conv1", {Span(0, 64): TALLY})
    assert not store.find(SUBJECT, [Option("int8", "Bits", "8", StaticInt8(observer="minmax"))])
    renamed = store.find(SUBJECT, [Option("eight", "Bits", "8", StaticInt8())])
    assert list(renamed) == [Cell("conv1", "eight")]


def test_what_is_kept_stays_where_two_processes_measured_the_same(tmp_path):
    one, other = (MeasurementStore(tmp_path / "m.sqlite") for _ in range(2))
    keep(one, "conv1", {Span(0, 64): TALLY})
    keep(other, "conv1", {Span(0, 64): replace(TALLY, error=9.0), Span(64, 128): TALLY})
    found = one.find(SUBJECT, [INT8])[Cell("conv1", "int8")]
    assert (found[Span(0, 64)].error, len(found)) == (TALLY.error, 2)


def test_a_file_of_a_later_version_is_read_and_written(tmp_path):
    store = MeasurementStore(tmp_path / "m.sqlite")
    keep(store, "conv1", {Span(0, 64): TALLY})
    with sqlite3.connect(store.path) as database:
        database.execute("ALTER TABLE tallies ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'")
        database.execute("""UPDATE tallies SET tally = replace(tally, '{', '{"later": 1, ')""")
    keep(store, "conv2", {Span(0, 64): TALLY})
    assert set(store.find(SUBJECT, [INT8])) == {Cell("conv1", "int8"), Cell("conv2", "int8")}


def test_a_file_that_cannot_be_used_costs_no_measurement(request_, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "measurements.sqlite").write_bytes(b"no database" * 100)
    assert isinstance(do(request_), Finished)
