"""The HTML report of a run: one file without scripts or outside references, for people who have no Secateur.

Whatever a run is called and whatever a file says is written as text: nothing in it is markup.
"""

import time
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.engine.repeating import repeat_of
from secateur.engine.report_plots import bits_plot, damage_plot, error_plot, pair_plot, training_plot
from secateur.engine.report_style import STYLE
from secateur.engine.result_rows import rows_of
from secateur.figures import UNKNOWN, counted, duration, number, points, share, size, thousands
from secateur.files import write_text
from secateur.model.deviation import Deviation
from secateur.model.documents import LayerError, RunDocument
from secateur.model.run_details import PartChange

_PARTS_SHOWN = 30
"""Classes that a table holds: of more, those that lost most."""


def write_report(path: Path, record: RunRecord) -> None:
    """Write the report of a run that has a result, atomically."""
    write_text(path, report_of(record))


def report_of(record: RunRecord) -> str:
    """The report of a run that has a result, the bad news first."""
    document = record.document
    if document is None:
        raise ValueError("a run without a result has no report")
    model = Path(record.model).name
    parts = [
        f"<h1>{escape(model)}: {escape(document.name)}</h1>",
        *(f'<p class="bad">{escape(said)}</p>' for said in _warnings(document)),
        f"<p>{escape(_lead(document))}</p>",
        _cards(document),
        *_section("Original and result", _table(("", "original", "result", "change"), _rows(document), "nnn")),
        *_section(*_classes(document.parts)),
        *_section("Files", _files(document)),
        *_section(
            "Error along the network",
            "<p class=note>Signal over error of each layer against the original, in decibels: the output as a line, "
            "the weights as bars.</p>",
            _figure(error_plot(document.layers)),
            _folded("Every layer in numbers", _layer_table(document.layers)) if document.layers else "",
        ),
        *_section("Bits of the weights", _figure(bits_plot(document.made)), _made(document)),
        *_section("Sensitivity of what was chosen", _damages(document)),
        *_section("Trainings", *_trainings(document)),
        *_section("Recipe", f"<pre>{escape(record.recipe_yaml)}</pre>"),
        *_section("How to repeat it", _repeat(record)),
        *_section("How it was measured", _list(measured_words(record))),
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(model)}: {escape(document.name)}</title><style>{STYLE}</style>"
    )
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}</body></html>\n"


# ---------------------------------------------------------------------- words that the card says too


def measured_words(record: RunRecord) -> list[str]:
    """On what and how the figures of a run were measured, a sentence each."""
    document = record.document
    if document is None:
        return []
    origin, result = document.origin, document.result
    said = [f"Data: {record.data or 'none'}{_samples(document)}."]
    if result.metric is not None:
        kind = kind_of(result.metric.name)
        said.append(f"{kind.title} on {counted(result.samples, 'test sample')}, with its 95 % interval.")
    if result.latency_ms is not None:
        latency = result.latency_ms
        said.append(
            f"Milliseconds are medians of single samples (batch 1) in {latency.runtime} on the CPU with "
            f"{counted(latency.threads, 'thread')}, original and result in turns; in brackets the 10 % and 90 % "
            "quantiles."
        )
    if origin is not None and origin.machine:
        said.append(f"Machine: {'; '.join(filter(None, (origin.machine, origin.system)))}.")
    if document.device:
        said.append(
            f"Training and simulation were computed on {document.device} with {counted(document.threads, 'thread')}."
        )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created))
    version = f" by Secateur {origin.version}" if origin is not None and origin.version else ""
    said.append(f"Run {record.run}, begun {when}{version}; it took {duration(document.seconds)}.")
    return [*said, *document.notes]


def _samples(document: RunDocument) -> str:
    splits = document.origin.splits if document.origin is not None else {}
    told = ", ".join(f"{thousands(count)} {name}" for name, count in splits.items())
    return f" ({told} samples)" if told else ""


