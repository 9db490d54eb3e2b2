"""The graph of the open model, for the Graph tab."""

from secateur.engine.events import GraphRead
from secateur.engine.reporting import Reporter
from secateur.engine.requests import ReadGraph
from secateur.engine.workshop import Workshop


def read_graph(request: ReadGraph, reporter: Reporter, workshop: Workshop) -> GraphRead:
    """Layers, operators and edges; UserError for a model that holds tensors alone."""
    from secateur.graph.describing.network_graph import network_graph

    bench = workshop.bench(request.model, reporter)
    reporter.progress(0, 1, "Reading the graph")
    return GraphRead(network_graph(bench.model, bench.description))
