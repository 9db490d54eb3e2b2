"""Original and result side by side: everything that a result must state, in words."""

from secateur.data.metrics import kind_of
from secateur.figures import count, macs, milliseconds, ratio, size, thousands
from secateur.model.documents import Evaluation


def rows_of(original: Evaluation, result: Evaluation) -> list[tuple[str, str, str, str]]:
    """(quantity, original, result, change) for everything that a result must state."""
    rows = []
    before, after = original.metric, result.metric
    if measured := before or after:
        kind = kind_of(measured.name)
        change = kind.write_change(before.value, after.value) if before and after else ""
        rows.append((kind.noun, _metric(original), _metric(result), change))
    if original.loss is not None and result.loss is not None:
        rows.append(("loss", f"{original.loss:.4f}", f"{result.loss:.4f}", f"{result.loss - original.loss:+.4f}"))
    rows += [
        ("file", size(original.bytes), size(result.bytes), ratio(original.bytes, result.bytes)),
        (
            "after zip",
            size(original.zip_bytes),
            size(result.zip_bytes),
            ratio(original.zip_bytes, result.zip_bytes),
        ),
        ("parameters", count(original.params), count(result.params), ratio(original.params, result.params)),
        (
            "non-zero parameters",
            count(original.nonzero_params),
            count(result.nonzero_params),
            ratio(original.nonzero_params, result.nonzero_params),
        ),
        ("MACs", macs(original.macs), macs(result.macs), ratio(original.macs, result.macs)),
    ]
    if original.latency_ms and result.latency_ms:
        change = ratio(original.latency_ms.median, result.latency_ms.median)
        rows.append(("latency, batch 1", _latency(original), _latency(result), change))
    peak, peak_after = original.peak_memory_bytes, result.peak_memory_bytes
    if peak is not None and peak_after is not None:
        rows.append(("peak memory", size(peak), size(peak_after), ratio(peak, peak_after)))
    return rows


def _metric(evaluation: Evaluation) -> str:
    if evaluation.metric is None:
        return "–"
    write = kind_of(evaluation.metric.name).write
    low, high = evaluation.metric.ci95
    return f"{write(evaluation.metric.value)} ({write(low)} … {write(high)}, n = {thousands(evaluation.samples)})"


def _latency(evaluation: Evaluation) -> str:
    latency = evaluation.latency_ms
    if latency is None:
        return "–"
    return f"{milliseconds(latency.median)} ({milliseconds(latency.p10)} … {milliseconds(latency.p90)})"
