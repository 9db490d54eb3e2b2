"""What no layer computes with is stored in half as many bits where everything else is integers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from secateur.data.batch import Batch
from secateur.formats import format_named
from secateur.formats.proving.verify import export
from secateur.graph.context import Context
from secateur.graph.homes import shipped
from secateur.graph.lowering import graph_of
from secateur.graph.network import TorchModel
from secateur.graph.onnx_import.importer import import_model
from secateur.methods.quantize.static_int8 import StaticInt8
from secateur.methods.quantize.weight_only import WeightOnly
from secateur.model.description import Port


class Noise:
    inputs = np.random.default_rng(2).standard_normal((32, 40, 32)).astype(np.float32)

    def size(self, split: str) -> int:
        return len(self.inputs)

    def batches(self, split: str, batch_size: int, limit: int | None = None) -> Any:
        for start in range(0, limit or len(self.inputs), batch_size):
            part = self.inputs[start : start + batch_size]
            yield Batch({"x": part}, np.zeros(len(part), np.int64))


@pytest.fixture
def with_positions() -> Callable[[float], TorchModel]:
    """x + learned positions, then two products."""

    def make(largest: float = 1.0) -> TorchModel:
        random = np.random.default_rng(0)
        stored = {
            "positions": random.standard_normal((1, 40, 32)) * largest, "a.weight": random.standard_normal((32, 64)),
            "b.weight": random.standard_normal((64, 8)),
        }  # fmt: skip
        graph = helper.make_graph(
            [
                helper.make_node("Add", ["x", "positions"], ["p"]),
                helper.make_node("MatMul", ["p", "a.weight"], ["h"]),
                helper.make_node("Relu", ["h"], ["r"]),
                helper.make_node("MatMul", ["r", "b.weight"], ["y"]),
            ],
            "positions",
            [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["batch", 40, 32])],
            [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["batch", 40, 8])],
            [numpy_helper.from_array(values.astype(np.float32), name) for name, values in stored.items()],
        )
        proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        ports = (Port("x", "float32", (None, 40, 32)),), (Port("y", "float32", (None, 40, 8)),)
        module = import_model(proto)
        return TorchModel("net", module, *ports, lowered=shipped(proto, module))

    return make


@pytest.mark.parametrize("method", [StaticInt8(), WeightOnly(bits=8)], ids=lambda method: method.id)
def test_positions_are_stored_as_float16_and_the_file_is_proven(
    with_positions: Any, method: Any, tmp_path: Path
) -> None:
    said: list[str] = []
    model = with_positions()
    made = method.apply(model, ["a", "b"], Context(data=Noise(), log=said.append))
    assert export(made, format_named("onnx"), tmp_path / "net.onnx", [Noise.inputs]).verdict == "proven"
    kinds = {tensor.name: tensor.data_type for tensor in onnx.load(str(tmp_path / "net.onnx")).graph.initializer}
    assert kinds["positions_half"] == onnx.TensorProto.FLOAT16
    assert any("positions" in line for line in said)
    before = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph_of(model).graph.initializer}["positions"]
    after = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph_of(made).graph.initializer}["positions"]
    assert np.array_equal(after, before.astype(np.float16).astype(np.float32))
    assert not np.array_equal(after, before)


def test_a_network_that_stays_float_in_part_keeps_its_tables(with_positions: Any) -> None:
    made = WeightOnly(bits=8).apply(with_positions(), ["a"], Context())
    assert not made.narrow


def test_tables_that_float16_cannot_hold_stay(with_positions: Any) -> None:
    made = WeightOnly(bits=8).apply(with_positions(1e6), ["a", "b"], Context())
    assert not made.narrow
