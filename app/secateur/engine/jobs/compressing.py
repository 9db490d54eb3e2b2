"""Running a recipe: steps one after the other, export, proof, evaluation, and everything kept in the run's folder.

A run that is stopped or broken is started again with `resume`: steps are deterministic, so the short ones are
simply done again, and training goes on from its checkpoint.
"""

import json
import platform
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from secateur import __version__
from secateur.data.parts import part_changes
from secateur.engine.couplings import description_for
from secateur.engine.course import Stage
from secateur.engine.entering import Entry
from secateur.engine.events import RunFinished, RunRecord
from secateur.engine.jobs.applying import apply_plan, stages_of
from secateur.engine.jobs.claiming import claim_folder, keep_recipe
from secateur.engine.jobs.compressing_weights import run_on_weights
from secateur.engine.jobs.exporting import Proof, keep_network, write_and_verify
from secateur.engine.jobs.foretelling import foretold
from secateur.engine.jobs.made import made_layers
from secateur.engine.jobs.measuring import measure_run
from secateur.engine.jobs.tokenizing import keep_tokenizer
from secateur.engine.kept_channels import save_kept
from secateur.engine.model_card import CARD, write_card
from secateur.engine.places import run_folder
from secateur.engine.records import RESULT, origin_of
from secateur.engine.report import write_report
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress
from secateur.engine.store import RunStore
from secateur.engine.verdict import computed_in_float, headline_of, precisions_of, told_by_target, warnings_of
from secateur.engine.workshop import Baseline, Bench, Workshop
from secateur.errors import Cancelled, UserError
from secateur.figures import counted
from secateur.files import Guard, os_error_sentence, write_text
from secateur.formats import format_named
from secateur.graph.network import Model, TorchModel
from secateur.model import device
from secateur.model.documents import ExportedFile, RunDocument, TrainedStep
from secateur.model.run_details import RunOrigin
from secateur.recipe.resolve import Plan, require_plan
from secateur.targets import target_named
from secateur.targets.kept import machine

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset

PRIMARY = "onnx"


def compress(request: Compress, reporter: Reporter, workshop: Workshop) -> RunFinished:
    """Carry out the recipe as a run with an entry in the store; the entry tells how it ended."""
    bench = workshop.bench(request.model, reporter)
    plan = require_plan(request.recipe, description_for(request.recipe, bench, reporter))
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
    entry = Entry(store, record, reporter)
    if not (folder / "recipe.yaml").exists():
        keep_recipe(folder, request.recipe, guard)
    try:
        document = _run(request, record, plan, bench, reporter, workshop, folder, guard)
        keep_recipe(folder, request.recipe, guard)
        write_text(folder / RESULT, json.dumps(document.model_dump(mode="json"), indent=2) + "\n")
    except Cancelled:
        entry.end("stopped")
        raise
    except Exception as error:
        entry.end("failed", error=_told(error))
        raise
    # from here on the run is a result, whatever happens
    finished = replace(record, state="finished", document=document)
    _write_papers(folder, finished, reporter)
    for checkpoints in folder.glob("step-*"):  # nothing is left to resume
        shutil.rmtree(checkpoints, ignore_errors=True)
    entry.forget_others()  # their files were written over, by consent
    return RunFinished(entry.end("finished", document=document))


def _told(error: Exception) -> str:
    """What the history says of a run that failed."""
    if isinstance(error, UserError):
        return error.sentence
    return os_error_sentence(error)[0] if isinstance(error, OSError) else str(error)


def _write_papers(folder: Path, record: RunRecord, reporter: Reporter) -> None:
    """What is written of a finished run for people; a run without it is a result all the same."""
    try:
        write_report(folder / "report.html", record)
        write_card(folder / CARD, record)
    except OSError as error:
        sentence, _ = os_error_sentence(error)
        again = f"secateur runs {record.run} --report {folder / 'report.html'} --card {folder / CARD}"
        reporter.log(f"The report was not written. {sentence} This writes it anew: {again}")


