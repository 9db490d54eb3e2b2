"""A file with one wrong number is found out, whichever it is; a right one of fifty layers passes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper, numpy_helper
from torch import nn

from secateur.data.batch import Batch
from secateur.formats import format_named
from secateur.formats.base import WriteOptions
from secateur.formats.proving.arithmetic import local_proof, wrong_arithmetic
from secateur.formats.proving.judging import Limits, judge
from secateur.formats.proving.stored import rounded_tensors
from secateur.formats.proving.verify import export, verify
from secateur.graph.context import Context
from secateur.graph.homes import shipped
from secateur.graph.lowering import graph_of
from secateur.graph.network import TorchModel
from secateur.graph.qdq.placing import encode
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Port

ONNX = format_named("onnx")
EVERY = ["conv1", "conv2", "fc"]


@pytest.fixture
def quantized(lowered_network: Any, noise_data: Any) -> TorchModel:
    return StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data))


@pytest.fixture
def right(quantized: TorchModel) -> onnx.ModelProto:
    return encode(graph_of(quantized), quantized.encodings)


def changed(proto: onnx.ModelProto, name: str, change: Callable[[np.ndarray], Any]) -> onnx.ModelProto:
    """A copy with one stored tensor changed."""
    wrong = onnx.ModelProto()
    wrong.CopyFrom(proto)
    tensor = next(tensor for tensor in wrong.graph.initializer if tensor.name == name)
    values = np.array(numpy_helper.to_array(tensor))
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(change(values), values.dtype), name))
    return wrong


def one_element(place: int, change: Callable[[Any], Any]) -> Callable[[np.ndarray], np.ndarray]:
    def apply(values: np.ndarray) -> np.ndarray:
        values.reshape(-1)[place] = change(values.reshape(-1)[place])
        return values

    return apply


def wrong_numbers(proto: onnx.ModelProto) -> Iterator[tuple[str, onnx.ModelProto]]:
    """Every single scale, zero point, axis and bias of the file, and some of its integers, made wrong one at a time."""
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for index, node in enumerate(proto.graph.node):
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        for place in range(tensors[node.input[1]].size):
            yield (
                f"scale {place} of node {index}",
                changed(proto, node.input[1], one_element(place, lambda s: s * 1.01)),
            )
        for zero in node.input[2:]:
            yield f"zero point of node {index}", changed(proto, zero, one_element(0, lambda z: z + 1))
        if any(attribute.name == "axis" for attribute in node.attribute):
            turned = onnx.ModelProto()
            turned.CopyFrom(proto)
            for attribute in turned.graph.node[index].attribute:
                attribute.i = 1 - attribute.i
            yield f"axis of node {index}", turned
    for name, values in tensors.items():
        if "bias" in name:
            step = 1 if values.dtype == np.int32 else 0.01
            for place in range(values.size):
                yield f"{name} {place}", changed(proto, name, one_element(place, lambda b, step=step: b + step))
        elif "weight" in name:
            yield f"{name} integers", changed(proto, name, one_element(3, lambda w: w + 1))


def test_every_single_wrong_number_is_found(quantized: TorchModel, right: onnx.ModelProto, tmp_path: Path) -> None:
    path, inputs = tmp_path / "net.onnx", [np.zeros((2, 3, 12, 12), np.float32)]
    onnx.save(right, str(path))
    assert local_proof(path, quantized, inputs).is_right
    missed, count = [], 0
    for what, wrong in wrong_numbers(right):
        onnx.save(wrong, str(path))
        proof = local_proof(path, quantized, inputs)
        count += 1
        if proof.is_right or not proof.layer:
            missed.append(what)
    assert not missed
    assert count > 100


@pytest.mark.parametrize("layer", ["conv1", "fc"])
def test_the_verdict_names_the_layer_and_what_to_do(
    quantized: TorchModel, right: onnx.ModelProto, noise_data: Any, tmp_path: Path, layer: str
) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(changed(right, f"{layer}.weight", one_element(0, lambda w: -w - 1)), str(path))
    document = verify(path, quantized, ONNX, [noise_data.inputs])
    assert (document.verdict, document.verified, document.proof) == ("differs", False, "layers")
    assert document.first_deviating_layer == layer
    assert f"Leave {layer} as it is" in document.sentence
    assert document.agreement is not None
    assert document.latency_ms is not None


def test_arithmetic_alone_finds_what_no_number_shows(
    quantized: TorchModel, right: onnx.ModelProto, noise_data: Any
) -> None:
    wrong = onnx.ModelProto()
    wrong.CopyFrom(right)
    add = next(node for node in wrong.graph.node if node.op_type == "Add")
    add.input[1] = add.input[0]
    fault = wrong_arithmetic(wrong, quantized, [noise_data.inputs[:4]])
    assert fault is not None
    assert "steps apart" in fault.sentence
    assert wrong_arithmetic(right, quantized, [noise_data.inputs[:4]]) is None


def test_a_wrong_scale_shows_in_the_arithmetic_too(
    quantized: TorchModel, right: onnx.ModelProto, noise_data: Any
) -> None:
    scale = next(node.input[1] for node in right.graph.node if node.input[0] == "conv2.weight")
    fault = wrong_arithmetic(changed(right, scale, lambda s: s * 1.2), quantized, [noise_data.inputs[:4]])
    assert fault is not None
    assert fault.layer == "conv2"


def test_the_file_runs_as_it_ships_while_it_is_looked_into(right: onnx.ModelProto) -> None:
    """What is asked for besides the outputs takes no layer out of the integer kernels."""
    from collections import Counter

    from secateur.graph.onnx_files.computed import optimized_graph

    exposed = onnx.ModelProto()
    exposed.CopyFrom(right)
    for tensor in rounded_tensors(right).values():
        exposed.graph.output.append(helper.make_tensor_value_info(tensor.integers, onnx.TensorProto.UINT8, None))
    kinds = [Counter(node.op_type for node in optimized_graph(proto).graph.node) for proto in (right, exposed)]
    for kernel in ("QLinearConv", "QLinearAdd", "QGemm", "QLinearGlobalAveragePool"):
        assert kinds[0][kernel] == kinds[1][kernel] > 0


@pytest.mark.parametrize("bits", [8, 4])
def test_weight_only_files_are_proven_as_the_runtime_runs_them(
    lowered_network: Any, noise_data: Any, tmp_path: Path, bits: int
) -> None:
    model = WeightOnly(bits=bits).apply(lowered_network, EVERY, Context())
    document = export(model, ONNX, tmp_path / "net.onnx", [noise_data.inputs])
    assert (document.verdict, document.proof) == ("proven", "layers")


def test_products_of_four_bits_whose_inputs_the_runtime_rounds_are_proven(tmp_path: Path) -> None:
    """With default options it makes MatMulNBits of them, which computes with inputs of 8 bits."""
    random = np.random.default_rng(0)
    stored = {"a.weight": random.standard_normal((64, 64)), "b.weight": random.standard_normal((64, 32))}
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "a.weight"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "b.weight"], ["y"]),
        ],
        "products",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 4, 64])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 4, 32])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in stored.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    from secateur.graph.onnx_import.importer import import_model

    ports = (Port("x", "float32", (None, 4, 64)),), (Port("y", "float32", (None, 4, 32)),)
    module = import_model(proto)
    model = TorchModel("net", module, *ports, lowered=shipped(proto, module))
    encoded = WeightOnly(bits=4).apply(model, ["a", "b"], Context())
    inputs = random.standard_normal((64, 4, 64)).astype(np.float32)
    document = export(encoded, ONNX, tmp_path / "net.onnx", [inputs])
    assert document.verdict == "proven", document.sentence
    wrong = changed(onnx.load(str(tmp_path / "net.onnx")), "b.weight", lambda w: w)
    scale = next(node.input[1] for node in wrong.graph.node if node.input[0] == "b.weight")
    onnx.save(changed(wrong, scale, one_element(0, lambda s: s * 1.01)), str(tmp_path / "net.onnx"))
    assert verify(tmp_path / "net.onnx", encoded, ONNX, [inputs]).verdict == "differs"


class Depthwise(nn.Module):
    """52 convolutions, 17 of them depthwise, and a classifier of a thousand near-tied classes."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU6()]
        for _ in range(17):
            layers += [nn.Conv2d(16, 48, 1), nn.BatchNorm2d(48), nn.ReLU6()]
            layers += [nn.Conv2d(48, 48, 3, 1, 1, groups=48), nn.BatchNorm2d(48), nn.ReLU6()]
            layers += [nn.Conv2d(48, 16, 1), nn.BatchNorm2d(16)]
        self.features, self.classifier = nn.Sequential(*layers), nn.Linear(16, 1000)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(image).mean((2, 3)))


