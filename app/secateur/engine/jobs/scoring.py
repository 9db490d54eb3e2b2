"""Scoring: milliseconds of layers, sensitivity, activations."""

import numpy as np

from secateur.analysis.correlation import rank_correlation
from secateur.analysis.free import score_free
from secateur.analysis.latency import layer_latencies
from secateur.engine.events import ActivationsRecorded, LatencyMeasured, RowsMeasured, SensitivityScored
from secateur.engine.reporting import Reporter
from secateur.engine.requests import MeasureLatency, RecordActivations, ScoreSensitivity
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.model.layers import example_inputs
from secateur.model.model import TorchModel
from secateur.model.spectrum import Spectrum
from secateur.recipe.options import option


def measure_latency(request: MeasureLatency, reporter: Reporter, workshop: Workshop) -> LatencyMeasured:
    """Per-layer milliseconds from the profile of the runtime that will ship."""
    bench = workshop.bench(request.model, reporter)
    reporter.progress(0, 1, "Measuring milliseconds")
    model = bench.model
    proto = model.lowered if isinstance(model, TorchModel) else None
    if proto is None:
        proto = workshop.shipped_proto(bench, reporter)
    layers = layer_latencies(proto, example_inputs(model), workshop.threads)
    return LatencyMeasured(layers, sum(layers.values()))


def score_sensitivity(request: ScoreSensitivity, reporter: Reporter, workshop: Workshop) -> SensitivityScored:
    """The data-free table, or the measured one with its rank correlation to the data-free one."""
    from secateur.analysis.measured import Question, measure_sensitivity

    bench = workshop.bench(request.model, reporter)
    options = [option(name) for name in request.options]
    spectra = workshop.spectra(bench, reporter)
    layers = bench.description.weighted_layers
    free = score_free(layers, spectra, options, reporter.progress)
    if request.depth == "free":
        return SensitivityScored(free)
    if request.depth != "measure":
        raise UserError(f"There is no sensitivity depth {request.depth!r}.", "Known: free, measure.")
    if request.data is None:
        raise UserError("Measuring sensitivity needs data.", "Choose a data set, or use --depth free.")
    data = workshop.data(bench, request.data, reporter)
    total = min(request.samples, data.size("calibration"))
    if not total:
        raise UserError("The data has no calibration samples.", "Open data with a training or calibration part.")
    table = measure_sensitivity(
        workshop.lowered(bench, reporter),
        data,
        Question(layers, spectra, tuple(options), total, data.metric),
        reporter.progress,
        lambda rows: reporter.emit(RowsMeasured(rows)),
    )
    return SensitivityScored(table.model_copy(update={"rank_correlation": rank_correlation(free, table)}))


def record_activations(request: RecordActivations, reporter: Reporter, workshop: Workshop) -> ActivationsRecorded:
    """Spectra of what each weighted layer puts out over calibration samples."""
    import torch

    from secateur.model.counting import spectrum_of
    from secateur.model.spectrum import merge

    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    lowered = workshop.lowered(bench, reporter)
    spectra: dict[str, Spectrum] = {}

    def record(name: str, output: torch.Tensor) -> None:
        counted = spectrum_of(output.detach().numpy())
        spectra[name] = merge(spectra[name], counted) if name in spectra else counted

    hooks = [
        lowered.module.get_submodule(layer.name).register_forward_hook(
            lambda module, inputs, output, name=layer.name: record(name, output)
        )
        for layer in bench.description.weighted_layers
    ]
    total = min(request.samples, data.size("calibration"))
    try:
        done = 0
        for batch, _ in data.batches("calibration", 32, total):
            reporter.progress(done, total, "Recording activations")
            with torch.inference_mode():
                lowered.module(torch.from_numpy(np.ascontiguousarray(batch)))
            done += len(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return ActivationsRecorded(spectra, total)
