"""Evaluating a model as it is."""

from typing import TYPE_CHECKING

from secateur.analysis.cost import network_parameters
from secateur.analysis.evaluation import evaluation_of, predict
from secateur.engine.events import Evaluated
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Evaluate
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.graph.layers import example_inputs
from secateur.graph.network import TorchModel
from secateur.targets.timing import measure

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset


def evaluate(request: Evaluate, reporter: Reporter, workshop: Workshop) -> Evaluated:
    """Metric, loss, latency and sizes of an untouched model."""
    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    return Evaluated(workshop.baseline(bench, data, reporter).evaluation)


def evaluate_file(workshop: Workshop, bench: Bench, data: "Dataset", reporter: Reporter) -> Baseline:
    """Evaluate the opened model through ONNX Runtime; bytes are those of the file that was opened."""
    file = workshop.file(bench)
    run = workshop.session(file)
    predictions = predict(run, data, reporter.progress, text=f"Evaluating {bench.description.name}")
    inputs = example_inputs(bench.description)
    latency = measure(lambda: run(*inputs), threads=workshop.threads)
    evaluation = evaluation_of(file, predictions, data.task, bench.description.macs, latency, inputs, bench.files)
    if bench.description.format != "onnx" and isinstance(bench.model, TorchModel):  # its file has batch norms folded
        params, nonzero = network_parameters(bench.model.module)
        evaluation = evaluation.model_copy(update={"params": params, "nonzero_params": nonzero})
    if bench.files:  # what was opened, external data included, not what was made of it
        evaluation = evaluation.model_copy(update={"bytes": bench.description.source_bytes})
    return Baseline(evaluation, predictions)
