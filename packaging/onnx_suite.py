"""The operator tests that the onnx package ships, run on what the importer makes of them.

Every test is a graph of one node with inputs and expected outputs. It is imported as a file would be, and the
torch network is run on the inputs. All inputs of these graphs are inputs of the network, shapes, axes and weights
too; where the importer refuses that, they are stored in the graph instead, as real files store them.
"""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper

from secateur.graph.onnx_files.reading import gather_weights, name_nodes
from secateur.graph.onnx_import.importer import ImportRefused, import_model
from secateur.graph.onnx_import.storage import to_array, to_tensor

CONTROL: Final = frozenset({"If", "Loop", "Scan"})
OPTIONAL: Final = frozenset({"Optional", "OptionalGetElement", "OptionalHasElement"})
DRAWN: Final = frozenset({"Bernoulli", "RandomUniformLike"})
"""Operators whose expected outputs were drawn at random; onnx's own runner leaves these tests out."""
FLOATING: Final = frozenset({"float16", "float32", "float64", "bfloat16"})
BFLOAT16_TOLERANCE: Final = 2.0**-6
ROUNDED: Final = frozenset({"test_dft_inverse", "test_dft_inverse_opset19", "test_attention_4d_causal_fp16_expanded"})
"""Tests that expect numpy's own rounding errors, such as 1.9e-7 where the exact result is zero."""


@dataclass(frozen=True, slots=True, eq=False)
class NodeTest:
    """One test of the suite; `operator` carries its domain where that is not ai.onnx."""

    name: str
    operator: str
    model: onnx.ModelProto
    inputs: tuple[Any, ...]
    expected: tuple[Any, ...]
    rtol: float
    atol: float

    @property
    def is_expanded(self) -> bool:
        """Whether it is another test with its operator replaced by the function that defines it."""
        return "_expanded" in self.name

    @property
    def outside(self) -> str:
        """Why the importer need not know it; empty where it counts."""
        if any(node.domain not in {"", "ai.onnx"} for node in self.model.graph.node):
            return "another domain"
        values = (*self.inputs, *self.expected)
        if any(node.op_type in OPTIONAL for node in self.model.graph.node) or any(
            not isinstance(value, np.ndarray) for value in values
        ):
            return "sequences, optional or missing values"
        if any(value.dtype == object or value.dtype.kind in "SU" for value in values):
            return "strings"
        if any(node.op_type in CONTROL for node in self.model.graph.node):
            return "control flow"
        if any(node.op_type in DRAWN for node in self.model.graph.node):
            return "random numbers"
        return "training" if self.name.startswith("test_training_") or self._trains() else ""

    @property
    def is_float(self) -> bool:
        """Whether a floating-point tensor goes in or comes out."""
        return any(str(value.dtype) in FLOATING for value in (*self.inputs, *self.expected))

    def _trains(self) -> bool:
        return any(
            attribute.name == "training_mode" and attribute.i
            for node in self.model.graph.node
            for attribute in node.attribute
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one test: `passed`, `failed` or `refused`, the reason, and whether inputs had to be stored."""

    test: NodeTest
    verdict: str
    reason: str = ""
    is_stored: bool = False


def load_tests() -> tuple[NodeTest, ...]:
    """All node tests of the installed onnx package; they are generated, which takes half a minute."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = load_model_tests(kind="node")
    return tuple(_node_test(case) for case in cases)


def _node_test(case: Any) -> NodeTest:
    inputs, expected = case.data_sets[0]
    node = case.model.graph.node[0]
    name = case.name if "_expanded" not in case.name else case.name.partition("_expanded")[0]
    operator = f"{node.domain}.{node.op_type}" if node.domain not in {"", "ai.onnx"} else node.op_type
    if name != case.name:
        operator = f"function of {name}"
    return NodeTest(
        case.name, operator, case.model, _arrays(inputs), _arrays(expected), float(case.rtol), float(case.atol)
    )


def _arrays(values: Iterable[Any]) -> tuple[Any, ...]:
    """Numpy scalars and stored tensors as arrays; sequences and what is missing as they are."""
    arrays = (numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value for value in values)
    return tuple(np.asarray(value) if isinstance(value, np.generic) else value for value in arrays)


# ---------------------------------------------------------------------- running one test


def run_test(test: NodeTest) -> Outcome:
    """Import the test's graph and compare: as it stands, with integer inputs stored, and with all but the first
    stored. It passes where every form that is not refused gives the expected outputs."""
    reason, imported = "", []
    for stored in _ways(test):
        graph, inputs = _with_stored(test, stored)
        try:
            network = import_model(graph)
        except ImportRefused as refusal:
            reason = str(refusal)
            continue
        if problem := _problem(network, inputs, test):
            return Outcome(test, "failed", problem, bool(stored))
        imported.append(stored)
        if test.is_expanded:  # what the single operators do is tested with them
            break
    return Outcome(test, "passed", "", () not in imported) if imported else Outcome(test, "refused", reason)


def _ways(test: NodeTest) -> list[tuple[int, ...]]:
    """Sets of inputs to store, fewest first."""
    places = range(len(test.inputs))
    whole = tuple(place for place in places if place and test.inputs[place].dtype.kind in "iub")
    ways = [(), whole, tuple(places)[1:]]
    return list(dict.fromkeys(ways))


def _with_stored(test: NodeTest, stored: Sequence[int]) -> tuple[onnx.ModelProto, list[NDArray[Any]]]:
    """The graph with these inputs as initializers, and the arrays of those that are left."""
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    for place in sorted(stored, reverse=True):
        name = model.graph.input[place].name
        model.graph.initializer.append(numpy_helper.from_array(test.inputs[place], name))
        del model.graph.input[place]
    gather_weights(model)
    name_nodes(model)
    return model, [array for place, array in enumerate(test.inputs) if place not in stored]


def _problem(network: torch.nn.Module, inputs: Sequence[NDArray[Any]], test: NodeTest) -> str:
    """How the network's outputs differ from the expected ones; empty where they agree."""
    try:
        with torch.inference_mode():
            output = network(*(to_tensor(array) for array in inputs))
    except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError) as problem:
        return f"{type(problem).__name__}: {str(problem).splitlines()[0]}"
    outputs = output if isinstance(output, tuple | list) else [output]
    if len(outputs) != len(test.expected):
        return f"{len(outputs)} outputs instead of {len(test.expected)}"
    pairs = zip(outputs, test.expected, strict=True)
    return next((found for given, wanted in pairs if (found := _difference(given, wanted, test))), "")


