"""Tied weights through quantization and pruning: one set of integers, one mask, one tensor in the file."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from secateur.data.batch import Batch
from secateur.errors import UserError
from secateur.formats.onnx_files.writing import run_onnx, write_onnx
from secateur.formats.reading import describe, open_model
from secateur.formats.torch_files.qdq import quantized_module
from secateur.formats.torch_files.state_dicts import StateDict, fit
from secateur.formats.weight_files.safetensors_write import run_safetensors, write_safetensors
from secateur.graph.context import Context
from secateur.graph.network import TorchModel
from secateur.graph.onnx_files.computed import float_layers
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource, Port

RANDOM = np.random.default_rng(0)
WIDTH = 48


class Samples:
    """Calibration samples of one array."""

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs

    def size(self, split: str) -> int:
        return len(self.inputs)

    def batches(self, split: str, size: int, limit: int | None = None) -> Any:
        for start in range(0, len(self.inputs), size):
            part = self.inputs[start : start + size]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


def saved(path: Any, nodes: list[onnx.NodeProto], stored: dict[str, Any], given: tuple[int, list[Any]]) -> Any:
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", *given)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", None])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return open_model(ModelSource(str(path)))


@pytest.fixture
def language_model(tmp_path: Any) -> Any:
    """One matrix is the embedding and, transposed, the output layer."""
    table = (RANDOM.standard_normal((400, WIDTH)) * 0.4).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["E", "x"], ["e"]),
        helper.make_node("ReduceMean", ["e", "one"], ["h"], keepdims=0),
        helper.make_node("Transpose", ["E"], ["Et"], perm=[1, 0]),
        helper.make_node("MatMul", ["h", "Et"], ["y"], name="head"),
    ]
    given = (onnx.TensorProto.INT64, ["N", 6])
    return saved(tmp_path / "tied.onnx", nodes, {"E": table, "one": np.array([1])}, given)


@pytest.fixture
def there_and_back(tmp_path: Any) -> Any:
    """An autoencoder with tied weights: x·W, then ·Wᵀ."""
    weight = (RANDOM.standard_normal((WIDTH, 20)) * 0.4).astype(np.float32)
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["a"], name="down"),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Transpose", ["W"], ["Wt"], perm=[1, 0]),
        helper.make_node("MatMul", ["b", "Wt"], ["y"], name="up"),
    ]
    return saved(tmp_path / "back.onnx", nodes, {"W": weight}, (onnx.TensorProto.FLOAT, ["N", WIDTH]))


@pytest.fixture
def two_heads(tmp_path: Any) -> Any:
    """Two linear layers with one weight, each with a bias of its own."""
    weight = (RANDOM.standard_normal((WIDTH, WIDTH)) * 0.4).astype(np.float32)
    nodes = [
        helper.make_node("Gemm", ["x", "W", "b1"], ["a"], name="one", transB=1),
        helper.make_node("Sigmoid", ["a"], ["b"]),
        helper.make_node("Gemm", ["b", "W", "b2"], ["y"], name="two", transB=1),
    ]
    stored = {"W": weight, "b1": np.ones(WIDTH, np.float32), "b2": np.arange(WIDTH, dtype=np.float32)}
    return saved(tmp_path / "heads.onnx", nodes, stored, (onnx.TensorProto.FLOAT, ["N", WIDTH]))


def inputs_for(model: Any) -> Any:
    if model.inputs[0].dtype == "int64":
        return np.random.default_rng(1).integers(0, 400, (64, 6))
    return np.random.default_rng(1).standard_normal((64, WIDTH)).astype(np.float32)


def weighted(model: Any) -> list[str]:
    return [layer.name for layer in describe(model).weighted_layers]


@pytest.mark.parametrize("method", [StaticInt8(), WeightOnly(bits=8), WeightOnly(bits=4)])
@pytest.mark.parametrize("fixture", ["language_model", "there_and_back", "two_heads"])
def test_a_tied_weight_is_stored_once_as_integers(request: Any, tmp_path: Any, fixture: str, method: Any) -> None:
    model = request.getfixturevalue(fixture)
    inputs = inputs_for(model)
    result = method.apply(model, weighted(model), Context(data=Samples(inputs)))
    path = tmp_path / "small.onnx"
    write_onnx(result, path)
    matrices = [tensor for tensor in onnx.load(path).graph.initializer if len(tensor.dims) == 2]
    stored = {tensor.name: tensor for tensor in matrices if min(tensor.dims) > 1}  # scales are columns
    eight = {onnx.TensorProto.INT8, onnx.TensorProto.UINT8}  # the latter around 128, where int8 kernels overflow
    wanted = {onnx.TensorProto.INT4} if getattr(method, "bits", 8) == 4 else eight
    assert len(stored) == 1
    assert {tensor.data_type for tensor in stored.values()} <= wanted
    written, simulated, before = run_onnx(path)(inputs), result.run(inputs), model.run(inputs)
    largest = float(np.abs(simulated).max())
    np.testing.assert_allclose(written, simulated, atol=0.03 * largest)
    assert float(np.square(simulated - before).mean()) < 0.05 * float(np.square(before).mean())


def test_the_output_layer_of_a_tied_matrix_is_computed_in_integers(language_model: Any, tmp_path: Any) -> None:
    inputs = inputs_for(language_model)
    result = StaticInt8().apply(language_model, ["head"], Context(data=Samples(inputs)))
    write_onnx(result, tmp_path / "small.onnx")
    assert not float_layers(onnx.load(tmp_path / "small.onnx"), ["head"])
    assert (tmp_path / "small.onnx").stat().st_size < 0.33 * language_model.source_bytes


def test_layers_with_the_same_channels_share_scales_and_others_say_that_they_do_not(
    two_heads: Any, there_and_back: Any
) -> None:
    said: list[str] = []
    both = StaticInt8().apply(two_heads, ["one", "two"], Context(data=Samples(inputs_for(two_heads)), log=said.append))
    assert not any("shares its weight" in line for line in said)
    np.testing.assert_array_equal(both.encodings.weights["one"].scale, both.encodings.weights["two"].scale)
    back = WeightOnly(bits=8).apply(there_and_back, ["down", "up"], Context(log=said.append))
    assert list(back.encodings.weights) == ["down"]
    assert any("up shares its weight with down" in line for line in said)


def test_a_second_encoding_of_a_tied_weight_is_refused(two_heads: Any) -> None:
    once = WeightOnly(bits=8).apply(two_heads, ["one"], Context())
    with pytest.raises(UserError, match="shares its weight with one"):
        WeightOnly(bits=4).apply(once, ["two"], Context())


def test_a_tied_weight_has_one_mask(two_heads: Any, tmp_path: Any) -> None:
    pruned = MagnitudePruning(ratio=0.5).apply(two_heads, ["one"], Context())
    assert float(np.mean(pruned.weights()["two"] == 0)) == 0.5
    write_onnx(pruned, tmp_path / "pruned.onnx")
    matrices = [tensor for tensor in onnx.load(tmp_path / "pruned.onnx").graph.initializer if len(tensor.dims) == 2]
    assert len(matrices) == 1
    x = inputs_for(two_heads)
    np.testing.assert_allclose(run_onnx(tmp_path / "pruned.onnx")(x), pruned.run(x), rtol=1e-4, atol=1e-4)


class Tied(nn.Module):
    """A torch network with tied weights, as language models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(400, WIDTH)
        self.inner = nn.Linear(WIDTH, WIDTH)
        self.head = nn.Linear(WIDTH, 400, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.inner(self.embedding(x)))).mean(1)


