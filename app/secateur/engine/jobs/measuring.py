"""What a run came to: its file measured beside the original, or its simulation where the file does not run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.analysis.cost import network_parameters, zip_bytes
from secateur.analysis.evaluation import Predictions, evaluation_of, judged, predict
from secateur.analysis.layer_errors import layer_errors
from secateur.data.metrics import kind_of
from secateur.engine.reporting import Reporter
from secateur.engine.workshop import LAYER_SAMPLES, Baseline, Bench, Workshop
from secateur.graph.kept import Kept
from secateur.graph.layers import example_inputs
from secateur.graph.network import Model, TorchModel
from secateur.model.documents import Evaluation, ExportedFile, LayerError
from secateur.targets.timing import measure_together

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.task import Task

IN_SIMULATION = "The file does not run here: what is told of the result was measured in the simulation."


@dataclass(frozen=True, eq=False)
class Measured:
    """The evaluations of a run and the verdict on its file.

    `file` is the shipped file, with what the whole test split adds to its verdict; `original` and `result` were timed
    in the same rounds. `result` and `predictions` are the file's, or the simulation's where the file is broken.
    """

    file: ExportedFile
    original: Evaluation
    result: Evaluation
    predictions: Predictions
    layers: tuple[LayerError, ...] = ()


def measure_run(
    shipped: ExportedFile,
    model: Model,
    bench: Bench,
    data: "Dataset",
    baseline: Baseline,
    workshop: Workshop,
    reporter: Reporter,
) -> Measured:
    """Evaluate the file of a run on the whole test split, and its simulation beside it."""
    task = data.task
    run = model.run_all_on_device if isinstance(model, TorchModel) else model.run_all
    simulated = predict(run, data, reporter.progress, text="Evaluating the simulation")
    if shipped.verdict == "broken":
        result = _of_simulation(shipped, model, simulated, task, bench.description.macs)
        return Measured(shipped, baseline.evaluation, result, simulated)
    path = Path(shipped.path)
    result, predictions, original = _of_file(path, model, bench, data, baseline, workshop, reporter)
    share = task.agreement(simulated.answers, predictions.answers)
    file = shipped.model_copy(update={"agreement": share, "latency_ms": result.latency_ms})
    file = _judged_by_metric(file, task, simulated, predictions)
    kept = model.kept if isinstance(model, TorchModel) else {}
    errors = _layer_errors(path, kept, bench, data, workshop, reporter)
    return Measured(file, original, result, predictions, errors)


def _of_file(
    path: Path,
    model: Model,
    bench: Bench,
    data: "Dataset",
    baseline: Baseline,
    workshop: Workshop,
    reporter: Reporter,
) -> tuple[Evaluation, Predictions, Evaluation]:
    """Evaluation of the shipped file, its predictions, and the original with latency taken in the same rounds."""
    from secateur.formats.reading import describe

    run, original_run = workshop.session(path), workshop.session(workshop.file(bench))
    predictions = predict(run, data, reporter.progress, text="Evaluating the exported file")
    inputs = example_inputs(bench.description)
    before, after = measure_together(
        [lambda: original_run(*inputs), lambda: run(*inputs)],
        "ONNX Runtime",
        workshop.threads,
        check=lambda: reporter.progress(0, 1, "Measuring original and result in turns"),
    )
    result = evaluation_of(path, predictions, data.task, describe(model).macs, after, inputs)
    return result, predictions, baseline.evaluation.model_copy(update={"latency_ms": before})


def _of_simulation(file: ExportedFile, model: Model, simulated: Predictions, task: "Task", macs: int) -> Evaluation:
    """Evaluation of a network whose file does not run: no milliseconds, no memory."""
    params, nonzero = network_parameters(model.module) if isinstance(model, TorchModel) else (0, 0)
    value, loss, warnings = judged(simulated, task)
    return Evaluation(
        metric=value,
        loss=loss,
        samples=len(simulated.answers),
        bytes=file.bytes,
        zip_bytes=zip_bytes(Path(file.path)),
        params=params,
        nonzero_params=nonzero,
        macs=macs,
        latency_ms=None,
        warnings=(IN_SIMULATION, *warnings),
    )


def _judged_by_metric(
    file: ExportedFile, task: "Task", simulated: Predictions, predictions: Predictions
) -> ExportedFile:
    """The file, its verdict changed where its metric and the simulation's differ beyond their paired interval."""
    if not file.verified or not task.is_scored:
        return file
    change, low, high = task.change(simulated.answers, predictions.answers, predictions.targets)
    if low <= 0.0 <= high:
        return file
    kind = kind_of(task.metric)
    interval = f"{kind.write_change(0.0, low)} to {kind.write_change(0.0, high)}"
    said = (
        f"Differs from the simulation: its {kind.noun} lies {kind.write_change(0.0, change)} beside the "
        f"simulation's, beyond their paired interval ({interval}), "
        "although each layer by itself is right. Judge the file by its own measured numbers."
    )
    return file.model_copy(update={"verified": False, "verdict": "differs", "sentence": said})


def _layer_errors(
    shipped: Path,
    kept: Mapping[str, Kept],
    bench: Bench,
    data: "Dataset",
    workshop: Workshop,
    reporter: Reporter,
) -> tuple[LayerError, ...]:
    import onnx

    reporter.progress(0, 1, "Comparing layer by layer")
    samples = data.batch("calibration", range(min(data.size("calibration"), LAYER_SAMPLES))).arrays
    return layer_errors(workshop.shipped_proto(bench, reporter), onnx.load(str(shipped)), samples, kept)
