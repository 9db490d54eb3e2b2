"""Integers of 3, 5 and 6 bits in ONNX files: their true room, computed as floats, read back to the bit."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from secateur.data.batch import Batch
from secateur.formats.describing.describe import describe
from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.onnx_files.glance import glance_at
from secateur.formats.proving.arithmetic import local_proof
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.layer_outputs import layer_outputs
from secateur.graph.network import OnnxModel, TorchModel
from secateur.graph.onnx_layers import layer_weights
from secateur.graph.qdq.planes import DOMAIN
from secateur.graph.qdq.standard import in_standard_form
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource, Port
from secateur.model.encoding import packed_bytes, planes_bytes

WIDTHS = (3, 5, 6)
LAYERS = ("conv", "turned", "flat")


class Mixed(nn.Module):
    """A convolution, a transposed one with a number of weights that fills no whole bytes, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.turned = nn.Conv2d(3, 65, 3, padding=1), nn.ConvTranspose2d(65, 67, 3)
        self.flat = nn.Linear(67, 65)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.flat(torch.relu(self.turned(torch.relu(self.conv(x)))).mean((2, 3)))


@pytest.fixture(scope="module")
def network() -> TorchModel:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 3, 6, 6)),), (Port("y", "float32", (None, 65)),)
    return TorchModel("net", Mixed().eval(), *ports)


def quantized(network: TorchModel, bits: int, scheme: str = "symmetric") -> TorchModel:
    made = WeightOnly(bits=bits, scheme=scheme).apply(network, LAYERS, Context())
    assert isinstance(made, TorchModel)
    return made


