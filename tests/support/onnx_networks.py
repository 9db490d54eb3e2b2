"""Small ONNX graphs, which the tests of reading, importing and describing share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

FLOAT = onnx.TensorProto.FLOAT

Graph = Callable[..., onnx.ModelProto]


@pytest.fixture
def graph() -> Graph:
    """make(nodes, stored, inputs, outputs, opset) → ModelProto; shapes by name, arrays by name."""

    def make(
        nodes: list[onnx.NodeProto],
        stored: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        outputs: tuple[str, ...] = ("y",),
        opset: int = 20,
    ) -> onnx.ModelProto:
        given = inputs or {"x": ("N", 3, 8, 8)}
        made = helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in given.items()],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in (stored or {}).items()],
        )
        return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)

    return make


@pytest.fixture
def random() -> Callable[..., np.ndarray]:
    generator = np.random.default_rng(7)
    return lambda *shape: generator.standard_normal(shape).astype(np.float32) * 0.3


@pytest.fixture
def network(random: Callable[..., np.ndarray]) -> onnx.ModelProto:
    """Convolution, batch norm, residual addition, pooling and a linear head, with typed outputs."""
    stored = {
        "stem.conv.weight": random(8, 3, 3, 3),
        "stem.conv.bias": random(8),
        "stem.bn.weight": random(8) + 1,
        "stem.bn.bias": random(8),
        "stem.bn.running_mean": random(8),
        "stem.bn.running_var": abs(random(8)) + 0.5,
        "block.0.conv.weight": random(8, 8, 3, 3),
        "head.weight": random(5, 8),
        "head.bias": random(5),
    }
    nodes = [
        helper.make_node("Conv", ["x", "stem.conv.weight", "stem.conv.bias"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node(
            "BatchNormalization",
            ["a", "stem.bn.weight", "stem.bn.bias", "stem.bn.running_mean", "stem.bn.running_var"],
            ["b"],
        ),
        helper.make_node("Relu", ["b"], ["c"]),
        helper.make_node("Conv", ["c", "block.0.conv.weight"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["d", "c"], ["e"]),
        helper.make_node("GlobalAveragePool", ["e"], ["f"]),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "head.weight", "head.bias"], ["logits"], transB=1),
    ]
    made = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", FLOAT, ("N", 3, 8, 8))],
        [helper.make_tensor_value_info("logits", FLOAT, ("N", 5))],
        [
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)
            for name, value in stored.items()
        ],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


@pytest.fixture
def network_file(network: onnx.ModelProto, tmp_path: Path) -> Path:
    path = tmp_path / "network.onnx"
    onnx.save(network, path)
    return path
