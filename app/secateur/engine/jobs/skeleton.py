"""The graph of an open model as a small file without weights, for graph viewers."""

from secateur.engine.events import SkeletonWritten
from secateur.engine.reporting import Reporter
from secateur.engine.requests import WriteSkeleton
from secateur.engine.workshop import Workshop


def write_skeleton(request: WriteSkeleton, reporter: Reporter, workshop: Workshop) -> SkeletonWritten:
    """Write the skeleton into the engine's temporary folder; UserError where the model has no graph."""
    from secateur.formats.describing.skeleton import write_skeleton as write

    bench = workshop.bench(request.model, reporter)
    reporter.progress(0, 1, f"Preparing the graph of {bench.description.name}")
    path = write(bench.model, workshop.folder / f"skeleton-{bench.description.fingerprint[:16]}.onnx")
    return SkeletonWritten(path)
