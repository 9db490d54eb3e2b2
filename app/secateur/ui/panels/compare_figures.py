"""What the six cards of the Compare tab say about an original and a result. No Qt."""

from dataclasses import dataclass

from secateur.analysis.documents import Evaluation, Metric, RunDocument
from secateur.figures import (
    MINUS,
    UNKNOWN,
    count,
    macs,
    metric_title,
    milliseconds,
    number,
    points,
    ratio,
    share,
    signed_share,
    size,
    thousands,
)

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
    """The cards by name, in their order."""
    a, b = document.original, document.result
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
        "agreement": Figure("Agreement", share(document.agreement), "", f"same answer, {thousands(b.samples)} samples"),
    }


def metric_name(metric: Metric | None) -> str:
    """`Top-1`, `Agreement`, or `Metric` where there is none."""
    return metric_title(metric.name if metric else "")


def _metric(a: Evaluation, b: Evaluation) -> Figure:
    if b.metric is None:
        return Figure(metric_name(a.metric), UNKNOWN, "", "not measured")
    name, spread = metric_name(b.metric), (b.metric.ci95[1] - b.metric.ci95[0]) / 2
    is_share = b.metric.name not in ("mse", "spearman")
    write = share if is_share else number
    if a.metric is None:
        return Figure(name, write(b.metric.value), "", f"±{spread * 100:.1f}")
    change = b.metric.value - a.metric.value
    better = -change if b.metric.name == "mse" else change
    tone = "negative" if better < -spread else "positive" if better > spread else ""
    delta = points(change) if is_share else number(change)
    noise = f"±{spread * 100:.1f}" if is_share else f"±{number(spread)}"
    return Figure(name, write(b.metric.value), delta, f"was {write(a.metric.value)} · {noise}", tone)


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
    detail = f"was {milliseconds(before)} · p90 {milliseconds(after.p90)}"
    if after.median > before * (1 + NOISE):
        delta = signed_share(before, after.median)
        return Figure("Latency", milliseconds(after.median), delta, detail, "negative", alarm=True)
    if after.median < before * (1 - NOISE):
        delta = f"{ratio(before, after.median)} faster"
        return Figure("Latency", milliseconds(after.median), delta, detail, "positive")
    return Figure("Latency", milliseconds(after.median), signed_share(before, after.median), detail)


def _loss(a: Evaluation, b: Evaluation) -> Figure:
    if b.loss is None:
        return Figure("Loss", UNKNOWN, "", "needs labels")
    if a.loss is None:
        return Figure("Loss", number(b.loss))
    change = f"{b.loss - a.loss:+.3f}".replace("-", MINUS)
    return Figure("Loss", number(b.loss), change, f"was {number(a.loss)}")
