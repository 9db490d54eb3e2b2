"""Scoring: milliseconds of layers, sensitivity, activations."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from secateur.analysis.correlation import correlated, rank_correlation
from secateur.analysis.free import score_free
from secateur.engine.channel_steps import known_step
from secateur.engine.couplings import couplings_of, known_couplings
from secateur.engine.course import Stage
from secateur.engine.events import (
    ActivationsRecorded,
    LatencyMeasured,
    RowsMeasured,
    SensitivityFound,
    SensitivityScored,
)
from secateur.engine.reporting import Reporter
from secateur.engine.requests import FindSensitivity, MeasureLatency, RecordActivations, ScoreSensitivity
from secateur.engine.singular import keep_singular_values
from secateur.engine.workshop import Bench, Workshop
from secateur.errors import JobError, UserError
from secateur.graph.layers import example_inputs
from secateur.graph.network import TorchModel
from secateur.methods.facts import Facts
from secateur.methods.offers import Option
from secateur.model.description import ModelDescription
from secateur.model.documents import SensitivityRow, SensitivityTable
from secateur.model.spectrum import Spectrum
from secateur.recipe.options import option
from secateur.recipe.widths import groups_of
from secateur.targets import target_named
from secateur.targets.timing import layer_latencies

if TYPE_CHECKING:
    from secateur.analysis.tallies import Question
    from secateur.data.dataset import Dataset
    from secateur.engine.measurements import Subject

DEPTHS = ("free", "estimate", "measure")


def measure_latency(request: MeasureLatency, reporter: Reporter, workshop: Workshop) -> LatencyMeasured:
    """Per-layer milliseconds from the profile of the runtime that will ship."""
    bench = workshop.bench(request.model, reporter)
    reporter.progress(0, 1, "Measuring milliseconds")
    model = bench.model
    lowered = model.lowered if isinstance(model, TorchModel) else None
    proto = workshop.shipped_proto(bench, reporter) if lowered is None else lowered.whole()
    try:
        layers = layer_latencies(proto, example_inputs(model), workshop.threads)
    except Exception as problem:  # ONNX Runtime raises types of its own
        if isinstance(problem, UserError):
            raise
        lines = str(problem).strip().splitlines()
        raise JobError(
            f"{bench.description.name} was not timed, for ONNX Runtime could not run one sample of noise: "
            f"{lines[0] if lines else type(problem).__name__}"
        ) from problem
    return LatencyMeasured(layers, sum(layers.values()))


def score_sensitivity(request: ScoreSensitivity, reporter: Reporter, workshop: Workshop) -> SensitivityScored:
    """The data-free table, the estimated one, or the measured one with its rank correlations to the data-free one.

    What was measured before is taken from the store, and every cell is kept there as soon as it is measured.
    """
    from secateur.analysis.estimated import Limits, estimate_sensitivity
    from secateur.analysis.measured import measure_sensitivity
    from secateur.engine.measurements import MeasurementStore, StoreKeeper
    from secateur.engine.plan_measurements import PlanStore

    bench = workshop.bench(request.model, reporter)
    if request.depth not in DEPTHS:
        raise UserError(f"There is no sensitivity depth {request.depth!r}.", f"Known: {', '.join(DEPTHS)}.")
    model = _described(request, bench, reporter)
    free = _score_free(request, model, bench, reporter, workshop)
    if request.depth == "free":
        return SensitivityScored(free)
    if request.data is None:
        raise UserError("Measuring sensitivity needs data.", "Choose a data set, or use --depth free.")
    reporter.set_out([Stage("data"), Stage("lower"), Stage("score", is_one_phase=True)], bench.description.fingerprint)
    reporter.enter("data", resumed=workshop.has_data(bench, request.data))
    data = workshop.data(bench, request.data, reporter)
    question = _question(request, model, data, workshop.facts(bench, reporter, request.target))
    store, subject = MeasurementStore(), _subject(bench, data)
    keeper = StoreKeeper(store, subject, question)
    reporter.enter("lower", resumed=bench.lowered is not None)
    lowered = workshop.lowered(bench, reporter)
    reporter.enter("score", resumed=True)  # what was measured before is not done again: its own speed tells

    def emit(rows: tuple[SensitivityRow, ...], unit: str) -> None:
        reporter.emit(RowsMeasured(rows, unit, request.depth))

    if request.depth == "estimate":
        limits = Limits(request.seconds)
        table = estimate_sensitivity(lowered, data, question, limits, reporter.progress, emit, keeper)
        table = table.model_copy(update={"rank_correlation": rank_correlation(free, table)})
    else:
        table = correlated(free, measure_sensitivity(lowered, data, question, reporter.progress, emit, keeper))
    return SensitivityScored(table.model_copy(update={"warnings": data.told}), PlanStore(store, subject).known())


def find_sensitivity(request: FindSensitivity, reporter: Reporter, workshop: Workshop) -> SensitivityFound:
    """The tables of what was measured before of this model on this data; nothing is measured.

    There is no estimate where all is measured.
    """
    from secateur.analysis.estimated import estimated_table
    from secateur.analysis.tallies import table_of, usable
    from secateur.engine.measurements import MeasurementStore, StoreKeeper, model_key
    from secateur.engine.plan_measurements import PlanStore

    asked = request.what
    bench = workshop.bench(asked.model, reporter)
    store = MeasurementStore()
    if asked.data is None or not store.has(model_key(bench.description)):
        return SensitivityFound(None)
    data = workshop.data(bench, asked.data, reporter)
    subject, facts = _subject(bench, data), workshop.facts(bench, reporter, asked.target)
    question, plans = _question(asked, known_couplings(bench), data, facts), PlanStore(store, subject).known()
    keeper = StoreKeeper(store, subject, question)
    tallies = keeper.known()
    if not tallies:
        return SensitivityFound(None, plans=plans)
    model = _described(asked, bench, reporter)
    free = _score_free(asked, model, bench, reporter, workshop)
    question = replace(_question(asked, model, data, facts), drawn=keeper.order())
    known, told = usable(tallies, question), {"warnings": data.told}
    table = correlated(free, table_of(question, known, {})).model_copy(update=told)
    if not table.pending:
        return SensitivityFound(table, plans=plans)
    guess = estimated_table(question, known, {})
    guess = guess.model_copy(update={"rank_correlation": rank_correlation(free, guess), **told})
    return SensitivityFound(table if any(row.measured for row in table.rows) else None, guess, plans)


def _described(request: ScoreSensitivity, bench: Bench, reporter: Reporter) -> ModelDescription:
    """The model with its couplings: looked for where a measurement of channels needs them."""
    if request.depth != "free" and any(one.method.changes_widths for one in _options(request)):
        couplings_of(bench, reporter)
    return known_couplings(bench)


def _options(request: ScoreSensitivity) -> tuple[Option, ...]:
    """The options that are asked for, as the target likes them."""
    step = known_step(target_named(request.target))
    return tuple(option(name).suited(step) for name in request.options)


def _score_free(
    request: ScoreSensitivity, model: ModelDescription, bench: Bench, reporter: Reporter, workshop: Workshop
) -> SensitivityTable:
    facts = workshop.facts(bench, reporter, request.target)
    table = score_free(model.weighted_layers, facts, _options(request), reporter.progress)
    keep_singular_values(bench)
    return table


def _question(
    request: ScoreSensitivity, model: ModelDescription, data: "Dataset", facts: Mapping[str, Facts]
) -> "Question":
    from secateur.analysis.tallies import Question

    total = min(request.samples, data.size("validation"))
    if not total:
        raise UserError("The data has no validation samples.", "Open data with more samples.")
    layers = model.weighted_layers
    return Question(layers, facts, _options(request), total, data.task, groups_of(layers))


def _subject(bench: Bench, data: "Dataset") -> "Subject":
    from secateur.engine.measurements import Subject, data_key, model_key

    return Subject(model_key(bench.description), data_key(data))


def record_activations(request: RecordActivations, reporter: Reporter, workshop: Workshop) -> ActivationsRecorded:
    """Spectra of what each weighted layer puts out over calibration samples."""
    import torch

    from secateur.analysis.activity import ActivityCount
    from secateur.model.counting import spectrum_of
    from secateur.model.spectrum import merge

    bench = workshop.bench(request.model, reporter)
    data = workshop.data(bench, request.data, reporter)
    lowered = workshop.lowered(bench, reporter)
    spectra: dict[str, Spectrum] = {}
    activity: dict[str, ActivityCount] = {}
    vectors = {layer.name for layer in bench.description.weighted_layers if not layer.kernel}

    def record(name: str, output: torch.Tensor) -> None:
        values = output.detach().numpy()
        counted = spectrum_of(values)
        spectra[name] = merge(spectra[name], counted) if name in spectra else counted
        activity.setdefault(name, ActivityCount()).add(values, -1 if name in vectors else 1)

    hooks = [
        lowered.module.get_submodule(layer.name).register_forward_hook(
            lambda module, inputs, output, name=layer.name: record(name, output)
        )
        for layer in bench.description.weighted_layers
    ]
    total = min(request.samples, data.size("calibration"))
    try:
        done = 0
        for batch in data.batches("calibration", 32, total):
            reporter.progress(done, total, "Recording activations")
            with torch.inference_mode():
                lowered.module(*(torch.from_numpy(np.ascontiguousarray(values)) for values in batch.arrays))
            done += len(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return ActivationsRecorded(spectra, total, {name: count.result() for name, count in activity.items()})
