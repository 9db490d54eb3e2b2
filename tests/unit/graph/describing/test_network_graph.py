"""The graph of an opened model: layers and real data flow, blocks from names, the same for ONNX and torch."""

import pickle
import time

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from secateur.errors import UserError
from secateur.formats.describing.describe import describe
from secateur.graph.describing.graph_nodes import Piece, assemble, common
from secateur.graph.describing.network_graph import network_graph
from secateur.graph.network import OnnxModel, StoredModel, TorchModel
from secateur.graph.onnx_import.importer import import_model
from secateur.model.description import Port
from secateur.model.graph import GraphNode, NetworkGraph

IMAGE = Port("image", "float32", (None, 3, 8, 8))


class Block(nn.Module):
    """Two convolutions and an addition, with a shortcut where channels change."""

    def __init__(self, given: int, made: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(given, made, 3, padding=1), nn.Conv2d(made, made, 3, padding=1)
        self.shortcut = nn.Sequential(nn.Conv2d(given, made, 1), nn.BatchNorm2d(made)) if given != made else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = x if self.shortcut is None else self.shortcut(x)
        return torch.relu(self.conv2(torch.relu(self.conv1(x))) + before)


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.layer1 = nn.Sequential(Block(8, 8), Block(8, 16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(nn.functional.dropout(self.layer1(self.stem(x)).mean((2, 3)), training=self.training))


class Deciding(nn.Module):
    """Looks at values, which tracing cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        return self.second(x) if x.sum() < 1e9 else x


def torch_model(module: nn.Module) -> TorchModel:
    return TorchModel("network", module.eval(), (IMAGE,), (Port("y", "float32", (None, 10)),))


def graph_of(model) -> NetworkGraph:
    return network_graph(model, describe(model))


def node(graph: NetworkGraph, name: str) -> GraphNode:
    return next(node for node in graph.nodes if node.name == name)


def readers(graph: NetworkGraph, name: str) -> set[str]:
    return {graph.nodes[b].name for a, b in graph.edges if graph.nodes[a].name == name}


@pytest.fixture(scope="module")
def network() -> NetworkGraph:
    torch.manual_seed(0)
    return graph_of(torch_model(Network()))


# ---------------------------------------------------------------------- torch


def test_layers_carry_their_name_block_channels_and_shape(network):
    conv = node(network, "layer1.1.conv1")
    assert (conv.layer, conv.label, conv.group) == ("layer1.1.conv1", "conv1", ("layer1", "1"))
    assert (conv.kind, conv.channels, conv.shape) == ("Conv2d", "8 → 16", "16×8×8")


def test_operators_stand_between_the_layers_and_dropout_does_not(network):
    kinds = [entry.kind for entry in network.nodes]
    assert kinds.count("Relu") == 4
    assert kinds.count("Add") == 2
    assert not [kind for kind in kinds if "drop" in kind.lower()]
    assert readers(network, "layer1.0.conv1") == {"layer1.0.Relu"}


def test_an_addition_belongs_to_the_block_whose_branches_it_joins(network):
    additions = [entry.group for entry in network.nodes if entry.kind == "Add"]
    assert additions == [("layer1", "0"), ("layer1", "1")]
    assert node(network, "layer1.1.shortcut.0").group == ("layer1", "1", "shortcut")


def test_what_sums_up_a_block_for_the_next_one_stands_outside_of_both(network):
    assert next(entry.group for entry in network.nodes if entry.kind == "ReduceMean") == ()


def test_inputs_and_outputs_are_nodes_of_their_own(network):
    assert network.nodes[0].kind == "input"
    assert network.nodes[0].shape == "3×8×8"
    assert network.nodes[-1].kind == "output"
    assert readers(network, "fc") == {network.nodes[-1].name}


def test_edges_lead_from_earlier_to_later_nodes_and_names_are_unique(network):
    assert all(a < b for a, b in network.edges)
    assert len({entry.name for entry in network.nodes}) == len(network.nodes)


def test_a_network_that_decides_on_values_is_shown_by_its_layers_alone_and_says_so():
    graph = graph_of(torch_model(Deciding()))
    assert [entry.name for entry in graph.nodes] == ["first", "second"]
    assert graph.edges == ((0, 1),)
    assert "Layers alone" in graph.note


def test_reading_a_graph_leaves_the_network_as_it_was():
    module = Network().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    model = TorchModel("network", module, (IMAGE,), ())
    graph_of(model)
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


# ---------------------------------------------------------------------- ONNX


def onnx_model(nodes, weights, inputs=("image",), outputs=("y",), shape=("b", 3, 8, 8)) -> OnnxModel:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return OnnxModel("g", proto, (IMAGE,), (Port("y", "float32", (None, 4)),))


def floats(*shape: int):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def test_a_file_and_the_network_imported_from_it_have_the_same_layers_and_the_same_flow(residual_graph):
    port, out = Port("image", "float32", (None, 3, 12, 12)), Port("logits", "float32", (None, 10))
    as_file = graph_of(OnnxModel("g", residual_graph, (port,), (out,)))
    imported = graph_of(TorchModel("g", import_model(residual_graph), (port,), (out,)))
    assert [n.layer for n in as_file.nodes if n.layer] == [n.layer for n in imported.nodes if n.layer]
    assert layer_flow(as_file) == layer_flow(imported)


def layer_flow(graph: NetworkGraph) -> set[tuple[str, str]]:
    """(layer, layer that its result reaches through operators)."""
    reach: list[set[str]] = [set() for _ in graph.nodes]
    found = set()
    for index, entry in enumerate(graph.nodes):
        sources = set().union(*(reach[a] for a, b in graph.edges if b == index), set())
        if entry.layer:
            found |= {(source, entry.layer) for source in sources}
        reach[index] = {entry.layer} if entry.layer else sources
    return found


def test_constants_and_the_arithmetic_of_shapes_are_folded_away():
    model = onnx_model(
        [
            helper.make_node("Conv", ["image", "conv.weight"], ["c"], kernel_shape=[1, 1]),
            helper.make_node("Shape", ["c"], ["s"]),
            helper.make_node("Gather", ["s", "zero"], ["batch"], axis=0),
            helper.make_node("Concat", ["batch", "rest"], ["wanted"], axis=0),
            helper.make_node("Mul", ["half", "two"], ["one"]),
            helper.make_node("Mul", ["c", "one"], ["scaled"]),
            helper.make_node("Reshape", ["scaled", "wanted"], ["y"]),
        ],
        {
            "conv.weight": floats(4, 3, 1, 1),
            "zero": np.array([0]),
            "rest": np.array([-1]),
            "half": np.array([0.5], np.float32),
            "two": np.array([2.0], np.float32),
        },
    )
    graph = graph_of(model)
    assert [entry.kind for entry in graph.nodes] == ["input", "Conv2d", "Mul", "Reshape", "output"]
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4))


def test_a_stored_embedding_that_is_added_is_a_node_and_a_small_constant_is_not():
    model = onnx_model(
        [
            helper.make_node("Add", ["image", "position"], ["a"]),
            helper.make_node("Add", ["a", "epsilon"], ["y"]),
        ],
        {"position": floats(1, 3, 8, 8), "epsilon": np.array(1e-5, np.float32)},
    )
    graph = graph_of(model)
    assert [entry.kind for entry in graph.nodes] == ["input", "Parameter", "Add", "Add", "output"]
    assert readers(graph, "position") == {graph.nodes[2].name}


def test_the_blocks_of_operators_come_from_the_names_that_an_exporter_wrote():
    weights = {"encoder.layer.0.query.weight": floats(4, 3, 1, 1), "encoder.layer.1.query.weight": floats(4, 4, 1, 1)}
    model = onnx_model(
        [
            helper.make_node("Conv", ["image", "encoder.layer.0.query.weight"], ["a"], "/layer.0/query/Conv"),
            helper.make_node("Sigmoid", ["a"], ["b"], "/layer.0/gate/Sigmoid"),
            helper.make_node("Conv", ["b", "encoder.layer.1.query.weight"], ["c"], "/layer.1/query/Conv"),
            helper.make_node("Tanh", ["c"], ["y"], "/elsewhere/Tanh"),
        ],
        weights,
    )
    groups = {entry.kind: entry.group for entry in graph_of(model).nodes}
    assert groups["Sigmoid"] == ("encoder", "layer", "0")  # a scope with a part left out finds its block
    assert groups["Tanh"] == ("encoder", "layer", "1")  # one that holds no layers is no block


def test_an_unknown_operator_is_shown_as_it_is():
    model = onnx_model([helper.make_node("Selu", ["image"], ["y"])], {})
    assert [entry.kind for entry in graph_of(model).nodes] == ["input", "Selu", "output"]


# ---------------------------------------------------------------------- the rest


def test_tensors_without_a_network_have_no_graph_and_say_what_would_help():
    model = StoredModel("weights", (), (), "No factory came with it.")
    with pytest.raises(UserError, match="tensors alone") as refused:
        network_graph(model, describe(model))
    assert "Python code" in refused.value.hint


def test_a_side_branch_of_operators_belongs_to_the_block_in_which_it_is_joined():
    """A squeeze of channels: global average → gate → product, all in the block of the layer that they begin at."""
    image, other = Piece("input"), Piece("Conv2d", layer="a.0.conv")
    other.sources = [image]
    begin = Piece("Conv2d", [other], layer="a.1.conv")
    pad = Piece("Pad", [other])
    joined = Piece("Add", [begin, pad])
    graph = assemble([image, other, begin, pad, joined], {})
    assert [node.group for node in graph.nodes] == [(), ("a", "0"), ("a", "1"), ("a", "1"), ("a", "1")]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [([("a", "b"), ("a", "c")], ("a",)), ([("a",), ()], ()), ([], ()), ([("a", "b")], ("a", "b"))],
)
def test_common_is_the_longest_shared_beginning(paths, expected):
    assert common(paths) == expected


def test_a_name_with_a_thousand_dots_is_no_deeper_than_a_few_blocks():
    layer = ".".join("a" * 1000)
    graph = assemble([Piece("Conv2d", layer=layer)], {})
    assert len(graph.nodes[0].group) <= 16


def test_a_graph_of_five_thousand_nodes_crosses_to_the_window_whole_and_quickly():
    nodes = tuple(GraphNode(f"stage.{n}.conv", "conv", "Conv2d", f"stage.{n}.conv", ("stage", str(n)), "64 → 64")
                  for n in range(5000))  # fmt: skip
    graph = NetworkGraph(nodes, tuple((n, n + 1) for n in range(4999)), "note")
    begun = time.thread_time()
    crossed = pickle.loads(pickle.dumps(graph))
    assert time.thread_time() - begun < 0.5
    assert crossed == graph
