"""How large the graph of an opened file is without its weights, once a plan's result is written.

Written files carry no comments, stack traces and inferred shapes, and batch norms are folded: of small networks that is
several per cent of an encoded file, which a prediction must not count.
"""

import copy
from collections.abc import Collection

import onnx  # noqa: TID253

from secateur.graph.lowering import strip
from secateur.graph.onnx_layers import onnx_layers


def rewritten_structure_bytes(structure: onnx.ModelProto, folded: Collection[str]) -> int:
    """Bytes of nodes, names and small constants of a graph without weights, less the batch norms that are `folded`.

    `structure` is not changed.
    """
    norms = [layer for layer in onnx_layers(structure) if layer.name in folded]
    nodes = {place for layer in norms for place in layer.nodes}
    proto = copy.deepcopy(structure)
    kept = [node for place, node in enumerate(proto.graph.node) if place not in nodes]
    del proto.graph.node[:]
    proto.graph.node.extend(kept)
    strip(proto)
    return int(proto.ByteSize())
