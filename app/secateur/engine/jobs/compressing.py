"""Running a recipe: steps one after the other, export, proof, evaluation, and everything kept in the run's folder.

A run that is stopped or broken is started again with `resume`: steps are deterministic, so the short ones are
simply done again, and training goes on from its checkpoint.
"""

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.analysis.documents import Evaluation, ExportedFile, LayerError, RunDocument
from secateur.analysis.evaluation import Predictions, evaluation_of, predict
from secateur.analysis.latency import measure_together
from secateur.analysis.layer_errors import layer_errors
from secateur.analysis.metrics import agreement
from secateur.engine.events import RunFinished, RunRecord
from secateur.engine.jobs.applying import apply_plan
from secateur.engine.jobs.claiming import claim_folder, keep_recipe
from secateur.engine.jobs.compressing_weights import run_on_weights
from secateur.engine.jobs.exporting import keep_network, write_and_verify
from secateur.engine.places import run_folder
from secateur.engine.report import write_report
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress
from secateur.engine.store import RunStore
from secateur.engine.verdict import headline_of, warnings_of
from secateur.engine.workshop import LAYER_SAMPLES, Baseline, Bench, Workshop
from secateur.errors import Cancelled, JobError, UserError
from secateur.files import Guard, write_text
from secateur.formats import format_named
from secateur.formats.base import Format
from secateur.model.layers import example_inputs
from secateur.model.model import Model
from secateur.recipe.resolve import Plan, require_plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from secateur.data.dataset import Dataset

PRIMARY = "onnx"


def compress(request: Compress, reporter: Reporter, workshop: Workshop) -> RunFinished:
    """Carry out the recipe as a run with an entry in the store; the entry tells how it ended."""
    bench = workshop.bench(request.model, reporter)
    plan = require_plan(request.recipe, bench.description)
    store, folder = RunStore(), request.folder or run_folder(request.run)
    guard = claim_folder(request, bench.files, folder, store)
    folder.mkdir(parents=True, exist_ok=True)
    earlier = store.find(request.run) if request.resume else None
    record = RunRecord(
        run=request.run,
        name=request.name or (earlier.name if earlier else request.run),
        model=request.model.label,
        fingerprint=bench.description.fingerprint,
        data=request.data.path,
        recipe_yaml=request.recipe.to_yaml(),
        state="running",
        created=earlier.created if earlier else time.time(),
        folder=str(folder),
        model_source=request.model.absolute(),
        data_source=request.data.absolute(),
        exports=request.exports,
    )
    store.begin(record)
    if not (folder / "recipe.yaml").exists():
        keep_recipe(folder, request.recipe, guard)
    try:
        document = _run(request, record, plan, bench, reporter, workshop, folder, guard)
        keep_recipe(folder, request.recipe, guard)
        write_text(folder / "result.json", json.dumps(document.model_dump(mode="json"), indent=2) + "\n")
        write_report(folder / "report.html", record, document, bench.description)
    except Cancelled:
        store.end(request.run, "stopped")
        raise
    except Exception as error:
        store.end(request.run, "failed", error=error.sentence if isinstance(error, UserError) else str(error))
        raise
    for checkpoints in folder.glob("step-*"):  # nothing is left to resume
        shutil.rmtree(checkpoints, ignore_errors=True)
    store.forget_others(folder, request.run)  # their files were written over, by consent
    return RunFinished(store.end(request.run, "finished", document=document))