def _warnings(document: RunDocument) -> tuple[str, ...]:
    """The headline and the warnings, each once; how the data was read is told at the foot."""
    said = (*([document.headline] if document.headline else []), *document.warnings)
    return tuple(dict.fromkeys(text for text in said if text not in document.notes))


def _lead(document: RunDocument) -> str:
    """The result in a sentence."""
    before, after = document.original, document.result
    said = [f"{size(before.bytes)} became {size(after.bytes)}"]
    if before.latency_ms is not None and after.latency_ms is not None:
        said.append(f"{before.latency_ms.median:.3g} ms became {after.latency_ms.median:.3g} ms")
    if before.metric is not None and after.metric is not None:
        kind = kind_of(after.metric.name)
        said.append(f"{kind.noun} {kind.write(before.metric.value)} became {kind.write(after.metric.value)}")
    return f"{'; '.join(said)}."


# ---------------------------------------------------------------------- what changed


def _cards(document: RunDocument) -> str:
    """Size, speed and metric before and after, as bars."""
    before, after = document.original, document.result
    rows = {row[0]: row for row in rows_of(before, after)}
    cards = [_card("File", rows["file"], pair_plot(before.bytes, after.bytes))]
    if before.latency_ms is not None and after.latency_ms is not None:
        one, other = before.latency_ms, after.latency_ms
        plot = pair_plot(one.median, other.median, ((one.p10, one.p90), (other.p10, other.p90)))
        cards.append(_card("Latency", rows["latency, batch 1"], plot))
    if before.metric is not None and after.metric is not None and min(before.metric.value, after.metric.value) >= 0:
        kind = kind_of(after.metric.name)
        plot = pair_plot(before.metric.value, after.metric.value, (before.metric.ci95, after.metric.ci95))
        cards.append(_card(kind.title, rows[kind.noun], plot))
    return f'<div class="cards">{"".join(cards)}</div>'


def _card(title: str, row: tuple[str, str, str, str], plot: str) -> str:
    _, before, after, change = row
    return (
        f'<div class="card"><div class="note">{escape(title)}</div><div class="big">{escape(after.partition(" (")[0])}'
        f' <span class="delta">{escape(change)}</span></div>{plot}'
        f'<div class="note">was {escape(before.partition(" (")[0])}</div></div>'
    )


def _rows(document: RunDocument) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = list(rows_of(document.original, document.result))
    if document.agreement is not None:
        rows.append(("same decision as the original", "", share(document.agreement), ""))
    return rows


def _classes(parts: Sequence[PartChange]) -> tuple[str, ...]:
    """What was lost where, the greatest loss first; what is surely lost says so in words."""
    if not parts:
        return ("", "")
    rows = [
        (part.name, thousands(part.samples), _value(part, part.before), _value(part, part.after), *part_words(part))
        for part in parts[:_PARTS_SHOWN]
    ]
    head = ("", "samples", "original", "result", "change", "95 % interval", "")
    measure = parts[0].measure
    note = f"<p class=note>{escape(measure[:1].upper() + measure[1:])}; the greatest loss first."
    if len(parts) > _PARTS_SHOWN:
        note += f" {_PARTS_SHOWN} of {len(parts)} are shown."
    title = "What was lost on which class" if parts[0].is_share else "What was lost on which samples"
    return (title, f"{note}</p>", _table(head, rows, "nnnnn"))


def part_words(part: PartChange) -> tuple[str, str, str]:
    """(change, its interval, what to make of it) of a part."""
    write = points if part.is_share else number
    verdict = "worse" if part.is_lost else ""
    return write(part.after - part.before), f"{write(part.low)} … {write(part.high)}", verdict


def _value(part: PartChange, value: float) -> str:
    return share(value) if part.is_share else number(value)


def _files(document: RunDocument) -> str:
    rows = [(f.format, Path(f.path).name, size(f.bytes), f.verdict, f.sentence) for f in document.files]
    return _table(("format", "file", "size", "verdict", "proof"), rows, " n  ") if rows else ""


# ---------------------------------------------------------------------- layers


