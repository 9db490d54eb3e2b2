"""The model card of a run: Markdown with a YAML head as the Hugging Face hub reads it, beside the report.

The head is that of huggingface.co/docs/hub/model-cards; its `model-index` holds the figures.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from secateur.data.metrics import kind_of
from secateur.engine.events import RunRecord
from secateur.engine.repeating import repeat_of
from secateur.engine.report import measured_words, part_words
from secateur.engine.result_rows import rows_of
from secateur.figures import counted, number, share, thousands
from secateur.files import write_text
from secateur.methods import METHODS
from secateur.model.documents import RunDocument
from secateur.model.run_details import PartChange

CARD = "MODEL_CARD.md"
_PARTS_SHOWN = 20
_FAMILIES = {
    "quantize": "quantized",
    "weight_pruning": "pruned",
    "channel_pruning": "pruned",
    "low_rank": "factorized",
    "distil": "distilled",
}
"""A family of methods as a tag."""
_HUB_TASKS = {
    "similarity": "sentence-similarity",
    "segmentation": "image-segmentation",
    "regression": "tabular-regression",
}
"""Tasks under the hub's name; a classification is one of images or of texts, which the run does not say."""
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#])")


def write_card(path: Path, record: RunRecord) -> None:
    """Write the card of a run that has a result, atomically."""
    write_text(path, card_of(record))


