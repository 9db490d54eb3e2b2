"""Verification: a written file is opened anew, run, and compared with the simulation before it gets its name."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.documents import ExportedFile, Latency
from secateur.errors import UserError
from secateur.formats.base import Format, Runner, Samples, publish, staged
from secateur.methods.base import Context

if TYPE_CHECKING:
    from secateur.model.model import Model

RANDOM_SAMPLES = 64
BATCH = 100
AGREEMENT = 0.995
"""Share of equal decisions that a file must reach, less two standard errors of the samples that were compared."""

FLOAT_DEVIATION = 1e-3
ENCODED_DEVIATION = 0.05
"""Root mean square deviation, relative to that of the simulated outputs, which integer arithmetic may show."""


def export(
    model: "Model", target: Format, path: Path, samples: Samples | None = None, context: Context | None = None
) -> ExportedFile:
    """Write `model` to `path`, prove the file, and only then give it its name.

    `samples` are inputs that the file and the simulation are compared on, one array per input; random ones where None.
    A file that disagrees is kept as `<name>.unverified`, and what stood at `path` before stays. UserError where the
    format cannot hold the model or the system refuses to write.
    """
    context = context or Context()
    refusal = target.can_write(model)
    if refusal:
        raise UserError(refusal)
    with staged(path) as draft:
        context.progress(0, 3, f"Writing {path.name}")
        files = target.write(model, draft)
        proof = verify(draft, model, target, samples, context)
        if proof.verified:
            publish(files[1:], path.parent)
            publish(files[:1], path.parent)
            return proof.model_copy(update={"path": str(path)})
        kept = publish(files, path.parent, ".unverified")
        return proof.model_copy(update={"path": str(kept[0])})


def verify(
    path: Path, model: "Model", target: Format, samples: Samples | None = None, context: Context | None = None
) -> ExportedFile:
    """Open the file at `path` anew, run it beside the simulation of `model`, and time it for one sample."""
    context = context or Context()
    inputs = _inputs(model, samples)
    context.progress(1, 3, f"Running {path.name} in {target.runtime}")
    try:
        run = target.run(path)
        actual = _run_all(run, inputs, model, context, f"Running {path.name} in {target.runtime}")
    except _runtime_errors() as error:
        reason = str(error).strip().splitlines()
        return _document(
            target,
            path,
            sentence=f"{target.runtime} cannot run the file: {reason[0] if reason else type(error).__name__}",
        )
    expected = _run_all(model.run, inputs, model, context, "Running the simulation")
    context.progress(2, 3, "Measuring milliseconds")
    latency = _latency(run, inputs, model, target.runtime)
    context.progress(3, 3, "Compared")
    return _judge(target, path, expected, actual, latency, is_encoded=bool(getattr(model, "encodings", None)))


def decisions(outputs: NDArray[np.float32]) -> NDArray[np.int64] | None:
    """The index of the largest value along axis 1 (one per position of further axes); None where nothing is decided."""
    if outputs.ndim < 2 or outputs.shape[1] < 2:
        return None
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def agreement(expected: NDArray[np.float32], actual: NDArray[np.float32]) -> float | None:
    """Share of equal decisions, 0..1; None where the outputs decide nothing."""
    ours, theirs = decisions(expected), decisions(actual)
    if ours is None or theirs is None or ours.shape != theirs.shape or not ours.size:
        return None
    return float((ours == theirs).mean())


def _judge(
    target: Format, path: Path, expected: NDArray[np.float32], actual: NDArray[np.float32], latency: Latency,
    *, is_encoded: bool,
) -> ExportedFile:  # fmt: skip
    if expected.shape != actual.shape:
        sentence = f"The file gives outputs of the shape {actual.shape[1:]}, the network {expected.shape[1:]}."
        return _document(target, path, latency=latency, sentence=sentence)
    if np.isfinite(expected).all() and not np.isfinite(actual).all():
        return _document(target, path, latency=latency, sentence="The file gives outputs that are not finite.")
    deviation = _relative(np.abs(expected - actual).max(initial=0.0), np.abs(expected).max(initial=0.0))
    spread = _relative(np.sqrt(np.square(expected - actual).mean()), np.sqrt(np.square(expected).mean()))
    share = agreement(expected, actual)
    allowed = AGREEMENT - 2.0 * (AGREEMENT * (1.0 - AGREEMENT) / max(len(expected), 1)) ** 0.5
    is_close = spread <= ENCODED_DEVIATION if is_encoded else deviation <= FLOAT_DEVIATION
    verified = is_close and (share is None or share >= allowed)
    same = "" if share is None else f" the same decision on {share * 100:.4g} % and"
    found = f"{target.runtime} and the simulation gave{same} outputs within {deviation * 100:.2g} %"
    return _document(
        target,
        path,
        verified=verified,
        max_deviation=deviation,
        agreement=share,
        latency=latency,
        sentence=f"{found}, on {len(expected):,} samples."
        if verified
        else f"Not verified: {found}; that is too far apart.",
    )


def _relative(difference: Any, scale: Any) -> float:
    return float(difference) / max(float(scale), 1e-12)


def _document(
    target: Format,
    path: Path,
    *,
    verified: bool = False,
    max_deviation: float | None = None,
    agreement: float | None = None,
    latency: Latency | None = None,
    sentence: str = "",
) -> ExportedFile:
    return ExportedFile(
        format=target.id,
        path=str(path),
        bytes=path.stat().st_size,
        verified=verified,
        max_deviation=max_deviation,
        agreement=agreement,
        latency_ms=latency,
        sentence=sentence,
    )


def _inputs(model: "Model", samples: Samples | None) -> Samples:
    from secateur.model.layers import example_inputs

    if samples is not None and len(samples) and len(samples[0]):
        return samples
    fixed = _fixed_batch(model) or 1
    return example_inputs(model, batch=max(1, RANDOM_SAMPLES // fixed) * fixed)


def _fixed_batch(model: "Model") -> int | None:
    """The batch size that the model demands; None where it takes any."""
    return model.inputs[0].shape[0] if model.inputs and model.inputs[0].shape else None


def _run_all(run: Runner, inputs: Samples, model: "Model", context: Context, text: str) -> NDArray[np.float32]:
    """The outputs for all samples, in batches of 100 or of the model's fixed batch size (a short rest is left out)."""
    fixed = _fixed_batch(model)
    size, count = fixed or BATCH, len(inputs[0])
    outputs = []
    for start in range(0, count, size):
        batch = [values[start : start + size] for values in inputs]
        if fixed and len(batch[0]) < fixed:
            break
        context.progress(start, count, text)
        outputs.append(run(*batch))
    context.progress(count, count, text)
    return np.concatenate(outputs)


def _latency(run: Runner, inputs: Samples, model: "Model", runtime: str) -> Latency:
    from secateur.analysis.latency import measure

    one = [np.ascontiguousarray(values[: _fixed_batch(model) or 1]) for values in inputs]
    return measure(lambda: run(*one), runtime)


def _runtime_errors() -> tuple[type[Exception], ...]:
    """What a runtime may raise at a file: ONNX Runtime's exceptions have no common base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
    )
    return (RuntimeError, ValueError, *(getattr(state, name) for name in names if hasattr(state, name)))
