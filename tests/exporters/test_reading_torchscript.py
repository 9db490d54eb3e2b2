"""TorchScript programs: converted in a confined process, their weights read where they lie."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.reading import open_model
from secateur.graph.network import StoredModel, TorchModel
from secateur.model.description import ModelSource
from secateur.model.stored import read_values

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 10)
        self.last = nn.Linear(10, 4)
        self.scale = nn.Parameter(torch.full((1,), 0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.conv1(x))).mean((2, 3))
        return self.last((self.fc(x) * self.scale).unsqueeze(1))


class Decides(nn.Module):
    """Branches on a value, which no fixed graph can follow."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        while bool(x.sum() > 1):
            x = self.fc(x) * 0.1
        return x


def saved(path: Path, network: nn.Module, how: str = "script") -> Path:
    network = network.eval()
    module = torch.jit.script(network) if how == "script" else torch.jit.trace(network, torch.zeros(2, 3, 8, 8))
    module.save(str(path))
    return path


@pytest.mark.parametrize("how", ["script", "trace"])
def test_a_program_becomes_a_network_of_ordinary_layers(how: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Small()
    model = open_model(ModelSource(str(saved(tmp_path / "net.pt", network, how))))
    assert isinstance(model, TorchModel), getattr(model, "reason", "")
    kinds = {name: type(layer) for name, layer in model.module.named_modules() if name}
    assert kinds == {"conv1": nn.Conv2d, "bn": nn.BatchNorm2d, "fc": nn.Linear, "last": nn.Linear}
    given = torch.rand(3, 3, *(size or 1 for size in model.inputs[0].shape[2:]))
    with torch.no_grad():
        torch.testing.assert_close(model.module(given), network(given), rtol=1e-4, atol=1e-5)
    model.module(given).sum().backward()
    assert [name for name, value in model.module.named_parameters() if value.grad is None] == []
    assert (model.format, model.inputs[0].shape[0]) == ("torchscript", None)


def test_a_program_that_decides_is_not_a_trainable_network_and_says_why(tmp_path: Path) -> None:
    model = open_model(ModelSource(str(saved(tmp_path / "net.pt", Decides()))))
    assert not isinstance(model, TorchModel)
    assert model.reason


def test_weights_are_mapped_under_the_programs_names(tmp_path: Path) -> None:
    network = Small()
    path = saved(tmp_path / "net.pt", network)
    found = {tensor.name: tensor for tensor in format_named("torchscript").tensors(path)}
    assert set(found) == set(network.state_dict())
    for name, value in network.state_dict().items():
        assert found[name].offset > 0
        assert np.array_equal(read_values(found[name]), value.float().numpy())


@pytest.mark.parametrize("tenth", range(0, 10, 3))
def test_a_program_that_was_cut_short_is_one_sentence(tmp_path: Path, tenth: int) -> None:
    path = saved(tmp_path / "net.pt", Small())
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * tenth // 10])
    with pytest.raises(UserError) as raised:
        open_model(ModelSource(str(path)))
    assert "\n" not in raised.value.sentence


def test_silero_is_inspected_though_it_decides(published: Callable[[str], Path]) -> None:
    model = open_model(ModelSource(str(published("silero_vad/data/silero_vad.jit"))))
    assert isinstance(model, StoredModel)
    assert any(layer.is_weighted for layer in model.layers)
