"""The sentences that a result must say first: what became worse, and why."""

from collections.abc import Collection, Sequence

from secateur.data.metrics import kind_of
from secateur.figures import milliseconds_pair, signed_share, size
from secateur.methods.left_out import listed
from secateur.model.description import ModelDescription
from secateur.model.documents import Evaluation, ExportedFile, RunDocument
from secateur.model.workload import Precision
from secateur.recipe.resolve import Plan
from secateur.targets import target_in
from secateur.targets.base import SLOWER_FROM, Target


def headline_of(
    original: Evaluation,
    result: Evaluation,
    precisions: Collection[Precision] = (),
    file: ExportedFile | None = None,
) -> str:
    """The bad news: a file that is not what was planned, slower or larger than the original, with figures and the
    cause; empty where there is none.

    `precisions` are what layers were brought to: the runtime that was measured says how that slows it down.
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
        news.append(f"Slower here: {' → '.join(milliseconds_pair(before, after))}, {signed_share(before, after)}.")
        measured = target_in(result.latency_ms.runtime)
        news.append(measured.cause_of_slowness(precisions) if measured else "")
    if result.bytes > original.bytes:
        news.append(
            f"Larger: {size(original.bytes)} → {size(result.bytes)}, {signed_share(original.bytes, result.bytes)}."
        )
    return " ".join(sentence for sentence in news if sentence)


def precisions_of(plan: Plan) -> frozenset[Precision]:
    """What the plan's steps bring layers to: what a target is asked for the cause of slowness."""
    return frozenset(p for step in plan.steps if (p := step.method.computes_in) is not None)


def computed_in_float(target: Target, layers: Sequence[str], planned: Sequence[str]) -> tuple[str, ...]:
    """Why a plan gains less speed than it should: statically quantized layers that the runtime computes in float."""
    if not layers:
        return ()
    share = f"{len(layers)} of {len(planned)} statically quantized layers"
    told = (
        f"{target.title} computes {listed(tuple(layers))} in float, {share}: it has no "
        "integer kernel for them as they stand, so they are smaller and not faster."
    )
    return (told,)


def told_by_target(target: Target, plan: Plan, model: ModelDescription) -> tuple[str, ...]:
    """What a target that is not measured here says of the layers that it will not compute in integers."""
    reasons: dict[str, dict[str, None]] = {}
    for step in plan.steps:
        precision = step.method.computes_in
        if precision is None or precision.is_float:
            continue
        for name in step.layers:
            if reason := target.computes(precision, model.layer(name)):
                reasons.setdefault(reason, {})[name] = None
    return tuple(f"{listed(tuple(names))}: {reason}" for reason, names in reasons.items())


def warnings_of(document: RunDocument) -> tuple[str, ...]:
    """All that a person should know before using the result."""
    warnings = [document.headline] if document.headline else []
    before, after = document.original.metric, document.result.metric
    if before and after and (kind := kind_of(after.name)).is_beyond_noise(after.value, before.ci95):
        verb = "fell" if kind.is_higher_better else "rose"
        change = kind.write_change(before.value, after.value)
        warnings.append(f"{kind.title} {verb} by more than its sampling noise: {change} to {kind.write(after.value)}.")
    for whose, evaluation in (("Original", document.original), ("Result", document.result)):
        warnings += [f"{whose}: {warning}" for warning in evaluation.warnings]
    for file in document.files:
        if not file.verified:
            warnings.append(file.sentence)
    return tuple(warnings)
