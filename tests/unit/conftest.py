"""A small lowered network and calibration data, for what quantizes, simulates, writes and verifies."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from secateur.data.batch import Batch

SHAPE = (3, 12, 12)


class NoiseData:
    """Calibration samples without files: normal noise, the same on every call."""

    def __init__(self, count: int = 48) -> None:
        self.inputs = np.random.default_rng(5).standard_normal((count, *SHAPE)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs) if split == "calibration" else 0

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Iterator[Any]:
        count = min(limit or len(self.inputs), len(self.inputs))
        for start in range(0, count, batch_size):
            part = self.inputs[start : min(start + batch_size, count)]
            yield Batch({"image": part}, np.zeros(len(part), np.int64))


@pytest.fixture
def noise_data() -> NoiseData:
    return NoiseData()


@pytest.fixture(scope="session")
def residual_graph() -> Any:
    """conv1 → relu → conv2 → + → relu → global average → fc (10 classes) as an ONNX graph with a free batch axis."""
    from onnx import TensorProto, checker, helper, numpy_helper

    random = np.random.default_rng(0)

    def tensor(name: str, *shape: int, gain: float = 1.0) -> Any:
        fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 4
        values = random.standard_normal(shape) * gain / np.sqrt(fan_in)
        return numpy_helper.from_array(values.astype(np.float32), name)

    padded = {"pads": [1, 1, 1, 1], "kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "group": 1}
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "conv1.weight", "conv1.bias"], ["c1"], "first", **padded),
            helper.make_node("Relu", ["c1"], ["r1"], "relu1"),
            helper.make_node("Conv", ["r1", "conv2.weight", "conv2.bias"], ["c2"], "second", **padded),
            helper.make_node("Add", ["c2", "r1"], ["sum"], "add"),
            helper.make_node("Relu", ["sum"], ["r2"], "relu2"),
            helper.make_node("GlobalAveragePool", ["r2"], ["pooled"], "pool"),
            helper.make_node("Flatten", ["pooled"], ["flat"], "flatten", axis=1),
            helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], "head", transB=1),
        ],
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *SHAPE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [
            tensor("conv1.weight", 16, 3, 3, 3),
            tensor("conv1.bias", 16),
            tensor("conv2.weight", 16, 16, 3, 3),
            tensor("conv2.bias", 16),
            tensor("fc.weight", 10, 16, gain=8.0),
            tensor("fc.bias", 10),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    checker.check_model(proto)
    return proto


@pytest.fixture
def lowered_network(residual_graph: Any) -> Any:
    """The residual graph as an opened and lowered torch model."""
    from secateur.graph.homes import shipped
    from secateur.graph.network import TorchModel
    from secateur.graph.onnx_import.importer import import_model
    from secateur.model.description import Port

    module = import_model(residual_graph)
    return TorchModel(
        name="residual",
        module=module,
        inputs=(Port("image", "float32", (None, *SHAPE)),),
        outputs=(Port("logits", "float32", (None, 10)),),
        lowered=shipped(residual_graph, module),
    )
