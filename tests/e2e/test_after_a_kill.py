"""The program was killed in the middle of its work: what a person finds at the next start."""

import os
import queue
import signal

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from secateur.engine.client import EngineClient
from secateur.engine.events import CurvePoint, Failed, Partial, RowsMeasured
from secateur.engine.requests import Compress, DataSource, ScoreSensitivity
from secateur.methods.distil.distillation import Distillation
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.model.description import ModelSource
from secateur.recipe.options import OPTIONS
from secateur.recipe.recipe import Recipe, Step

NETWORK = """
import torch
from torch import nn

input_shape = (1, 8, 8)

def make():
    torch.manual_seed(0)
    # many layers: the first rows of a measurement come long before its last
    middle = [part for _ in range(6) for part in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())]
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), *middle, *head)
"""
RECIPE = Recipe((Step(Distillation(epochs=6, batch_size=4)), Step(StaticInt8(samples=64), ("*",))))
PREPARED = {"mean": [0.2], "std": [0.3]}


@pytest.fixture
def life_before(tmp_path, monkeypatch, engine_starts):
    """What a killed program leaves: a run in the middle of its training, and a measurement of some layers."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    (tmp_path / "network.py").write_text(NETWORK)
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 300)
    images = random.integers(0, 90, (300, 8, 8)).astype(np.uint8)
    images[np.arange(300), labels * 2, :] += 120
    np.savez(tmp_path / "stripes.npz", images=images, labels=labels)
    model = ModelSource(factory=f"{tmp_path / 'network.py'}:make")
    data = DataSource(str(tmp_path / "stripes.npz"), PREPARED)
    events = queue.Queue()
    client = EngineClient(events.put)

    def wait_for(kind):
        while True:
            event = events.get(timeout=120)
            assert not isinstance(event, Failed), event
            if isinstance(event, Partial) and isinstance(event.value, kind):
                return event.value

    first = client.submit(ScoreSensitivity(model, data, "measure", tuple(o.id for o in OPTIONS)))
    while not wait_for(RowsMeasured).rows:
        pass
    client.cancel(first)
    client.submit(Compress(model, data, RECIPE, "broken", name="int8 after training"))
    while wait_for(CurvePoint).epoch < 1.5:
        pass
    os.kill(client.pid, signal.SIGKILL)
    client.close()
    return model, data


def test_a_broken_run_is_finished_with_one_click_and_the_measurement_goes_on(life_before, real):
    model, data = life_before
    real.until(lambda: any("int8 after training" in notice.sentence for notice in real.state.notices))
    real.resume_run()
    real.until(lambda: any(r.run == "broken" and r.state == "finished" for r in real.state.runs))
    assert real.state.model.source == model
    assert real.state.data_source == data
    record = next(r for r in real.state.runs if r.run == "broken")
    assert record.document.files[0].verified
    real.until(lambda: real.state.measured_in_part is not None)
    part = real.state.measured_in_part
    assert 0 < len(part.rows) < len(part.rows) + part.pending == 8 * len(OPTIONS)
    real.press(Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    button = real.find(QPushButton, "sensitivity_measure")
    real.until(lambda: button.isVisible() and button.text() == "Continue")
    real.click(button)
    real.until(lambda: real.state.measured is not None)
    whole = {(row.layer, row.option): row for row in real.state.measured.rows}
    assert all(whole[row.layer, row.option] == row for row in part.rows)
