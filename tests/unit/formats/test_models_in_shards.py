"""Models in several files: an index names them, each beside it; with a factory and without."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from secateur.errors import UserError
from secateur.formats.reading import describe, open_model
from secateur.graph.network import StoredModel, TorchModel
from secateur.model.description import ModelSource
from secateur.model.stored import read_values

FACTORY = """
from torch import nn

input_shape = (6,)

def make():
    return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
"""


@pytest.fixture
def weights():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.ReLU(), torch.nn.Linear(5, 3)).state_dict()


@pytest.fixture
def sharded(tmp_path, weights):
    """A folder `net` with two safetensors files and their index."""
    folder = tmp_path / "net"
    folder.mkdir()
    places = {name: f"model-0000{1 + name.startswith('2')}-of-00002.safetensors" for name in weights}
    for file in set(places.values()):
        save_file({name: weights[name] for name in weights if places[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    return folder


@pytest.mark.parametrize("named", ["", "model.safetensors.index.json"])
def test_a_folder_and_its_index_are_one_model(sharded, weights, named):
    model = open_model(ModelSource(str(sharded / named)))
    assert isinstance(model, StoredModel)
    assert model.name == "net"
    assert {tensor.name for tensor in model.tensors} == set(weights)
    assert model.source_bytes == sum(file.stat().st_size for file in sharded.glob("*.safetensors"))
    for tensor in model.tensors:
        np.testing.assert_array_equal(read_values(tensor), weights[tensor.name].numpy())


def test_shards_fit_a_factory(sharded, weights, tmp_path):
    (tmp_path / "net.py").write_text(FACTORY)
    index = sharded / "model.safetensors.index.json"
    model = open_model(ModelSource(str(index), f"{tmp_path / 'net.py'}:make"))
    assert isinstance(model, TorchModel)
    for name, tensor in model.module.state_dict().items():
        assert torch.equal(tensor, weights[name])


def test_checkpoints_in_shards_are_one_model(tmp_path, weights):
    names = list(weights)
    for part, chosen in (("a", names[:2]), ("b", names[2:])):
        torch.save({name: weights[name] for name in chosen}, tmp_path / f"{part}.bin")
    places = {name: "a.bin" if name in names[:2] else "b.bin" for name in names}
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))
    model = open_model(ModelSource(str(tmp_path)))
    assert {tensor.name for tensor in model.tensors} == set(weights)


def test_the_fingerprint_follows_every_shard(sharded):
    before = describe(open_model(ModelSource(str(sharded)))).fingerprint
    file = sorted(sharded.glob("*.safetensors"))[1]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert describe(open_model(ModelSource(str(sharded)))).fingerprint != before


def test_a_missing_shard_is_named(sharded):
    (sharded / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(UserError, match=r"model-00002-of-00002\.safetensors, which .* names, is missing"):
        open_model(ModelSource(str(sharded)))


@pytest.mark.parametrize("name", ["../outside.safetensors", "/etc/passwd", "sub/part.safetensors", "..\\part", 7])
def test_a_shard_outside_the_folder_is_refused(sharded, name):
    (sharded.parent / "outside.safetensors").write_bytes((sharded / "model-00001-of-00002.safetensors").read_bytes())
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"0.weight": name}}))
    with pytest.raises(UserError, match="outside its own folder"):
        open_model(ModelSource(str(sharded)))


def test_a_link_out_of_the_folder_is_refused(sharded):
    outside = sharded.parent / "outside.safetensors"
    (sharded / "model-00001-of-00002.safetensors").rename(outside)
    (sharded / "model-00001-of-00002.safetensors").symlink_to(outside)
    with pytest.raises(UserError, match="outside its own folder"):
        open_model(ModelSource(str(sharded)))


@pytest.mark.parametrize("text", ["{", "{}", "[]", '{"weight_map": []}', '{"weight_map": {}}', "{" * 100_000])
def test_an_index_that_makes_no_sense_is_one_sentence(sharded, text):
    (sharded / "model.safetensors.index.json").write_text(text)
    with pytest.raises(UserError):
        open_model(ModelSource(str(sharded)))


def test_a_tensor_in_two_shards_is_named(sharded, weights):
    save_file({"0.weight": weights["0.weight"]}, sharded / "model-00002-of-00002.safetensors")
    with pytest.raises(UserError, match=r"0\.weight is both in"):
        open_model(ModelSource(str(sharded)))
