"""The graph that is shipped, its weights where the network has them: in memory once, for torch and for the file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx  # noqa: TID253 - this file is about nothing else and is imported lazily
from numpy.typing import NDArray
from onnx import numpy_helper  # noqa: TID253

from secateur.graph.onnx_large import without_initializers

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class ShippedGraph:
    """A float ONNX graph whose large numbers lie elsewhere; never changed in place.

    `structure` has nodes, ports and every initializer's name, type and shape. Those in `weights` have their numbers
    there (views of a network's parameters, in the shape of the initializer, perhaps turned) and none in `structure`,
    where they are marked as external; all others, such as sizes and lone numbers, lie in `structure`. What is read
    from the nodes, names and shapes alone is read from `structure`; `whole` makes a graph to run or to write.
    """

    structure: onnx.ModelProto
    weights: Arrays

    def whole(self) -> onnx.ModelProto:
        """A complete graph, the caller's own: its numbers are copies, which are gone with it."""
        made = onnx.ModelProto()
        made.CopyFrom(self.structure)
        for tensor in made.graph.initializer:
            if tensor.name in self.weights:
                tensor.ClearField("data_location")
                tensor.raw_data = raw(self.weights[tensor.name])
        return made

    def values(self, tensor: onnx.TensorProto) -> NDArray[Any]:
        """The numbers of an initializer of `structure`."""
        return self.weights[tensor.name] if tensor.name in self.weights else np.asarray(numpy_helper.to_array(tensor))

    def with_values(self, values: Arrays) -> "ShippedGraph":
        """The same graph with other numbers for some of its `weights`, of the same shapes (KeyError, ValueError)."""
        for name, array in values.items():
            if self.weights[name].shape != array.shape:
                raise ValueError(f"{name} has the shape {self.weights[name].shape}, the new values {array.shape}.")
        return ShippedGraph(self.structure, {**self.weights, **values})


def apart(proto: onnx.ModelProto, weights: Arrays) -> ShippedGraph:
    """`proto` with the numbers of these initializers elsewhere; `proto` is not changed."""
    structure = without_initializers(proto)
    for tensor in proto.graph.initializer:
        entry = structure.graph.initializer.add()
        if tensor.name not in weights:
            entry.CopyFrom(tensor)
            continue
        entry.name, entry.data_type, entry.data_location = tensor.name, tensor.data_type, onnx.TensorProto.EXTERNAL
        entry.dims.extend(tensor.dims)
        entry.doc_string = tensor.doc_string
    return ShippedGraph(structure, dict(weights))


def raw(values: NDArray[Any]) -> bytes:
    """Numbers as a file stores them."""
    return bytes(numpy_helper.from_array(np.ascontiguousarray(values)).raw_data)