def _run(
    request: Compress,
    record: RunRecord,
    plan: Plan,
    bench: Bench,
    reporter: Reporter,
    workshop: Workshop,
    folder: Path,
    guard: Guard,
) -> RunDocument:
    if bench.description.blocked:
        raise UserError(f"{bench.description.name} cannot be compressed. {bench.description.blocked}")
    if not bench.description.runnable:
        return run_on_weights(request, record, plan, bench, reporter, folder, guard)
    if not request.data.path:
        raise UserError("A network is compressed with data to measure it on.", "Name it with --data.")
    begun = time.monotonic()
    data = workshop.data(bench, request.data, reporter)
    baseline = workshop.baseline(bench, data, reporter)
    model, left_out = apply_plan(
        bench.model, plan, reporter, folder, data=data, original=bench.model, resume=request.resume
    )
    samples, _ = data.batch("test", range(min(data.size("test"), 256)))
    wanted = [format_named(name) for name in dict.fromkeys((PRIMARY, *request.exports))]
    files, refusals = _write_all(model, wanted, folder / "model", samples, reporter, guard)
    shipped = files[0]
    if not shipped.verified:
        raise JobError(shipped.sentence, f"The file was kept as {shipped.path} for a closer look.")
    keep_network(model, folder)
    result, predictions, original = _evaluate(shipped, model, baseline, bench, data, reporter, workshop)
    simulated = predict(model.run, data, reporter.progress, text="Comparing the file with the simulation")
    share = agreement(simulated.outputs, predictions.outputs)
    files[0] = shipped.model_copy(update={"agreement": share, "latency_ms": result.latency_ms})
    errors = _layer_errors(Path(shipped.path), bench, data, reporter, workshop)
    document = RunDocument(
        run=record.run,
        name=record.name,
        original=original,
        result=result,
        files=tuple(files),
        agreement=agreement(baseline.predictions.outputs, predictions.outputs),
        layers=errors,
        recipe=request.recipe.to_document(),
        headline=headline_of(original, result, {step.method.id for step in plan.steps}),
        seconds=time.monotonic() - begun,
    )
    return document.model_copy(
        update={"warnings": (*warnings_of(document), *left_out, *refusals, *data.told), "notes": data.told}
    )


def _write_all(
    model: Model, wanted: list[Format], stem: Path, samples: "NDArray[np.float32]", reporter: Reporter, guard: Guard
) -> tuple[list[ExportedFile], list[str]]:
    """A file in each format that can hold the model, the primary one first, and sentences about the others.

    What becomes of a further format is no reason to lose the run: its failure is a warning of the result.
    """
    files, refusals = [], []
    for target in wanted:
        reason = target.missing() or target.can_write(model)
        if reason and target.id != PRIMARY:
            refusals.append(f"Not written as {target.title}. {reason}")
            continue
        if loss := target.losses(model):
            refusals.append(f"{target.title}: {loss}")
        try:
            file = write_and_verify(model, target.id, stem, samples, reporter, guard)
        except UserError as error:
            if target.id == PRIMARY:
                raise
            refusals.append(f"Not written as {target.title}. {error.sentence}")
            continue
        files.append(file)
        if not file.verified and target.id != PRIMARY:
            refusals.append(f"{target.title}: {file.sentence}")
    return files, refusals


def _evaluate(
    shipped: ExportedFile,
    model: Model,
    baseline: Baseline,
    bench: Bench,
    data: "Dataset",
    reporter: Reporter,
    workshop: Workshop,
) -> tuple[Evaluation, Predictions, Evaluation]:
    """Evaluation of the shipped file, its predictions, and the original with latency taken in the same rounds."""
    from secateur.formats.reading import describe

    path = Path(shipped.path)
    run, original_run = workshop.session(path), workshop.session(workshop.file(bench))
    predictions = predict(run, data, reporter.progress, text="Evaluating the exported file")
    inputs = example_inputs(bench.description)
    before, after = measure_together(
        [lambda: original_run(*inputs), lambda: run(*inputs)],
        "ONNX Runtime",
        workshop.threads,
        check=lambda: reporter.progress(0, 1, "Measuring original and result in turns"),
    )
    metric = data.metric if data.task != "none" else "none"
    result = evaluation_of(path, predictions, metric, describe(model).macs, after, inputs)
    return result, predictions, baseline.evaluation.model_copy(update={"latency_ms": before})


def _layer_errors(
    shipped: Path, bench: Bench, data: "Dataset", reporter: Reporter, workshop: Workshop
) -> tuple[LayerError, ...]:
    import onnx

    reporter.progress(0, 1, "Comparing layer by layer")
    samples, _ = data.batch("calibration", range(min(data.size("calibration"), LAYER_SAMPLES)))
    return layer_errors(workshop.shipped_proto(bench, reporter), onnx.load(str(shipped)), (samples,))
