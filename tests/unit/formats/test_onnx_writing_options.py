"""How an ONNX file is written: operator set, half precision, weights apart, and what cannot be had in a sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.kinds.onnx_file import OnnxOptions
from secateur.formats.onnx_files.external import data_path, weight_bytes, write_external
from secateur.formats.onnx_files.half import in_half_precision
from secateur.formats.onnx_files.opset import in_opset, opset_of
from secateur.formats.onnx_files.writing import run_onnx
from secateur.formats.proving.verify import export
from secateur.graph.context import Context
from secateur.graph.lowering import graph_of
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly

ONNX = format_named("onnx")


def inputs(count: int = 3) -> Any:
    return np.random.default_rng(1).standard_normal((count, 3, 12, 12)).astype(np.float32)


@pytest.mark.parametrize("opset", ["13", "14", "17", "18", "21", "23"])
def test_a_graph_in_another_operator_set_answers_the_same(opset: str, lowered_network: Any, tmp_path: Path) -> None:
    proof = export(lowered_network, ONNX, tmp_path / "net.onnx", options=OnnxOptions(opset=opset))  # type: ignore[arg-type]
    assert proof.verified, proof.sentence
    assert opset_of(onnx.load(proof.path)) == int(opset)


def test_a_quantized_network_is_written_in_the_wanted_set(
    lowered_network: Any, noise_data: Any, tmp_path: Path
) -> None:
    model = StaticInt8().apply(lowered_network, ["conv1", "conv2", "fc"], Context(data=noise_data))
    proof = export(model, ONNX, tmp_path / "net.onnx", options=OnnxOptions(opset="14"))
    assert proof.verified, proof.sentence
    proto = onnx.load(proof.path)
    assert opset_of(proto) == 14
    assert any(node.op_type == "QuantizeLinear" for node in proto.graph.node)


def test_four_bits_in_an_old_operator_set_are_refused_in_a_sentence(lowered_network: Any, tmp_path: Path) -> None:
    model = WeightOnly(bits=4).apply(lowered_network, ["conv2"], Context())
    with pytest.raises(UserError, match="need opset 21"):
        export(model, ONNX, tmp_path / "net.onnx", options=OnnxOptions(opset="17"))
    assert not list(tmp_path.iterdir())


def test_an_operator_that_an_old_set_lacks_is_named() -> None:
    graph = helper.make_graph(
        [helper.make_node("Gelu", ["x"], ["y"])],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    with pytest.raises(UserError, match=r"opset 20 to 17.*Gelu"):
        in_opset(proto, 17)


def test_the_graph_that_is_converted_is_left_alone(residual_graph: Any) -> None:
    before = residual_graph.SerializeToString()
    in_opset(residual_graph, 13)
    in_half_precision(residual_graph)
    assert residual_graph.SerializeToString() == before


# ---------------------------------------------------------------------- float16


def test_half_precision_halves_the_weights_and_stays_close(lowered_network: Any, tmp_path: Path) -> None:
    proof = export(lowered_network, ONNX, tmp_path / "net.onnx", options=OnnxOptions(dtype="float16"))
    assert proof.verified, proof.sentence
    assert proof.max_deviation is not None
    assert proof.max_deviation > 0
    assert weight_bytes(onnx.load(proof.path)) == weight_bytes(graph_of(lowered_network)) // 2


def test_inputs_and_outputs_stay_float32(residual_graph: Any) -> None:
    half = in_half_precision(residual_graph)
    onnx.checker.check_model(half, full_check=True)
    kinds = {value.type.tensor_type.elem_type for value in (*half.graph.input, *half.graph.output)}
    assert kinds == {TensorProto.FLOAT}


def test_what_has_no_half_precision_keeps_float_around_it(tmp_path: Path) -> None:
    """Resize reads its scales as float32, and stands between layers; its input is an output of the network too."""
    scales = numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "scales")
    weight = numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "conv.weight")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "conv.weight"], ["c"]),
            helper.make_node("Resize", ["c", "", "scales"], ["r"], mode="nearest"),
            helper.make_node("Relu", ["r"], ["y"]),
            helper.make_node("Identity", ["x"], ["same"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 4, 4])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2, 8, 8]),
            helper.make_tensor_value_info("c", TensorProto.FLOAT, ["batch", 2, 4, 4]),
            helper.make_tensor_value_info("same", TensorProto.FLOAT, ["batch", 3, 4, 4]),
        ],
        [scales, weight],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    half = in_half_precision(proto)
    onnx.checker.check_model(half, full_check=True)
    onnx.save(half, str(tmp_path / "half.onnx"))
    onnx.save(proto, str(tmp_path / "float.onnx"))
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 4)).astype(np.float32)
    expected, actual = (run_onnx(tmp_path / name).all(x) for name in ("float.onnx", "half.onnx"))
    for ours, theirs in zip(expected, actual, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=0.01)


def test_values_beyond_half_precision_saturate() -> None:
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "big"], ["y"])],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(np.array([1e6], np.float32), "big")],
    )
    half = in_half_precision(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)]))
    assert numpy_helper.to_array(half.graph.initializer[0])[0] == np.finfo(np.float16).max


def test_half_precision_of_a_quantized_network_is_refused(
    lowered_network: Any, noise_data: Any, tmp_path: Path
) -> None:
    model = StaticInt8().apply(lowered_network, ["conv2"], Context(data=noise_data))
    with pytest.raises(UserError, match="is quantized"):
        export(model, ONNX, tmp_path / "net.onnx", options=OnnxOptions(dtype="float16"))


# ---------------------------------------------------------------------- weights apart


def test_weights_apart_are_the_same_network(lowered_network: Any, tmp_path: Path) -> None:
    proof = export(lowered_network, ONNX, tmp_path / "net.onnx", options=OnnxOptions(external_data=True))
    assert proof.verified
    assert proof.parts == ("net.onnx.data",)
    assert (tmp_path / "net.onnx").stat().st_size < (tmp_path / "net.onnx.data").stat().st_size
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(str(tmp_path / "net.onnx")).graph.initializer}
    for tensor in graph_of(lowered_network).graph.initializer:
        np.testing.assert_array_equal(stored[tensor.name], numpy_helper.to_array(tensor))


def test_every_kind_of_stored_number_survives_being_put_apart(tmp_path: Path) -> None:
    many = 3000
    tensors = [
        helper.make_tensor("packed", TensorProto.INT4, [many], np.arange(many) % 16 - 8),
        helper.make_tensor("listed", TensorProto.FLOAT, [many], np.arange(many, dtype=np.float32)),
        numpy_helper.from_array(np.arange(many, dtype=np.int64), "whole"),
        helper.make_tensor("words", TensorProto.STRING, [2], [b"a", b"b" * many]),
    ]
    graph = helper.make_graph([], "network", [], [], tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    write_external(proto, tmp_path / "net.onnx")
    back = {t.name: t for t in onnx.load(str(tmp_path / "net.onnx")).graph.initializer}
    for tensor in tensors:
        np.testing.assert_array_equal(numpy_helper.to_array(back[tensor.name]), numpy_helper.to_array(tensor))


def test_a_graph_of_small_tensors_has_no_file_beside_it(tmp_path: Path) -> None:
    graph = helper.make_graph([], "network", [], [], [numpy_helper.from_array(np.zeros(3), "few")])
    assert write_external(helper.make_model(graph), tmp_path / "net.onnx") == (tmp_path / "net.onnx",)
    assert not data_path(tmp_path / "net.onnx").exists()


# ---------------------------------------------------------------------- the first layer that deviates


def test_a_spoiled_layer_is_named_without_writing_anything_again(lowered_network: Any, tmp_path: Path) -> None:
    class Spoiling(type(ONNX)):  # type: ignore[misc]
        id, title = "spoiling", "Spoiling"

        def write(self, model: Any, path: Path, options: Any = None) -> tuple[Path, ...]:
            files: tuple[Path, ...] = super().write(model, path, options)
            proto = onnx.load(str(path))
            tensor = next(tensor for tensor in proto.graph.initializer if tensor.name == "conv2.weight")
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))
            onnx.save(proto, str(path))
            return files

    proof = export(lowered_network, Spoiling(), tmp_path / "net.onnx")
    assert not proof.verified
    assert proof.first_deviating_layer == "conv2"


def test_a_graph_whose_weights_lie_in_the_network_is_written_as_the_whole_one(
    lowered_network: Any, tmp_path: Path
) -> None:
    names = {"shared": lowered_network.lowered, "whole": graph_of(lowered_network)}
    written = {}
    for name, graph in names.items():
        (tmp_path / name).mkdir()
        files = write_external(graph, tmp_path / name / "net.onnx")
        written[name] = [path.read_bytes() for path in files]
    assert len(written["whole"]) == 2
    assert written["shared"] == written["whole"]
