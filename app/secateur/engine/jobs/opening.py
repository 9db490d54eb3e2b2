"""Opening: a model, its spectra, its data with the baseline check."""

from secateur.analysis.free import score_free
from secateur.data.baseline import baseline_warning, is_near_chance, suggest_preprocessing
from secateur.engine.events import DataOpened, ModelOpened, SpectraCounted, SpectraReady
from secateur.engine.reporting import Reporter
from secateur.engine.requests import CountSpectra, OpenData, OpenModel
from secateur.engine.workshop import Workshop
from secateur.model.description import Layer
from secateur.model.spectrum import Spectra
from secateur.recipe.options import OPTIONS

PREVIEWS = 12
SEND_EVERY = 8
"""Layers in one message of spectra: rows fill in while the rest is counted."""


def open_model(request: OpenModel, reporter: Reporter, workshop: Workshop) -> ModelOpened:
    """Read and describe a model."""
    return ModelOpened(workshop.bench(request.source, reporter).description)


def count_spectra(request: CountSpectra, reporter: Reporter, workshop: Workshop) -> SpectraCounted:
    """Count every weighted layer's weights; spectra are sent as they are ready."""
    from secateur.model.counting import spectra_of

    bench = workshop.bench(request.model, reporter)
    layers = bench.description.weighted_layers
    weights = bench.model.weights()
    ready: dict[str, Spectra] = {}
    for done, layer in enumerate(layers):
        reporter.progress(done, len(layers), f"Counting {layer.name}")
        if layer.name not in bench.spectra:
            bench.spectra[layer.name] = spectra_of(weights[layer.name], layer.channel_axis)
        ready[layer.name] = bench.spectra[layer.name]
        if len(ready) == SEND_EVERY or _is_last(layers, layer):
            reporter.emit(SpectraReady(ready))
            ready = {}
    return SpectraCounted(score_free(layers, bench.spectra, OPTIONS, reporter.progress))


def _is_last(layers: tuple[Layer, ...], layer: Layer) -> bool:
    return layer is layers[-1]


def open_data(request: OpenData, reporter: Reporter, workshop: Workshop) -> DataOpened:
    """Open data for a model: previews, and the untouched model's metric with a warning where it is near chance."""
    from secateur.data.describe import describe
    from secateur.data.preview import previews

    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    description = describe(data)
    if data.task == "none":
        return DataOpened(description, previews(data, PREVIEWS), None)
    evaluation = workshop.baseline(bench, data, reporter).evaluation
    warning = ""
    if evaluation.metric is not None and data.task == "classification":
        value, classes, samples = evaluation.metric.value, len(data.classes), evaluation.samples
        top = 5 if data.metric == "top5" else 1
        if is_near_chance(value, classes, samples, top):
            suggestions = suggest_preprocessing(data, workshop.session(workshop.file(bench)))
            warning = baseline_warning(value, classes, samples, top, suggestions)
    return DataOpened(description.model_copy(update={"warning": warning}), previews(data, PREVIEWS), evaluation)
