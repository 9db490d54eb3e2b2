"""The sentences that a result must say first: what became worse, and why."""

from collections.abc import Collection, Sequence
from typing import Final

from secateur.data.metrics import kind_of
from secateur.figures import milliseconds, signed_share, size
from secateur.methods.left_out import listed
from secateur.model.documents import Evaluation, ExportedFile, RunDocument

SLOWER_FROM: Final = 1.02
"""A ratio of medians from which on slower is called slower: below, it is the machine's noise."""


def headline_of(
    original: Evaluation, result: Evaluation, methods: Collection[str] = (), file: ExportedFile | None = None
) -> str:
    """The bad news: a file that is not what was planned, slower or larger than the original, with figures and the
    cause; empty where there is none.

    `methods` are the ids of what was done: the cause is told from them.
    """
    news = []
    if file is not None and file.verdict == "broken":
        news.append("The file does not run here.")
    if file is not None and file.verdict == "differs":
        where = f", first in {file.first_deviating_layer}" if file.first_deviating_layer else ""
        news.append(f"The file does not compute what was planned{where}: these are its own numbers.")
    if (
        original.latency_ms
        and result.latency_ms
        and result.latency_ms.median > original.latency_ms.median * SLOWER_FROM
    ):
        before, after = original.latency_ms.median, result.latency_ms.median
        news.append(f"Slower here: {milliseconds(before)} → {milliseconds(after)}, {signed_share(before, after)}.")
        news.append(cause_of_slowness(methods))
    if result.bytes > original.bytes:
        news.append(
            f"Larger: {size(original.bytes)} → {size(result.bytes)}, {signed_share(original.bytes, result.bytes)}."
        )
    return " ".join(news).strip()


def cause_of_slowness(methods: Collection[str]) -> str:
    """Why ONNX Runtime is slower after these methods, and the way out; empty where they cannot be the cause."""
    if "weight_only" in methods:
        return (
            "ONNX Runtime unpacks weights that are only stored in few bits before every product: "
            "static int8 in those layers is computed in integers."
        )
    if "static_int8" in methods:
        return (
            "Small layers spend more time on converting numbers than 8-bit arithmetic saves: "
            "leave the smallest in float."
        )
    return ""


def computed_in_float(layers: Sequence[str], planned: Sequence[str]) -> tuple[str, ...]:
    """Why a plan gains less speed than it should: layers in static int8 that the runtime computes in float."""
    if not layers:
        return ()
    share = f"{len(layers)} of {len(planned)} layers in static int8"
    told = (
        f"ONNX Runtime computes {listed(tuple(layers))} in float, {share}: it has no "
        "integer kernel for them as they stand, so they are smaller and not faster."
    )
    return (told,)


def warnings_of(document: RunDocument) -> tuple[str, ...]:
    """All that a person should know before using the result."""
    warnings = [document.headline] if document.headline else []
    before, after = document.original.metric, document.result.metric
    if before and after and (kind := kind_of(after.name)).is_beyond_noise(after.value, before.ci95):
        verb = "fell" if kind.is_higher_better else "rose"
        change = kind.write_change(before.value, after.value)
        warnings.append(f"{after.name} {verb} by more than its sampling noise: {change} to {kind.write(after.value)}.")
    for whose, evaluation in (("Original", document.original), ("Result", document.result)):
        warnings += [f"{whose}: {warning}" for warning in evaluation.warnings]
    for file in document.files:
        if not file.verified:
            warnings.append(file.sentence)
    return tuple(warnings)
