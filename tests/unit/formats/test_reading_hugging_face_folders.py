"""Hugging Face folders without transformers: their weights, and what is refused. (With it: tests/exporters.)"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.kinds.hugging_face import HuggingFaceFormat
from secateur.formats.reading import open_model
from secateur.formats.recognition import model_file, recognise
from secateur.graph.network import StoredModel
from secateur.installing import install_command
from secateur.model.description import ModelSource

WEIGHT = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def without_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HuggingFaceFormat, "modules", ("transformers_that_is_not_there",))


def folder(path: Path, **config: Any) -> Path:
    path.mkdir(exist_ok=True)
    (path / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"], **config}))
    return path


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    path = folder(tmp_path / "model")
    save_file({"a.weight": WEIGHT}, path / "model-00001-of-00002.safetensors")
    save_file({"b.weight": 2 * WEIGHT}, path / "model-00002-of-00002.safetensors")
    names = {"a.weight": "model-00001-of-00002.safetensors", "b.weight": "model-00002-of-00002.safetensors"}
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    return path


def test_without_transformers_the_weights_of_all_shards_are_shown(sharded: Path, without_transformers: None) -> None:
    model = open_model(ModelSource(str(sharded)))
    assert isinstance(model, StoredModel)
    assert (model.weights()["b"] == 2 * WEIGHT).all()
    assert model.source_bytes == sum(file.stat().st_size for file in sharded.glob("*.safetensors"))
    assert install_command("transformers") in model.reason


def test_a_folder_is_taken_as_a_whole(sharded: Path) -> None:
    assert model_file(sharded) == sharded
    assert recognise(sharded) is format_named("huggingface")


def test_a_folder_without_a_configuration_is_none(tmp_path: Path) -> None:
    save_file({"a.weight": WEIGHT}, tmp_path / "model.safetensors")
    assert model_file(tmp_path) == tmp_path / "model.safetensors"
    (tmp_path / "config.json").write_text("[1, 2]")
    assert model_file(tmp_path) == tmp_path / "model.safetensors"


def test_weights_in_pickles_are_not_read(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    (path / "pytorch_model.bin").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00echo\x85R.")
    with pytest.raises(UserError, match="no safetensors"):
        open_model(ModelSource(str(path)))


@pytest.mark.parametrize("name", ["../secret.safetensors", "/etc/passwd", "deep/file.safetensors"])
def test_an_index_may_only_name_files_of_the_folder(sharded: Path, name: str) -> None:
    save_file({"c.weight": WEIGHT}, sharded.parent / "secret.safetensors")
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"c.weight": name}}))
    with pytest.raises(UserError, match="outside the model's folder"):
        open_model(ModelSource(str(sharded)))


def test_a_missing_shard_is_named(sharded: Path) -> None:
    (sharded / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match="model-00002-of-00002"):
        open_model(ModelSource(str(sharded)))


@pytest.mark.parametrize(
    "config", [{"hidden_size": 1 << 40}, {"num_hidden_layers": 10**7}, {"inner": {"n_layer": -(10**9)}}]
)
def test_sizes_that_no_network_has_are_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    from secateur.formats.hugging_face.folder import configuration

    with pytest.raises(UserError, match="which no network has"):
        configuration(folder(tmp_path / "model", **config))


def test_a_folder_without_a_single_tensor_is_refused_at_once(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    save_file({}, path / "model.safetensors")
    with pytest.raises(UserError, match="hold no tensors"):
        open_model(ModelSource(str(path)))
