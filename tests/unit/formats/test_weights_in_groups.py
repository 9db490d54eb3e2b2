"""Weights in groups, symmetric and affine: written in every form, run, proven, and read back as what they were."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from secateur.analysis.layer_errors import layer_errors
from secateur.formats.base import LocalProof
from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.proving.arithmetic import local_proof
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel, TorchModel
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource, Port

LAYERS = ("first", "second")
SCHEMES = [(32, "symmetric"), (32, "affine"), (128, "symmetric"), (128, "affine")]


class Perceptron(nn.Module):
    """A linear layer that torch exports as Gemm, and one on several rows that becomes a MatMul."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(260, 128)
        self.second = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)).unsqueeze(1)).squeeze(1)


@pytest.fixture(scope="module")
def network() -> TorchModel:
    torch.manual_seed(0)
    return TorchModel(
        "net", Perceptron().eval(), (Port("x", "float32", (None, 260)),), (Port("y", "float32", (None, 10)),)
    )


@pytest.fixture(scope="module", params=SCHEMES, ids=lambda scheme: f"{scheme[0]}-{scheme[1]}")
def encoded(request: Any, network: TorchModel) -> TorchModel:
    size, scheme = request.param
    result = WeightOnly(bits=4, group_size=size, scheme=scheme).apply(network, LAYERS, Context())
    assert isinstance(result, TorchModel)
    return result


def inputs() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((7, 260)).astype(np.float32)


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(str(path)).graph.node]


def written(model: Any, path: Path, **options: Any) -> Path:
    OnnxFormat().write(model, path, OnnxOptions(**options))
    return path


@pytest.mark.parametrize("form", ["fast", "exact", "standard"])
def test_its_layers_are_compared_with_those_of_the_original(
    network: TorchModel, encoded: TorchModel, tmp_path: Path, form: str
) -> None:
    original = onnx.load(written(network, tmp_path / "original.onnx"))
    small = onnx.load(written(encoded, tmp_path / "small.onnx", groups=form))
    errors = layer_errors(original, small, (inputs(),))
    assert [error.layer for error in errors] == list(LAYERS)
    assert all(error.weight_sqnr_db > 15 and error.output_sqnr_db > 10 for error in errors), errors


@pytest.mark.parametrize("form", ["fast", "exact", "standard"])
def test_the_file_runs_and_its_numbers_are_those_of_the_encodings(
    encoded: TorchModel, tmp_path: Path, form: str
) -> None:
    path = written(encoded, tmp_path / "net.onnx", groups=form)
    assert operators(path).count("MatMulNBits") == (0 if form == "standard" else 2)
    proof = local_proof(path, encoded, (inputs(),))
    assert proof is not None
    assert proof.is_right, proof.sentence
    expected, actual = encoded.run(inputs()), OnnxFormat().run(path)(inputs())
    deviation = np.abs(actual - expected).max() / np.abs(expected).max()
    assert deviation < (1e-5 if form == "exact" else 2e-2)
    assert (proof == LocalProof()) == (form == "exact")  # the others round inputs by themselves, and say so


@pytest.mark.parametrize("form", ["fast", "exact"])
def test_no_product_unpacks_its_weight_anew_for_every_batch(encoded: TorchModel, tmp_path: Path, form: str) -> None:
    import onnxruntime

    path = written(encoded, tmp_path / "net.onnx", groups=form)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    assert operators(tmp_path / "optimized.onnx").count("MatMulNBits") == 2
    assert "DequantizeLinear" not in operators(tmp_path / "optimized.onnx")


def test_its_weights_take_as_many_bytes_as_their_encodings_say(encoded: TorchModel, tmp_path: Path) -> None:
    path = written(encoded, tmp_path / "net.onnx", groups="standard")
    weights = encoded.weights()
    stated = sum(encoding.size_bytes(weights[name].shape) for name, encoding in encoded.encodings.weights.items())
    assert stated < path.stat().st_size < stated + 2500


@pytest.mark.parametrize("form", ["fast", "exact", "standard"])
def test_it_is_read_back_as_the_same_layers_with_the_weights_that_were_stored(
    encoded: TorchModel, tmp_path: Path, form: str
) -> None:
    opened = open_model(ModelSource(str(written(encoded, tmp_path / "net.onnx", groups=form))))
    assert isinstance(opened, TorchModel), getattr(opened, "reason", "")
    weights = encoded.weights()
    assert set(opened.weights()) == set(LAYERS)
    for name, values in opened.weights().items():
        assert np.array_equal(values, encoded.encodings.weights[name].round_trip(weights[name]))
    assert np.allclose(opened.run(inputs()), encoded.run(inputs()), atol=1e-6)


def test_a_file_that_was_read_back_is_written_with_the_same_integers(encoded: TorchModel, tmp_path: Path) -> None:
    first = written(encoded, tmp_path / "net.onnx", groups="exact")
    again = written(open_model(ModelSource(str(first))), tmp_path / "again.onnx")
    assert np.allclose(OnnxFormat().run(again)(inputs()), encoded.run(inputs()), atol=0.05)
    assert again.stat().st_size < first.stat().st_size * 1.3


