"""Exporting: a model, or the result of a run, in a format; written, re-opened, run and compared."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from secateur.analysis.documents import ExportedFile
from secateur.engine.events import Exported
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Export
from secateur.engine.store import RunStore
from secateur.engine.workshop import Workshop
from secateur.errors import UserError
from secateur.figures import size
from secateur.formats import format_named
from secateur.formats.verify import export as write_proven
from secateur.model.model import Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLES = 256


def write_and_verify(
    model: Model,
    format_id: str,
    stem: Path,
    samples: "NDArray[np.float32]",
    reporter: Reporter,
) -> ExportedFile:
    """Write `<stem><suffix>` in one format and prove it on `samples`."""
    target = format_named(format_id)
    return write_proven(model, target, stem.with_suffix(target.suffixes[0]), (samples,), reporter.context())


def export(request: Export, reporter: Reporter, workshop: Workshop) -> Exported:
    """Export the opened model, or copy a run's proven file where it is in that format already."""
    target = format_named(request.format)
    bench = workshop.bench(request.model, reporter)
    if request.run:
        return Exported(_export_run(request, reporter, workshop))
    samples = None
    if request.data is not None:
        data = workshop.data(bench, request.data, reporter)
        samples = (data.batch("test", range(min(data.size("test"), SAMPLES)))[0],)
    file = write_proven(bench.model, target, request.path, samples, reporter.context())
    return Exported(_said(file))


def _export_run(request: Export, reporter: Reporter, workshop: Workshop) -> ExportedFile:
    record = RunStore().find(request.run)
    if record is None or record.document is None:
        raise UserError("That run has no result to export.", "Choose a finished run.")
    target = format_named(request.format)
    shipped = next((file for file in record.document.files if file.format == request.format), None)
    if shipped is None:
        raise UserError(
            f"The run {record.name} was not written as {target.title}.",
            f"Run the plan with {target.id} among its exports, or export one of: "
            f"{', '.join(file.format for file in record.document.files)}.",
        )
    source = Path(shipped.path)
    if not source.is_file():
        raise UserError(f"The run's file {source} is gone.", "Run the plan again.")
    reporter.progress(0, 1, f"Copying {source.name}")
    result = _copy_proven(request, source, shipped, reporter, workshop)
    return _said(result)


def _copy_proven(
    request: Export, source: Path, shipped: ExportedFile, reporter: Reporter, workshop: Workshop
) -> ExportedFile:
    """Copy the run's file (and its companion) to its new place, then run the copy beside the proven one."""
    import numpy as np

    from secateur.formats.base import publish, staged
    from secateur.model.layers import example_inputs

    target = format_named(request.format)
    inputs = example_inputs(workshop.bench(request.model, reporter).model, batch=1)
    companion = source.with_name(f"{source.stem}_network.py")
    with staged(request.path) as draft:
        shutil.copyfile(source, draft)
        files = [draft]
        if companion.is_file():
            files.append(draft.with_name(f"{request.path.stem}_network.py"))
            shutil.copyfile(companion, files[1])
        same = np.array_equal(target.run(draft)(*inputs), target.run(source)(*inputs))
        if not same:
            raise UserError(f"The copy at {request.path} does not run like the original.", "Check the disk.")
        publish(files, request.path.parent)
    return shipped.model_copy(update={"path": str(request.path), "bytes": request.path.stat().st_size})


def _said(file: ExportedFile) -> ExportedFile:
    """The sentence that the person sees: `exported` only where the file was proven."""
    if not file.verified:
        return file
    return file.model_copy(update={"sentence": f"Exported {file.path} ({size(file.bytes)}): {file.sentence}"})
