"""A small network and data set on disk, and a real engine process with its events in a queue."""

import queue

import numpy as np
import pytest
from forked_engines import fork_engines

from secateur.engine.client import EngineClient
from secateur.engine.events import EngineDied, Failed, Finished, Stopped
from secateur.engine.requests import DataSource
from secateur.model.description import ModelSource

NETWORK = """
import torch
from torch import nn

input_shape = (1, 8, 8)

def make():
    torch.manual_seed(0)  # a factory without weights: the same network in every process
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3),
    )
"""


def network_in(folder):
    (folder / "network.py").write_text(NETWORK)
    return ModelSource(factory=f"{folder / 'network.py'}:make")


def stripes_in(folder):
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 600)
    images = random.integers(0, 90, (600, 8, 8)).astype(np.uint8)
    images[np.arange(600), labels * 2, :] += 120
    np.savez(folder / "stripes.npz", images=images, labels=labels)
    return DataSource(str(folder / "stripes.npz"))


@pytest.fixture
def model(tmp_path):
    return network_in(tmp_path)


@pytest.fixture
def data(tmp_path):
    return stripes_in(tmp_path)


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """(model, data) that no test changes: for runs that several tests look at."""
    folder = tmp_path_factory.mktemp("shared")
    return network_in(folder), stripes_in(folder)


class Running:
    """An engine client whose events are waited for."""

    def __init__(self):
        self.events = queue.Queue()
        self.client = EngineClient(self.events.put)

    def wait_for(self, wanted, seconds=120):
        """The next event for which `wanted` is true; fails the test on a job that failed meanwhile."""
        while True:
            event = self.events.get(timeout=seconds)
            if wanted(event):
                return event
            assert not isinstance(event, Failed), event

    def end_of(self, request):
        """Submit a request and wait for the event that ends it."""
        job = self.client.submit(request)
        kinds = (Finished, Failed, Stopped)
        return self.wait_for(lambda e: isinstance(e, EngineDied) or (isinstance(e, kinds) and e.job == job))


@pytest.fixture(scope="module")
def module_engine():
    """One for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        fork_engines(patch)
        yield from running()


@pytest.fixture
def engine(monkeypatch):
    """An engine that starts in a moment: its processes are forked."""
    fork_engines(monkeypatch)
    yield from running()


@pytest.fixture
def new_engine():
    """An engine that starts as the program starts it, with new interpreters: for tests of the start itself."""
    yield from running()


def running():
    running = Running()
    yield running
    running.client.close()
