"""Weights in groups as ONNX Runtime's own quantizer writes them: read as layers with encodings, with its answers."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantFormat
from onnxruntime.quantization.matmul_nbits_quantizer import (
    DefaultWeightOnlyQuantConfig,
    HQQWeightOnlyQuantConfig,
    KQuantWeightOnlyQuantConfig,
    MatMulNBitsQuantizer,
)

from secateur.formats.kinds.onnx_file import OnnxFormat, OnnxOptions
from secateur.formats.proving.verify import export
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel, TorchModel
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource

INPUTS, HIDDEN, OUTPUTS = 100, 64, 16
"""100 inputs: the last group of any size is short."""


def network(dtype: Any = np.float32, inputs: int = INPUTS) -> onnx.ModelProto:
    """Two products, the first with a bias."""
    random = np.random.default_rng(0)
    stored = {
        "first.weight": random.normal(0, inputs**-0.5, (inputs, HIDDEN)),
        "first.bias": random.normal(0, 1, HIDDEN),
        "second.weight": random.normal(0, HIDDEN**-0.5, (HIDDEN, OUTPUTS)),
    }
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    nodes = [
        helper.make_node("MatMul", ["x", "first.weight"], ["a"], "first"),
        helper.make_node("Add", ["a", "first.bias"], ["b"], "add"),
        helper.make_node("Relu", ["b"], ["c"], "relu"),
        helper.make_node("MatMul", ["c", "second.weight"], ["y"], "second"),
    ]
    ports = [helper.make_tensor_value_info(*port) for port in (("x", kind, ("n", inputs)), ("y", kind, ("n", OUTPUTS)))]
    tensors = [numpy_helper.from_array(value.astype(dtype), name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "net", ports[:1], ports[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def quantized(proto: onnx.ModelProto, **options: Any) -> onnx.ModelProto:
    quantizer = MatMulNBitsQuantizer(proto, **options)
    quantizer.process()
    made: onnx.ModelProto = quantizer.model.model
    return made


def samples(dtype: Any = np.float32, inputs: int = INPUTS) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((7, inputs)).astype(dtype)


def answers(path: Path, given: np.ndarray) -> np.ndarray:
    """What ONNX Runtime answers where it rounds no inputs by itself."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": given})[0], np.float64)


def deviation(path: Path, given: np.ndarray) -> tuple[TorchModel, float]:
    """The opened file, and how far its answers are from ONNX Runtime's, beside the largest."""
    opened = open_model(ModelSource(str(path)))
    assert isinstance(opened, TorchModel), opened.reason
    expected = answers(path, given)
    return opened, float(np.abs(opened.run(given) - expected).max() / np.abs(expected).max())


def saved(proto: onnx.ModelProto, path: Path) -> Path:
    onnx.save(proto, str(path))
    return path


@pytest.mark.parametrize("size", [16, 32, 128])
@pytest.mark.parametrize("is_symmetric", [True, False], ids=["symmetric", "affine"])
@pytest.mark.parametrize(
    ("bits", "form"), [(4, QuantFormat.QOperator), (8, QuantFormat.QOperator), (4, QuantFormat.QDQ)]
)
def test_every_form_is_read_as_layers_with_the_answers_of_the_runtime(
    bits: int, form: QuantFormat, is_symmetric: bool, size: int, tmp_path: Path
) -> None:
    made = quantized(network(), bits=bits, block_size=size, is_symmetric=is_symmetric, quant_format=form)
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples())
    assert off <= 1e-5
    assert sorted(weight.shape for weight in opened.weights().values()) == [(OUTPUTS, HIDDEN), (HIDDEN, INPUTS)]
    encodings = list(opened.encodings.weights.values())
    assert [(one.bits, one.group_size, one.is_affine) for one in encodings] == [(bits, size, not is_symmetric)] * 2


@pytest.mark.parametrize("accuracy", [1, 4])
def test_what_its_inputs_are_rounded_to_is_the_runtimes_affair(accuracy: int, tmp_path: Path) -> None:
    made = quantized(network(), block_size=32, is_symmetric=False, accuracy_level=accuracy)
    levels = [attribute for node in made.graph.node for attribute in node.attribute if attribute.name[:4] == "accu"]
    assert [level.i for level in levels] == [accuracy] * 2
    opened = open_model(ModelSource(str(saved(made, tmp_path / "net.onnx"))))
    assert isinstance(opened, TorchModel)
    for level in levels:
        level.i = 1
    expected = answers(saved(made, tmp_path / "exact.onnx"), samples())
    assert np.abs(opened.run(samples()) - expected).max() <= 1e-5 * np.abs(expected).max()