@pytest.fixture
def tied_network() -> TorchModel:
    torch.manual_seed(0)
    port = Port("x", "int64", (None, 6))
    return TorchModel("tied", Tied(), (port,), (Port("y", "float32", (None, 400)),))


@pytest.mark.parametrize("method", [MagnitudePruning(ratio=0.5), StaticInt8(), WeightOnly(bits=8)])
def test_a_torch_network_keeps_its_ties_in_the_file(tied_network: Any, tmp_path: Any, method: Any) -> None:
    inputs = np.random.default_rng(1).integers(0, 400, (32, 6))
    seen = describe(tied_network)
    assert seen.params == sum(value.numel() for value in tied_network.module.parameters())
    result = method.apply(tied_network, ["inner", "head"], Context(data=Samples(inputs)))
    write_onnx(result, tmp_path / "out.onnx")
    tables = [item for item in onnx.load(tmp_path / "out.onnx").graph.initializer if list(item.dims) == [400, WIDTH]]
    assert len(tables) == 1
    simulated = result.run(inputs)
    written = run_onnx(tmp_path / "out.onnx")(inputs)
    np.testing.assert_allclose(written, simulated, atol=0.03 * float(np.abs(simulated).max()))


def test_a_checkpoint_that_names_a_tied_weight_once_fits(tied_network: Any, tmp_path: Any) -> None:
    state = {name: value + 1 for name, value in tied_network.module.state_dict().items() if name != "head.weight"}
    fresh = Tied()
    fit(fresh, StateDict(state), tmp_path / "weights.safetensors", "net.py:build")
    assert torch.equal(fresh.head.weight, state["embedding.weight"])


@pytest.mark.parametrize("fixture", ["tied_network", "there_and_back", "language_model"])
def test_safetensors_hold_a_tied_weight_once_and_their_code_ties_it(request: Any, tmp_path: Any, fixture: str) -> None:
    model = request.getfixturevalue(fixture)
    inputs = inputs_for(model)
    path, code = write_safetensors(model, tmp_path / "net.safetensors")
    assert path.stat().st_size < 4 * describe(model).params + 4000
    assert "secateur." not in code.read_text()
    np.testing.assert_allclose(run_safetensors(path)(inputs), model.run(inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fixture", ["tied_network", "there_and_back", "two_heads", "language_model"])
@pytest.mark.parametrize("bits", [8, 4])
def test_torch_files_hold_the_integers_of_a_tied_weight_once(request: Any, fixture: str, bits: int) -> None:
    model = request.getfixturevalue(fixture)
    result = WeightOnly(bits=bits).apply(model, weighted(model), Context())
    module = quantized_module(result)
    state = [value for value in module.state_dict().values() if value.is_floating_point()]
    assert max(value.numel() for value in state) <= 400  # scales and biases
    inputs = inputs_for(model)
    with torch.no_grad():
        answer = module(torch.from_numpy(inputs)).numpy()
    np.testing.assert_allclose(answer, result.run(inputs), rtol=1e-4, atol=1e-4)
