"""What the six cards of the Compare tab say about an original and a result. No Qt."""

from dataclasses import dataclass

from secateur.data.metrics import kind_of
from secateur.figures import (
    UNKNOWN,
    count,
    macs,
    milliseconds,
    milliseconds_pair,
    number,
    ratio,
    share,
    signed_number,
    signed_share,
    size,
    thousands,
)
from secateur.model.documents import Evaluation, Metric, RunDocument

NOISE = 0.02
"""A change of latency below this share is no change: two runs of one model differ by it."""


@dataclass(frozen=True)
class Figure:
    """One card: `tone` of the delta is positive, negative or plain; `alarm` marks the card itself."""

    title: str
    figure: str
    delta: str = ""
    detail: str = ""
    tone: str = ""
    alarm: bool = False


def figures_of(document: RunDocument) -> dict[str, Figure]:
    """The cards of a run, by name, in their order."""
    return figures_between(document.original, document.result, document.agreement)


def figures_between(a: Evaluation, b: Evaluation, agreement: float | None) -> dict[str, Figure]:
    """The cards of any two models."""
    return {
        "metric": _metric(a, b),
        "file": _file(a, b),
        "latency": _latency(a, b),
        "macs": Figure(
            "MACs",
            macs(b.macs),
            signed_share(a.macs, b.macs),
            f"was {macs(a.macs)} · {count(b.nonzero_params)} params",
        ),
        "loss": _loss(a, b),
        "agreement": _agreement(b, agreement),
    }


def _agreement(b: Evaluation, agreement: float | None) -> Figure:
    detail = f"same on {thousands(b.samples)} samples" if agreement is not None else "cannot be told"
    return Figure("Agreement", share(agreement), "", detail)


def metric_name(metric: Metric | None) -> str:
    """`Top-1`, `Agreement`, or `Metric` where there is none."""
    return kind_of(metric.name if metric else "").title


def _metric(a: Evaluation, b: Evaluation) -> Figure:
    if b.metric is None:
        return Figure(metric_name(a.metric), UNKNOWN, "", "not measured")
    kind = kind_of(b.metric.name)
    spread, value = kind.write_spread(b.metric.ci95), kind.write(b.metric.value)
    if a.metric is None:
        return Figure(kind.title, value, "", spread)
    before, after = a.metric.value, b.metric.value
    half = (b.metric.ci95[1] - b.metric.ci95[0]) / 2
    gain = kind.gain(before, after)
    tone = "negative" if gain < -half else "positive" if gain > half else ""
    return Figure(kind.title, value, kind.write_change(before, after), f"was {kind.write(before)} · {spread}", tone)


def _file(a: Evaluation, b: Evaluation) -> Figure:
    detail = f"was {size(a.bytes)} · zip {size(b.zip_bytes)}"
    if b.bytes > a.bytes:
        return Figure("File", size(b.bytes), f"{ratio(b.bytes, a.bytes)} larger", detail, "negative", alarm=True)
    if b.bytes == a.bytes:
        return Figure("File", size(b.bytes), "same", detail)
    return Figure("File", size(b.bytes), f"{ratio(a.bytes, b.bytes)} smaller", detail, "positive")


def _latency(a: Evaluation, b: Evaluation) -> Figure:
    if b.latency_ms is None:
        return Figure("Latency", UNKNOWN, "", "not measured")
    after = b.latency_ms
    if a.latency_ms is None:
        return Figure("Latency", milliseconds(after.median), "", f"p90 {milliseconds(after.p90)}")
    before = a.latency_ms.median
    was, now = milliseconds_pair(before, after.median)
    detail = f"was {was} · p90 {milliseconds(after.p90)}"
    if after.median > before * (1 + NOISE):
        delta = signed_share(before, after.median)
        return Figure("Latency", now, delta, detail, "negative", alarm=True)
    if after.median < before * (1 - NOISE):
        delta = f"{ratio(before, after.median)} faster"
        return Figure("Latency", now, delta, detail, "positive")
    return Figure("Latency", now, signed_share(before, after.median), detail)


def _loss(a: Evaluation, b: Evaluation) -> Figure:
    if b.loss is None:
        return Figure("Loss", UNKNOWN, "", "needs labels")
    if a.loss is None:
        return Figure("Loss", number(b.loss))
    return Figure("Loss", number(b.loss), signed_number(b.loss - a.loss), f"was {number(a.loss)}")
