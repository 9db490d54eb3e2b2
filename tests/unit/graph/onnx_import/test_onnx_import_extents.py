"""Shapes that only a run can tell: NonZero, Compress, Unique, NonMaxSuppression."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper

from secateur.graph.onnx_import.check import AGREED, import_deviation
from secateur.graph.onnx_import.importer import ImportRefused, import_model

node = helper.make_node
Graph = Callable[..., onnx.ModelProto]


def ints(*items: int) -> np.ndarray:
    return np.asarray(items, dtype=np.int64)


def chosen_rows(*tail: onnx.NodeProto) -> list[onnx.NodeProto]:
    """x (8, 6) → `rows`: those whose sum is positive, as many as there are; then what is done with them."""
    return [
        node("ReduceSum", ["x", "one"], ["sums"], keepdims=0),
        node("Greater", ["sums", "zero"], ["flags"]),
        node("NonZero", ["flags"], ["found"]),
        node("Squeeze", ["found", "first"], ["places"]),
        node("Gather", ["x", "places"], ["rows"]),
        *tail,
    ]


STORED: dict[str, Any] = {"one": ints(1), "zero": np.float32(0), "first": ints(0)}


def test_as_many_rows_as_a_run_finds_go_through_a_layer(graph: Graph, random: Callable[..., np.ndarray]) -> None:
    nodes = chosen_rows(node("MatMul", ["rows", "head.weight"], ["p"]), node("Relu", ["p"], ["y"]))
    proto = graph(nodes, {**STORED, "head.weight": random(6, 3)}, {"x": (8, 6)})
    module = import_model(proto)
    assert import_deviation(proto, module) <= AGREED
    values = torch.ones(8, 6)
    values[:5] = -1
    assert module(values).shape == (3, 3)
    assert isinstance(module.head, torch.nn.Linear)


def test_a_count_of_what_was_found_is_computed_with(graph: Graph) -> None:
    tail = [
        node("Shape", ["rows"], ["s"]),
        node("Cast", ["s"], ["f"], to=onnx.TensorProto.FLOAT),
        node("ReduceProd", ["s", "first"], ["count"], keepdims=1),
        node("Reshape", ["rows", "count"], ["y"]),
    ]
    proto = graph(chosen_rows(*tail), STORED, {"x": (8, 6)})
    assert import_deviation(proto, import_model(proto)) <= AGREED


def test_a_network_that_would_keep_a_made_up_extent_is_refused(graph: Graph) -> None:
    nodes = [node("NonZero", ["x"], ["found"]), node("Split", ["found"], ["a", "b"], axis=1, num_outputs=2)]
    proto = graph(nodes, {}, {"x": (8, 6)}, outputs=("a", "b"))
    with pytest.raises(ImportRefused, match="how many values"):
        import_model(proto)


def test_an_empty_result_goes_through(graph: Graph) -> None:
    proto = graph(chosen_rows(node("Relu", ["rows"], ["y"])), STORED, {"x": (8, 6)})
    assert import_model(proto)(-torch.ones(8, 6)).shape == (0, 6)
