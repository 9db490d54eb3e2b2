"""Comparing two models on the same data: sizes, speed, metric, and the error of every layer."""

from secateur.analysis.documents import Comparison
from secateur.analysis.latency import measure_together
from secateur.analysis.layer_errors import layer_errors
from secateur.analysis.metrics import agreement
from secateur.engine.events import Compared
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compare
from secateur.engine.workshop import LAYER_SAMPLES, Workshop
from secateur.model.layers import example_inputs


def compare(request: Compare, reporter: Reporter, workshop: Workshop) -> Compared:
    """Evaluate both models, latency in the same rounds; layers are compared by name."""
    a, b = workshop.bench(request.a, reporter), workshop.bench(request.b, reporter)
    data = workshop.data(a, request.data, reporter)
    data_b = workshop.data(b, request.data, reporter)
    first, second = workshop.baseline(a, data, reporter), workshop.baseline(b, data_b, reporter)
    inputs = example_inputs(a.description)
    run_a, run_b = workshop.session(workshop.file(a)), workshop.session(workshop.file(b))
    before, after = measure_together([lambda: run_a(*inputs), lambda: run_b(*inputs)], "ONNX Runtime", workshop.threads)
    samples, _ = data.batch("calibration", range(min(LAYER_SAMPLES, data.size("calibration"))))
    broken = [
        f"{which}: {warning}" for which, made in (("A", first), ("B", second)) for warning in made.evaluation.warnings
    ]
    return Compared(
        Comparison(
            a=first.evaluation.model_copy(update={"latency_ms": before}),
            b=second.evaluation.model_copy(update={"latency_ms": after}),
            agreement=agreement(first.predictions.outputs, second.predictions.outputs),
            layers=layer_errors(workshop.shipped_proto(a, reporter), workshop.shipped_proto(b, reporter), (samples,)),
            warnings=tuple(dict.fromkeys((*broken, *data.told, *data_b.told))),
        )
    )
