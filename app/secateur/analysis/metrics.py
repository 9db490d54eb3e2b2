"""Metrics and losses from outputs and labels, with their confidence intervals. numpy only."""

from math import sqrt

import numpy as np
from numpy.typing import NDArray

from secateur.analysis.documents import Metric
from secateur.errors import UserError

Z95 = 1.959963984540054
SHARE_METRICS = ("top1", "top5", "agreement")


def wilson(successes: int, samples: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) without samples."""
    if not samples:
        return 0.0, 1.0
    share, square = successes / samples, Z95 * Z95
    centre = (share + square / (2 * samples)) / (1 + square / samples)
    half = Z95 * sqrt(share * (1 - share) / samples + square / (4 * samples**2)) / (1 + square / samples)
    return max(0.0, centre - half), min(1.0, centre + half)


def metric_of(name: str, outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> Metric:
    """The metric called `name` of outputs (n, classes) against labels (n,)."""
    n = len(outputs)
    match name:
        case "top1" | "top5":
            k = min(1 if name == "top1" else 5, outputs.shape[1])
            if k == 1:
                hits = int((outputs.argmax(axis=1) == labels).sum())
            else:
                best = np.argpartition(outputs, -k, axis=1)[:, -k:]
                hits = int((best == labels[:, None]).any(axis=1).sum())
            return Metric(name=name, value=hits / n if n else 0.0, ci95=wilson(hits, n))
        case "mse":
            errors = ((outputs.reshape(n, -1) - labels.reshape(n, -1)) ** 2).mean(axis=1)
            value = float(errors.mean())
            half = Z95 * float(errors.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
            return Metric(name=name, value=value, ci95=(value - half, value + half))
        case _:
            raise UserError(f"There is no metric {name!r}.", "Known: top1, top5, mse.")


def cross_entropy(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood in nats of labels (n,) under logits (n, classes)."""
    return float(-log_softmax(outputs)[np.arange(len(labels)), labels].mean())


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """log softmax over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def kl_divergence(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """Mean KL(reference ‖ changed) in nats of two sets of logits (n, classes); never negative."""
    p, q = log_softmax(reference), log_softmax(changed)
    return max(0.0, float((np.exp(p) * (p - q)).sum(axis=-1).mean()))


def output_damage(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """KL divergence where outputs are class scores, else squared error relative to the reference's power."""
    if reference.ndim == 2 and reference.shape[1] > 1:
        return kl_divergence(reference, changed)
    power = float((reference.astype(np.float64) ** 2).sum())
    return float(((reference.astype(np.float64) - changed) ** 2).sum()) / power if power else 0.0


def agreement(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """Share of samples with the same decision (largest output); None where outputs are no class scores."""
    if a.ndim != 2 or a.shape[1] < 2 or a.shape != b.shape or not len(a):
        return None
    return float((a.argmax(axis=1) == b.argmax(axis=1)).mean())