def _origin(record: RunRecord, target: str, data: "Dataset | None" = None) -> RunOrigin:
    """What the run is made of, on which machine."""
    told = {"target": target, "version": __version__, "machine": machine(), "system": platform.platform(terse=True)}
    if data is None:
        return origin_of(record).model_copy(update=told)
    counts = {name: data.size(name) for name in data.splits}
    of_data = {"task": data.task.id, "classes": len(data.classes), "splits": counts}
    return origin_of(record).model_copy(update={**told, **of_data})


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
    """The plan carried out on what there is: a network with data to measure it on, or weights alone."""
    if bench.description.blocked:
        raise UserError(f"{bench.description.name} cannot be compressed. {bench.description.blocked}")
    if not bench.description.runnable:
        document = run_on_weights(request, record, plan, bench, reporter, folder, guard)
        return document.model_copy(update={"origin": _origin(record, request.target)})
    if not request.data.path:
        raise UserError("A network is compressed with data to measure it on.", "Name it with --data.")
    return _run_on_network(request, record, plan, bench, reporter, workshop, folder, guard)


def _run_on_network(
    request: Compress,
    record: RunRecord,
    plan: Plan,
    bench: Bench,
    reporter: Reporter,
    workshop: Workshop,
    folder: Path,
    guard: Guard,
) -> RunDocument:
    """Measured before, compressed, written and proven, measured after: all of it as one document."""
    begun = time.monotonic()
    data, baseline = _original(request, plan, bench, reporter, workshop)
    ended: list[TrainedStep] = []
    model, left_out = apply_plan(
        bench.model,
        plan,
        reporter,
        folder,
        ended.append,
        request.trainings,
        data=data,
        original=bench.model,
        resume=request.resume,
    )
    files, refusals = _ship(request, model, data, bench, folder, reporter, guard)
    reporter.enter("measure")
    measured = measure_run(files[0], model, bench, data, baseline, workshop, reporter)
    reporter.arrive()
    document = RunDocument(
        run=record.run,
        name=record.name,
        original=measured.original,
        result=measured.result,
        files=(measured.file, *files[1:]),
        agreement=data.task.agreement(baseline.predictions.answers, measured.predictions.answers),
        layers=measured.layers,
        recipe=request.recipe.to_document(),
        trainings=tuple(ended),
        headline=headline_of(measured.original, measured.result, precisions_of(plan), measured.file),
        parts=part_changes(
            data.task,
            baseline.predictions.answers,
            measured.predictions.answers,
            baseline.predictions.targets,
            data.classes,
        ),
        made=made_layers(plan, bench, model, data),
        seconds=time.monotonic() - begun,
        origin=_origin(record, request.target, data),
        device=device.current().title,
        threads=workshop.threads,
    )
    in_target = _in_target(request, plan, bench, model, measured.file)
    warnings = (*warnings_of(document), *in_target, *left_out, *refusals, *data.told)
    return document.model_copy(update={"warnings": warnings, "notes": data.told})


def _ship(
    request: Compress, model: Model, data: "Dataset", bench: Bench, folder: Path, reporter: Reporter, guard: Guard
) -> tuple[list[ExportedFile], list[str]]:
    """The files of a run, proven, with all that is needed to go on from them; and sentences about those not written."""
    stem, proof = folder / "model", Proof.on(data)
    asked = list(dict.fromkeys((PRIMARY, *request.exports)))
    files, refusals = _write_all(model, asked, stem, proof, reporter, guard)
    unasked = [name for name in request.also if name not in asked]
    files += _write_unasked(model, unasked, stem, proof, reporter, guard)
    keep_tokenizer(data, bench.files, folder, guard)
    keep_network(model, folder)
    save_kept(model.kept if isinstance(model, TorchModel) else {}, folder)
    return files, refusals


