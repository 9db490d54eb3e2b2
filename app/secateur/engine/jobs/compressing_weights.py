"""Running a recipe on weights without a network: nothing is evaluated, everything is read back and compared."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from secateur.analysis.cost import packed_bytes
from secateur.engine.course import Stage
from secateur.engine.events import RunRecord
from secateur.engine.jobs.applying import apply_plan, stages_of
from secateur.engine.jobs.made import made_layers
from secateur.engine.reporting import Reporter
from secateur.engine.requests import Compress
from secateur.engine.verdict import headline_of
from secateur.engine.workshop import Bench
from secateur.errors import UserError
from secateur.files import Guard
from secateur.formats import format_named
from secateur.formats.base import Format
from secateur.formats.proving.verify import encoded_weights
from secateur.formats.proving.verify import export as write_proven
from secateur.graph.network import Model, StoredModel
from secateur.model.deviation import Deviation, deviation_of
from secateur.model.documents import Evaluation, ExportedFile, LayerError, RunDocument
from secateur.recipe.resolve import Plan

DEFAULT = "safetensors"
_NOT_RUN = "The weights came without a network: what they are worth in it was not measured."


def run_on_weights(
    request: Compress, record: RunRecord, plan: Plan, bench: Bench, reporter: Reporter, folder: Path, guard: Guard
) -> RunDocument:
    """Apply the plan, write the weights in each format that can hold them, and say what became smaller."""
    begun = time.monotonic()
    original = bench.model
    if not isinstance(original, StoredModel):
        raise TypeError("only weights without a network are compressed this way")
    stages = stages_of(plan, bench.description)
    stages += [
        Stage(f"export {name}", float(max(1, bench.description.size_bytes))) for name in dict.fromkeys(request.exports)
    ]
    reporter.set_out(
        [*stages, Stage("compare weights", float(bench.description.params))], bench.description.fingerprint
    )
    model, left_out = apply_plan(original, plan, reporter, folder)
    files: list[ExportedFile] = []
    refusals: list[str] = []
    for target in _targets(request.exports, model, refusals):
        path = folder / f"model{target.suffixes[0]}"
        reporter.enter(f"export {target.id}")
        files.append(write_proven(model, target, path, None, reporter.context(), guard=guard, accept=True))
    changed = sorted({name for step in plan.steps for name in step.layers})
    reporter.enter("compare weights")
    errors, zeros = _compared(original, model, changed, reporter)
    before = _evaluation(original, bench.files, bench.description.source_bytes, 0, reporter)
    after = _evaluation(original, (Path(files[0].path),), files[0].bytes, zeros, reporter)
    reporter.arrive()
    return RunDocument(
        run=record.run,
        name=record.name,
        original=before,
        result=after,
        files=tuple(files),
        layers=errors,
        made=made_layers(plan, bench, model),
        recipe=request.recipe.to_document(),
        headline=headline_of(before, after),
        warnings=(
            *([line] if (line := headline_of(before, after)) else []),
            *(file.sentence for file in files if not file.verified),
            _NOT_RUN,
            *left_out,
            *refusals,
        ),
        seconds=time.monotonic() - begun,
    )


def _targets(wanted: Sequence[str], model: Model, refusals: list[str]) -> list[Format]:
    """The formats among those wanted that hold weights alone, safetensors where there is none."""
    found = []
    for target in (format_named(name) for name in dict.fromkeys(wanted)):
        reason = target.missing() or target.can_write(model)
        if reason is None:
            found.append(target)
        elif target.id != "onnx":  # which is asked for unless something else is
            refusals.append(f"Not written as {target.title}. {reason}")
    default = format_named(DEFAULT)
    if not found and (reason := default.can_write(model)):
        raise UserError(reason)
    return found or [default]


def _compared(
    original: StoredModel, model: Model, layers: Sequence[str], reporter: Reporter
) -> tuple[tuple[LayerError, ...], int]:
    """The error of each changed weight, and how many more of their values are zero; one pair in memory at a time."""
    before, after = original.weights(), encoded_weights(model)
    errors, zeros = [], 0
    for done, name in enumerate(layers):
        reporter.progress(done, len(layers), f"Comparing {name}")
        old, new = before[name], after[name]
        signal = float(np.square(old, dtype=np.float64).sum())
        noise = float(np.square(old - new, dtype=np.float64).sum())
        errors.append(LayerError.of(name, deviation_of(signal, noise), Deviation(note=_NOT_RUN)))
        zeros += int(np.count_nonzero(old)) - int(np.count_nonzero(new))
    return tuple(errors), zeros


def _evaluation(model: StoredModel, files: Sequence[Path], size: int, new_zeros: int, reporter: Reporter) -> Evaluation:
    reporter.progress(0, 1, "Packing")
    params = sum(layer.params for layer in model.layers)
    return Evaluation(
        metric=None,
        loss=None,
        samples=0,
        bytes=size,
        zip_bytes=sum(packed_bytes(file) for file in files),
        params=params,
        nonzero_params=params - new_zeros,
        macs=0,
        latency_ms=None,
    )
