"""The bytes that a plan is predicted to take, and those that its file takes."""

import pytest

from secateur.formats.describing.describe import describe
from secateur.formats.onnx_files.writing import write_onnx
from secateur.formats.reading import open_model
from secateur.graph.context import Context
from secateur.graph.qdq.functions import add_functions
from secateur.methods.facts import Facts
from secateur.methods.quantize.sizes import FUNCTION_BYTES
from secateur.model.description import ModelSource
from secateur.recipe.chosen import recipe_of
from secateur.recipe.prediction import predict_plan


@pytest.fixture(scope="module")
def sample():
    return open_model(ModelSource("sample:model"))


@pytest.mark.parametrize("options", [("w8",), ("int4",), ("int3",), ("int5", "int3", "int2", ""), ("int6", "")])
def test_an_encoded_file_takes_what_was_predicted(sample, options, tmp_path):
    description = describe(sample)
    names = [layer.name for layer in description.weighted_layers]
    recipe = recipe_of({name: options[place % len(options)] for place, name in enumerate(names)})
    told = predict_plan(description, {name: Facts() for name in names}, recipe, None, None)
    model = sample
    for step in recipe.final:
        model = step.method.apply(model, step.layers, Context())
    write_onnx(model, tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").stat().st_size == pytest.approx(told.bytes, rel=0.015)


def test_an_untouched_file_is_predicted_as_it_is(sample):
    description = describe(sample)
    names = [layer.name for layer in description.weighted_layers]
    told = predict_plan(description, {name: Facts() for name in names}, recipe_of({}), None, None)
    assert told.bytes == description.source_bytes


@pytest.mark.parametrize("bits", FUNCTION_BYTES)
def test_the_functions_of_planes_take_what_is_counted_for_them(bits):
    from onnx import helper

    def made(*operators):
        nodes = [helper.make_node(name, ["x"], [name], domain="secateur") for name in operators]
        opset = helper.make_opsetid("", 21)
        proto = helper.make_model(helper.make_graph(nodes, "g", [], []), opset_imports=[opset], ir_version=10)
        before = proto.ByteSize()
        add_functions(proto)
        return proto.ByteSize() - before

    assert made(f"Unpack{bits}", "Signed", "Dequantize") == pytest.approx(FUNCTION_BYTES[bits], rel=0.05)
