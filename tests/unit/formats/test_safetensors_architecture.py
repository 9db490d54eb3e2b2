"""safetensors + architecture: a network that can be opened again without Secateur and without pickle."""

import importlib.util
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.formats.weight_files.safetensors_write import architecture_path, network_code
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Port

SAFETENSORS = format_named("safetensors")


class Block(nn.Module):
    """Norms, a parameter of its own, nested names and a custom forward: what factories bring along."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.deep = nn.ModuleDict({"a": nn.Conv2d(6, 6, 3, padding=1, groups=2), "b": nn.GroupNorm(2, 6)})
        self.gain = nn.Parameter(torch.full((6, 1, 1), 1.5))
        self.register_buffer("shift", torch.arange(6.0).reshape(6, 1, 1))
        self.head = nn.Linear(6, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        x = x + self.deep["b"](self.deep["a"](x)) * self.gain + self.shift
        return self.head(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))


class Deciding(nn.Module):
    """Cannot be traced by torch.fx: it looks at values."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x) if x.sum() > 0 else self.fc(-x)


def model_of(module: nn.Module, *shape: int) -> TorchModel:
    torch.manual_seed(0)
    return TorchModel(
        "block", module.eval(), (Port("x", "float32", (None, *shape)),), (Port("y", "float32", (None, 4)),)
    )


def test_a_factory_network_comes_back_with_its_own_parameter_names(tmp_path: Path) -> None:
    model = model_of(Block(), 3, 8, 8)
    proof = export(model, SAFETENSORS, tmp_path / "my-net.safetensors")
    assert proof.verified
    assert (tmp_path / "my_net_network.py").is_file()
    stored = load_file(str(tmp_path / "my-net.safetensors"))
    original = model.module.state_dict()
    assert set(stored) == set(original)
    assert all(torch.equal(stored[name], value) for name, value in original.items())


def test_the_code_runs_where_secateur_is_not_installed(lowered_network: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    export(lowered_network, SAFETENSORS, path)
    script = (
        "import sys; sys.modules['secateur'] = None\n"
        "from net_network import make\n"
        "from safetensors.torch import load_file\n"
        "import torch\n"
        "network = make(); network.load_state_dict(load_file('net.safetensors'))\n"
        "torch.manual_seed(0); torch.save(network(torch.ones(1, 3, 12, 12)).detach(), 'out.pt')\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=120)
    expected = lowered_network.run(np.ones((1, 3, 12, 12), np.float32))
    np.testing.assert_allclose(torch.load(tmp_path / "out.pt").numpy(), expected, rtol=1e-4, atol=1e-5)


def test_a_network_with_changed_sizes_is_written_with_its_real_ones(tmp_path: Path) -> None:
    module = Block()
    module.head = nn.Linear(6, 9, bias=False)
    export(model_of(module, 3, 8, 8), SAFETENSORS, tmp_path / "net.safetensors")
    source = architecture_path(tmp_path / "net.safetensors").read_text()
    assert "out_features=9" in source
    spec = importlib.util.spec_from_file_location("net_network", tmp_path / "net_network.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    assert loaded.make()(torch.zeros(2, 3, 8, 8)).shape == (2, 9)


def test_a_quantized_network_is_sent_to_onnx(lowered_network: Any, tmp_path: Path) -> None:
    model = WeightOnly().apply(lowered_network, ["fc"], Context())
    with pytest.raises(UserError, match="ONNX"):
        export(model, SAFETENSORS, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_network_that_decides_on_values_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="block"):
        export(model_of(Deciding(), 4), SAFETENSORS, tmp_path / "net.safetensors")
    assert not list(tmp_path.iterdir())


def test_code_is_written_for_names_that_are_no_python_words() -> None:
    module = nn.Module()
    module.add_module("0", nn.Linear(2, 2))
    graph = torch.fx.symbolic_trace(nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    assert '_attach(self, "0", nn.Linear(in_features=2, out_features=2, bias=True))' in network_code(graph, "n", "w")


def test_a_layer_that_is_not_torchs_own_is_refused_by_name() -> None:
    class Odd(nn.Linear):
        """A leaf that only this file knows."""

    class Leaf(torch.fx.Tracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return True

    root = nn.Sequential(Odd(2, 2))
    graph = torch.fx.GraphModule(root, Leaf().trace(root))
    with pytest.raises(NotImplementedError, match="Odd"):
        network_code(graph, "n", "w")


def test_the_docstring_survives_a_hostile_model_name(lowered_network: Any, tmp_path: Path) -> None:
    model = replace(lowered_network, name='"""; raise SystemExit #\\')
    assert export(model, SAFETENSORS, tmp_path / "net.safetensors").verified
