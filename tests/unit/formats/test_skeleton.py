"""The skeleton of a model: small, without a weight, with the layers' names where a viewer shows them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.engine.jobs import perform
from secateur.engine.reporting import Reporter
from secateur.engine.requests import WriteSkeleton
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.formats.describing.skeleton import graph_of, skeleton_of, write_skeleton
from secateur.graph.network import OnnxModel, StoredModel, TorchModel
from secateur.model.description import ModelSource, Port

WIDTH = 96


def tensor(name: str, *shape: int) -> TensorProto:
    values = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


@pytest.fixture
def graph() -> onnx.ModelProto:
    """Convolution, reshape by a stored shape, linear layer, a lookup table in a Constant; and a path of a machine."""
    nodes = [
        helper.make_node("Conv", ["x", "block.conv.weight"], ["c"], name="fc", pads=[1, 1, 1, 1]),
        helper.make_node("Constant", [], ["table"], value=tensor("table_values", 1, WIDTH * 16)),
        helper.make_node("Reshape", ["c", "shape"], ["r"], name="flatten", doc_string="made in /home/somebody"),
        helper.make_node("Add", ["r", "table"], ["s"], name="add"),
        helper.make_node("Gemm", ["s", "fc.weight"], ["y"], name="g", transB=1),
    ]
    weights = [
        tensor("block.conv.weight", WIDTH, 3, 3, 3),
        tensor("fc.weight", 10, WIDTH * 16),
        numpy_helper.from_array(np.array([1, WIDTH * 16], np.int64), "shape"),
    ]
    made = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 10])],
        weights,
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)])


def stored(proto: onnx.ModelProto) -> dict[str, TensorProto]:
    return {entry.name: entry for entry in proto.graph.initializer}


def has_values(entry: TensorProto) -> bool:
    return bool(entry.raw_data or entry.float_data or entry.int64_data)


def test_no_weight_is_in_the_skeleton_but_its_name_type_and_shape_are(graph: onnx.ModelProto) -> None:
    before, after = stored(graph), stored(skeleton_of(graph))
    assert set(after) == set(before)
    for name, entry in after.items():
        assert (entry.data_type, list(entry.dims)) == (before[name].data_type, list(before[name].dims))
        assert has_values(entry) == (name == "shape")


def test_large_constants_are_weights_too(graph: onnx.ModelProto) -> None:
    skeleton = skeleton_of(graph)
    constant = next(node for node in skeleton.graph.node if node.op_type == "Constant")
    assert not has_values(constant.attribute[0].t)
    assert list(constant.attribute[0].t.dims) == [1, WIDTH * 16]


def test_the_size_does_not_grow_with_the_weights(graph: onnx.ModelProto) -> None:
    assert graph.ByteSize() > 60_000
    assert skeleton_of(graph).ByteSize() < 2_000


def test_nodes_bear_the_names_of_their_layers_and_no_other_node_takes_one(graph: onnx.ModelProto) -> None:
    names = {node.op_type: node.name for node in skeleton_of(graph).graph.node}
    assert names["Conv"] == "block.conv"
    assert names["Gemm"] == "fc"
    assert names["Reshape"] == "flatten"


def test_a_node_that_is_called_like_another_layer_gets_its_operator_behind_it(graph: onnx.ModelProto) -> None:
    graph.graph.node[3].name = "block.conv"
    assert skeleton_of(graph).graph.node[3].name == "block.conv/Add"


def test_shapes_are_inferred_for_the_edges(graph: onnx.ModelProto) -> None:
    shapes = {
        value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim]
        for value in skeleton_of(graph).graph.value_info
    }
    assert shapes["c"] == [1, WIDTH, 4, 4]
    assert shapes["r"] == [1, WIDTH * 16]


def test_comments_that_name_a_machine_are_left_out(graph: onnx.ModelProto) -> None:
    graph.graph.node[0].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="/home/somebody/train.py")
    assert b"somebody" not in skeleton_of(graph).SerializeToString()


def test_the_graph_itself_is_not_changed(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString()
    skeleton_of(graph)
    assert graph.SerializeToString() == before


def test_weights_inside_subgraphs_are_left_out(graph: onnx.ModelProto) -> None:
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["b"], value=tensor("inner", 64, 64))],
        "branch",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, [64, 64])],
    )
    graph.graph.node.append(helper.make_node("If", ["flag"], ["out"], then_branch=branch, else_branch=branch))
    graph.graph.initializer.append(numpy_helper.from_array(np.array(True), "flag"))
    skeleton = skeleton_of(graph)
    assert skeleton.ByteSize() < 3_000
    inner = skeleton.graph.node[-1].attribute[0].g.node[0].attribute[0].t
    assert list(inner.dims) == [64, 64]


def test_external_data_is_not_looked_for(graph: onnx.ModelProto) -> None:
    shape = stored(graph)["shape"]
    shape.ClearField("raw_data")
    shape.data_location = TensorProto.EXTERNAL
    shape.external_data.add(key="location", value="gone.bin")
    assert stored(skeleton_of(graph))["shape"].data_location == TensorProto.DEFAULT


def test_a_graph_whose_shapes_contradict_each_other_is_written_without_them(graph: onnx.ModelProto) -> None:
    stored(graph)["block.conv.weight"].dims[1] = 5
    assert [node.op_type for node in skeleton_of(graph).graph.node] == [node.op_type for node in graph.graph.node]


def test_a_torch_network_is_exported_with_our_layer_names(tmp_path: Path) -> None:
    from torch import nn

    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 10))
    model = TorchModel("net", module, (Port("x", "float32", (None, 3, 8, 8)),), (Port("y", "float32", (None, 10)),))
    proto = onnx.load(str(write_skeleton(model, tmp_path / "s.onnx")))
    assert {"0", "3"} <= {node.name for node in proto.graph.node}
    assert not any(has_values(entry) for entry in proto.graph.initializer if entry.name.endswith(".weight"))


def test_a_file_that_stays_a_file_shows_its_own_graph(graph: onnx.ModelProto) -> None:
    assert graph_of(OnnxModel("net", graph, (), ())) is graph


def test_weights_without_a_network_say_why_there_is_no_graph() -> None:
    with pytest.raises(UserError, match=r"net has no graph to show.*without a network") as refused:
        graph_of(StoredModel("net", (), (), "No factory came with it."))
    assert refused.value.hint == "No factory came with it."


def test_the_engine_writes_the_skeleton_of_the_sample_into_its_own_folder() -> None:
    workshop = Workshop(1)
    source = ModelSource("sample:model")
    result = perform(WriteSkeleton(source), Reporter(1, lambda event: None), workshop)
    assert result.path.parent == workshop.folder
    names = {node.name for node in onnx.load(str(result.path)).graph.node}
    layers = workshop.bench(source, Reporter(2, lambda event: None)).description.weighted_layers
    assert {layer.name for layer in layers} <= names
    assert result.path.stat().st_size < 40_000
