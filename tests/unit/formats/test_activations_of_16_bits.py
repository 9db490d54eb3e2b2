"""Static activations of 16 bits: simulated, written as UINT16 pairs, run in ONNX Runtime and proven layer by layer."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from secateur.formats import format_named
from secateur.formats.kinds.onnx_file import OnnxFormat
from secateur.formats.proving.arithmetic import local_proof
from secateur.graph.context import Context
from secateur.methods.quantize.static_int8 import StaticInt8

EVERY = ["conv1", "conv2", "fc"]


@pytest.fixture
def wide(lowered_network: Any, noise_data: Any) -> Any:
    return StaticInt8(activation_bits=16).apply(lowered_network, EVERY, Context(data=noise_data))


def test_all_activations_have_16_bits_and_weights_8(wide: Any) -> None:
    assert {encoding.bits for encoding in wide.encodings.activations.values()} == {16}
    assert {encoding.bits for encoding in wide.encodings.weights.values()} == {8}


def test_sixteen_bits_are_much_nearer_to_float_activations_than_eight(
    wide: Any, lowered_network: Any, noise_data: Any
) -> None:
    from dataclasses import replace

    values = noise_data.inputs[:16]
    floats = replace(wide, encodings=replace(wide.encodings, activations={})).run(values)
    narrow = StaticInt8().apply(lowered_network, EVERY, Context(data=noise_data)).run(values)
    assert np.abs(wide.run(values) - floats).max() < np.abs(narrow - floats).max() / 20


def test_the_file_rounds_to_uint16_and_is_proven_layer_by_layer(wide: Any, noise_data: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    OnnxFormat().write(wide, path)
    proto = onnx.load(str(path))
    onnx.checker.check_model(proto)
    zeros = {t.name: t.data_type for t in proto.graph.initializer}
    kinds = {zeros[node.input[2]] for node in proto.graph.node if node.op_type == "QuantizeLinear"}
    assert kinds == {onnx.TensorProto.UINT16}
    values = noise_data.inputs[:16]
    proof = local_proof(path, wide, (values,))
    assert proof is not None
    assert proof.is_right, proof.sentence
    assert np.allclose(OnnxFormat().run(path)(values), wide.run(values), atol=1e-3)


def test_a_grid_of_another_step_in_the_file_is_found_out(wide: Any, noise_data: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    OnnxFormat().write(wide, path)
    proto = onnx.load(str(path))
    name = next(node for node in proto.graph.node if node.op_type == "QuantizeLinear").input[1]
    tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == name)
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * np.float32(1.01), name))
    onnx.save(proto, str(path))
    proof = local_proof(path, wide, (noise_data.inputs[:8],))
    assert proof is not None
    assert "steps of" in proof.sentence


@pytest.mark.parametrize("name", ["executorch", "litert", "ncnn", "openvino"])
def test_formats_whose_kernels_have_8_bits_alone_say_that_activations_stay_float(name: str, wide: Any) -> None:
    assert "no activations of 16 bits" in format_named(name).losses(wide)


@pytest.mark.parametrize("operators", ["plain", "decomposed"])
def test_a_program_of_torch_holds_them(operators: str, wide: Any, noise_data: Any, tmp_path: Path) -> None:
    target = format_named("pt2")
    target.write(wide, tmp_path / "net.pt2", target.options(operators=operators))
    values = noise_data.inputs[:4]
    assert np.allclose(target.run(tmp_path / "net.pt2")(values), wide.run(values), atol=1e-3)
