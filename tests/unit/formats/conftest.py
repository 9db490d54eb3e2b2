"""Models of every kind to read: small ONNX graphs, and a factory of a torch network."""

from pathlib import Path

import pytest
from onnx_networks import graph, network, network_file, random

__all__ = ["graph", "network", "network_file", "random"]

FACTORY = """
import torch
from torch import nn


class Net(nn.Module):
    input_shape = (3, 8, 8)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, image):
        return self.head(torch.relu(self.bn(self.conv(image))).mean((2, 3)))


def make():
    torch.manual_seed(3)
    return Net()


def breaks():
    raise ValueError("no weights today")


def gives_a_list():
    return []


def needs_width(width):
    return Net()


NUMBER = 4
"""


@pytest.fixture
def factory_file(tmp_path: Path) -> Path:
    path = tmp_path / "my_network.py"
    path.write_text(FACTORY)
    return path
