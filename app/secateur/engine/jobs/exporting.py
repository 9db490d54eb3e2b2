"""Exporting: a model, or the result of a run, in a format; written, re-opened, run and compared."""

import filecmp
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from secateur.data.reading import Reading
from secateur.engine.events import Exported, FormatAnswer, FormatsAnswered, RunRecord
from secateur.engine.jobs.tokenizing import leave_tokenizer, tokenizer_of
from secateur.engine.protection import TOKENIZER_FILES, kept_files
from secateur.engine.reporting import Reporter
from secateur.engine.requests import AskFormats, Export
from secateur.engine.store import RunStore
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.figures import size
from secateur.files import Guard
from secateur.formats import FORMATS, format_named
from secateur.formats.base import UNVERIFIED, Format, publish, staged
from secateur.formats.exporting.staging import MODEL, stage_model, staged_model
from secateur.formats.proving.verify import export as write_proven
from secateur.formats.proving.verify import size_of
from secateur.graph.network import Model, TorchModel
from secateur.model.description import ModelSource
from secateur.model.documents import ExportedFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from secateur.data.dataset import Dataset

SAMPLES = 256
NETWORK = "network"
"""Folder in a run's folder with the encoded network."""


@dataclass(frozen=True, eq=False)
class Proof:
    """What a file is proven on: inputs, an array for each port (None: random ones), and what a task reads there."""

    samples: "tuple[NDArray[Any], ...] | None" = None
    reading: Reading | None = None

    @classmethod
    def on(cls, data: "Dataset") -> "Proof":
        """The first test samples."""
        batch = data.batch("test", range(min(data.size("test"), SAMPLES)))
        return cls(batch.arrays, Reading(data.task, batch))


def write_and_verify(
    model: Model,
    format_id: str,
    stem: Path,
    proof: Proof,
    reporter: Reporter,
    guard: Guard,
) -> ExportedFile:
    """Write `<stem><suffix>` in one format and prove it; a file that runs is a result."""
    target = format_named(format_id)
    path = stem.with_suffix(target.suffixes[0])
    return write_proven(
        model, target, path, proof.samples, reporter.context(), guard=guard, accept=True, reading=proof.reading
    )


def export(request: Export, reporter: Reporter, workshop: Workshop) -> Exported:
    """Export the opened model or a run's result; a run's own file is copied where it is what is asked for."""
    target = format_named(request.format)
    guard = _guard(request, reporter, workshop)
    guard.check(request.path)
    if request.run:
        record = finished_run(request.run)
        shipped = _shipped(record, request.format)
        is_default = request.options is None or request.options == target.options()
        if shipped is not None and is_default and "attachments" not in target.options.model_fields:
            return _exported(request, _copied(request, shipped, reporter, guard), reporter, workshop)
    model = _model(request, target, reporter, workshop)
    loss = target.losses(model)
    if loss:
        reporter.log(loss)
    proof = _proof(request, model, reporter, workshop)
    options = request.options or target.options()
    if request.run and "attachments" in target.options.model_fields:
        options = options.model_copy(update={"attachments": _attachments(finished_run(request.run))})
    context = reporter.context()
    file = write_proven(
        model,
        target,
        request.path,
        proof.samples,
        context,
        options,
        guard,
        accept=request.accept,
        reading=proof.reading,
    )
    return _exported(request, file, reporter, workshop)


def _guard(request: Export, reporter: Reporter, workshop: Workshop) -> Guard:
    """Nothing that the opened model, its data or any run consists of is written over."""
    files = workshop.bench(request.model, reporter).files
    kept = kept_files(request.model, files, request.data, runs=RunStore().runs())
    return Guard(kept, request.replace)


def _attachments(record: RunRecord) -> tuple[str, ...]:
    """What a run left beside its files and goes into a package with them."""
    settings = [name for name in TOKENIZER_FILES if "/" not in name]
    paths = [
        Path(record.folder) / name for name in ("recipe.yaml", "report.html", "MODEL_CARD.md", "result.json", *settings)
    ]
    return tuple(str(path) for path in paths if path.is_file())


