"""The engine as a process of its own: it answers, stops when asked, and its death costs nothing."""

import os
import signal
import time

import psutil
import pytest

from secateur.engine.events import (
    CurvePoint,
    EngineDied,
    EngineReady,
    Failed,
    Finished,
    Log,
    ModelOpened,
    Partial,
    Progress,
    Stopped,
)
from secateur.engine.requests import Compress, ListRuns, OpenModel
from secateur.methods.distil.distillation import Distillation
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step

TRAINING = Recipe(
    (Step(Distillation(epochs=4, batch_size=4, learning_rate=0.01)), Step(StaticInt8(samples=64), ("*",)))
)


def compress(model, data, run, folder, *, resume=False):
    return Compress(model, data, TRAINING, run, folder=folder, resume=resume)


def late_curve_point(event):
    return isinstance(event, Partial) and isinstance(event.value, CurvePoint) and event.value.epoch > 1.5


def test_a_bad_request_ends_in_one_sentence_and_the_engine_goes_on(engine, model):
    failed = engine.end_of(OpenModel(ModelSource("nowhere.onnx")))
    assert isinstance(failed, Failed)
    assert "nowhere.onnx" in failed.sentence
    assert failed.was_wrong
    assert not failed.details
    opened = engine.end_of(OpenModel(model))
    assert isinstance(opened.result, ModelOpened)


def test_a_killed_engine_is_reported_and_started_again(new_engine, model):
    ready = new_engine.wait_for(lambda e: isinstance(e, EngineReady))
    os.kill(ready.pid, signal.SIGKILL)
    died = new_engine.wait_for(lambda e: isinstance(e, EngineDied))
    assert "session is kept" in died.sentence
    assert isinstance(new_engine.end_of(OpenModel(model)), Finished)


def test_closing_leaves_no_process(new_engine):
    ready = new_engine.wait_for(lambda e: isinstance(e, EngineReady))
    new_engine.client.close()
    assert not psutil.pid_exists(ready.pid)


def test_a_cancelled_run_stops_and_stays_in_the_history(engine, model, data, tmp_path):
    job = engine.client.submit(compress(model, data, "cancelled", tmp_path / "out"))
    engine.wait_for(late_curve_point)
    engine.client.cancel(job)
    engine.wait_for(lambda e: isinstance(e, Stopped) and e.job == job)
    listed = engine.end_of(ListRuns()).result.runs
    assert [(r.run, r.state) for r in listed if r.run == "cancelled"] == [("cancelled", "stopped")]
    assert not (tmp_path / "out" / "model.onnx").exists()


@pytest.fixture(scope="module")
def unbroken(module_engine, shared, tmp_path_factory):
    """(folder, the event that ended it, how often it told its progress, seconds) of a run that nothing disturbed."""
    folder, told = tmp_path_factory.mktemp("whole") / "out", 0

    def ended(event):
        nonlocal told
        told += isinstance(event, Progress) and event.done < event.total
        return isinstance(event, Finished)

    module_engine.client.submit(compress(*shared, "whole", folder))
    begun = time.monotonic()
    return folder, module_engine.wait_for(ended), told, time.monotonic() - begun


@pytest.mark.parametrize("how", ["killed", "cancelled"])
def test_a_broken_distillation_resumes_to_the_same_result(engine, shared, unbroken, tmp_path, how):
    whole, finished, *_ = unbroken
    job = engine.client.submit(compress(*shared, f"broken-{how}", tmp_path))
    engine.wait_for(late_curve_point)
    if how == "killed":
        os.kill(engine.client.pid, signal.SIGKILL)
        died = engine.wait_for(lambda e: isinstance(e, EngineDied))
        assert died.lost[0].run == f"broken-{how}"
    else:
        engine.client.cancel(job)
        engine.wait_for(lambda e: isinstance(e, Stopped) and e.job == job)
    job = engine.client.submit(compress(*shared, f"broken-{how}", tmp_path, resume=True))
    engine.wait_for(lambda e: isinstance(e, Log) and "goes on at step" in e.text)
    resumed = engine.wait_for(lambda e: isinstance(e, Finished) and e.job == job)
    assert (tmp_path / "model.onnx").read_bytes() == (whole / "model.onnx").read_bytes()
    assert resumed.result.record.document.result.metric == finished.result.record.document.result.metric


def test_progress_is_told_at_most_twenty_times_a_second(unbroken):
    _, _, told, seconds = unbroken
    # a new phase may report at once: ten phases at most
    assert 0 < told <= 20 * seconds + 10
