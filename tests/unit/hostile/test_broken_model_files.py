"""Files that are not what they claim: one sentence that names the file, a way out, and nothing is run."""

import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from safetensors.torch import save_file

from secateur.errors import UserError
from secateur.formats.reading import describe, open_model
from secateur.model.description import ModelSource

FACTORY = """
from torch import nn
def make():
    return nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * 64, 3))
make.input_shape = (1, 8, 8)
"""


@pytest.fixture
def factory(tmp_path: Path) -> str:
    (tmp_path / "net.py").write_text(FACTORY)
    return f"{tmp_path / 'net.py'}:make"


def model(weight: np.ndarray) -> onnx.ModelProto:
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "conv.weight"], ["y"])],
        "test",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ("N", 4, 6, 6))],
        [numpy_helper.from_array(weight, "conv.weight")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def weight() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)


def refused(path: Path, factory: str = "") -> UserError:
    """The error of opening `path`: one sentence and a hint, without a traceback in them."""
    with pytest.raises(UserError) as caught:
        open_model(ModelSource(str(path), factory))
    error = caught.value
    assert error.hint
    assert "Traceback" not in str(error)
    assert "\n" not in error.sentence
    return error


@pytest.mark.parametrize("suffix", [".onnx", ".pt", ".safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    assert f"nothing{suffix}" in refused(tmp_path / f"nothing{suffix}").sentence


@pytest.mark.parametrize("suffix", [".onnx", ".pt", ".safetensors"])
def test_an_empty_file_is_called_empty(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"empty{suffix}"
    path.touch()
    assert "empty" in refused(path).sentence


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "no model file" in refused(tmp_path).sentence


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.onnx"
    path.write_bytes(b"x")
    path.chmod(0)
    assert "permission" in refused(path).sentence


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_onnx_file_is_told(tmp_path: Path, weight: np.ndarray, share: float) -> None:
    whole = model(weight).SerializeToString()
    (tmp_path / "cut.onnx").write_bytes(whole[: int(len(whole) * share)])
    assert "cut.onnx" in refused(tmp_path / "cut.onnx").sentence


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_checkpoint_is_told(tmp_path: Path, factory: str, share: float, zipped: bool) -> None:
    path = tmp_path / "cut.pt"
    torch.save({"0.weight": torch.zeros(2, 1, 3, 3)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cut.pt" in refused(path, factory).sentence


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 0.999])
def test_a_truncated_safetensors_file_is_told(tmp_path: Path, factory: str, share: float) -> None:
    path = tmp_path / "cut.safetensors"
    save_file({"0.weight": torch.zeros(2, 1, 3, 3)}, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert "cut.safetensors" in refused(path, factory).sentence


@pytest.mark.parametrize("suffix", [".onnx", ".pt", ".safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(40),
        b"%PDF-1.7 something",
        b"<!DOCTYPE html><title>Not found</title>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        b"GGUF\x03\x00\x00\x00" + bytes(40),
        b"print('hello')\n" * 10,
        b"\x80\x02garbage that is no pickle",
        bytes(range(256)) * 8,
        bytes(1000),
    ],
)
def test_a_foreign_file_under_our_suffix_is_told(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"foreign{suffix}"
    path.write_bytes(content)
    assert "foreign" in refused(path).sentence


def test_a_foreign_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "letters.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear reader")
    assert "zip archive" in refused(path).sentence


def test_a_torchscript_program_is_told(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("script/constants.pkl", b"x")
        archive.writestr("script/code/__torch__.py", "pass")
    assert "TorchScript" in refused(path).sentence


class Mischief:
    """Pickles as a call of os.system that leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("way", ["torch", "legacy", "pickle"])
def test_a_pickle_that_wants_to_run_code_is_refused_and_not_run(tmp_path: Path, factory: str, way: str) -> None:
    path, marker = tmp_path / "evil.pt", tmp_path / "was_run"
    if way == "pickle":
        path.write_bytes(pickle.dumps(Mischief(marker)))
    else:
        torch.save({"a": Mischief(marker)}, path, _use_new_zipfile_serialization=way == "torch")
    error = refused(path, factory)
    assert not marker.exists()
    assert "system" in error.sentence
    assert "never run" in error.sentence


def test_a_checkpoint_without_weights_is_told(tmp_path: Path, factory: str) -> None:
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    assert "epoch" in refused(tmp_path / "none.pt", factory).sentence


def test_weights_that_do_not_fit_are_told_with_names_and_counts(tmp_path: Path, factory: str) -> None:
    content = {
        "0.weight": torch.zeros(2, 1, 5, 5),
        "0.bias": torch.zeros(2),
        "other.weight": torch.zeros(3),
        "other.bias": torch.zeros(3),
    }
    torch.save(content, tmp_path / "w.pt")
    sentence = refused(tmp_path / "w.pt", factory).sentence
    assert "2 missing (2.weight, 2.bias)" in sentence
    assert "2 not in the network (other.weight, other.bias)" in sentence
    assert "0.weight is 2×1×5×5, the network has 2×1×3×3" in sentence


def test_nan_weights_are_told_and_not_refused(tmp_path: Path, weight: np.ndarray, factory: str) -> None:
    weight[0, 0, 0, :2] = np.nan, np.inf
    onnx.save(model(weight), tmp_path / "nan.onnx")
    opened = open_model(ModelSource(str(tmp_path / "nan.onnx")))
    assert any("conv" in note and "2 values" in note for note in describe(opened).notes)
    state = {
        "0.weight": torch.full((2, 1, 3, 3), torch.nan),
        "0.bias": torch.zeros(2),
        "2.weight": torch.zeros(3, 128),
        "2.bias": torch.zeros(3),
    }
    save_file(state, tmp_path / "nan.safetensors")
    opened = open_model(ModelSource(str(tmp_path / "nan.safetensors"), factory))
    assert any("layer 0 holds 18 values" in note for note in describe(opened).notes)


def external(weight: np.ndarray, location: str, **entries: int) -> onnx.ModelProto:
    """The model with its weight in an external file of this name."""
    proto = model(weight)
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, **entries}.items():
        tensor.external_data.add(key=key, value=str(value))
    return proto


@pytest.mark.parametrize(
    "place", ["absolute", "../secret.bin", "sub/../../secret.bin", "..\\secret.bin", "C:\\secret.bin"]
)
def test_external_data_outside_the_folder_is_not_read(tmp_path: Path, weight: np.ndarray, place: str) -> None:
    secret, folder = tmp_path / "secret.bin", tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    secret.write_bytes(weight.tobytes())
    onnx.save(external(weight, str(secret) if place == "absolute" else place), folder / "m.onnx")
    assert "outside" in refused(folder / "m.onnx").sentence


def test_external_data_behind_a_symbolic_link_is_not_read(tmp_path: Path, weight: np.ndarray) -> None:
    secret, folder = tmp_path / "secret.bin", tmp_path / "model"
    folder.mkdir()
    secret.write_bytes(weight.tobytes())
    (folder / "data.bin").symlink_to(secret)
    onnx.save(external(weight, "data.bin"), folder / "m.onnx")
    assert "outside" in refused(folder / "m.onnx").sentence


def test_missing_external_data_is_told(tmp_path: Path, weight: np.ndarray) -> None:
    onnx.save(external(weight, "data.bin"), tmp_path / "m.onnx")
    assert "data.bin" in refused(tmp_path / "m.onnx").sentence


@pytest.mark.parametrize("entries", [{}, {"offset": 200}, {"offset": -4}, {"length": 4}, {"length": 1 << 40}])
def test_external_data_of_the_wrong_size_is_told(tmp_path: Path, weight: np.ndarray, entries: dict[str, int]) -> None:
    stored = weight.tobytes()
    (tmp_path / "data.bin").write_bytes(stored if entries else stored[:-1])
    onnx.save(external(weight, "data.bin", **entries), tmp_path / "m.onnx")
    assert "conv.weight" in refused(tmp_path / "m.onnx").sentence


def test_an_invalid_graph_is_told(tmp_path: Path, weight: np.ndarray) -> None:
    proto = model(weight)
    proto.graph.node[0].input[0] = "nobody makes this"
    onnx.save(proto, tmp_path / "bad.onnx")
    assert "bad.onnx" in refused(tmp_path / "bad.onnx").sentence


def test_an_unknown_sample_and_no_model_at_all_are_told() -> None:
    assert "sample:other" in refused(Path("sample:other")).sentence
    with pytest.raises(UserError, match="No model"):
        open_model(ModelSource())
