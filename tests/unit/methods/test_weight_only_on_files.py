"""Weight quantization of ONNX files that are no networks here: branches, unknown operators, other number types."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.formats.reading import describe, open_model
from secateur.graph.context import Context
from secateur.graph.network import OnnxModel
from secateur.graph.onnx_files.reading import read_onnx
from secateur.methods.prune.magnitude import MagnitudePruning
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe, Step
from secateur.recipe.resolve import Plan, resolve

FLOAT = onnx.TensorProto.FLOAT
RANDOM = np.random.default_rng(0)


def value(name: str, shape: Any, kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def branching(dtype: Any = np.float32) -> onnx.ModelProto:
    """Weights at the top that both branches of an If use, and nothing else; a product behind it."""
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    then = [helper.make_node("MatMul", ["x", "W"], ["t"]), helper.make_node("Add", ["t", "b"], ["ty"])]
    other = [helper.make_node("Neg", ["x"], ["e"]), helper.make_node("MatMul", ["e", "W"], ["ey"])]
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["cond"]),
        helper.make_node(
            "If", ["cond"], ["z"],
            then_branch=helper.make_graph(then, "then", [], [value("ty", None, kind)]),
            else_branch=helper.make_graph(other, "else", [], [value("ey", None, kind)]),
        ),
        helper.make_node("Relu", ["z"], ["r"]),
        helper.make_node("MatMul", ["r", "V"], ["y"], name="head"),
    ]  # fmt: skip
    stored = {
        "W": RANDOM.standard_normal((16, 32)),
        "b": RANDOM.standard_normal(32),
        "V": RANDOM.standard_normal((32, 6)),
        "zero": np.array(0),
    }
    initializers = [numpy_helper.from_array(array.astype(dtype), name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "net", [value("x", [1, 16], kind)], [value("y", [1, 6], kind)], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def opened(tmp_path: Any) -> Any:
    def make(proto: onnx.ModelProto) -> OnnxModel:
        onnx.save(proto, tmp_path / "net.onnx")
        model = open_model(ModelSource(str(tmp_path / "net.onnx")))
        assert isinstance(model, OnnxModel)
        return model

    return make


def layers_of(model: Any) -> list[str]:
    return [layer.name for layer in describe(model).weighted_layers]


@pytest.mark.parametrize("bits", [8, 4])
def test_weights_that_only_branches_use_are_stored_as_integers(opened: Any, tmp_path: Any, bits: int) -> None:
    model = opened(branching())
    names = layers_of(model)
    assert len(names) == 2
    result = WeightOnly(bits=bits).apply(model, names, Context())
    assert not model.encodings
    inputs = (RANDOM.standard_normal((1, 16)).astype(np.float32),)
    file = export(result, format_named("onnx"), tmp_path / "small.onnx", inputs)
    assert file.verified, file.sentence
    proto = onnx.load(tmp_path / "small.onnx")
    kinds = {tensor.name: tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 2}
    assert set(kinds.values()) == {onnx.TensorProto.INT8 if bits == 8 else onnx.TensorProto.INT4}
    again = open_model(ModelSource(str(tmp_path / "small.onnx")))
    for sign in (1, -1):
        given = np.abs(inputs[0]) * sign  # each of the branches
        # with its optimiser on, ONNX Runtime rounds the inputs of such a product to 8 bits
        atol = 0.02 * float(np.abs(result.run(given)).max())
        np.testing.assert_allclose(again.run(given), result.run(given), atol=atol)
        assert not np.array_equal(result.run(given), model.run(given))
    rounded = result.encodings.weights[names[0]].round_trip(model.weights()[names[0]])
    np.testing.assert_allclose(again.weights()[names[0]], rounded, rtol=1e-6)


def test_a_file_in_half_precision_stays_one(opened: Any, tmp_path: Any) -> None:
    model = opened(branching(np.float16))
    result = WeightOnly(bits=8).apply(model, layers_of(model), Context())
    inputs = (RANDOM.standard_normal((1, 16)).astype(np.float16),)
    assert export(result, format_named("onnx"), tmp_path / "small.onnx", inputs).verified


def test_a_recipe_may_do_it_before_and_after_pruning(opened: Any) -> None:
    model = opened(branching())
    quantize, prune = WeightOnly(bits=8), MagnitudePruning(ratio=0.5)
    for methods in ((quantize, prune), (prune, quantize)):
        recipe = Recipe(tuple(Step(method, ("*",)) for method in methods))
        assert isinstance(resolve(recipe, describe(model)), Plan)
        result: Any = model
        for method in methods:
            result = method.apply(result, layers_of(model), Context())
        for name, weight in result.weights().items():
            assert np.mean(result.encodings.weights[name].round_trip(weight) == 0) >= 0.5


def test_what_is_integers_already_is_left_alone_and_said(opened: Any, tmp_path: Any) -> None:
    model = opened(branching())
    (first, *_) = layers_of(model)
    export(WeightOnly(bits=8).apply(model, [first], Context()), format_named("onnx"), tmp_path / "some.onnx")
    some = open_model(ModelSource(str(tmp_path / "some.onnx")))
    said: list[str] = []
    result = WeightOnly(bits=4).apply(some, layers_of(some), Context(log=said.append))
    assert first not in result.encodings.weights
    assert any("integers already" in line for line in said)
    export(WeightOnly(bits=8).apply(model, layers_of(model), Context()), format_named("onnx"), tmp_path / "all.onnx")
    whole = describe(open_model(ModelSource(str(tmp_path / "all.onnx"))))
    assert "integers already" in WeightOnly(bits=8).why_not_for(whole)


def test_weights_go_by_their_layer_wherever_they_are_used(opened: Any, tmp_path: Any) -> None:
    model = opened(branching())
    onnx.save(branching(), tmp_path / "again.onnx")
    read = {tensor.name for tensor in read_onnx(tmp_path / "again.onnx").proto.graph.initializer}
    assert {"W", "V"} <= read
    assert sum(weight.size for weight in model.weights().values()) == 16 * 32 + 32 * 6


@pytest.mark.parametrize("turned_by", ["Transpose", "Einsum"])
def test_a_matrix_in_another_form_inside_a_branch_is_a_layer_or_named_in_a_note(opened: Any, turned_by: str) -> None:
    proto = branching()
    inner = next(attribute.g for attribute in proto.graph.node[2].attribute if attribute.name == "else_branch")
    how: Any = {"perm": [1, 0]} if turned_by == "Transpose" else {"equation": "ij->ji"}
    turned = helper.make_node(turned_by, ["U"], ["Ut"], **how)
    inner.node.insert(1, turned)
    inner.node[2].input[1] = "Ut"
    stored = numpy_helper.from_array(RANDOM.standard_normal((32, 16)).astype(np.float32), "U")
    proto.graph.initializer.append(stored)
    onnx.checker.check_model(proto)
    model = opened(proto)
    seen = describe(model)
    is_named = any("belongs to no layer" in note and "U (32×16)" in note for note in seen.notes)
    is_layer = len(seen.weighted_layers) == 3
    assert (is_layer, is_named) == ((True, False) if turned_by == "Transpose" else (False, True))
    original = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    for sign in (1, -1):
        given = np.abs(RANDOM.standard_normal((1, 16))).astype(np.float32) * sign
        np.testing.assert_allclose(model.run(given), original.run(None, {"x": given})[0], rtol=1e-5)