def ask_formats(request: AskFormats, reporter: Reporter, workshop: Workshop) -> FormatsAnswered:
    """What each format that is written says about the model, or about a run's result."""
    answers = []
    for target in FORMATS:
        if not target.writes:
            continue
        refusal, loss = target.missing() or "", ""
        if not refusal:
            try:
                model = _model(request, target, reporter, workshop)
                refusal, loss = target.can_write(model) or "", target.losses(model)
            except UserError as error:
                refusal = f"{error.sentence} {error.hint}".strip()
        if request.run and _shipped(finished_run(request.run), target.id) is not None:
            refusal = ""
        answers.append(FormatAnswer(target.id, refusal, loss))
    return FormatsAnswered(request.run, tuple(answers))


# ---------------------------------------------------------------------- what is exported


def _model(request: Export | AskFormats, target: Format, reporter: Reporter, workshop: Workshop) -> Model:
    """The opened model, or a run's result: as it was kept, else opened from the ONNX file that it was shipped as."""
    if not request.run:
        bench = workshop.bench(request.model, reporter)
        if bench.description.blocked:
            raise UserError(f"What is written of it could not be proven. {bench.description.blocked}")
        return bench.model
    record = finished_run(request.run)
    model, is_kept = network_of_run(record, reporter, workshop)
    refusal = "" if is_kept else target.can_write(model)
    if refusal:
        raise UserError(
            f"The run {record.name} was not written as {target.title}. {refusal}",
            f"Run the plan with {target.id} among its exports.",
        )
    return model


def network_of_run(record: RunRecord, reporter: Reporter, workshop: Workshop) -> tuple[Model, bool]:
    """(a run's result, whether that is the network as it was kept): else it is opened from its ONNX file.

    UserError where the run's files are gone.
    """
    kept = _kept(Path(record.folder))
    if kept is not None:
        return kept, True
    onnx = _shipped(record, "onnx")
    if onnx is None or not Path(onnx.path).is_file():
        raise UserError(f"The files of the run {record.name} are gone.", "Run the plan again.")
    return workshop.bench(ModelSource(onnx.path), reporter).model, False


def keep_network(model: Model, folder: Path) -> None:
    """Leave an encoded network in a run's folder, so that it can be exported in any format later.

    A quantized ONNX file stays a file when it is opened; a float one is read back as a network without this.
    """
    kept = folder / NETWORK
    if isinstance(model, TorchModel) and model.encodings:
        draft = folder / f".{NETWORK}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        stage_model(draft, model)
        shutil.rmtree(kept, ignore_errors=True)
        draft.rename(kept)
    else:  # that of an earlier run in this folder
        shutil.rmtree(kept, ignore_errors=True)


def _kept(folder: Path) -> Model | None:
    """The network that `keep_network` left; None where there is none."""
    return staged_model(folder / NETWORK) if (folder / NETWORK / MODEL).is_file() else None


def _proof(request: Export, model: Model, reporter: Reporter, workshop: Workshop) -> Proof:
    """Samples of the data that is open; none where there are none, or nothing to run."""
    from secateur.graph.network import StoredModel

    if request.data is None or isinstance(model, StoredModel):
        return Proof()
    return Proof.on(workshop.data(workshop.bench(request.model, reporter), request.data, reporter))


def finished_run(run: str) -> RunRecord:
    """The run of this name; UserError where it has no result."""
    record = RunStore().find(run)
    if record is None or record.document is None:
        raise UserError("That run has no result.", "Choose a finished run.")
    return record


def _shipped(record: RunRecord, format_id: str) -> ExportedFile | None:
    """The run's file in a format, where it runs: a person who saw its verdict may export one that differs."""
    files = record.document.files if record.document else ()
    return next((file for file in files if file.format == format_id and file.verdict != "broken"), None)


# ---------------------------------------------------------------------- copying a proven file