def _difference(given: torch.Tensor, wanted: NDArray[Any], test: NodeTest) -> str:
    """The suite's own comparison: shape, dtype, and values within its tolerance."""
    actual = to_array(given, str(wanted.dtype))
    if actual.shape != wanted.shape:
        return f"the shape is {actual.shape} instead of {wanted.shape}"
    if actual.dtype != wanted.dtype:
        return f"the dtype is {actual.dtype} instead of {wanted.dtype}"
    rtol, atol = _tolerance(test, wanted)
    one, other = (array.astype(np.float64) if _is_foreign(array) else array for array in (actual, wanted))
    try:
        np.testing.assert_allclose(one, other, rtol=rtol, atol=atol)
    except AssertionError as problem:
        return " ".join(str(problem).split())[:200]
    return ""


def _tolerance(test: NodeTest, wanted: NDArray[Any]) -> tuple[float, float]:
    """(relative, absolute): the suite's, which leaves bfloat16 two units in the last place."""
    if test.name in ROUNDED:
        return test.rtol, float(np.finfo(wanted.dtype).eps) * float(np.abs(wanted).max())
    return (BFLOAT16_TOLERANCE if str(wanted.dtype) == "bfloat16" else test.rtol), test.atol


def _is_foreign(array: NDArray[Any]) -> bool:
    """Whether numpy itself does not know the dtype (bfloat16, 8-bit floats, 4-bit integers)."""
    return array.dtype.kind == "V" or type(array.dtype).__module__ != "numpy.dtypes"


def run_all(tests: Iterable[NodeTest]) -> tuple[Outcome, ...]:
    """The outcomes of all tests that the importer should know; those outside are left out."""
    return tuple(run_test(test) for test in tests if not test.outside)
