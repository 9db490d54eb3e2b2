"""Singular values of a layer's weight: how few directions would do for what it computes. numpy alone.

The weight counts as a matrix of (output channels, numbers of one output channel). Its singular values are the roots of
the eigenvalues of the smaller of its two Gram matrices, in float64: exact to about 1e-8 of the largest.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MOST_WORK: Final = 200_000_000_000
"""Multiplications that the singular values of a whole model may take without being asked for: a few seconds."""


def as_matrix(weight: NDArray[np.float32], channel_axis: int) -> NDArray[np.float32]:
    """The weight as (output channels, numbers of one output channel); float32."""
    return np.moveaxis(weight, channel_axis, 0).reshape(weight.shape[channel_axis], -1).astype(np.float32, copy=False)


def work_of(rows: int, columns: int) -> int:
    """Multiplications that `singular_values` takes, about."""
    small, large = sorted((rows, columns))
    return small * small * (large + 2 * small)


def singular_values(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """All singular values, descending; float32 (min(rows, columns),). Zeros where the matrix is not finite."""
    values, _ = _squares(matrix)
    return np.sqrt(values).astype(np.float32)


def factors(matrix: NDArray[np.float32], rank: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(rows × rank, rank × columns), whose product is the matrix of this rank nearest to `matrix`; float32.

    By Eckart and Young (1936) that is the one of the largest singular values. Each of these is shared evenly between
    the two, so that both have values of one size: neither is harder to quantize than the other.
    """
    values, vectors = _squares(matrix)
    kept, wide = vectors[:, :rank], matrix.astype(np.float64)
    root = np.sqrt(np.sqrt(np.maximum(values[:rank], np.finfo(np.float64).tiny)))
    if matrix.shape[0] <= matrix.shape[1]:
        left, right = kept, kept.T @ wide
        return (left * root).astype(np.float32), (right / root[:, None]).astype(np.float32)
    left, right = wide @ kept, kept.T
    return (left / root).astype(np.float32), (right * root[:, None]).astype(np.float32)


def _squares(matrix: NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Squared singular values, descending, and the vectors of the smaller side, float64."""
    small = min(matrix.shape)
    if not np.isfinite(matrix).all():
        return np.zeros(small), np.eye(small)
    wide = matrix.astype(np.float64)
    gram = wide @ wide.T if matrix.shape[0] <= matrix.shape[1] else wide.T @ wide
    values, vectors = np.linalg.eigh(gram)
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]