def _copied(request: Export, shipped: ExportedFile, reporter: Reporter, guard: Guard) -> ExportedFile:
    """Copy the run's file with its parts to its new place, compare the bytes, and see that the copy runs."""
    source = Path(shipped.path)
    if not source.exists():
        raise UserError(f"The run's file {source} is gone.", "Run the plan again.")
    reporter.progress(0, 1, f"Copying {source.name}")
    with staged(request.path) as draft:
        files = [_copy(source, draft)]
        files += [_copy(part, draft.with_name(_renamed(part, source, draft))) for part in _parts(source, shipped)]
        _require_running(draft, shipped, reporter)
        publish(files, request.path.parent, guard)
    return shipped.model_copy(
        update={
            "path": str(request.path),
            "bytes": sum(size_of(request.path.with_name(file.name)) for file in files),
            "parts": tuple(file.name for file in files[1:]),
        }
    )


def _parts(source: Path, shipped: ExportedFile) -> list[Path]:
    """The further files of a shipped one; runs of earlier versions did not list the code beside safetensors."""
    named = [source.with_name(name) for name in shipped.parts]
    return named or [path for path in [source.with_name(f"{source.stem}_network.py")] if path.is_file()]


def _renamed(part: Path, source: Path, draft: Path) -> str:
    """The part's name beside the copy; ONNX names its weights file in itself, so that keeps its name."""
    if part.name == f"{source.name}.data" or not part.name.startswith(source.stem):
        return part.name
    return draft.stem + part.name.removeprefix(source.stem)


def _copy(source: Path, target: Path) -> Path:
    if source.is_dir():
        shutil.copytree(source, target)
        same = not filecmp.dircmp(source, target).diff_files
    else:
        shutil.copyfile(source, target)
        same = filecmp.cmp(source, target, shallow=False)
    if not same:
        raise UserError(f"The copy of {source.name} differs from it.", "Check the disk.")
    return target


def _require_running(copy: Path, shipped: ExportedFile, reporter: Reporter) -> None:
    """UserError where a copy cannot be opened under its new name: parts must find each other."""
    from secateur.formats.exporting.exporters import CannotRun, exporter_for
    from secateur.formats.proving.running import Batching

    target = format_named(shipped.format)
    if target.why_not_run() is not None or target.missing() is not None:
        return
    inputs = _example(shipped)
    if inputs is None:
        return
    with exporter_for(target, target.options()) as exporter:
        try:
            exporter.run(copy, inputs, Batching(None, (-1,) * len(inputs)), reporter.progress, timed=False)
        except CannotRun as problem:
            raise UserError(
                f"The copy {copy.name} does not run like the original: {problem.sentence}", "Check the disk."
            ) from problem


def _example(shipped: ExportedFile) -> "tuple[NDArray[Any], ...] | None":
    """Inputs for one sample, from the ONNX file that every run leaves; None where it is gone."""
    import onnx

    from secateur.graph.layers import example_input
    from secateur.graph.onnx_files.reading import graph_ports

    beside = Path(shipped.path).with_name("model.onnx")
    if not beside.is_file():
        return None
    inputs, _ = graph_ports(onnx.load(str(beside), load_external_data=False))
    return tuple(example_input(port, 1, place) for place, port in enumerate(inputs))


def _exported(request: Export, file: ExportedFile, reporter: Reporter, workshop: Workshop) -> Exported:
    """With the sentence that the person sees: `exported` only where the file has the name that was asked for.

    Then what its texts are read with lies beside it.
    """
    if file.path.endswith(UNVERIFIED):
        return Exported(file)
    bench = workshop.bench(request.model, reporter)
    record = finished_run(request.run) if request.run else None
    data = request.data
    reads = None if data is None else partial(workshop.data, bench, data, reporter)
    told = leave_tokenizer(*tokenizer_of(bench, record, reads), Path(file.path))
    sentence = f"Exported {file.path} ({size(file.bytes)}): {file.sentence} {told}".strip()
    return Exported(file.model_copy(update={"sentence": sentence}))
