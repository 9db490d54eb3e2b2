"""The network as a graph, in plain values: what the Graph tab draws. No tensor, no torch.

Nodes are layers and the operators between them; constants and the arithmetic of shapes are left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class GraphNode:
    """One step of the network.

    `name` is unique; `label` is its last part, which stands on the node. `kind` is a torch class name for a layer
    (`Conv2d`), an ONNX operator for the rest (`Add`), `input` or `output`. `layer` names the layer that computes
    here; empty for an operator without parameters. `group` is the path of the blocks around it, outermost first.
    `channels` reads `16 → 32`, `shape` `32×16×16` (one sample, channels first); empty where unknown.
    """

    name: str
    label: str
    kind: str
    layer: str = ""
    group: tuple[str, ...] = ()
    channels: str = ""
    shape: str = ""


@dataclass(frozen=True, slots=True)
class NetworkGraph:
    """Nodes in an order in which they can be computed, and edges (from, to) as indices of them.

    Every edge leads from an earlier node to a later one. `note` says what could not be told.
    """

    nodes: tuple[GraphNode, ...] = ()
    edges: tuple[tuple[int, int], ...] = ()
    note: str = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # one flat tuple a node instead of a call a field: 5,000 nodes cross in a third of the time
        rows = tuple((n.name, n.label, n.kind, n.layer, n.group, n.channels, n.shape) for n in self.nodes)
        return _unpacked, (rows, self.edges, self.note)


def _unpacked(rows: Iterable[tuple[Any, ...]], edges: tuple[tuple[int, int], ...], note: str) -> NetworkGraph:
    return NetworkGraph(tuple(GraphNode(*row) for row in rows), edges, note)