def sample(count: int = 2) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((count, 3, 6, 6)).astype(np.float32)


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", WIDTHS)
def test_a_file_is_valid_proven_and_read_back_to_the_bit(
    network: TorchModel, tmp_path: Path, bits: int, scheme: str
) -> None:
    encoded, path, x = quantized(network, bits, scheme), tmp_path / "net.onnx", sample()
    OnnxFormat().write(encoded, path)
    proto = onnx.load(str(path))
    onnx.checker.check_model(proto, full_check=True)
    assert sum(node.domain == DOMAIN for node in proto.graph.node) == 2 * len(LAYERS)
    proof = local_proof(path, encoded, (x,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    expected, actual = encoded.run(x), OnnxFormat().run(path)(x)
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()

    again = open_model(ModelSource(str(path)))
    assert isinstance(again, TorchModel)
    before, after = encoded.weights(), again.weights()
    for name in LAYERS:
        first, second = encoded.encodings.weights[name], again.encodings.weights[name]
        assert (second.bits, second.is_affine, second.axis) == (bits, scheme == "affine", first.axis)
        assert np.array_equal(second.round_trip(after[name]), first.round_trip(before[name]))
        assert np.array_equal(second.quantize(after[name]), first.quantize(before[name]))
    OnnxFormat().write(again, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").stat().st_size == pytest.approx(path.stat().st_size, rel=0.01)


@pytest.mark.parametrize("bits", WIDTHS)
def test_planes_have_the_room_of_their_bits_and_standard_integers_that_of_their_type(
    network: TorchModel, tmp_path: Path, bits: int
) -> None:
    counts = {name: weight.size for name, weight in network.weights().items()}
    for form in ("packed", "standard"):
        path = tmp_path / f"{form}.onnx"
        OnnxFormat().write(quantized(network, bits), path, OnnxOptions(few_bits=form))
        stored = {tensor.name: tensor for tensor in onnx.load(str(path)).graph.initializer}
        taken = [len(stored[f"{name}.weight"].raw_data) for name in LAYERS]
        container = 4 if bits == 3 else 8
        wanted = (
            [planes_bytes(counts[name], bits) for name in LAYERS]
            if form == "packed"
            else [packed_bytes(counts[name], container) for name in LAYERS]
        )
        assert taken == wanted


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_runtime_has_float_weights_once_it_has_loaded_the_file(
    network: TorchModel, tmp_path: Path, bits: int
) -> None:
    path = tmp_path / "net.onnx"
    OnnxFormat().write(quantized(network, bits), path)
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    left = {node.op_type for node in onnx.load(str(tmp_path / "optimised.onnx")).graph.node}
    assert not left & {"BitShift", "BitwiseAnd", "BitwiseOr", "DequantizeLinear", "Cast", "Mul"}


def test_a_product_reads_integers_and_its_runtime_multiplies_with_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    ports = (Port("x", "float32", (None, 5, 96)),), (Port("y", "float32", (None, 5, 130)),)
    network = TorchModel("net", nn.Sequential(nn.Linear(96, 130)).eval(), *ports)
    encoded = WeightOnly(bits=5).apply(network, ("0",), Context())
    x = np.random.default_rng(1).standard_normal((2, 5, 96)).astype(np.float32)
    OnnxFormat().write(encoded, tmp_path / "net.onnx")
    nodes = [node.op_type for node in onnx.load(str(tmp_path / "net.onnx")).graph.node]
    assert nodes[:2] == ["Unpack5", "DequantizeLinear"]
    expected = encoded.run(x)
    assert np.abs(OnnxFormat().run(tmp_path / "net.onnx")(x) - expected).max() < 2e-2 * np.abs(expected).max()
    again = open_model(ModelSource(str(tmp_path / "net.onnx")))
    assert isinstance(again, TorchModel)
    (name,) = again.encodings.weights
    assert again.encodings.weights[name].bits == 5
    assert np.array_equal(again.encodings.weights[name].round_trip(again.weights()[name]),
                          encoded.encodings.weights["0"].round_trip(encoded.weights()["0"]))  # fmt: skip


def test_layers_are_found_in_a_file_with_planes_and_nothing_else_is(network: TorchModel, tmp_path: Path) -> None:
    encoded, path = quantized(network, 6), tmp_path / "net.onnx"
    OnnxFormat().write(encoded, path)
    proto = onnx.load(str(path))
    found = layer_weights(in_standard_form(proto))
    assert set(found) == set(LAYERS)
    assert set(layer_outputs(proto, (sample(),))) == set(LAYERS)
    described = {layer.name: layer for layer in describe(open_model(ModelSource(str(path)))).layers}
    assert set(described) == set(LAYERS)
    for name, weight in network.weights().items():
        encoding = encoded.encodings.weights[name]
        bias = network.module.get_submodule(name).bias
        assert described[name].size_bytes == encoding.size_bytes(weight.shape) + bias.numel() * 4


def test_a_glance_at_planes_that_are_not_loaded_tells_their_layers(network: TorchModel, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    OnnxFormat().write(quantized(network, 3), path, OnnxOptions(external_data=True))
    whole = describe(open_model(ModelSource(str(path))))
    told = glance_at(onnx.load(str(path), load_external_data=False), path, ModelSource(str(path))).description
    assert [layer.name for layer in told.layers] == [layer.name for layer in whole.layers]
    for a, b in zip(told.layers, whole.layers, strict=True):
        assert abs(a.size_bytes - b.size_bytes) <= 8  # zero points, told apart only once they are loaded


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_file_that_stays_a_file_keeps_its_planes(tmp_path: Path, bits: int) -> None:
    """As one does that the importer has no network for."""
    random = np.random.default_rng(0)
    weights = {"a.weight": random.standard_normal((64, 32, 3, 3)), "b.weight": random.standard_normal((48, 64, 3, 3))}
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    nodes = [
        helper.make_node("Conv", ["x", "a.weight"], ["h"]),
        helper.make_node("Conv", ["h", "b.weight"], ["y"]),
    ]
    ports = (Port("x", "float32", (1, 32, 8, 8)),), (Port("y", "float32", (1, 48, 4, 4)),)
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", 1, [1, 32, 8, 8])],
        [helper.make_tensor_value_info("y", 1, [1, 48, 4, 4])],
        stored,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    model = OnnxModel("net", proto, *ports, reason="It is asked for as a file.")
    encoded = WeightOnly(bits=bits).apply(model, ("a", "b"), Context())
    assert isinstance(encoded, OnnxModel)
    OnnxFormat().write(encoded, tmp_path / "net.onnx")
    written = onnx.load(str(tmp_path / "net.onnx"))
    onnx.checker.check_model(written, full_check=True)
    x = random.standard_normal((1, 32, 8, 8)).astype(np.float32)
    expected = encoded.run(x)
    assert np.abs(OnnxFormat().run(tmp_path / "net.onnx")(x) - expected).max() <= 1e-5 * np.abs(expected).max()

    standard = in_standard_form(written)
    narrow = {"a.weight_quantized": f"int{bits}", "b.weight_quantized": f"int{bits}"}
    kept = OnnxModel("net", standard, *ports, reason="It was written before.", narrow=narrow)
    OnnxFormat().write(kept, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").stat().st_size == pytest.approx((tmp_path / "net.onnx").stat().st_size, rel=0.01)
    assert np.array_equal(OnnxFormat().run(tmp_path / "again.onnx")(x), OnnxFormat().run(tmp_path / "net.onnx")(x))
    for layer in describe(kept).layers:
        assert layer.size_bytes < layer.params * (bits + 0.2) / 8 + layer.weight.shape[0] * 4 + 1


@pytest.mark.parametrize("scheme", ["symmetric", "affine"])
@pytest.mark.parametrize("bits", [8, 4, 2])
def test_integers_that_onnx_has_are_unpacked_once_too_and_read_as_before(
    network: TorchModel, tmp_path: Path, bits: int, scheme: str
) -> None:
    encoded, x = quantized(network, bits, scheme), sample()
    for form in ("packed", "standard"):
        OnnxFormat().write(encoded, tmp_path / f"{form}.onnx", OnnxOptions(few_bits=form))
    packed, standard = (onnx.load(str(tmp_path / f"{form}.onnx")) for form in ("packed", "standard"))
    onnx.checker.check_model(packed, full_check=True)
    assert [node.op_type for node in packed.graph.node][: len(LAYERS)] == ["Dequantize"] * len(LAYERS)
    assert not any(node.domain == DOMAIN for node in standard.graph.node)
    assert not standard.functions
    read, plain = in_standard_form(packed), in_standard_form(standard)
    assert not read.functions
    first, second = layer_weights(read), layer_weights(plain)
    for name in LAYERS:
        assert np.array_equal(first[name], second[name])
        unpack = next(node for node in read.graph.node if node.input[0] == f"{name}.weight")
        assert unpack.op_type == "DequantizeLinear"
        assert len(unpack.input) == (3 if scheme == "affine" else 2)
    proof = local_proof(tmp_path / "packed.onnx", encoded, (x,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    assert np.allclose(OnnxFormat().run(tmp_path / "packed.onnx")(x), encoded.run(x), atol=1e-4)


class Noise:
    """Calibration samples."""

    def size(self, split: str) -> int:
        return 8

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Iterator[Batch]:
        yield Batch({"x": sample(8)}, np.zeros(8, np.int64))


def test_a_layer_that_computes_in_integers_keeps_its_dequantizer(network: TorchModel, tmp_path: Path) -> None:
    few = WeightOnly(bits=5).apply(network, ("turned", "flat"), Context())
    mixed = StaticInt8().apply(few, ("conv",), Context(data=Noise()))
    OnnxFormat().write(mixed, tmp_path / "net.onnx")
    proto = onnx.load(str(tmp_path / "net.onnx"))
    made = {node.output[0]: node for node in proto.graph.node}
    unpacks = {
        node.op_type: made[node.input[1]].op_type for node in proto.graph.node if node.op_type.startswith("Conv")
    }
    assert unpacks == {"Conv": "DequantizeLinear", "ConvTranspose": "Dequantize"}
    proof = local_proof(tmp_path / "net.onnx", mixed, (sample(),))
    assert proof is not None
    assert proof.is_right, proof.sentence
    again = open_model(ModelSource(str(tmp_path / "net.onnx")))
    assert {layer.name: layer.size_bytes for layer in describe(again).layers} == pytest.approx(
        {layer.name: layer.size_bytes for layer in describe(mixed).layers}, abs=70
    )