@pytest.mark.parametrize(("what", "change"), [("integers", 1), ("scales", 2), ("zero points", 3)])
def test_a_file_with_another_number_is_found_out(network: TorchModel, tmp_path: Path, what: str, change: int) -> None:
    encoded = WeightOnly(bits=4, group_size=32, scheme="affine").apply(network, LAYERS, Context())
    path = written(encoded, tmp_path / "net.onnx", groups="exact")
    proto = onnx.load(str(path))
    name = next(node for node in proto.graph.node if node.op_type == "MatMulNBits").input[change]
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    values = onnx.numpy_helper.to_array(tensor).copy()
    number = values.reshape(-1)[5]
    values.reshape(-1)[5] = ~number if values.dtype.kind == "u" else number * 2 + 1
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))
    onnx.save(proto, str(path))
    proof = local_proof(path, encoded, (inputs(),))
    assert proof is not None
    assert what in proof.sentence
    assert proof.layer == "first"


def test_a_convolution_in_groups_is_stored_by_blocks_of_its_input_channels(tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Conv2d(40, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1)).eval()
    model = TorchModel(
        "net", module, (Port("x", "float32", (None, 40, 6, 6)),), (Port("y", "float32", (None, 4, 6, 6)),)
    )
    encoded = WeightOnly(bits=4, group_size=32).apply(model, ["0"], Context())
    path = written(encoded, tmp_path / "net.onnx", groups="exact")
    images = np.random.default_rng(2).standard_normal((2, 40, 6, 6)).astype(np.float32)
    assert np.allclose(OnnxFormat().run(path)(images), encoded.run(images), atol=1e-5)
    proof = local_proof(path, encoded, (images,))
    assert proof is not None
    assert proof.is_right, proof.sentence


def test_a_file_that_is_no_network_here_keeps_its_graph_and_gets_groups_too(
    network: TorchModel, tmp_path: Path
) -> None:
    from secateur.graph.lowering import to_onnx

    file = OnnxModel("net", to_onnx(network), network.inputs, network.outputs)
    encoded = WeightOnly(bits=4, group_size=32, scheme="affine").apply(file, list(file.weights()), Context())
    path = written(encoded, tmp_path / "net.onnx")
    assert np.allclose(OnnxFormat().run(path)(inputs()), encoded.run(inputs()), atol=0.05)
    assert path.stat().st_size < sum(value.nbytes for value in file.weights().values()) * 0.25


def test_a_layer_with_fewer_inputs_than_a_group_is_told_what_to_do(network: TorchModel) -> None:
    from secateur.formats.describing.describe import describe

    layers = {layer.name: layer for layer in describe(network).layers}
    assert WeightOnly(group_size=128).supports(layers["second"]) is None
    narrow = replace(layers["second"], weight=replace(layers["second"].weight, shape=(10, 100)))  # type: ignore[type-var]
    assert "100 inputs" in (WeightOnly(group_size=128).supports(narrow) or "")
    assert WeightOnly(group_size=32).supports(narrow) is None


@pytest.mark.parametrize("bits", [8, 4])
def test_affine_weights_per_channel_are_written_and_proven_too(network: TorchModel, tmp_path: Path, bits: int) -> None:
    encoded = WeightOnly(bits=bits, scheme="affine").apply(network, LAYERS, Context())
    path = written(encoded, tmp_path / "net.onnx")
    proof = local_proof(path, encoded, (inputs(),))
    assert proof is not None
    assert proof.is_right, proof.sentence
    assert np.allclose(OnnxFormat().run(path)(inputs()), encoded.run(inputs()), atol=0.05)


def test_a_program_of_torch_holds_groups_with_all_their_numbers(encoded: TorchModel, tmp_path: Path) -> None:
    from secateur.formats.torch_files.pt2_write import run_pt2, write_pt2

    (path,) = write_pt2(encoded, tmp_path / "net.pt2")
    assert np.allclose(run_pt2(path)(inputs()), encoded.run(inputs()), atol=1e-5)


def test_weights_without_a_network_keep_their_groups_in_safetensors(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    from secateur.formats.weight_files.safetensors_stored import write_stored
    from secateur.graph.network import StoredModel

    values = np.random.default_rng(3).standard_normal((8, 70)).astype(np.float32)
    save_file({"layer.weight": values}, str(tmp_path / "weights.safetensors"))
    model = open_model(ModelSource(str(tmp_path / "weights.safetensors")))
    for bits, scheme in ((4, "symmetric"), (4, "affine"), (8, "affine")):
        encoded = WeightOnly(bits=bits, group_size=32, scheme=scheme).apply(model, ["layer"], Context())  # type: ignore[arg-type]
        assert isinstance(encoded, StoredModel)
        (path,) = write_stored(encoded, tmp_path / f"{bits}{scheme}.safetensors")
        back = open_model(ModelSource(str(path))).weights()["layer"]
        assert np.array_equal(back, encoded.encodings.weights["layer"].round_trip(values))


def test_an_opened_file_is_described_with_its_encoding_and_its_bytes(encoded: TorchModel, tmp_path: Path) -> None:
    from secateur.formats.describing.describe import describe

    opened = open_model(ModelSource(str(written(encoded, tmp_path / "net.onnx"))))
    assert isinstance(opened, TorchModel)
    description = describe(opened)
    words = encoded.encodings.weights["first"].words
    assert any(words in note for note in description.notes)
    assert {encoding.words for encoding in opened.encodings.weights.values()} == {words}
    size = next(layer for layer in description.layers if layer.name == "first").size_bytes
    assert size == encoded.encodings.weights["first"].size_bytes((128, 260)) + 128 * 4
