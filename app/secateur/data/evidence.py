"""What is kept of the answers to some samples, so that the metric of many such parts can be told without the answers.

A metric that is a mean over samples needs their sum; one that is not (a rank correlation, a mean IoU) needs counts that
add up, or the answers themselves where these are small. NumPy alone.
"""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from secateur.data.batch import Array

MOST_NUMBERS = 64
"""Numbers of a sample's answer and target that are kept; where there are more, its part of the metric is not known."""


class EvidenceText(TypedDict):
    """Evidence as JSON: every number comes back to the last bit."""

    sums: list[list[float]]
    rows: list[tuple[str, list[int], str]]


def _nothing() -> NDArray[np.float64]:
    return np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Evidence:
    """Of some samples: `sums` float64 (quantities, classes), which add up, and `rows`, arrays with a row for each.

    What they are is the task's own (`Task.evidence`).
    """

    sums: NDArray[np.float64] = field(default_factory=_nothing)
    rows: tuple[Array, ...] = ()

    @classmethod
    def joined(cls, parts: "Sequence[Evidence]") -> "Evidence":
        """That of all samples of `parts`, which are of the same task; a part may know of fewer classes."""
        classes = max(part.sums.shape[1] for part in parts)
        sums = np.zeros((parts[0].sums.shape[0], classes))
        for part in parts:
            sums[:, : part.sums.shape[1]] += part.sums
        return cls(sums, tuple(np.concatenate(rows) for rows in zip(*(part.rows for part in parts), strict=True)))

    def to_text(self) -> EvidenceText:
        """A JSON document; rows are compressed."""
        rows = [
            (values.dtype.str, list(values.shape), base64.b64encode(zlib.compress(values.tobytes(), 1)).decode())
            for values in map(np.ascontiguousarray, self.rows)
        ]
        return {"sums": self.sums.tolist(), "rows": rows}

    @classmethod
    def from_text(cls, text: EvidenceText) -> "Evidence":
        """What `to_text` made; ValueError, TypeError or KeyError where it is something else."""
        try:
            rows = tuple(
                np.frombuffer(zlib.decompress(base64.b64decode(packed)), np.dtype(dtype)).reshape(shape)
                for dtype, shape, packed in text["rows"]
            )
        except zlib.error as error:
            raise ValueError(str(error)) from error
        sums = np.asarray(text["sums"], dtype=np.float64)
        return cls(sums if sums.ndim == 2 else _nothing(), rows)


def mean_of(parts: NDArray[np.float64]) -> Evidence:
    """The evidence of a mean over samples: the sum of their parts, and how many there are."""
    return Evidence(np.asarray([[float(parts.sum())], [float(len(parts))]]))


def rows_of(answers: Array, targets: Array) -> Evidence | None:
    """The answers and targets themselves; None where a sample has more than `MOST_NUMBERS` of them."""
    if not len(answers) or (answers.size + targets.size) / len(answers) > MOST_NUMBERS:
        return None
    return Evidence(rows=(answers, targets))
