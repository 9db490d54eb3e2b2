"""The search for coupled layers ends in time and says so."""

import pytest
import torch
from torch import nn

from secateur.methods.prune import coupling
from secateur.model.description import Port
from secateur.model.model import TorchModel


@pytest.fixture
def model():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 4, 3), nn.Flatten(), nn.Linear(64, 2))
    return TorchModel(
        "net", network.eval(), (Port("x", "float32", (None, 3, 8, 8)),), (Port("y", "float32", (None, 2)),)
    )


def test_a_search_that_takes_too_long_is_given_up_with_a_reason(model, monkeypatch):
    monkeypatch.setattr(coupling, "MOST_SECONDS", -1.0)
    found = coupling.couplings(model)
    assert set(found) == {"0", "2", "4"}
    assert all("did not finish" in reason for _, reason in found.values())


def test_a_search_that_was_given_up_leaves_the_library_as_it_was(model, monkeypatch):
    with monkeypatch.context() as hurry:
        hurry.setattr(coupling, "MOST_SECONDS", -1.0)
        coupling.couplings(model)
    assert coupling.couplings(model)["0"][1] == ""
    assert torch.isfinite(model.module(torch.zeros(1, 3, 8, 8))).all()
