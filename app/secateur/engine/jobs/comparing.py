"""Comparing two models on the same data: sizes, speed, metric, the error of every layer, and the spectra of both."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.cost import packed_bytes
from secateur.analysis.layer_errors import ABSENT, layer_errors, other_shape
from secateur.data.parts import part_changes
from secateur.engine.events import Compared
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compare
from secateur.engine.verdict import headline_of
from secateur.engine.workshop import LAYER_SAMPLES, Bench, Workshop
from secateur.errors import UserError
from secateur.graph.layers import example_inputs
from secateur.model.deviation import Deviation, deviation_between
from secateur.model.documents import Comparison, Evaluation, LayerError
from secateur.targets.timing import measure_together

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.model.spectrum import Spectrum

Weight = NDArray[np.float32]

NOT_RUN = "One of the two is weights alone, which nothing can run."
OTHER_ANSWERS = "The two give answers of different forms: how often they agree cannot be told."


def compare(request: Compare, reporter: Reporter, workshop: Workshop) -> Compared:
    """Evaluate both models, latency in the same rounds; layers are compared by name.

    Where one of them is weights alone neither is run: sizes and weights are compared, and the others are None.
    """
    a, b = workshop.bench(request.a, reporter), workshop.bench(request.b, reporter)
    for bench in (a, b):
        if bench.description.blocked:
            raise UserError(f"{bench.description.name} cannot be compared. {bench.description.blocked}")
    if a.description.runnable and b.description.runnable:
        comparison = _of_networks(request, a, b, reporter, workshop)
    else:
        comparison = _of_weights(a, b, reporter)
    comparison = comparison.model_copy(update={"headline": headline_of(comparison.a, comparison.b)})
    if not request.spectra:
        return Compared(comparison)
    return Compared(comparison, _spectra(a, reporter), _spectra(b, reporter))


def _of_networks(request: Compare, a: Bench, b: Bench, reporter: Reporter, workshop: Workshop) -> Comparison:
    data = workshop.data(a, request.data, reporter, beside=[b])
    data_b = workshop.data(b, request.data, reporter, beside=[a])
    first, second = workshop.baseline(a, data, reporter), workshop.baseline(b, data_b, reporter)
    inputs, inputs_b = example_inputs(a.description), example_inputs(b.description)
    run_a, run_b = workshop.session(workshop.file(a)), workshop.session(workshop.file(b))
    before, after = measure_together(
        [lambda: run_a(*inputs), lambda: run_b(*inputs_b)],
        "ONNX Runtime",
        workshop.threads,
        check=lambda: reporter.progress(0, 1, "Measuring both in turns"),
    )
    reporter.progress(0, 1, "Comparing layer by layer")
    broken = [
        f"{which}: {warning}" for which, made in (("A", first), ("B", second)) for warning in made.evaluation.warnings
    ]
    if first.predictions.answers.shape != second.predictions.answers.shape:
        broken.append(OTHER_ANSWERS)
    return Comparison(
        a=first.evaluation.model_copy(update={"latency_ms": before}),
        b=second.evaluation.model_copy(update={"latency_ms": after}),
        agreement=data.task.agreement(first.predictions.answers, second.predictions.answers),
        layers=layer_errors(
            workshop.shipped_proto(a, reporter),
            workshop.shipped_proto(b, reporter),
            _samples(data),
            inputs_b=_samples(data_b),
        ),
        warnings=tuple(dict.fromkeys((*broken, *data.told, *data_b.told))),
        parts=part_changes(
            data.task,
            first.predictions.answers,
            second.predictions.answers,
            first.predictions.targets,
            data.classes,
        ),
    )


def _samples(data: "Dataset") -> tuple[NDArray[Any], ...]:
    return data.batch("calibration", range(min(LAYER_SAMPLES, data.size("calibration")))).arrays


def _of_weights(a: Bench, b: Bench, reporter: Reporter) -> Comparison:
    errors = []
    for done, (name, first) in enumerate(a.weights.items()):
        reporter.progress(done, len(a.weights), f"Comparing {name}")
        second = b.weights.get(name)
        errors.append(LayerError.of(name, _of_weight(first, second), Deviation(note=NOT_RUN)))
    return Comparison(
        a=_sizes(a, reporter), b=_sizes(b, reporter), agreement=None, layers=tuple(errors), warnings=(NOT_RUN,)
    )


def _of_weight(a: Weight, b: Weight | None) -> Deviation:
    if b is None:
        return Deviation(note=ABSENT)
    if a.shape != b.shape:
        return Deviation(note=other_shape("Its weights have", a.shape, b.shape))
    return deviation_between(a, b)


def _sizes(bench: Bench, reporter: Reporter) -> Evaluation:
    """What is known of a model that is not run."""
    params, zeros = bench.description.params, 0
    for name in bench.weights:
        reporter.progress(0, 1, f"Counting zeros of {name}")
        zeros += int(bench.weights[name].size - np.count_nonzero(bench.weights[name]))
    return Evaluation(
        metric=None,
        loss=None,
        samples=0,
        bytes=bench.description.source_bytes,
        zip_bytes=sum(packed_bytes(path) for path in bench.files),
        params=params,
        nonzero_params=params - zeros,
        macs=bench.description.macs,
        latency_ms=None,
    )


def _spectra(bench: Bench, reporter: Reporter) -> "dict[str, Spectrum]":
    from secateur.model.counting import spectrum_of

    spectra = {}
    for done, name in enumerate(bench.weights):
        reporter.progress(done, len(bench.weights), f"Counting {name}")
        spectra[name] = spectrum_of(np.asarray(bench.weights[name], dtype=np.float32))
    return spectra
