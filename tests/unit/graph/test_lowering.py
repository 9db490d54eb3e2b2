"""Lowering: the exported graph is the network, under its own names."""

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from secateur.errors import UserError
from secateur.graph.context import Context
from secateur.graph.lowering import export, graph_of, is_lowered, lower, strip, to_onnx
from secateur.graph.network import TorchModel, weighted_modules
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Port

pytestmark = pytest.mark.usefixtures("exported_anew")


class Mixed(nn.Module):
    """Folded batch norm, a residual, and linear layers on inputs of three and of two axes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.blocks = nn.ModuleList([nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)])
        self.tokens = nn.Linear(4, 6)
        self.head = nn.Linear(6, 3, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.bn(self.conv(x)))
        x = torch.relu(x + self.blocks[1](self.blocks[0](x)))
        return self.head(torch.relu(self.tokens(x.flatten(2).transpose(1, 2))).mean(1))


@pytest.fixture(scope="module")
def mixed() -> TorchModel:
    torch.manual_seed(0)
    module = Mixed()
    for norm in (module.bn, module.blocks[1]):
        nn.init.normal_(norm.running_mean)
        nn.init.uniform_(norm.running_var, 0.5, 2.0)
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    ports = (Port("image", "float32", (None, 2, 6, 6)),), (Port("scores", "float32", (None, 3)),)
    return TorchModel("mixed", module.train(), *ports)


@pytest.fixture(scope="module")
def lowered(mixed: TorchModel) -> TorchModel:
    return lower(mixed)


def test_the_lowered_network_gives_the_same_answers_at_every_batch_size(mixed: Any, lowered: Any) -> None:
    for batch in (1, 5):
        inputs = np.random.default_rng(batch).standard_normal((batch, 2, 6, 6)).astype(np.float32)
        np.testing.assert_allclose(lowered.run(inputs), mixed.run(inputs), rtol=1e-4, atol=1e-5)


def test_layers_and_ports_keep_their_names(mixed: Any, lowered: Any) -> None:
    names = [name for name, _ in weighted_modules(mixed.module)]
    assert [name for name, _ in weighted_modules(lowered.module)] == names
    assert [value.name for value in (*graph_of(lowered).graph.input, *graph_of(lowered).graph.output)] == [
        "image",
        "scores",
    ]
    stored = {tensor.name for tensor in graph_of(lowered).graph.initializer}
    assert {f"{name}.weight" for name in names} <= stored


def test_batch_norms_are_folded(lowered: Any) -> None:
    assert "BatchNormalization" not in {node.op_type for node in graph_of(lowered).graph.node}


def test_nothing_of_this_machine_is_left_in_the_graph(lowered: Any) -> None:
    text = graph_of(lowered).SerializeToString()
    assert b".py" not in text
    assert b"Traceback" not in text
    assert not any(node.metadata_props or node.doc_string for node in graph_of(lowered).graph.node)


def test_a_lowered_network_is_not_lowered_again(lowered: Any) -> None:
    assert lower(lowered) is lowered
    assert to_onnx(lowered).SerializeToString() == graph_of(lowered).SerializeToString()


def test_the_network_that_was_lowered_is_not_changed(mixed: Any, lowered: Any) -> None:
    assert isinstance(mixed.module, Mixed)
    assert mixed.lowered is None
    assert any(isinstance(part, nn.BatchNorm2d) for part in mixed.module.modules())


def test_every_layer_of_it_can_be_encoded(lowered: Any) -> None:
    from secateur.graph.qdq.placing import encode

    names = list(lowered.weights())
    encoded = WeightOnly(bits=8).apply(lowered, names, Context())
    proto = encode(graph_of(encoded), encoded.encodings)
    onnx.checker.check_model(proto, full_check=True)
    whole = [tensor for tensor in proto.graph.initializer if tensor.data_type == onnx.TensorProto.INT8 and tensor.dims]
    assert len(whole) == len(names)


def test_a_network_that_cannot_be_exported_is_named_with_the_reason() -> None:
    class Deciding(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    model = TorchModel("chooser", Deciding(), (Port("x", "float32", (None, 3)),), (Port("y", "float32", (None, 3)),))
    with pytest.raises(UserError, match=r"chooser cannot be exported"):
        export(model)


def test_a_graph_with_unfolded_batch_norms_is_lowered_anew(residual_graph: Any) -> None:
    from onnx import helper

    proto = onnx.ModelProto()
    proto.CopyFrom(residual_graph)
    assert is_lowered(proto, ["conv1", "conv2", "fc"])
    assert not is_lowered(proto, ["conv3"])
    proto.graph.node.insert(1, helper.make_node("BatchNormalization", ["c1", "a", "b", "m", "v"], ["bn"]))
    assert not is_lowered(proto, ["conv1", "conv2", "fc"])


def test_stripping_takes_documentation_and_unused_tensors_away(residual_graph: Any) -> None:
    proto = onnx.ModelProto()
    proto.CopyFrom(residual_graph)
    proto.graph.node[0].doc_string = "made at /somewhere"
    proto.graph.node[0].metadata_props.add(key="stack", value="/somewhere/net.py")
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, np.float32), "unused"))
    strip(proto)
    assert b"somewhere" not in proto.SerializeToString()
    assert [t.name for t in proto.graph.initializer] == [t.name for t in residual_graph.graph.initializer]
