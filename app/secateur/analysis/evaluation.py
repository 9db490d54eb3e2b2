"""Running a model over a data set: predictions, and the evaluation that every result must state."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.cost import file_parameters, zip_bytes
from secateur.analysis.memory import peak_memory_bytes
from secateur.data.task import answers_warning
from secateur.model.documents import Evaluation, Latency, Metric

if TYPE_CHECKING:
    from secateur.data.dataset import Dataset
    from secateur.data.splits import Split
    from secateur.data.task import Task

Progress = Callable[[int, int, str], None]
BATCH = 100


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a network answered to a split, as its task keeps it: a row for each sample, in the split's order.

    `loss` is the mean over the samples, None where there is none or it is no number.
    """

    answers: NDArray[Any]
    targets: NDArray[Any]
    loss: float | None = None


def predict(
    run: Callable[..., Sequence[NDArray[Any]]],
    data: "Dataset",
    progress: Progress,
    *,
    text: str,
    split: "Split" = "test",
    limit: int | None = None,
) -> Predictions:
    """Run every sample of `split` (at most `limit`) in batches of 100, alike in length; `run` gives all outputs."""
    total = min(data.size(split), limit or data.size(split))
    answers, targets, losses, seen = [], [], [], []
    task, done = data.task, 0
    for places in data.alike(split, range(total), BATCH):
        progress(done, total, text)
        batch = data.batch(split, places)
        scores = task.scores(run(*batch.arrays), batch)
        answers.append(task.answers(scores))
        targets.append(batch.targets)
        losses.append(task.loss(scores, batch.targets))
        seen.append(places)
        done += len(batch)
    progress(total, total, text)
    known = [pair for pair in losses if pair is not None]
    weight = sum(pair[1] for pair in known)
    loss = sum(pair[0] for pair in known) / weight if weight else float("nan")
    ordered = [_in_order(np.concatenate(parts), np.concatenate(seen)) for parts in (answers, targets)]
    return Predictions(ordered[0], ordered[1], loss if isfinite(loss) else None)


def _in_order(rows: NDArray[Any], places: NDArray[np.intp]) -> NDArray[Any]:
    """`rows`, which are those of `places`, in the order of the places; without a copy where they stand so already."""
    return rows if (np.diff(places) > 0).all() else rows[np.argsort(places)]


def evaluation_of(
    file: Path,
    predictions: Predictions | None,
    task: "Task",
    macs: int,
    latency: Latency | None,
    inputs: Any,
    opened: Sequence[Path] = (),
) -> Evaluation:
    """The evaluation of an ONNX file whose predictions and latency were taken.

    `opened` are the files that it was made of, where its bytes are to be theirs.
    """
    params, nonzero = file_parameters(file)
    value, loss, warnings = judged(predictions, task) if predictions else (None, None, ())
    return Evaluation(
        metric=value,
        loss=loss,
        samples=len(predictions.answers) if predictions else 0,
        bytes=sum(path.stat().st_size for path in opened or (file,)),
        zip_bytes=sum(zip_bytes(path) for path in opened or (file,)),
        params=params,
        nonzero_params=nonzero,
        macs=macs,
        latency_ms=latency,
        peak_memory_bytes=peak_memory_bytes(file, inputs),
        warnings=warnings,
    )


def judged(predictions: Predictions, task: "Task") -> tuple[Metric | None, float | None, tuple[str, ...]]:
    """(metric, loss, warnings) of predictions: None where nothing scores them, or the answers are no numbers."""
    warning = answers_warning(task, predictions.answers)
    metric = task.measure(predictions.answers, predictions.targets)
    return metric, predictions.loss, (warning,) if warning else ()
