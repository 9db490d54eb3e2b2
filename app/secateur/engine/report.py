"""The HTML report of a run: one file without scripts or outside references, for people who have no Secateur."""

from html import escape
from pathlib import Path

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.figures import UNKNOWN, count, counted, macs, milliseconds, number, ratio, size, thousands
from secateur.files import write_text
from secateur.model.deviation import Deviation
from secateur.model.documents import Evaluation, LayerError, RunDocument

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0272d; --good: #17734a; --accent: #1b62d1; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff7f76; --good: #4cc38a; --accent: #6aa5ff; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  font-variant-numeric: tabular-nums; }
h1 { font-size: 1.4rem } h2 { font-size: 1.05rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line) }
th { text-align: left; font-weight: 600 } td.n, th.n { text-align: right }
.bad { border-left: 4px solid var(--bad); padding: .4rem .8rem } .good { color: var(--good) }
pre { overflow: auto; padding: .8rem; border: 1px solid var(--line); border-radius: 6px }
svg rect { fill: var(--accent) } small { opacity: .75 }
"""


def _computed_on(document: RunDocument) -> str:
    """On what, where the run tells it: those of earlier versions do not."""
    if not document.device:
        return ""
    return f"; computed on {escape(document.device)} with {counted(document.threads, 'thread')}, timed on the CPU"


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


def write_report(path: Path, record: RunRecord) -> None:
    """Write the report of a run that has a result, atomically."""
    document = record.document
    if document is None:
        raise ValueError("a run without a result has no report")
    parts = [
        f"<h1>{escape(Path(record.model).name)}: {escape(document.name)}</h1>",
        (
            f"<p><small>Run {escape(record.run)} on {escape(record.data)}, {document.seconds:.0f} s"
            f"{_computed_on(document)}</small></p>"
        ),
        *(f'<p class="bad">{escape(said)}</p>' for said in document.warnings if said not in document.notes),
        *(f"<p><small>{escape(note)}</small></p>" for note in document.notes),
        "<h2>Original and result</h2>",
        _table(("", "original", "result", "change"), rows_of(document.original, document.result)),
        "<h2>Files</h2>",
        _table(
            ("format", "file", "size", "proof"),
            [(f.format, Path(f.path).name, size(f.bytes), f.sentence) for f in document.files],
        ),
        *_trainings(document),
        "<h2>Error along the network</h2>",
        "<p><small>Signal over error of each layer's output and weights against the original, in decibels.</small></p>",
        _layer_table(document.layers),
        "<h2>Recipe</h2>",
        f"<pre>{escape(record.recipe_yaml)}</pre>",
    ]
    head = f'<meta charset="utf-8"><title>{escape(document.name)}</title><style>{_STYLE}</style>'
    write_text(path, f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n")


def _trainings(document: RunDocument) -> list[str]:
    """How each training ended, round by round; nothing where there was none."""
    if not document.trainings:
        return []
    metric = document.original.metric or document.result.metric
    write = kind_of(metric.name).write if metric else number
    rows = [
        (
            one.method + (f", round {one.round} of {one.rounds}" if one.round else ""),
            counted(one.epochs, "epoch"),
            number(one.loss),
            UNKNOWN if one.metric is None else write(one.metric),
        )
        for one in document.trainings
    ]
    told = "<p><small>The metric is that of samples held out to choose by, not of the test.</small></p>"
    return ["<h2>Trainings</h2>", told, _table(("training", "", "loss", "metric"), rows)]


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str, str]]) -> str:
    def cells(values: tuple[str, ...], tag: str) -> str:
        marks = ("", ' class="n"', ' class="n"', ' class="n"')
        return "".join(f"<{tag}{m}>{escape(v)}</{tag}>" for v, m in zip(values, marks, strict=False))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{cells(head, 'th')}</tr>{body}</table>"


def _layer_table(layers: tuple[LayerError, ...]) -> str:
    def bar(value: float | None) -> str:
        width = 0 if value is None else max(1.0, min(60.0, value)) * 2
        return f'<svg width="124" height="10" aria-hidden="true"><rect width="{width:.0f}" height="10" rx="2"/></svg>'

    def cell(deviation: Deviation) -> str:
        note = "" if deviation.is_unchanged else deviation.note
        title = f' title="{escape(note, quote=True)}"' if note else ""
        return f"<td class=n{title}>{escape(deviation.words)}</td>"

    rows = "".join(
        f"<tr><td>{escape(e.layer)}</td>{cell(e.output)}<td>{bar(e.output_sqnr_db)}</td>{cell(e.weight)}</tr>"
        for e in layers
    )
    head = "<tr><th>layer</th><th class=n>output</th><th></th><th class=n>weights</th></tr>"
    return f"<table>{head}{rows}</table>"
