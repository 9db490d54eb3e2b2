"""What metrics, losses and damages are put together from: intervals, likelihoods, divergences. numpy only."""

from collections.abc import Iterator
from math import isnan, sqrt

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
Z999 = 3.290526731491926
RESAMPLES = 400
"""Bootstrap samples behind an interval for which there is no formula."""
GUESSES = {"top1": 1, "top5": 5}
"""How many of the best answers may be the right one."""


def wilson(successes: int, samples: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without samples."""
    if not samples:
        return 0.0, 1.0
    share, square = successes / samples, Z95 * Z95
    centre = (share + square / (2 * samples)) / (1 + square / samples)
    half = Z95 * sqrt(share * (1 - share) / samples + square / (4 * samples**2)) / (1 + square / samples)
    return max(0.0, centre - half), min(1.0, centre + half)


def not_finite(outputs: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the samples (n,) have no usable answer: NaN or infinite numbers.

    Among class scores (n, classes) −∞ is one that is ruled out, and leaves the answer what it is.
    """
    rows = outputs.reshape(len(outputs), -1)
    if outputs.ndim == 2 and outputs.shape[1] > 1:
        return np.asarray(~np.isfinite(rows.max(axis=1)))  # the maximum of a row with a NaN is NaN
    return np.asarray(~np.isfinite(rows).all(axis=1))


def is_right(outputs: NDArray[np.float32], labels: NDArray[np.int64], guesses: int = 1) -> NDArray[np.bool_]:
    """Which samples (n,) have their label among the `guesses` largest of their scores (n, classes).

    A sample whose scores are not finite is wrong.
    """
    k = min(guesses, outputs.shape[1])
    best = outputs.argmax(axis=1)[:, None] if k == 1 else np.argpartition(outputs, -k, axis=1)[:, -k:]
    return np.asarray((best == labels[:, None]).any(axis=1) & ~not_finite(outputs))


def cross_entropy(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Summed negative log-likelihood in nats of labels (n,) under logits (n, classes); NaN where logits are."""
    return float(-log_softmax(outputs)[np.arange(len(labels)), labels].sum())


def resampled(samples: int, seed: int = 0) -> "Iterator[NDArray[np.intp]]":
    """`RESAMPLES` bootstrap samples of `samples` places, drawn with replacement; always the same ones (Efron 1979)."""
    generator = np.random.default_rng(seed)
    for _ in range(RESAMPLES):
        yield generator.integers(0, samples, samples)


Damages = tuple[str, NDArray[np.float64], NDArray[np.float64]]
"""Unit, and for each sample an error and a weight, (n,) each: the damage of samples is the sum of their errors ÷ that
of their weights."""


def relative_errors(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
    """(`relative error`, squared error, squares of the reference), summed over each sample."""
    exact = reference.astype(np.float64).reshape(len(reference), -1)
    return "relative error", ((exact - changed.reshape(exact.shape)) ** 2).sum(axis=1), (exact**2).sum(axis=1)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """log softmax over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def kl_divergence(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """Mean KL(reference ‖ changed) in nats of two sets of logits (n, classes); never negative, NaN for NaN."""
    value = float(divergences(reference, changed).mean())
    return value if isnan(value) else max(0.0, value)


def divergences(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> NDArray[np.float64]:
    """KL(reference ‖ changed) in nats of each sample (n,), summed over all but the last axis, that of the logits."""
    p, q = log_softmax(reference), log_softmax(changed)
    with np.errstate(invalid="ignore"):  # a class that is ruled out, −∞, takes no part
        terms = np.where(np.isneginf(p), 0.0, np.exp(p) * (p - q))
    return np.asarray(terms.reshape(len(terms), -1).sum(axis=1))


def damages(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> Damages:
    """Of class scores (n, classes): `nats`, KL divergence and 1. Of anything else: those of the relative error."""
    if reference.ndim == 2 and reference.shape[1] > 1:
        return "nats", divergences(reference, changed), np.ones(len(reference))
    return relative_errors(reference, changed)