@pytest.mark.slow
def test_a_right_file_of_fifty_layers_and_a_thousand_classes_is_proven(tmp_path: Path) -> None:
    torch.manual_seed(5)
    network = Depthwise()
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    inputs = np.random.default_rng(5).standard_normal((160, 3, 8, 8)).astype(np.float32)
    with torch.no_grad():
        network(torch.from_numpy(inputs))  # running statistics of these samples

    class Data:
        def size(self, split: str) -> int:
            return 64

        def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
            for start in range(0, 64, batch_size):
                part = inputs[start : start + batch_size]
                yield Batch({"x": part}, np.zeros(len(part), np.int64))

    ports = (Port("image", "float32", (None, 3, 8, 8)),), (Port("scores", "float32", (None, 1000)),)
    model = TorchModel("deep", network.eval(), *ports)
    encoded = StaticInt8().apply(model, list(model.weights()), Context(data=Data()))
    document = export(encoded, ONNX, tmp_path / "deep.onnx", [inputs])
    assert len(encoded.encodings.weights) == 53
    assert (document.verdict, document.proof) == ("proven", "layers"), document.sentence
    scale = next(
        node.input[1]
        for proto in [onnx.load(str(tmp_path / "deep.onnx"))]
        for node in proto.graph.node
        if node.input[0] == "features.11.weight"
    )
    wrong = changed(onnx.load(str(tmp_path / "deep.onnx")), scale, one_element(2, lambda s: s * 1.05))
    onnx.save(wrong, str(tmp_path / "deep.onnx"))
    found = verify(tmp_path / "deep.onnx", encoded, ONNX, [inputs])
    assert (found.verdict, found.first_deviating_layer) == ("differs", "features.11")


def test_outputs_further_apart_than_rounding_explains_differ_although_each_layer_is_right() -> None:
    from secateur.formats.base import LocalProof

    random = np.random.default_rng(1)
    exact, noise, other = (random.standard_normal((100, 10)).astype(np.float32) for _ in range(3))
    simulated, limits = exact + 0.05 * noise, Limits.of(WriteOptions(), is_encoded=True)
    near, far = simulated + 0.01 * other, simulated + 0.2 * other
    assert judge([simulated], [near], limits, "It", LocalProof(), [exact]).verdict == "proven"
    assert judge([simulated], [far], limits, "It", LocalProof(), [exact]).verdict == "differs"
    as_good = exact + 0.05 * other
    assert judge([simulated], [as_good], limits, "It", LocalProof(), [exact]).verdict == "proven"
