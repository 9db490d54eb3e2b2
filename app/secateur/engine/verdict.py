"""The sentences that a result must say first: what became worse, and why."""

from secateur.analysis.documents import Evaluation, RunDocument
from secateur.figures import milliseconds, points, share, signed_share, size


def headline_of(original: Evaluation, result: Evaluation) -> str:
    """The bad news: slower or larger than the original, with figures; empty where there is none."""
    news = []
    if original.latency_ms and result.latency_ms and result.latency_ms.median > original.latency_ms.median * 1.02:
        before, after = original.latency_ms.median, result.latency_ms.median
        news.append(f"Slower here: {milliseconds(before)} → {milliseconds(after)}, {signed_share(before, after)}.")
    if result.bytes > original.bytes:
        news.append(
            f"Larger: {size(original.bytes)} → {size(result.bytes)}, {signed_share(original.bytes, result.bytes)}."
        )
    return " ".join(news)


def warnings_of(document: RunDocument) -> tuple[str, ...]:
    """All that a person should know before using the result."""
    warnings = [document.headline] if document.headline else []
    before, after = document.original.metric, document.result.metric
    if before and after and after.value < before.ci95[0]:
        drop = points(after.value - before.value)
        warnings.append(f"{after.name} fell by more than its sampling noise: {drop} to {share(after.value)}.")
    for file in document.files:
        if not file.verified:
            warnings.append(file.sentence)
        elif file.agreement is not None and file.agreement < 0.995:
            warnings.append(f"{file.format}: file and simulation agree on only {share(file.agreement)} of the samples.")
    return tuple(warnings)