@pytest.mark.parametrize("form", [QuantFormat.QOperator, QuantFormat.QDQ])
@pytest.mark.parametrize("is_symmetric", [True, False], ids=["symmetric", "affine"])
def test_a_network_of_float16_keeps_its_scales_in_that(form: QuantFormat, is_symmetric: bool, tmp_path: Path) -> None:
    made = quantized(network(np.float16), block_size=32, is_symmetric=is_symmetric, quant_format=form)
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples(np.float16))
    assert off <= 2e-3  # two roundings of the answers to 11 bits
    assert len(opened.encodings.weights) == 2
    for groups in ("fast", "exact", "standard"):
        proof = export(opened, OnnxFormat(), tmp_path / f"{groups}.onnx", options=OnnxOptions(groups=groups))
        assert proof.verified, proof.sentence


def test_a_float16_network_is_put_into_groups_here_too(tmp_path: Path) -> None:
    plain = open_model(ModelSource(str(saved(network(np.float16), tmp_path / "net.onnx"))))
    assert isinstance(plain, TorchModel)
    layers = list(plain.weights())
    small = WeightOnly(bits=4, group_size=32).apply(plain, layers, Context())
    proof = export(small, OnnxFormat(), tmp_path / "small.onnx")
    assert proof.verified, proof.sentence


def test_a_bias_within_the_operator_is_the_bias_of_the_layer(tmp_path: Path) -> None:
    made = quantized(network(), block_size=32, is_symmetric=True)
    product = made.graph.node[0]
    product.input.extend(["", "", "first.bias"])
    product.output[0] = "b"
    del made.graph.node[1]
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples())
    assert off <= 1e-5
    assert [module.bias is not None for module in opened.module.modules() if hasattr(module, "in_features")] == [
        True,
        False,
    ]


@pytest.mark.parametrize("is_symmetric", [True, False], ids=["symmetric", "affine"])
def test_one_group_for_each_channel_is_read_also_where_it_is_turned(is_symmetric: bool, tmp_path: Path) -> None:
    options = DefaultWeightOnlyQuantConfig(
        is_symmetric=is_symmetric, quant_format=QuantFormat.QDQ, channel_wised_quantize=True
    )
    made = quantized(network(), algo_config=options)
    assert ("Transpose" in [node.op_type for node in made.graph.node]) == is_symmetric
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples())
    assert off <= 1e-5
    assert len(opened.encodings.weights) == 2


def test_scales_found_by_search_are_read_as_others(tmp_path: Path) -> None:
    made = quantized(network(inputs=128), block_size=32, algo_config=KQuantWeightOnlyQuantConfig())
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples(inputs=128))
    assert off <= 1e-5
    assert all(encoding.is_affine for encoding in opened.encodings.weights.values())


def test_zero_points_that_are_no_integers_are_run_as_they_are_and_told(tmp_path: Path) -> None:
    made = quantized(network(inputs=96), algo_config=HQQWeightOnlyQuantConfig(block_size=32))
    opened = open_model(ModelSource(str(saved(made, tmp_path / "net.onnx"))))
    assert isinstance(opened, OnnxModel)
    assert opened.reason == (
        "It is quantized already (MatMulNBits), with zero points that are no integers, and is run as it is."
    )


def test_signed_numbers_with_zero_points_are_read_as_affine_ones(tmp_path: Path) -> None:
    made = quantized(network(), block_size=32, is_symmetric=False, quant_format=QuantFormat.QDQ)
    for tensor in made.graph.initializer:  # the same numbers, counted from −8
        if tensor.data_type == TensorProto.UINT4:
            moved = numpy_helper.to_array(tensor).astype(np.int8) - 8
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.INT4, moved.shape, moved.ravel()))
    opened, off = deviation(saved(made, tmp_path / "net.onnx"), samples())
    assert off <= 1e-5
    assert all(encoding.is_affine for encoding in opened.encodings.weights.values())
    proof = export(opened, OnnxFormat(), tmp_path / "again.onnx")
    assert proof.verified, proof.sentence
