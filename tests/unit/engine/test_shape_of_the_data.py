"""A guessed input shape gives way to the data's, where the network takes it; a stated one does not."""

import numpy as np
import pytest

from secateur.engine.jobs.opening import open_data
from secateur.engine.reporting import Reporter
from secateur.engine.requests import DataSource, OpenData
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.model.description import ModelSource

NETWORK = """
from torch import nn
import torch

{stated}

def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
"""


@pytest.fixture
def shop():
    return Workshop(threads=1), Reporter(1, lambda event: None)


def factory(folder, stated=""):
    path = folder / "net.py"
    path.write_text(NETWORK.format(stated=stated))
    return ModelSource(factory=f"{path}:make")


def ready(folder, *shape):
    random = np.random.default_rng(0)
    inputs = random.normal(size=(40, *shape)).astype(np.float32)
    np.savez(folder / "ready.npz", inputs=inputs, labels=np.arange(40) % 2)
    return DataSource(str(folder / "ready.npz"))


def test_the_shape_of_ready_inputs_replaces_a_guess_and_is_told(shop, tmp_path):
    workshop, reporter = shop
    source = factory(tmp_path)
    before = workshop.bench(source, reporter).description
    assert before.inputs_guessed
    assert before.inputs[0].shape == (None, 3, 32, 32)
    opened = open_data(OpenData(source, ready(tmp_path, 3, 12, 12)), reporter, workshop)
    assert opened.model is not None
    assert opened.model.inputs[0].shape == (None, 3, 12, 12)
    assert opened.model.macs < before.macs
    assert opened.baseline is not None
    assert any("3 × 32 × 32 was only found by trying" in note for note in opened.data.notes)
    assert any("3×12×12 is that of ready.npz" in note for note in opened.model.notes)
    assert not any("found by trying" in note for note in opened.model.notes)
    assert workshop.bench(source, reporter).description == opened.model
    again = open_data(OpenData(source, ready(tmp_path, 3, 12, 12)), reporter, workshop)
    assert again.model is None


@pytest.mark.parametrize("kind", ["array", "wish"])
def test_the_size_of_image_arrays_or_of_a_stated_crop_replaces_a_guess(shop, tmp_path, kind):
    workshop, reporter = shop
    source = factory(tmp_path)
    side = 10 if kind == "array" else 20
    images = np.random.default_rng(0).integers(0, 255, (40, side, side, 3)).astype(np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(40) % 2)
    wish = {} if kind == "array" else {"resize": 12, "crop": 10}
    open_data(OpenData(source, DataSource(str(tmp_path / "images.npz"), wish)), reporter, workshop)
    assert workshop.bench(source, reporter).description.inputs[0].shape == (None, 3, 10, 10)


def test_a_stated_shape_stays_and_data_of_another_is_refused(shop, tmp_path):
    workshop, reporter = shop
    source = factory(tmp_path, "input_shape = (3, 16, 16)")
    with pytest.raises(UserError, match=r"3 × 12 × 12.*3 × 16 × 16"):
        open_data(OpenData(source, ready(tmp_path, 3, 12, 12)), reporter, workshop)


def test_a_shape_that_the_network_does_not_take_is_refused_with_both(shop, tmp_path):
    workshop, reporter = shop
    with pytest.raises(UserError, match=r"1 × 12 × 12.*3 × 32 × 32"):
        open_data(OpenData(factory(tmp_path), ready(tmp_path, 1, 12, 12)), reporter, workshop)


def test_random_data_keeps_the_guess(shop, tmp_path):
    workshop, reporter = shop
    source = factory(tmp_path)
    assert open_data(OpenData(source, DataSource("random")), reporter, workshop).model is None
    assert workshop.bench(source, reporter).description.inputs[0].shape == (None, 3, 32, 32)
