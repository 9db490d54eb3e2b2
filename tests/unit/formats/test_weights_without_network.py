"""Weights without a network: pruned, stored in few bits, written in their own types and read again."""

import json

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from secateur.engine.events import Failed, Finished
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress, DataSource, OpenData
from secateur.engine.worker import run_job
from secateur.engine.workshop import Workshop
from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.formats.reading import open_model
from secateur.formats.weight_files.safetensors_stored import encoded
from secateur.graph.context import Context
from secateur.graph.network import StoredModel
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.model.stored import STORED_TYPES
from secateur.recipe.recipe import Recipe, Step

SAFETENSORS = format_named("safetensors")


@pytest.fixture
def weights(tmp_path):
    """A file with matrices in several types, and what belongs to no layer."""
    torch.manual_seed(0)
    tensors = {
        "a.weight": torch.randn(12, 30),
        "a.bias": torch.randn(12),
        "conv.weight": torch.randn(8, 4, 3, 3).to(torch.bfloat16),
        "half.weight": torch.randn(9, 7).to(torch.float16),
        "small.weight": torch.randn(6, 8).to(torch.float8_e4m3fn),
        "positions": torch.arange(10),
        "mask": torch.tensor([True, False]),
        "none": torch.zeros(0, 4),
    }
    save_file(tensors, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def opened(path):
    return open_model(ModelSource(str(path)))


def test_unchanged_weights_are_written_byte_by_byte(weights, tmp_path):
    model = opened(weights)
    assert isinstance(model, StoredModel)
    file = export(model, SAFETENSORS, tmp_path / "copy.safetensors")
    assert file.verified
    before, after = load_file(weights), load_file(tmp_path / "copy.safetensors")
    assert list(after) == list(before)
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name].view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize("layer", ["a", "conv", "half", "small"])
def test_pruned_weights_keep_their_type(weights, tmp_path, layer):
    pruned = MagnitudePruning(ratio=0.5).apply(opened(weights), [layer], Context())
    assert export(pruned, SAFETENSORS, tmp_path / "pruned.safetensors").verified
    before, after = load_file(weights), load_file(tmp_path / "pruned.safetensors")
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
    old, new = before[f"{layer}.weight"].float(), after[f"{layer}.weight"].float()
    assert int((new == 0).sum()) >= old.numel() // 2
    assert torch.equal(new[new != 0], old[new != 0])
    assert torch.equal(after["a.bias"], before["a.bias"])


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("layer", ["a", "conv", "half"])
def test_encoded_weights_are_read_again_as_what_they_are(weights, tmp_path, layer, bits):
    model = opened(weights)
    quantized = WeightOnly(bits=bits).apply(model, [layer], Context())
    file = export(quantized, SAFETENSORS, tmp_path / "few.safetensors")
    assert file.verified, file.sentence
    again = opened(tmp_path / "few.safetensors")
    stored = {tensor.name: tensor for tensor in again.tensors}[f"{layer}.weight"]
    original = model.weights()[layer]
    assert stored.dtype == f"int{bits}"
    assert stored.shape == original.shape
    assert stored.size_bytes == (original.size * bits + 7) // 8
    expected = quantized.encodings.weights[layer].round_trip(original)
    np.testing.assert_array_equal(again.weights()[layer], expected)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]


def test_others_find_integers_and_scales_by_their_names(weights, tmp_path):
    quantized = WeightOnly(bits=4).apply(
        WeightOnly(bits=8).apply(opened(weights), ["a"], Context()), ["half"], Context()
    )
    export(quantized, SAFETENSORS, tmp_path / "few.safetensors")
    found = load_file(tmp_path / "few.safetensors")
    assert found["a.weight"].dtype == torch.int8
    values = found["a.weight"].float() * found["a.weight_scale"][:, None]
    np.testing.assert_allclose(
        values.numpy(), quantized.encodings.weights["a"].round_trip(opened(weights).weights()["a"])
    )
    assert found["half.weight_packed"].dtype == torch.uint8
    assert found["half.weight_packed"].numel() == 32
    with safe_open(tmp_path / "few.safetensors", "pt") as file:
        told = json.loads(file.metadata()["secateur.encodings"])
    assert told["half.weight"] == {
        "stored": "half.weight_packed", "scale": "half.weight_scale", "bits": 4, "axis": 0, "shape": [9, 7]
    }  # fmt: skip


