"""Where and with how many threads the engine computes: chosen, kept by every process, recorded in what was run."""

import json

import pytest
import torch
from typer.testing import CliRunner

from secateur.cli.commands import app
from secateur.cli.terminal import Terminal
from secateur.engine import jobs
from secateur.engine.client import EngineClient
from secateur.engine.events import Configured, CurvePoint, EngineReady, Finished, GraphRead, Partial
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, Configure, ListRuns, OpenModel, ReadGraph
from secateur.engine.worker import engine_threads, run_job, threads_of
from secateur.methods.distil.distillation import Distillation
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model import device
from secateur.model.device import DeviceOffer
from secateur.recipe.recipe import Recipe, Step


@pytest.fixture(autouse=True)
def automatic_again():
    yield
    device.choose("auto")
    Terminal.device, Terminal.threads = "auto", 0


@pytest.fixture
def one_gpu(monkeypatch):
    """A machine with one GPU, as far as is asked."""
    monkeypatch.setattr(device, "offers", lambda: (DeviceOffer("cpu", "CPU"), DeviceOffer("cuda", "Some GPU")))


def test_a_gpu_is_taken_where_there_is_one_unless_the_cpu_is_chosen(one_gpu):
    assert device.current().title == "Some GPU"
    device.choose("cpu")
    assert device.current().title == "CPU"


def test_a_device_that_is_not_here_is_the_cpu(one_gpu):
    device.choose("mps")
    assert device.current().title == "CPU"


def test_the_process_beside_the_job_takes_half_of_the_threads():
    assert threads_of("work", Configure(threads=6)) == 6
    assert threads_of("questions", Configure(threads=6)) == 3
    assert threads_of("questions", Configure(threads=1)) == 1
    assert threads_of("work", Configure()) == engine_threads()


def test_threads_are_changed_without_a_restart_and_what_is_open_stays_open(engine, model):
    ready = engine.wait_for(lambda e: isinstance(e, EngineReady))
    assert isinstance(engine.end_of(OpenModel(model)), Finished)
    configured = engine.end_of(Configure("cpu", 1))
    assert configured.result == Configured("CPU", 1)
    assert engine.client.pid == ready.pid
    assert isinstance(engine.end_of(ReadGraph(model)).result, GraphRead)


def test_a_process_that_is_started_later_has_the_settings(engine):
    engine.wait_for(lambda e: isinstance(e, EngineReady))
    engine.end_of(Configure("cpu", 1))
    engine.client.restart()
    again = engine.wait_for(lambda e: isinstance(e, EngineReady))
    assert again.threads == 1
    assert DeviceOffer("cpu", "CPU") in again.devices


def test_a_change_does_not_touch_the_job_that_goes_on(engine, model, data, tmp_path):
    plan = Recipe((Step(Distillation(epochs=2, batch_size=64)), Step(StaticInt8(samples=64), ("*",))))
    job = engine.client.submit(Compress(model, data, plan, "whole", folder=tmp_path / "out"))
    engine.wait_for(lambda e: isinstance(e, Partial) and isinstance(e.value, CurvePoint))
    engine.client.submit(Configure("cpu", 1))
    done = engine.wait_for(lambda e: isinstance(e, Finished) and e.job == job)
    document = done.result.record.document
    assert (document.device, document.threads) == ("CPU", engine_threads())
    engine.wait_for(lambda e: isinstance(e, Finished) and isinstance(e.result, Configured))


def test_settings_of_the_start_are_those_of_the_first_process():
    import queue

    events = queue.Queue()
    client = EngineClient(events.put, Configure("cpu", 1))
    try:
        assert events.get(timeout=120).threads == 1
    finally:
        client.close()


def test_the_command_line_records_what_it_computed_on(tmp_path, model, data):
    (tmp_path / "recipe.yaml").write_text("schema: 1\nsteps:\n- {method: static_int8, samples: 64}\n")
    words = ["compress", model.factory, "--data", data.path, "--recipe", str(tmp_path / "recipe.yaml")]
    done = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "out"), "--device", "cpu", "--threads", "1"])
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert (result["device"], result["threads"]) == ("CPU", 1)
    assert result["result"]["latency_ms"]["threads"] == 1


@pytest.mark.parametrize("name", ["tpu", "mps"])
def test_a_device_that_is_not_there_is_refused_on_the_command_line(tmp_path, model, data, name):
    if name in {offer.id for offer in device.offers()}:
        pytest.skip("it is there")
    done = CliRunner().invoke(app, ["evaluate", model.factory, "--data", data.path, "--device", name])
    assert done.exit_code == 2


def test_a_network_answers_the_same_on_the_device(tmp_path):
    """On a machine with a GPU: to the accuracy of float32, for its short cuts are off."""
    import numpy as np
    import torch
    from torch import nn

    from secateur.graph.network import TorchModel

    if device.current().id == "cpu":
        pytest.skip("no GPU here")
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 8, 3), nn.Flatten()).eval()
    made = TorchModel(name="net", module=module, inputs=(), outputs=())
    images = np.random.default_rng(0).normal(size=(16, 3, 12, 12)).astype(np.float32)
    assert np.allclose(made.run_all_on_device(images)[0], made.run(images), atol=1e-5)


def test_a_gpu_without_memory_is_said_to_be_that_and_not_a_bug(monkeypatch):
    def fails(*arguments):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr(jobs, "perform", fails)
    failed = run_job(ListRuns(), Reporter(1, lambda event: None), None)
    assert "memory on the GPU" in failed.sentence
    assert "CPU" in failed.hint
    assert not failed.details
