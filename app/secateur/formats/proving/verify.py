"""Verification: a written file is opened anew, run, and compared with the simulation before it gets its name."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from numpy.typing import NDArray

from secateur.data.reading import Reading
from secateur.errors import UserError
from secateur.files import Guard
from secateur.formats.base import Format, LocalProof, Samples, WriteOptions, publish, publish_aside, staged
from secateur.formats.exporting.exporters import CannotRun, Exporter, Ran, exporter_for
from secateur.formats.proving.deviating import first_deviating_layer
from secateur.formats.proving.judging import Judgement, Limits, judge, judge_weights
from secateur.formats.proving.judging import agreement as agreement
from secateur.formats.proving.judging import decisions as decisions
from secateur.formats.proving.running import Batching, run_in_batches, samples_for
from secateur.graph.context import Context
from secateur.model.documents import ExportedFile, Latency
from secateur.model.encoding import Encodings

if TYPE_CHECKING:
    from secateur.graph.network import Model

Proof = Literal["outputs", "weights", "layers"]

LOOKED_INTO: Final = 8
"""Samples on which every layer is compared."""


def export(
    model: "Model",
    target: Format,
    path: Path,
    samples: Samples | None = None,
    context: Context | None = None,
    options: WriteOptions | None = None,
    guard: Guard = Guard(),  # noqa: B008 - a frozen value
    *,
    accept: bool = False,
    reading: Reading | None = None,
) -> ExportedFile:
    """Write `model` to `path`, prove the file, and only then give it its name.

    `samples` are inputs that the file and the simulation are compared on, one array per input; random ones where None.
    `reading` is what a task reads of their outputs.
    A file that disagrees is kept as `<name>.unverified` with the first layer that deviates named, and what stood at
    `path` before stays; with `accept` one that runs gets its name whatever it answers, since a verdict with numbers is
    a result too. A file that agrees takes the place of another one only where `guard` allows it. UserError
    where the format cannot hold the model or the system refuses to write.
    """
    context, options = context or Context(), options or target.options()
    refusal = target.missing() or target.wrong_name(path) or target.can_write(model)
    if refusal:
        raise UserError(refusal)
    guard.check(path)  # before the work, and once more before each file takes its name
    with staged(path) as draft, exporter_for(target, options) as exporter:
        model = exporter.simulated(model, context)
        files = exporter.write(model, draft, context)
        proof = _prove(files, model, target, options, exporter, samples, context, reading)
        if proof.verified or (accept and proof.verdict == "differs"):
            publish(files, path.parent, guard)
            return proof.model_copy(update={"path": str(path)})
        kept = publish_aside(files, path.parent, guard)
        return proof.model_copy(update={"path": str(kept[0]), "parts": tuple(file.name for file in kept[1:])})


def verify(
    path: Path,
    model: "Model",
    target: Format,
    samples: Samples | None = None,
    context: Context | None = None,
    options: WriteOptions | None = None,
) -> ExportedFile:
    """Open the file at `path` anew, run it beside the simulation of `model`, and time it for one sample."""
    context, options = context or Context(), options or target.options()
    with exporter_for(target, options) as exporter:
        model = exporter.simulated(model, context)
        return _prove((path,), model, target, options, exporter, samples, context)


def _prove(
    files: Sequence[Path],
    model: "Model",
    target: Format,
    options: WriteOptions,
    exporter: Exporter,
    samples: Samples | None,
    context: Context,
    reading: Reading | None = None,
) -> ExportedFile:
    """The document of written files: by their outputs, or by their weights where nothing here runs them."""
    try:
        if not can_run(model) or target.why_not_run() is not None:
            judgement = _by_weights(files[0], model, target, options, exporter, context)
            return _document(target, files, judgement, proof="weights", details=exporter.details())
        inputs = samples_for(model, samples)
        ran = exporter.run(files[0], inputs, Batching.of(model), context.progress)
    except CannotRun as problem:
        judgement = Judgement("broken", None, None, problem.sentence)
        return _document(target, files, judgement, details=problem.details)
    local = _local_proof(files[0], model, target, options, inputs, context)
    judgement = _by_outputs(ran, model, target, options, inputs, local, context, reading if inputs is samples else None)
    proof: Proof = "outputs" if local is None else "layers"
    document = _document(target, files, judgement, proof=proof, latency=ran.latency, details=exporter.details())
    if judgement.verified:
        return document
    if local is not None and not local.is_right:
        return _with_remedy(document, local.layer)
    limits = _limits(options, model)
    layer = first_deviating_layer(files[0], model, target, exporter, inputs, limits, context)
    said = f"{judgement.sentence} {layer.sentence}".strip()
    return _with_remedy(document.model_copy(update={"sentence": said}), layer.name)


def _with_remedy(document: ExportedFile, layer: str) -> ExportedFile:
    """The document with what a person can do about a file that runs and differs."""
    if document.verdict != "differs":
        return document.model_copy(update={"first_deviating_layer": layer})
    way = f"Leave {layer} as it is, or" if layer else "To use it all the same,"
    said = f"{document.sentence} {way} judge the file by its own measured numbers."
    return document.model_copy(update={"first_deviating_layer": layer, "sentence": said})


def _local_proof(
    path: Path, model: "Model", target: Format, options: WriteOptions, inputs: Samples, context: Context
) -> LocalProof | None:
    """The look into an encoded file, where its format allows one; on a few samples: each has many values."""
    if not getattr(model, "encodings", None) or options.computes_in != "float32":
        return None
    context.progress(2, 3, "Comparing every layer")
    batching = Batching.of(model)
    return target.local_proof(path, model, batching.part(inputs, 0, batching.size or LOOKED_INTO))


def can_run(model: "Model") -> bool:
    """Whether there is a network to compare outputs with."""
    from secateur.graph.network import StoredModel

    return not isinstance(model, StoredModel)


def _by_outputs(
    ran: Ran,
    model: "Model",
    target: Format,
    options: WriteOptions,
    inputs: Samples,
    local: LocalProof | None,
    context: Context,
    reading: Reading | None,
) -> Judgement:
    batching = Batching.of(model)
    expected = run_in_batches(model.run_all, inputs, batching, context.progress, "Running the simulation")
    floats = None
    if local is not None and local.is_right:
        without = replace(model, encodings=Encodings())
        floats = run_in_batches(without.run_all, inputs, batching, context.progress, "Running the float network")
    context.progress(3, 3, "Compared")
    names = tuple(port.name for port in model.outputs)
    return judge(expected, ran.outputs, _limits(options, model), target.runtime, local, floats, reading, names)


def _by_weights(
    path: Path, model: "Model", target: Format, options: WriteOptions, exporter: Exporter, context: Context
) -> Judgement:
    reason = target.why_not_run() or "There is no network to run it with."
    actual = exporter.weights(path, context.progress)
    if actual is None:
        return Judgement("broken", None, None, f"Not verified: {reason} What it holds could not be read back either.")
    found = judge_weights(encoded_weights(model), actual, options)
    return replace(found, sentence=f"{found.sentence} It was not run: {reason}")


def encoded_weights(model: "Model") -> Mapping[str, NDArray[np.float32]]:
    """The weight of every layer as the encodings round it, float32, made when it is asked for."""
    from secateur.graph.network import LazyWeights

    encodings = getattr(model, "encodings", None)
    rounded = dict(encodings.weights) if encodings else {}
    weights = model.weights()

    def read(name: str) -> NDArray[np.float32]:
        weight = weights[name]
        return rounded[name].round_trip(weight) if name in rounded else np.asarray(weight, np.float32)

    return LazyWeights({name: partial(read, name) for name in weights})


def _limits(options: WriteOptions, model: "Model") -> Limits:
    return Limits.of(options, is_encoded=computes_in_integers(model))


def computes_in_integers(model: "Model") -> bool:
    """Whether a model has encodings, or is a file that was quantized already: then runtimes round each in their way."""
    from secateur.graph.network import OnnxModel

    if isinstance(model, OnnxModel):
        return bool(model.encodings) or any(
            node.op_type.startswith(("Quantize", "DynamicQuantize", "QLinear")) for node in model.proto.graph.node
        )
    return bool(model.encodings)


def _document(
    target: Format,
    files: Sequence[Path],
    judgement: Judgement,
    *,
    proof: Proof = "outputs",
    latency: Latency | None = None,
    details: str = "",
) -> ExportedFile:
    return ExportedFile(
        format=target.id,
        path=str(files[0]),
        bytes=sum(size_of(file) for file in files),
        verified=judgement.verified,
        max_deviation=judgement.deviation,
        agreement=judgement.agreement,
        latency_ms=latency,
        sentence=judgement.sentence,
        verdict=judgement.verdict,
        proof=proof,
        details="" if judgement.verified else details,
        parts=tuple(file.name for file in files[1:]),
    )


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
