"""Opening: a model, its spectra, its data with the baseline check."""

from secateur.analysis.free import score_free
from secateur.data.baseline import baseline_warning, is_near_chance, suggest_preprocessing
from secateur.data.tasks.classification import Classification
from secateur.engine.couplings import known_couplings
from secateur.engine.course import Stage
from secateur.engine.events import DataOpened, ModelOpened, SpectraCounted, SpectraReady
from secateur.engine.reporting import Reporter
from secateur.engine.requests import CountSpectra, OpenData, OpenModel
from secateur.engine.singular import keep_singular_values
from secateur.engine.spectra import count_layers
from secateur.engine.workshop import Workshop
from secateur.recipe.options import OPTIONS

PREVIEWS = 12


def open_model(request: OpenModel, reporter: Reporter, workshop: Workshop) -> ModelOpened:
    """Read and describe a model."""
    return ModelOpened(workshop.bench(request.source, reporter).description)


def count_spectra(request: CountSpectra, reporter: Reporter, workshop: Workshop) -> SpectraCounted:
    """Count every layer's weights; spectra are sent as they are ready, of a large model estimates before them."""
    bench = workshop.bench(request.model, reporter)
    layers = bench.description.inspected_layers
    count_layers(bench, layers, reporter, lambda ready: reporter.emit(SpectraReady(ready)))
    model = known_couplings(bench)
    options = [option for option in OPTIONS if model.runnable or option.method.works_on_weights_alone]
    facts = workshop.facts(bench, reporter)
    table = score_free(model.weighted_layers, facts, options, reporter.progress)
    if bench.singular_values:  # some option has asked for them
        keep_singular_values(bench)
        reporter.emit(SpectraReady({}, dict(bench.singular_values)))
    return SpectraCounted(table)


def open_data(request: OpenData, reporter: Reporter, workshop: Workshop) -> DataOpened:
    """Open data for a model: previews, and the untouched model's metric with a warning where it is near chance."""
    from secateur.data.describe import describe
    from secateur.data.preview import previews

    bench = workshop.bench(request.model, reporter)
    before = bench.description
    reporter.set_out([Stage("data"), Stage("baseline", 0.0)], before.fingerprint)
    reporter.enter("data", resumed=workshop.has_data(bench, request.data))
    data = workshop.data(bench, request.data, reporter)
    anew = bench.description if bench.description is not before else None
    shown = previews(data, PREVIEWS)
    if not data.task.is_scored:
        return DataOpened(describe(data), shown, None, anew)
    tested = float(data.size("test") * max(1, bench.description.macs))
    reporter.set_out([Stage("data"), Stage("baseline", tested)], before.fingerprint)
    reporter.enter("baseline", resumed=workshop.has_baseline(bench, data))
    evaluation = workshop.baseline(bench, data, reporter).evaluation
    reporter.arrive()
    warning = " ".join(evaluation.warnings)
    if (
        not warning
        and evaluation.metric is not None
        and isinstance(data.task, Classification)
        and data.task.counts_hits
    ):
        value, classes, samples = evaluation.metric.value, len(data.classes), evaluation.samples
        top = data.task.guesses
        if is_near_chance(value, classes, samples, top):
            suggestions = suggest_preprocessing(data, workshop.session(workshop.file(bench)))
            warning = baseline_warning(value, classes, samples, top, suggestions)
    return DataOpened(describe(data, warning), shown, evaluation, anew)