def _original(
    request: Compress, plan: Plan, bench: Bench, reporter: Reporter, workshop: Workshop
) -> "tuple[Dataset, Baseline]":
    """The data of a run and the untouched network on it, once it is said what is to come."""
    for sentence in foretold(plan, (PRIMARY, *request.exports)):
        reporter.log(sentence)
    subject = bench.description.fingerprint
    reporter.set_out(_stages(plan, request, bench), subject)
    reporter.log(
        f"Computed on {device.current().title} with {counted(workshop.threads, 'thread')}. {device.TIMED_ON_CPU}"
    )
    reporter.enter("data", resumed=workshop.has_data(bench, request.data))
    data = workshop.data(bench, request.data, reporter)
    reporter.set_out(_stages(plan, request, bench, data), subject)
    reporter.enter("baseline", resumed=workshop.has_baseline(bench, data))
    return data, workshop.baseline(bench, data, reporter)


def _stages(plan: Plan, request: Compress, bench: Bench, data: "Dataset | None" = None) -> list[Stage]:
    """The stages of a run, with their work as far as it is known before its data is open."""
    model = bench.description
    tested = float(data.size("test") * max(1, model.macs)) if data else 0.0
    formats = dict.fromkeys((PRIMARY, *request.exports))
    return [
        Stage("data"),
        Stage("baseline", tested),
        *stages_of(plan, model, data.size("train") if data else 0),
        *(Stage(f"export {name}", float(max(1, model.size_bytes))) for name in formats),
        Stage("measure", tested),
    ]


def _in_target(request: Compress, plan: Plan, bench: Bench, model: Model, file: ExportedFile) -> tuple[str, ...]:
    """What to know of the layers that the target computes in float all the same: seen in its graph, or told by it."""
    import onnx

    from secateur.graph.lowering import structure_of
    from secateur.graph.onnx_files.computed import float_layers
    from secateur.graph.qdq.placing import static_layers

    target = target_named(request.target)
    if reason := target.why_not_timed():
        return (reason, *told_by_target(target, plan, bench.description))
    if file.verdict == "broken" or not isinstance(model, TorchModel) or not model.encodings.activations:
        return ()
    planned = static_layers(structure_of(model), model.encodings)
    return computed_in_float(target, float_layers(onnx.load(file.path), planned), planned)


def _write_all(
    model: Model, wanted: list[str], stem: Path, proof: Proof, reporter: Reporter, guard: Guard
) -> tuple[list[ExportedFile], list[str]]:
    """A file in each format that can hold the model, the primary one first, and sentences about the others.

    What becomes of a further format is no reason to lose the run: its failure is a warning of the result.
    """
    files, refusals = [], []
    for target in map(format_named, wanted):
        reason = target.missing() or target.can_write(model)
        if reason and target.id != PRIMARY:
            refusals.append(f"Not written as {target.title}. {reason}")
            continue
        if loss := target.losses(model):
            refusals.append(f"{target.title}: {loss}")
        reporter.enter(f"export {target.id}")
        try:
            file = write_and_verify(model, target.id, stem, proof, reporter, guard)
        except UserError as error:
            if target.id == PRIMARY:
                raise
            refusals.append(f"Not written as {target.title}. {error.sentence}")
            continue
        files.append(file)
        if not file.verified and target.id != PRIMARY:
            refusals.append(f"{target.title}: {file.sentence}")
    return files, refusals


def _write_unasked(
    model: Model, names: list[str], stem: Path, proof: Proof, reporter: Reporter, guard: Guard
) -> list[ExportedFile]:
    """Files in formats that can hold the whole model, proven; of others nobody wants to hear."""
    files = []
    for target in map(format_named, names):
        if target.missing() or target.can_write(model) or target.losses(model):
            continue
        try:
            file = write_and_verify(model, target.id, stem, proof, reporter, guard)
        except UserError as error:
            reporter.log(f"Not written as {target.title}. {error.sentence}")
            continue
        if file.verified:
            files.append(file)
        else:
            reporter.log(f"{target.title}: {file.sentence}")
    return files
