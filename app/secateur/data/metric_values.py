"""Metrics and losses from outputs and labels, with their confidence intervals. numpy only."""

from math import isnan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secateur.errors import UserError
from secateur.model.documents import Metric

Z95 = 1.959963984540054
Z999 = 3.290526731491926
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


def metric_of(name: str, outputs: NDArray[np.float32], labels: NDArray[Any]) -> Metric | None:
    """The metric called `name` of outputs (n, classes) or (n, …) against labels (n,) or targets (n, …).

    Answers that are not finite count as wrong in a share; of an error there is no mean then: None.
    """
    n = len(outputs)
    match name:
        case "top1" | "top5":
            hits = int(is_right(outputs, labels, GUESSES[name]).sum())
            return Metric(name=name, value=hits / n if n else 0.0, ci95=wilson(hits, n))
        case "mse":
            if not_finite(outputs).any():
                return None
            errors = ((outputs.reshape(n, -1).astype(np.float64) - labels.reshape(n, -1)) ** 2).mean(axis=1)
            value = float(errors.mean())
            half = Z95 * float(errors.std(ddof=1)) / sqrt(n) if n > 1 else 0.0
            return Metric(name=name, value=value, ci95=(max(0.0, value - half), value + half))
        case _:
            raise UserError(f"There is no metric {name!r}.", "Known: top1, top5, mse.")


def paired_change(
    name: str, before: NDArray[np.float32], after: NDArray[np.float32], labels: NDArray[Any]
) -> tuple[float, float, float]:
    """(mean, low, high) of what the metric changes from one set of answers to another on the same samples.

    The interval is that of the paired differences, 99.9 % wide: both see the same samples, so that what is easy or hard
    about them falls out, and the one thousandth keeps chance from calling two equal networks different.
    """
    if name in GUESSES:
        ours, theirs = (is_right(outputs, labels, GUESSES[name]).astype(np.float64) for outputs in (before, after))
    elif name == "mse":
        truth = labels.reshape(len(labels), -1)
        ours, theirs = (
            np.square(out.reshape(len(out), -1).astype(np.float64) - truth).mean(1) for out in (before, after)
        )
    else:
        raise UserError(f"There is no metric {name!r}.", "Known: top1, top5, mse.")
    difference = theirs - ours
    half = Z999 * float(difference.std(ddof=1)) / sqrt(len(difference)) if len(difference) > 1 else float("inf")
    return float(difference.mean()), float(difference.mean()) - half, float(difference.mean()) + half


def answers_warning(outputs: NDArray[np.float32]) -> str:
    """What to know of answers that are no numbers, as a sentence; empty where all are finite."""
    bad, n = int(not_finite(outputs).sum()), len(outputs)
    if not bad:
        return ""
    which = f"All {n:,} answers are" if bad == n else f"{bad:,} of {n:,} answers are"
    return f"{which} not finite (NaN or infinity): they count as wrong, and an error has no mean with them."


def cross_entropy(outputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Mean negative log-likelihood in nats of labels (n,) under logits (n, classes); NaN where logits are."""
    return float(-log_softmax(outputs)[np.arange(len(labels)), labels].mean())


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """log softmax over the last axis, float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def kl_divergence(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """Mean KL(reference ‖ changed) in nats of two sets of logits (n, classes); never negative, NaN for NaN."""
    value = _summed_divergence(reference, changed) / len(reference)
    return value if isnan(value) else max(0.0, value)


def _summed_divergence(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    p, q = log_softmax(reference), log_softmax(changed)
    with np.errstate(invalid="ignore"):  # a class that is ruled out, −∞, takes no part
        terms = np.where(np.isneginf(p), 0.0, np.exp(p) * (p - q))
    return float(terms.sum())


def output_damage(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> float:
    """KL divergence where outputs are class scores, else squared error relative to the reference's power."""
    _, error, weight = damage_sums(reference, changed)
    damage = error / weight if weight else 0.0
    return damage if isnan(damage) else max(0.0, damage)


def damage_sums(reference: NDArray[np.float32], changed: NDArray[np.float32]) -> tuple[str, float, float]:
    """(unit, error, weight) of which the damage is error ÷ weight; those of batches add up to those of all samples.

    Of class scores (n, classes): `nats`, summed KL divergence, n. Of anything else: `relative error`, summed squared
    error, summed squares of the reference.
    """
    if reference.ndim == 2 and reference.shape[1] > 1:
        return "nats", _summed_divergence(reference, changed), float(len(reference))
    exact = reference.astype(np.float64)
    return "relative error", float(((exact - changed) ** 2).sum()), float((exact**2).sum())


def agreement(a: NDArray[np.float32], b: NDArray[np.float32]) -> float | None:
    """Share of samples with the same decision (largest output); None where outputs are no class scores.

    Where an answer is not finite there is no decision, and nothing to agree with.
    """
    if a.ndim != 2 or a.shape[1] < 2 or a.shape != b.shape or not len(a):
        return None
    same = a.argmax(axis=1) == b.argmax(axis=1)
    return float((same & ~not_finite(a) & ~not_finite(b)).mean())
