"""What a tensor of the file can be while it is imported: a node, a constant, or numbers known at run time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import fx  # noqa: TID253 - imported lazily with the importer

from secateur.graph.onnx_layers import OnnxLayer


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor whose value is known; `name` is its name in the file, `stored` whether it is an initializer."""

    name: str
    array: NDArray[Any]
    stored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A small integer (or float) tensor made of sizes: Python numbers, or nodes that give one when run.

    It keeps shape arithmetic symbolic, so that an imported network follows its batch size and its channels.
    """

    items: tuple["int | float | bool | fx.Node", ...]
    is_scalar: bool = False


Value = fx.Node | Constant | Numbers


class ImportRefused(Exception):  # noqa: N818 - not a failure: the file stays an OnnxModel
    """The graph cannot become a torch network; the sentence says which operator is in the way."""


class Unsupported(ImportRefused):
    """One operator is used in a way that has no torch counterpart here; `what` completes 'because …'."""


@dataclass(frozen=True, slots=True, eq=False)
class OnnxNode:
    """One node of the graph as the operator functions see it; missing optional inputs are None."""

    kind: str
    name: str
    inputs: tuple[Value | None, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    opset: int
    layer: OnnxLayer | None = None

    def input(self, index: int) -> Value | None:
        return self.inputs[index] if index < len(self.inputs) else None

    def required(self, index: int) -> Value:
        value = self.input(index)
        if value is None:
            raise Unsupported(f"its input {index} is missing")
        return value

    def constant(self, index: int) -> NDArray[Any] | None:
        """The known value of an input, None where it is absent; refused where it is computed."""
        value = self.input(index)
        if value is None:
            return None
        if not isinstance(value, Constant):
            raise Unsupported(f"its input {index} is computed by the network and not a constant")
        return value.array

    def integers(self, attribute: str, index: int) -> tuple[int, ...] | None:
        """Integers that older opsets give as an attribute and newer ones as an input; None where absent."""
        if attribute in self.attributes:
            return tuple(int(value) for value in np.atleast_1d(self.attributes[attribute]))
        array = self.constant(index)
        return None if array is None else tuple(int(value) for value in array.reshape(-1))

    def flag(self, attribute: str, default: int = 0) -> bool:
        return bool(self.attributes.get(attribute, default))

    def word(self, attribute: str, default: str = "") -> str:
        value = self.attributes.get(attribute, default)
        return value.decode() if isinstance(value, bytes) else str(value)


def items_of(value: Value) -> tuple["int | float | bool | fx.Node", ...]:
    """The entries of a shape-like value; refused where it is a computed tensor."""
    if isinstance(value, Numbers):
        return value.items
    if isinstance(value, Constant):
        return tuple(value.array.reshape(-1).tolist())
    raise Unsupported("a shape is computed from the network's values")


def is_numbers(*values: Value | None) -> bool:
    """Whether all are constants or numbers and at least one is numbers: shape arithmetic."""
    return any(isinstance(value, Numbers) for value in values) and all(
        isinstance(value, Constant | Numbers) for value in values if value is not None
    )


def simplified(items: Sequence["int | float | bool | fx.Node"], *, is_scalar: bool = False) -> Value:
    """Numbers, or a constant where no entry depends on a run."""
    if any(isinstance(item, fx.Node) for item in items):
        return Numbers(tuple(items), is_scalar)
    kinds = {type(item) for item in items}
    array = np.asarray(items, dtype=np.float32 if float in kinds else np.bool_ if kinds == {bool} else np.int64)
    return Constant("", array.reshape(()) if is_scalar else array)


Result = Value | tuple[Value, ...]
OperatorTable = Mapping[str, Callable[..., Result]]
