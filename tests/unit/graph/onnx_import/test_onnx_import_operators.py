"""Operators as files use them (stored weights, dynamic batch), against ONNX Runtime, for larger batches too.

The tests that onnx ships for every operator are in test_onnx_node_suite.py.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from secateur.graph.onnx_import.check import AGREED, import_deviation
from secateur.graph.onnx_import.importer import import_model

FLOAT, INT, BOOL = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64, onnx.TensorProto.BOOL


def values(*shape: int, low: float = -1.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(low, 1.0, shape).astype(np.float32)


def ints(*items: int) -> np.ndarray:
    return np.asarray(items, dtype=np.int64)


@dataclass(frozen=True)
class Case:
    """One node: inputs are shapes (computed, batch first), arrays (constants) or None (left out)."""

    operator: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 20
    outputs: int = 1
    before: str = ""
    after: str = ""
    """Unary operators around it: to make inputs positive (Abs) or boolean, and outputs comparable (Cast)."""

    @property
    def label(self) -> str:
        words = [f"{key}={value}" for key, value in self.attributes.items() if np.ndim(value) <= 1]
        return " ".join([self.operator, *words, f"opset{self.opset}"])[:90]


X4, X3, X2 = ("N", 4, 6, 8), ("N", 4, 10), ("N", 6)
UNARY = ["Relu", "Sigmoid", "Tanh", "Softplus", "Softsign", "Mish", "HardSwish", "Erf", "Exp", "Neg", "Abs", "Floor",
         "Ceil", "Round", "Sign", "Sin", "Cos", "Tan", "Atan", "Identity", "Gelu", "Reciprocal"]  # fmt: skip
CASES = [
    *(Case(name, (X4,)) for name in UNARY),
    *(Case(name, (X4,), before="Abs") for name in ("Sqrt", "Log")),
    *(Case(name, (X4, X4)) for name in ("Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean")),
    *(Case(name, (X4, np.float32(2.5))) for name in ("Add", "Sub", "Mul", "Div", "Pow")),
    *(Case(name, (np.float32(2.5), X4)) for name in ("Sub", "Div", "Pow")),
    *(Case(name, (X4, values(4, 1, 1))) for name in ("Add", "Mul", "Max", "Min")),
    Case("Mod", (X4, np.float32(0.3)), {"fmod": 1}),
    Case("Gelu", (X4,), {"approximate": "tanh"}),
    *(Case(name, (X4,), {"alpha": 0.3}) for name in ("LeakyRelu", "Elu", "Celu", "ThresholdedRelu")),
    Case("Selu", (X4,)),
    Case("HardSigmoid", (X4,)),
    Case("HardSigmoid", (X4,), {"alpha": 1 / 6, "beta": 0.5}),
    Case("PRelu", (X4, values(4, 1, 1))),
    Case("PRelu", (X4, values(1))),
    Case("PRelu", (X4, values(6, 1))),
    Case("Clip", (X4, np.float32(-0.2), np.float32(0.6))),
    Case("Clip", (X4, None, np.float32(0.6))),
    Case("Clip", (X4, np.float32(0), np.float32(6))),
    Case("Clip", (X4,), {"min": -0.1, "max": 0.4}, opset=6),
    *(Case(name, (X4,), {"axis": 1}) for name in ("Softmax", "LogSoftmax")),
    *(Case(name, (X4,), {"axis": 1}, opset=11) for name in ("Softmax", "LogSoftmax")),
    Case("Dropout", (X4,)),
    # convolutions
    Case("Conv", (X4, values(8, 4, 3, 3))),
    Case("Conv", (X4, values(8, 4, 3, 3), values(8)), {"pads": [1, 1, 1, 1], "strides": [2, 1]}),
    Case("Conv", (X4, values(8, 2, 3, 3)), {"group": 2, "dilations": [2, 1], "pads": [2, 1, 2, 1]}),
    Case("Conv", (X4, values(8, 4, 3, 3)), {"pads": [0, 1, 2, 1]}),
    *(Case("Conv", (X4, values(8, 4, 3, 3)), {"auto_pad": word, "strides": [2, 2]})
      for word in ("SAME_UPPER", "SAME_LOWER", "VALID")),
    Case("Conv", (X3, values(8, 4, 3)), {"pads": [1, 1]}),
    Case("Conv", (("N", 2, 4, 5, 6), values(3, 2, 3, 3, 3))),
    Case("ConvTranspose", (X4, values(4, 3, 3, 3), values(3))),
    Case("ConvTranspose", (X4, values(4, 2, 4, 4)), {"strides": [2, 2], "pads": [1, 1, 1, 1], "group": 2}),
    Case("ConvTranspose", (X4, values(4, 2, 3, 3)),
         {"strides": [2, 2], "pads": [0, 1, 1, 0], "output_padding": [1, 1]}),
    Case("ConvTranspose", (X4, values(4, 2, 3, 3)), {"strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case("ConvTranspose", (X3, values(4, 2, 3)), {"strides": [3]}),
    # products
    Case("Gemm", (X2, values(5, 6), values(5)), {"transB": 1}),
    Case("Gemm", (X2, values(6, 5), values(1, 5))),
    Case("Gemm", (X2, values(6, 5), values(1)), {"alpha": 0.5, "beta": 2.0}),
    Case("Gemm", (X2, values(6, 5), np.float32(3.0))),
    Case("MatMul", (X3, values(10, 5))),
    Case("MatMul", (X3, ("N", 10, 3))),
    Case("MatMul", (values(3, 4), X3)),
    Case("MatMul", (X4, values(4, 8, 5))),
    Case("Einsum", (X3, ("N", 10, 3)), {"equation": "nij,njk->nik"}),
    # normalizations
    Case("BatchNormalization", (X4, values(4), values(4), values(4), values(4, low=0.5)), {"epsilon": 1e-3}),
    Case("BatchNormalization", (X2, values(6), values(6), values(6), values(6, low=0.5))),
    Case("BatchNormalization", (X3, values(4), values(4), values(4), values(4, low=0.5))),
    Case("InstanceNormalization", (X4, values(4), values(4))),
    Case("LayerNormalization", (X4, values(8), values(8)), {"axis": -1}),
    Case("LayerNormalization", (X4, values(6, 8)), {"axis": 2}),
    Case("GroupNormalization", (X4, values(4), values(4)), {"num_groups": 2}, opset=21),
    Case("LpNormalization", (X4,), {"axis": 1, "p": 2}),
    *(Case("LRN", (X4,), {"size": size, "alpha": 0.5}) for size in (3, 1)),
    Case("MeanVarianceNormalization", (X4,), {"axes": [1, 2, 3]}),
    # pooling
    Case("MaxPool", (X4,), {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
    Case("MaxPool", (X4,), {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 1, 1]}),
    Case("MaxPool", (X4,), {"kernel_shape": [3, 3], "strides": [2, 2], "auto_pad": "SAME_UPPER"}),
    Case("MaxPool", (X4,), {"kernel_shape": [2, 2], "dilations": [2, 2]}),
    Case("MaxPool", (X3,), {"kernel_shape": [3], "ceil_mode": 1, "strides": [2]}),
    Case("AveragePool", (X4,), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    Case("AveragePool", (X4,), {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", (X4,), {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1], "strides": [2, 2]}),
    Case("AveragePool", (X4,), {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1], "count_include_pad": 1}),
    Case("AveragePool", (X4,), {"kernel_shape": [3, 3], "auto_pad": "SAME_LOWER", "strides": [2, 2]}),
    *(Case(name, (X4,)) for name in ("GlobalAveragePool", "GlobalMaxPool")),
    # reductions
    *(Case(name, (X4, ints(2, 3)), {"keepdims": 0}) for name in
      ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp",
       "ReduceProd", "ReduceSum")),
    *(Case(name, (X4,), {"axes": [1, -1]}, opset=11) for name in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")),
    Case("ReduceMean", (X4, ints()), {"noop_with_empty_axes": 1}),
    *(Case(name, (X4,), {"axis": 1, "keepdims": 0}, after="Cast") for name in ("ArgMax", "ArgMin")),
    Case("TopK", (X4, ints(2)), {"axis": 1}, outputs=2),
    Case("CumSum", (X4, np.asarray(1, dtype=np.int64))),
    Case("CumSum", (X4, np.asarray(1, dtype=np.int64)), {"exclusive": 1, "reverse": 1}),
    # shapes
    Case("Reshape", (X4, ints(-1, 24, 8))),
    Case("Reshape", (X4, ints(0, 2, 2, 6, 8))),
    Case("Reshape", (X4, ints(0, -1))),
    Case("Flatten", (X4,)),
    Case("Flatten", (X4,), {"axis": 2}),
    Case("Flatten", (X4,), {"axis": 0}),
    Case("Transpose", (X4,), {"perm": [0, 2, 3, 1]}),
    Case("Squeeze", (("N", 1, 5, 1), ints(1, 3))),
    Case("Squeeze", (("N", 1, 5, 1),), {"axes": [1]}, opset=11),
    Case("Unsqueeze", (X3, ints(1, -1))),
    Case("Unsqueeze", (X3,), {"axes": [0]}, opset=11),
    Case("Expand", (("N", 1, 5), ints(1, 3, 1))),
    Case("Expand", (("N", 5), ints(2, 1, 1))),
    Case("Tile", (X4, ints(1, 2, 1, 3))),
    Case("Concat", (X4, ("N", 2, 6, 8)), {"axis": 1}),
    Case("Concat", (X4, X4), {"axis": -1}),
    Case("Split", (X4,), {"axis": 1, "num_outputs": 2}, outputs=2),
    Case("Split", (X4, ints(1, 3)), {"axis": 1}, outputs=2),
    Case("Split", (X4,), {"axis": 1, "split": [1, 3]}, opset=11, outputs=2),
    *(Case("DepthToSpace", (("N", 8, 3, 4),), {"blocksize": 2, "mode": mode}) for mode in ("DCR", "CRD")),
    Case("SpaceToDepth", (X4,), {"blocksize": 2}),
    Case("Trilu", (X4,), {"upper": 0}),
    Case("Slice", (X4, ints(1), ints(3), ints(1))),
    Case("Slice", (X4, ints(0, 0), ints(np.iinfo(np.int64).max, 9999), ints(2, 3), ints(2, 2))),
    Case("Slice", (X4, ints(-1), ints(np.iinfo(np.int64).min), ints(3), ints(-1))),
    Case("Slice", (X4, ints(6), ints(1), ints(3), ints(-2))),
    Case("Slice", (X4,), {"starts": [1], "ends": [-1], "axes": [2]}, opset=9),
    Case("Gather", (X4, np.asarray(-1, dtype=np.int64)), {"axis": 1}),
    Case("Gather", (X4, ints(3, 0, -2)), {"axis": 1}),
    Case("GatherND", (X4, ints(0, 1, 0, 2).reshape(2, 2))),
    Case("ScatterND", (X3, ints(0, 1, 0, 2).reshape(2, 2), values(2, 10))),
    Case("Compress", (X4, np.asarray([True, False, True])), {"axis": 1}),
    Case("Pad", (X4, ints(0, 1, 2, 0, 0, 1, 0, 3)), {"mode": "reflect"}),
    Case("Pad", (X4, ints(0, 1, 2, 0, 0, 1, 0, 3)), {"mode": "wrap"}),
    Case("CenterCropPad", (X4, ints(4, 9)), {"axes": [2, 3]}),
    Case("Gather", (X4, ints(0, 1, 1, 0).reshape(2, 2)), {"axis": 2}),
    Case("GatherElements", (X2, np.zeros((1, 3), dtype=np.int64)), {"axis": 1}),
    Case("Pad", (X4, ints(0, 0, 1, 2, 0, 0, 3, 0), np.float32(0.5))),
    Case("Pad", (X4, ints(0, 1, 0, 0, 0, 2, 0, 0))),
    Case("Pad", (X4, ints(0, 0, 1, 2, 0, 0, 1, 2)), {"mode": "reflect"}),
    Case("Pad", (X4, ints(0, 0, 1, 2, 0, 0, 1, 2)), {"mode": "edge"}),
    Case("Pad", (X4, ints(1, 2), None, ints(2)), {"mode": "constant"}),
    Case("Pad", (X4,), {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "value": 0.25}, opset=2),
    *(Case("Resize", (X4, None, np.asarray([1, 1, 2, 2], np.float32)),
           {"mode": mode, "coordinate_transformation_mode": way})
      for mode, way in (("nearest", "half_pixel"), ("linear", "half_pixel"), ("linear", "align_corners"),
                        ("cubic", "half_pixel"))),
    Case("Resize", (X4, None, np.asarray([1, 1, 2, 2], np.float32)),
         {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}),
    Case("Resize", (X4, None, None, ints(1, 4, 9, 13)), {"mode": "linear"}),
    Case("Resize", (X4, np.asarray([1, 1, 2, 2], np.float32)), {"mode": "nearest"}, opset=10),
    Case("Upsample", (X4, np.asarray([1, 1, 2, 2], np.float32)), {"mode": "nearest"}, opset=9),
    # logic
    *(Case(name, (X4, X4), after="Cast") for name in ("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual")),
    *(Case(name, (X4, X4), before="IsNaN", after="Cast") for name in ("And", "Or", "Xor")),
    Case("Not", (X4,), before="IsNaN", after="Cast"),
    Case("Where", (np.asarray([[True], [False]] * 3), X4, np.float32(0.0))),
    Case("Where", (np.asarray([True, False] * 4), X4, X4)),
    Case("Cast", (X4,), {"to": INT}, after="Cast"),
    Case("CastLike", (X4, values(1))),
]  # fmt: skip


def build(case: Case) -> onnx.ModelProto:
    """A model of this one node (with its `before` and `after`), with a dynamic batch axis."""
    nodes, names, inputs, stored = [], [], [], []
    for index, value in enumerate(case.inputs):
        name = f"in{index}"
        if value is None:
            names.append("")
        elif isinstance(value, tuple):
            inputs.append(helper.make_tensor_value_info(name, FLOAT, value))
            if case.before:
                nodes.append(helper.make_node(case.before, [name], [f"{name}_ready"]))
                name = f"{name}_ready"
            names.append(name)
        else:
            stored.append(numpy_helper.from_array(np.asarray(value), name))
            names.append(name)
    results = [f"out{index}" for index in range(case.outputs)]
    nodes.append(helper.make_node(case.operator, names, results, name="node", **case.attributes))
    if case.after:
        nodes.append(helper.make_node("Cast", ["out0"], ["cast0"], to=FLOAT))
        results = ["cast0"]
    outputs = [helper.make_empty_tensor_value_info(name) for name in results]
    graph = helper.make_graph(nodes, "case", inputs, outputs, stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", case.opset)], ir_version=10)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_an_imported_operator_agrees_with_onnx_runtime(case: Case) -> None:
    proto = build(case)
    module = import_model(proto)
    assert import_deviation(proto, module) <= AGREED


BATCH_FIRST = [case for case in CASES if case.operator not in {"GatherElements", "Expand"}
               and not (case.operator == "Resize" and len(case.inputs) == 4)
               and not (case.operator == "MatMul" and case.inputs[0] is X4)]  # fmt: skip


@pytest.mark.parametrize("case", BATCH_FIRST, ids=lambda case: case.label)
def test_an_imported_operator_follows_a_larger_batch(case: Case) -> None:
    proto = build(case)
    module = import_model(proto)
    assert import_deviation(proto, module, batch=3) <= AGREED