def card_of(record: RunRecord) -> str:
    """The card of a run that has a result."""
    document = record.document
    if document is None:
        raise ValueError("a run without a result has no model card")
    blocks = [
        f"---\n{yaml.safe_dump(_head(record, document), sort_keys=False, allow_unicode=True)}---",
        f"# {_text(document.name)}",
        _text(_lead(record)),
        *(f"> **{_text(said)}**" for said in dict.fromkeys(document.warnings) if said not in document.notes),
        *_section("What was done", *_done(record, document)),
        *_section("What it is worth", _table(("", "original", "result", "change"), _rows(document))),
        *_section(*_lost(document.parts)),
        *_section("Measured where and how", _list(measured_words(record))),
        *_section("Limits of use", _list(_limits(record, document))),
        *_section("How to repeat it", *_repeat(record)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


# ---------------------------------------------------------------------- the head


def _head(record: RunRecord, document: RunDocument) -> dict[str, object]:
    """What the hub reads. A licence is not in it: that is the original's, which only a person can say."""
    origin = document.origin
    head: dict[str, object] = {"library_name": "onnx", "base_model": record.model, "tags": _tags(document)}
    if origin is not None and origin.task in _HUB_TASKS:
        head["pipeline_tag"] = _HUB_TASKS[origin.task]
    metric = document.result.metric
    if metric is None:
        return head
    kind = kind_of(metric.name)
    head["metrics"] = ["accuracy" if metric.name == "top1" else metric.name]
    task = origin.task if origin is not None and origin.task else "classification"
    where = Path(record.data).name or record.data or "unknown"
    head["model-index"] = [
        {
            "name": document.name,
            "results": [
                {
                    "task": {"type": _HUB_TASKS.get(task, task)},
                    "dataset": {"name": where, "type": where},
                    "metrics": [
                        {
                            "type": "accuracy" if metric.name == "top1" else metric.name,
                            "name": kind.title,
                            "value": metric.value,
                        }
                    ],
                }
            ],
        }
    ]
    return head


def _tags(document: RunDocument) -> list[str]:
    used = {str(step.get("method")) for step in _steps(document.recipe)}
    families = [_FAMILIES[method.family] for method in METHODS if method.id in used and method.family in _FAMILIES]
    return list(dict.fromkeys(["secateur", *(file.format for file in document.files), *families, *sorted(used)]))


def _steps(recipe: object) -> Iterable[dict[str, object]]:
    """The steps of a recipe's document, those within repeats too."""
    steps = recipe.get("steps") if isinstance(recipe, dict) else None
    for step in steps if isinstance(steps, list | tuple) else ():
        yield from _steps(step) if isinstance(step, dict) and "repeat" in step else [step]


# ---------------------------------------------------------------------- what was done


def _lead(record: RunRecord) -> str:
    return f"{Path(record.model).name}, made smaller with Secateur and run in the runtime that it is for."


def _done(record: RunRecord, document: RunDocument) -> list[str]:
    said = [f"The original is {_code(record.model)}. This recipe was carried out on it, in this order:"]
    said.append(f"```yaml\n{record.recipe_yaml.rstrip()}\n```")
    changed = [layer for layer in document.made if layer.done]
    if changed:
        said.append(f"It changed {len(changed)} of {counted(len(document.made), 'layer')}:")
        rows = [(_code(layer.layer.replace("|", "\\|")), " · ".join(layer.done), layer.stored) for layer in changed]
        said.append(_table(("layer", "done", "weight stored as"), rows))
    for one in document.trainings:
        turn = f", round {one.round} of {one.rounds}" if one.round else ""
        said.append(
            f"Trained: {_code(one.method)}{turn}, {counted(one.epochs, 'epoch')}, last loss {number(one.loss)}."
        )
    return said


def _rows(document: RunDocument) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = list(rows_of(document.original, document.result))
    if document.agreement is not None:
        rows.append(("same decision as the original", "", share(document.agreement), ""))
    return rows


def _lost(parts: Sequence[PartChange]) -> tuple[str, ...]:
    if not parts:
        return ("", "")
    write = share if parts[0].is_share else number
    rows = [
        (
            _text(part.name),
            thousands(part.samples),
            write(part.before),
            write(part.after),
            " ".join((part_words(part)[0], f"({part_words(part)[1]})")),
            part_words(part)[2],
        )
        for part in parts[:_PARTS_SHOWN]
    ]
    surely = [part.name for part in parts if part.is_lost]
    said = (
        f"Surely worse on {', '.join(surely)}." if surely else "On none of them is a loss beyond what chance would do."
    )
    more = f" The {_PARTS_SHOWN} of {len(parts)} that lost most:" if len(parts) > _PARTS_SHOWN else ""
    measure = parts[0].measure
    title = "What it lost on which class" if parts[0].is_share else "What it lost on which samples"
    note = f"{measure[:1].upper()}{measure[1:]}, with the 95 % interval of the paired change. {_text(said)}{more}"
    return (title, note, _table(("", "samples", "original", "result", "change", ""), rows))


# ---------------------------------------------------------------------- limits


def _limits(record: RunRecord, document: RunDocument) -> list[str]:
    """What the measured figures do not say."""
    result, origin = document.result, document.origin
    said = []
    if record.data in ("", "random"):
        said.append("No labelled data was at hand: what it is worth was not measured, only size, speed and agreement.")
    elif result.metric is not None:
        low, high = result.metric.ci95
        kind = kind_of(result.metric.name)
        said.append(
            f"The figures hold for data like {record.data}: with {thousands(result.samples)} test samples the "
            f"{kind.noun} is known to lie between {kind.write(low)} and {kind.write(high)}. On other data it may have "
            "lost more; look at it there before it is used."
        )
    small = [part for part in document.parts if part.samples < 30]
    if small:
        said.append(
            f"{counted(len(small), 'part')} had fewer than 30 samples each: what was lost there is hardly known."
        )
    if result.latency_ms is not None and origin is not None:
        machine = origin.machine or "the machine it was timed on"
        said.append(
            f"It is as fast as told in {result.latency_ms.runtime} on {machine}; "
            "other runtimes and processors have other kernels."
        )
    said += [f"{Path(file.path).name}: {file.sentence}" for file in document.files if file.verdict != "proven"]
    said.append("What the original was made for, and what it must not be used for, holds for this one too.")
    return said


def _repeat(record: RunRecord) -> list[str]:
    repeat = repeat_of(record)
    if repeat is None:
        return ["The run does not say how its model is opened."]
    said = [f"```sh\n{repeat.command}\n```"]
    if repeat.data_yaml:
        said.append(
            f"with this as data.yaml in the folder where the command is given:\n\n```yaml\n{repeat.data_yaml}```"
        )
    return said


# ---------------------------------------------------------------------- Markdown


def _section(title: str, *content: str) -> list[str]:
    return [f"## {title}", *content] if any(content) else []


def _text(words: str) -> str:
    """Words as they are: nothing in them is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))


def _code(words: str) -> str:
    return f"`{words.replace('`', chr(39))}`"


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_text(said)}" for said in sentences)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace(chr(10), ' ') for cell in line)} |" for line in lines)
