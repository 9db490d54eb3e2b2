"""The history as a table of plain numbers: what is copied, saved as CSV, and filtered by what a person types."""

import csv
import io
import time
from collections.abc import Iterable

from secateur.engine.events import RunRecord
from secateur.model.documents import Evaluation

HEAD = (
    "run", "name", "state", "created", "model", "data", "metric", "original_metric", "result_metric", "ci95_low",
    "ci95_high", "original_bytes", "result_bytes", "original_latency_ms", "result_latency_ms", "original_macs",
    "result_macs", "original_peak_memory_bytes", "result_peak_memory_bytes", "agreement", "tags", "notes", "folder",
)  # fmt: skip

Cell = str | int | float | None


def rows_of_runs(runs: Iterable[RunRecord]) -> list[tuple[Cell, ...]]:
    """A row under `HEAD` for each run; what is not known is None. Times are local, in ISO 8601."""
    return [_row(run) for run in runs]


def _row(run: RunRecord) -> tuple[Cell, ...]:
    before, after = (run.document.original, run.document.result) if run.document is not None else (None, None)
    metric = after.metric if after is not None else None
    pairs = ((before, after) for _ in range(4))
    numbers = (_bytes, _latency, _macs, _memory)
    told = [tell(side) for tell, pair in zip(numbers, pairs, strict=True) for side in pair]
    return (
        run.run,
        run.name,
        run.state,
        time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(run.created)),
        run.model,
        run.data,
        metric.name if metric else None,
        before.metric.value if before is not None and before.metric else None,
        metric.value if metric else None,
        *(metric.ci95 if metric else (None, None)),
        *told,
        run.document.agreement if run.document is not None else None,
        ", ".join(run.tags),
        run.notes,
        run.folder,
    )


def _bytes(side: Evaluation | None) -> int | None:
    return side.bytes if side is not None else None


def _latency(side: Evaluation | None) -> float | None:
    return side.latency_ms.median if side is not None and side.latency_ms is not None else None


def _macs(side: Evaluation | None) -> int | None:
    return side.macs if side is not None else None


def _memory(side: Evaluation | None) -> int | None:
    return side.peak_memory_bytes if side is not None else None


def csv_of_runs(runs: Iterable[RunRecord]) -> str:
    """The table as RFC 4180 has it, with a head."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(HEAD)
    writer.writerows(["" if cell is None else cell for cell in row] for row in rows_of_runs(runs))
    return stream.getvalue()


def matching(runs: Iterable[RunRecord], words: str) -> tuple[RunRecord, ...]:
    """The runs that every word is in: in name, tags, notes, state, data or recipe; `tag:word` is looked for in tags."""
    wanted = words.casefold().split()
    return tuple(run for run in runs if all(_has(run, word) for word in wanted))


def _has(run: RunRecord, word: str) -> bool:
    tags = [tag.casefold() for tag in run.tags]
    if word.startswith("tag:"):
        return any(word.removeprefix("tag:") in tag for tag in tags)
    texts = (run.run, run.name, run.notes, run.state, run.data, run.recipe_yaml, *tags)
    return any(word in text.casefold() for text in texts)
