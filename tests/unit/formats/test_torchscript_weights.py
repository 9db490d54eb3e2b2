"""TorchScript archives without loading them: weights where they lie, and programs that are not loaded at all."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.formats.reading import open_model
from secateur.formats.recognition import recognise
from secateur.formats.torch_files.torchscript_read import stored_tensors
from secateur.graph.network import StoredModel
from secateur.model.description import ModelSource
from secateur.model.stored import read_values

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Writes(nn.Module):
    """Saves what it is given, which TorchScript can."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, "taken.pt")
        return self.fc(x)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "net.pt"
    torch.jit.script(Writes().eval()).save(str(path))
    return path


def test_weights_are_found_without_loading_the_program(program: Path) -> None:
    expected = torch.jit.load(str(program)).state_dict()
    found = {tensor.name: tensor for tensor in stored_tensors(program)}
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].offset > 0
        assert np.array_equal(read_values(found[name]), value.numpy())


def test_a_program_that_reaches_files_is_not_loaded(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object, **keywords: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("secateur.formats.confined.parent._start", never)
    assert recognise(program).id == "torchscript"
    model = open_model(ModelSource(str(program)))
    assert isinstance(model, StoredModel)
    assert "reaches files" in model.reason
    assert [layer.name for layer in model.layers] == ["fc"]


def test_an_archive_whose_pickle_wants_more_is_refused(program: Path, tmp_path: Path) -> None:
    evil, mark = tmp_path / "evil.pt", tmp_path / "ran"
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(evil, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("/data.pkl"):
                data = f"cos\nsystem\n(S'touch {mark}'\ntR.".encode()
            new.writestr(entry.filename, data)
    with pytest.raises(UserError, match=r"wants os\.system"):
        open_model(ModelSource(str(evil)))
    assert not mark.exists()
