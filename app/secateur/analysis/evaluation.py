"""Running a model over a data set: predictions, and the evaluation that every result must state."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.cost import file_parameters, zip_bytes
from secateur.analysis.memory import peak_memory_bytes
from secateur.data.metric_values import GUESSES, answers_warning, cross_entropy, metric_of
from secateur.model.documents import Evaluation, Latency, Metric

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Progress = Callable[[int, int, str], None]
BATCH = 100


@dataclass(frozen=True, eq=False)
class Predictions:
    """First outputs float32 (n, …) and labels of the samples of a split, in the split's order."""

    outputs: NDArray[np.float32]
    labels: NDArray[Any]


def predict(
    run: Run, data: "Dataset", progress: Progress, *, text: str, split: "Split" = "test", limit: int | None = None
) -> Predictions:
    """Run every sample of `split` (at most `limit`) in batches of 100."""
    total = min(data.size(split), limit or data.size(split))
    outputs, labels, done = [], [], 0
    for inputs, truth in data.batches(split, BATCH, limit):
        progress(done, total, text)
        outputs.append(np.asarray(run(inputs), dtype=np.float32))
        labels.append(truth)
        done += len(inputs)
    progress(total, total, text)
    return Predictions(np.concatenate(outputs), np.concatenate(labels))


def evaluation_of(
    file: Path, predictions: Predictions | None, metric: str, macs: int, latency: Latency | None, inputs: Any
) -> Evaluation:
    """The evaluation of an ONNX file whose predictions and latency were taken."""
    params, nonzero = file_parameters(file)
    value, loss, warnings = scores_of(predictions, metric) if predictions else (None, None, ())
    return Evaluation(
        metric=value,
        loss=loss,
        samples=len(predictions.outputs) if predictions else 0,
        bytes=file.stat().st_size,
        zip_bytes=zip_bytes(file),
        params=params,
        nonzero_params=nonzero,
        macs=macs,
        latency_ms=latency,
        peak_memory_bytes=peak_memory_bytes(file, inputs),
        warnings=warnings,
    )


def scores_of(predictions: Predictions, metric: str) -> tuple[Metric | None, float | None, tuple[str, ...]]:
    """(metric, loss, warnings) of predictions: None where nothing scores them, or the answers are no numbers."""
    scored = metric not in ("", "none", "agreement")
    classes = predictions.outputs.ndim == 2 and metric in GUESSES
    loss = cross_entropy(predictions.outputs, predictions.labels) if classes else None
    warning = answers_warning(predictions.outputs)
    return (
        metric_of(metric, predictions.outputs, predictions.labels) if scored else None,
        loss if loss is not None and isfinite(loss) else None,
        (warning,) if warning else (),
    )
