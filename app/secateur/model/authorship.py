"""What the author of an ONNX file wrote beside the network, and what the machine that made it left behind.

The first goes into every file that is made of it, however often the graph is built anew on the way; the second
(stack traces, paths, the exporter's notes) never leaves the program.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import onnx

_EXPORTERS: Final = ("pkg.torch", "pkg.onnxscript", "namespace")
"""What torch.onnx and its helpers begin the keys of their notes with."""

_TRACE: Final = re.compile(
    r"\.py\(\d+\)|\.py:\d+|File \"[^\"]+\", line \d+|(?<![\w.])/(?:home|root|Users|tmp|opt)/|\b[A-Z]:\\"
)
"""A line of a stack trace, or a path of somebody's machine."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Authorship:
    """The author's own words: `metadata` of the model (names, labels, stride …) in the file's order, descriptions of
    model, graph and ports, and whose model it is in which version.
    """

    metadata: Pairs = ()
    description: str = ""
    domain: str = ""
    version: int = 0
    graph_name: str = ""
    graph_description: str = ""
    graph_metadata: Pairs = ()
    ports: Pairs = ()
    """(name of an input or output, its description), those that have one."""


def authorship_of(proto: "onnx.ModelProto") -> Authorship:
    """What the author of a graph wrote; exporters' own notes left out."""
    graph = proto.graph
    return Authorship(
        metadata=_written(proto),
        description=proto.doc_string,
        domain=proto.domain,
        version=proto.model_version,
        graph_name=graph.name,
        graph_description=graph.doc_string,
        graph_metadata=_written(graph),
        ports=tuple((port.name, port.doc_string) for port in (*graph.input, *graph.output) if port.doc_string),
    )


def sign(proto: "onnx.ModelProto", authorship: Authorship) -> None:
    """Put the author's words into a graph, in place of those that it has, and take the machine's out, in place."""
    graph = proto.graph
    _set_pairs(proto, authorship.metadata)
    _set_pairs(graph, authorship.graph_metadata)
    proto.doc_string, graph.doc_string = authorship.description, authorship.graph_description
    proto.domain, proto.model_version = authorship.domain, authorship.version
    graph.name = authorship.graph_name or graph.name or "network"
    described = dict(authorship.ports)
    for port in (*graph.input, *graph.output):
        port.doc_string = described.get(port.name, "")
    proto.producer_name, proto.producer_version = "secateur", ""
    for part in _parts(graph):
        if _is_machines(part):
            _set_pairs(part, _written(part))
            if _TRACE.search(part.doc_string):
                part.ClearField("doc_string")


def _written(holder: Any) -> Pairs:
    """The metadata of a model, graph, node or tensor that is not an exporter's."""
    return tuple((entry.key, entry.value) for entry in holder.metadata_props if not entry.key.startswith(_EXPORTERS))


def _is_machines(part: Any) -> bool:
    """Whether something stands at a node or tensor that an exporter noted, or that names a place in its code."""
    return len(_written(part)) < len(part.metadata_props) or bool(_TRACE.search(part.doc_string))


def _set_pairs(holder: Any, pairs: Pairs) -> None:
    holder.ClearField("metadata_props")
    for key, value in pairs:
        holder.metadata_props.add(key=key, value=value)


def _parts(graph: Any) -> Iterator[Any]:
    """Everything in a graph that can carry notes, inner graphs (If, Loop) included."""
    yield from (*graph.initializer, *graph.input, *graph.output, *graph.value_info)
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield inner
                yield from _parts(inner)
