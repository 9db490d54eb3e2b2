"""Workloads told from a graph, and each as the network that is timed."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from secateur.graph.qdq.overflow import overflows_here
from secateur.model.workload import BETWEEN, FLOAT, Precision, Workload
from secateur.targets.kernels import kernel_times
from secateur.targets.workloads import example_of, flow_of, network_of, workloads_of

WORKS = (
    Workload("conv", 8, 16, (12, 12), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), activation="Relu"),
    Workload("conv", 16, 16, (8, 8), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), groups=16, activation="Clip"),
    Workload("conv", 8, 8, (6, 6), (1, 1), (1, 1), (0, 0, 0, 0), (1, 1)),
    Workload("linear", 64, 32, (1,)),
)
PRECISIONS = (FLOAT, Precision(8, 8), Precision(7, 8), Precision(8), Precision(4), BETWEEN)


def block() -> onnx.ModelProto:
    """Two convolutions with a residual addition between them, and a linear layer."""
    random = np.random.default_rng(0)
    weights = {"w1": (4, 3, 3, 3), "w2": (4, 4, 3, 3), "w3": (64, 5)}
    stored = [numpy_helper.from_array(random.random(shape, np.float32), name) for name, shape in weights.items()]
    nodes = [
        helper.make_node("Conv", ["x", "w1"], ["c1"], name="c1", pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["c1"], ["r1"], name="r1"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="c2", auto_pad="SAME_UPPER"),
        helper.make_node("Add", ["c2", "r1"], ["sum"], name="sum"),
        helper.make_node("Flatten", ["sum"], ["flat"], name="flat"),
        helper.make_node("MatMul", ["flat", "w3"], ["y"], name="m"),
    ]
    graph = helper.make_graph(
        nodes,
        "block",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        stored,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def test_workloads_have_the_shapes_of_the_graph() -> None:
    found = workloads_of(block(), [np.zeros((1, 3, 8, 8), np.float32)])
    first, second, last = (works[0] for works in found.values())
    assert (first.inputs, first.outputs, first.output_positions, first.activation) == (3, 4, (4, 4), "Relu")
    assert (second.pads, second.output_positions) == ((1, 1, 1, 1), (4, 4))
    assert (last.operator, last.inputs, last.outputs, last.positions) == ("linear", 64, 5, (1,))


def test_a_norm_behind_a_layer_is_part_of_it_as_in_the_exported_file() -> None:
    proto = block()
    plain = proto.graph.node[1]
    assert plain.op_type == "Relu"
    norm = helper.make_node("BatchNormalization", ["c1", "scale", "bias", "mean", "var"], ["n1"], name="n1")
    plain.input[0] = "n1"
    proto.graph.node.insert(1, norm)
    four = {"scale": 1.0, "bias": 0.0, "mean": 0.0, "var": 1.0}
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.full(4, value, np.float32), name) for name, value in four.items()
    )
    inputs = [np.zeros((1, 3, 8, 8), np.float32)]
    assert workloads_of(proto, inputs) == workloads_of(block(), inputs)
    names = tuple(workloads_of(proto, inputs))
    assert flow_of(proto, names) == flow_of(block(), names)


def test_values_flow_past_activations_and_what_only_moves_them() -> None:
    proto = block()
    names = tuple(workloads_of(proto, [np.zeros((1, 3, 8, 8), np.float32)]))
    flow = flow_of(proto, names)
    first, second, last = names
    assert flow.sources == {first: ("x",), second: (first,), "sum": (second, first), last: ("sum",)}
    assert flow.integer == {"sum"}


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.key.replace("/", "|"))
@pytest.mark.parametrize("precision", PRECISIONS, ids=lambda precision: precision.words)
def test_every_workload_runs_at_every_precision(work: Workload, precision: Precision) -> None:
    session = ort.InferenceSession(network_of(work.at(precision)).SerializeToString())
    result = session.run(None, {session.get_inputs()[0].name: example_of(work)})[0]
    assert result.size == work.output_count


def test_a_static_convolution_is_stored_in_integers_with_its_pairs() -> None:
    proto = network_of(WORKS[0].at(Precision(8, 8)))
    operators = Counter(node.op_type for node in proto.graph.node)
    assert operators["QuantizeLinear"] == 2
    kinds = {tensor.data_type for tensor in proto.graph.initializer if len(tensor.dims) == 4}
    assert kinds == {TensorProto.UINT8 if overflows_here() else TensorProto.INT8}


def test_kernels_are_timed_without_their_borders() -> None:
    spreads = kernel_times([WORKS[0], WORKS[0].at(Precision(8, 8))], threads=1)
    assert all(spread.typical > 0 for spread in spreads)
    assert spreads[1].enter > 0
    assert spreads[1].leave > 0
