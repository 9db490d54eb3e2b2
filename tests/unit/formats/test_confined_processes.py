"""Code of a trusted pickle runs in a process behind walls; only plain files come back."""

import json
import os
import socket
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from torch import nn

from secateur.errors import Cancelled, UserError
from secateur.formats.confined.parent import convert
from secateur.formats.reading import open_model
from secateur.graph.network import TorchModel
from secateur.model.description import ModelSource


class Runs:
    """Pickles as code that is run when it is loaded."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> Any:
        return exec, (self.code, {})


ATTEMPTS = """
import json, os, socket, _socket
said = {}
def attempt(name, do):
    try:
        do()
        said[name] = 1
    except BaseException:
        said[name] = 0
def connect():
    _socket.socket().connect(("127.0.0.1", PORT))
attempt("write", lambda: open(OUTSIDE, "w"))
attempt("read", lambda: open(SECRET).read())
attempt("list", lambda: os.listdir(os.path.dirname(SECRET)))
attempt("python_net", lambda: socket.create_connection(("127.0.0.1", PORT)))
attempt("net", connect)
attempt("own", lambda: open("mine.txt", "w").write("x"))
os.system("touch " + OUTSIDE)
said["env"] = int("SECATEUR_TEST_SECRET" in os.environ)
said["home"] = int(os.path.expanduser("~") == HOME)
raise ValueError(json.dumps(said))
"""


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def trusted(path: Path, factory: str = "") -> ModelSource:
    return ModelSource(str(path), factory, trusted=True)


def test_hostile_code_reaches_nothing(tmp_path: Path, listening: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECATEUR_TEST_SECRET", "42")
    places = {"OUTSIDE": tmp_path / "outside", "SECRET": tmp_path / "private" / "secret"}
    places["SECRET"].parent.mkdir()
    places["SECRET"].write_text("secret")
    known = "".join(f"{name} = {str(place)!r}\n" for name, place in places.items())
    path = tmp_path / "evil.pt"
    torch.save(Runs(f"{known}PORT = {listening}\nHOME = {str(Path.home())!r}\n{ATTEMPTS}"), path)
    with pytest.raises(UserError) as raised:
        open_model(trusted(path))
    said = json.loads(raised.value.sentence.partition("could not be loaded: ")[2].rstrip("."))
    assert (said["env"], said["home"], said["python_net"]) == (0, 0, 0)
    assert said["own"] == 1
    if sys.platform == "linux":  # Landlock and namespaces are there from kernel 5.13 on
        assert (said["write"], said["read"], said["list"]) == (0, 0, 0)
        assert not places["OUTSIDE"].exists()
        assert said["net"] == 0 or os.geteuid() != 0


def test_a_whole_network_comes_back_as_ordinary_layers(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    path = tmp_path / "net.pt"
    torch.save(network, path)
    model = open_model(trusted(path))
    assert isinstance(model, TorchModel)
    assert {name: type(layer) for name, layer in model.module.named_modules() if name} == {
        "0": nn.Conv2d,
        "4": nn.Linear,
    }
    given = torch.rand(3, *(size or 1 for size in model.inputs[0].shape[1:]))
    with torch.no_grad():
        torch.testing.assert_close(model.module(given), network.eval()(given))
    assert any("process of its own" in note for note in model.notes)
    assert (model.name, model.path, model.format) == ("net", path, "pytorch")


def test_own_classes_are_found_beside_the_factory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "own_network.py"
    code.write_text(
        textwrap.dedent("""
        from torch import nn
        class Own(nn.Module):
            input_shape = (3,)
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(3, 2)
            def forward(self, x):
                return self.fc(x)
        """)
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    from own_network import Own  # type: ignore[import-not-found]

    network, path = Own(), tmp_path / "net.pt"
    torch.save(network, path)
    with pytest.raises(UserError, match="wants to call"):
        open_model(ModelSource(str(path), f"{code}:Own"))
    model = open_model(trusted(path, f"{code}:Own"))
    assert isinstance(model, TorchModel)
    assert torch.equal(model.module.fc.weight, network.fc.weight)  # type: ignore[union-attr]


def test_a_process_that_does_not_end_is_ended(tmp_path: Path) -> None:
    path = tmp_path / "slow.pt"
    torch.save(Runs("import time; time.sleep(600)"), path)
    with pytest.raises(UserError, match="not loaded within"):
        convert("pickle", path, lambda done, total, text: None, limit_s=0.3)
    assert not [child for child in psutil.Process().children() if "confined" in " ".join(child.cmdline())]


def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "net.pt"
    torch.save(nn.Linear(2, 2), path)

    def cancel(done: int, total: int, text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        convert("pickle", path, cancel)
    assert not [child for child in psutil.Process().children() if "confined" in " ".join(child.cmdline())]


def test_weights_are_read_without_a_process_though_they_are_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*arguments: object, **keywords: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("secateur.formats.confined.parent._start", never)
    path = tmp_path / "weights.pt"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    model = open_model(trusted(path))
    assert model.path == path
    assert replace(model.source, trusted=False) == ModelSource(str(path))
