"""Every tensor of a model under its name, whichever kind of model it is."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from secateur.formats.weight_files.named_weights import layer_tensors, named_tensors
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel, StoredModel
from secateur.methods.quantize.weight_only import WeightOnly


@pytest.fixture
def stored_model(tmp_path: Path) -> Any:
    from secateur.formats import format_named
    from secateur.model.description import ModelSource

    random = np.random.default_rng(2)
    path = tmp_path / "weights.safetensors"
    tensors = {
        "fc.weight": random.standard_normal((3, 64)).astype(np.float32),
        "norm.weight": random.standard_normal(64).astype(np.float16),
        "ids": np.array([1 << 40, -7], np.int64),
    }
    save_file(tensors, str(path))
    return format_named("safetensors").read(path, ModelSource(str(path)), lambda *_: None)


def test_encoded_weights_come_rounded(lowered_network: Any) -> None:
    model = WeightOnly(bits=4).apply(lowered_network, ["conv1"], Context())
    found = {tensor.name: tensor.values() for tensor in named_tensors(model)}
    weights = model.weights()
    np.testing.assert_array_equal(found["conv1.weight"], model.encodings.weights["conv1"].round_trip(weights["conv1"]))
    np.testing.assert_array_equal(found["conv2.weight"], weights["conv2"])
    assert found["fc.bias"].shape == (10,)


def test_an_onnx_file_gives_its_layers_by_name_and_everything_else_once(residual_graph: Any) -> None:
    model = OnnxModel(name="net", proto=residual_graph, inputs=(), outputs=())
    names = [tensor.name for tensor in named_tensors(model)]
    assert sorted(names) == sorted(tensor.name for tensor in residual_graph.graph.initializer)
    assert set(layer_tensors(model).values()) <= set(names)


def test_stored_integers_are_copied_as_they_are(stored_model: Any) -> None:
    assert isinstance(stored_model, StoredModel)
    found = {tensor.name: tensor for tensor in named_tensors(stored_model)}
    assert found["ids"].dtype == "int64"
    assert found["ids"].values().tolist() == [1 << 40, -7]
    assert found["norm.weight"].values().dtype == np.float32


def test_replaced_weights_are_the_ones_that_are_given(stored_model: Any) -> None:
    new = np.zeros((3, 64), np.float32)
    model = replace(stored_model, replaced={"fc.weight": new})
    found = {tensor.name: tensor.values() for tensor in named_tensors(model)}
    np.testing.assert_array_equal(found["fc.weight"], new)
    assert layer_tensors(model)["fc"] == "fc.weight"