def _layer_table(layers: tuple[LayerError, ...]) -> str:
    def cell(deviation: Deviation) -> str:
        note = "" if deviation.is_unchanged else deviation.note
        title = f' title="{escape(note, quote=True)}"' if note else ""
        return f"<td class=n{title}>{escape(deviation.words)}</td>"

    rows = "".join(f"<tr><td>{escape(e.layer)}</td>{cell(e.output)}{cell(e.weight)}</tr>" for e in layers)
    return f"<table><tr><th>layer</th><th class=n>output</th><th class=n>weights</th></tr>{rows}</table>"


def _made(document: RunDocument) -> str:
    if not document.made:
        return ""
    rows = [
        (
            layer.layer,
            layer.kind,
            " · ".join(layer.done) or "as it was",
            layer.stored,
            _shapes(layer.shape_before, layer.shape_after),
        )
        for layer in document.made
    ]
    return _folded("What was made of every layer", _table(("layer", "kind", "done", "stored as", "weight"), rows, ""))


def _shapes(before: tuple[int, ...], after: tuple[int, ...]) -> str:
    first, second = ("×".join(map(str, shape)) for shape in (before, after))
    return second if first == second else f"{first} → {second}"


def _damages(document: RunDocument) -> str:
    known = [layer for layer in document.made if layer.damage is not None]
    if not known:
        return ""
    samples = min(layer.damage_samples for layer in known)
    note = (
        "<p class=note>Measured before the run, each layer alone with what was chosen for it, on at least "
        f"{thousands(samples)} validation samples ({len(known)} of {counted(len(document.made), 'layer')}).</p>"
    )
    return note + _figure(damage_plot(document.made))


def _trainings(document: RunDocument) -> list[str]:
    """How each training went and ended, round by round; nothing where there was none."""
    if not document.trainings:
        return []
    metric = document.original.metric or document.result.metric
    kind = kind_of(metric.name) if metric else None
    write = kind.write if kind is not None else number
    rows = [
        (
            one.method + (f", round {one.round} of {one.rounds}" if one.round else ""),
            counted(one.epochs, "epoch"),
            number(one.loss),
            UNKNOWN if one.metric is None else write(one.metric),
        )
        for one in document.trainings
    ]
    told = (
        "<p class=note>The metric (rings, on a scale of its own) is that of samples held out to choose by, "
        "not of the test.</p>"
    )
    table = _table(("training", "", "loss", kind.noun if kind is not None else "metric"), rows, "nnn")
    return [told, table, *(_figure(training_plot(one, write)) for one in document.trainings)]


# ---------------------------------------------------------------------- how it is repeated


def _repeat(record: RunRecord) -> str:
    repeat = repeat_of(record)
    if repeat is None:
        return "<p>The run does not say how its model is opened.</p>"
    said = f"<pre>{escape(repeat.command)}</pre>"
    if repeat.data_yaml:
        said += "<p>with this as data.yaml in the folder where the command is given:</p>"
        said += f"<pre>{escape(repeat.data_yaml)}</pre>"
    return said


# ---------------------------------------------------------------------- markup


def _section(title: str, *content: str) -> list[str]:
    """A heading with what is below it; nothing where nothing is."""
    inner = "".join(content)
    return [f"<section><h2>{escape(title)}</h2>{inner}</section>"] if inner else []


def _figure(svg: str) -> str:
    return f"<figure>{svg}</figure>" if svg else ""


def _folded(title: str, content: str) -> str:
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def _list(sentences: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(said)}</li>' for said in sentences)}</ul>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], kinds: str) -> str:
    """`kinds` says of the columns after the first which hold numbers: `n`."""

    def cells(values: Sequence[str], tag: str) -> str:
        marks = ["", *(' class="n"' if kind == "n" else "" for kind in kinds.ljust(len(values)))]
        return "".join(f"<{tag}{mark}>{escape(value)}</{tag}>" for value, mark in zip(values, marks, strict=False))

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{cells(head, 'th')}</tr>{body}</table>"