def test_encoded_weights_are_pruned_in_their_integers(weights, tmp_path):
    export(WeightOnly(bits=8).apply(opened(weights), ["a"], Context()), SAFETENSORS, tmp_path / "few.safetensors")
    pruned = MagnitudePruning(ratio=0.25).apply(opened(tmp_path / "few.safetensors"), ["a"], Context())
    assert export(pruned, SAFETENSORS, tmp_path / "both.safetensors").verified
    before, after = load_file(tmp_path / "few.safetensors"), load_file(tmp_path / "both.safetensors")
    kept = after["a.weight"] != 0
    assert torch.equal(before["a.weight"][kept], after["a.weight"][kept])
    assert int((~kept).sum()) >= 90


@pytest.mark.parametrize(
    "told",
    [
        "no JSON", "[]", '{"a.weight": 3}', '{"a.weight": {"stored": "absent"}}',
        '{"a.weight": {"stored": "a.weight", "scale": "a.bias", "bits": 8, "axis": 0, "shape": [-1]}}',
        '{"a.weight": {"stored": "a.weight", "scale": "a.bias", "bits": 8, "axis": 0, "shape": [12, 30]}}',
        '{"mask": {"stored": "positions", "scale": "a.bias", "bits": 4, "axis": 9, "shape": [2]}}',
    ],
)  # fmt: skip
def test_what_metadata_says_wrongly_leaves_the_tensors_as_they_lie(weights, told):
    tensors = load_file(weights)
    save_file(tensors, weights, {"secateur.encodings": told})
    found = opened(weights).tensors
    assert {tensor.name: tensor.dtype for tensor in found}["a.weight"] == "float32"
    assert all(tensor.scale is None for tensor in found)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int8"])
def test_values_that_a_type_has_are_stored_as_themselves(dtype):
    kind = STORED_TYPES[dtype]
    codes = np.arange(256 if kind.size == 1 else 65536, dtype=np.uint8 if kind.size == 1 else np.uint16)
    values = kind.decode(codes.view(np.uint8))
    again = kind.decode(np.ascontiguousarray(encoded(values, dtype)).view(np.uint8))
    np.testing.assert_array_equal(again[np.isfinite(values)], values[np.isfinite(values)])


def test_between_two_values_the_nearer_is_stored():
    values = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    ours = (encoded(values, "bfloat16").astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(ours, torch.from_numpy(values).to(torch.bfloat16).float().numpy())
    small = encoded(values, "float8_e4m3fn")
    theirs = torch.from_numpy(values).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
    assert (small == theirs).mean() > 0.999


# ---------------------------------------------------------------------- as the engine does it


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """do(request) → the event that ends it, in a home of its own."""
    monkeypatch.setenv("SECATEUR_HOME", str(tmp_path / "home"))
    workshop = Workshop(1)
    return lambda request: run_job(request, Reporter(1, lambda event: None), workshop)


def test_a_plan_runs_on_weights_alone_without_data(weights, tmp_path, engine):
    recipe = Recipe((Step(MagnitudePruning(ratio=0.5), ("a",)), Step(WeightOnly(bits=4), ("conv",))))
    out = tmp_path / "out"
    ended = engine(Compress(ModelSource(str(weights)), DataSource(""), recipe, "run", folder=out))
    assert isinstance(ended, Finished), ended
    document = ended.result.record.document
    assert [file.format for file in document.files] == ["safetensors"]
    assert document.files[0].verified
    assert document.result.bytes < document.original.bytes
    assert document.original.nonzero_params - document.result.nonzero_params >= 180
    assert {error.layer for error in document.layers} == {"a", "conv"}
    assert any("not measured" in warning for warning in document.warnings)
    assert opened(out / "model.safetensors").weights()["conv"].shape == (8, 4, 3, 3)


def test_a_method_that_needs_a_network_says_so(weights, engine):
    from secateur.methods.quantize.static_int8 import StaticInt8

    recipe = Recipe((Step(StaticInt8(), ("a",)),))
    ended = engine(Compress(ModelSource(str(weights)), DataSource(""), recipe, "run"))
    assert isinstance(ended, Failed)
    assert "works on a network" in ended.hint + ended.sentence


def test_data_for_weights_alone_is_refused_with_the_reason(weights, engine):
    ended = engine(OpenData(ModelSource(str(weights)), DataSource("random")))
    assert isinstance(ended, Failed)
    assert "without their network" in ended.sentence
