"""Writes the pages methods, formats, data and commands in docs/ from the definitions, so that they cannot lag behind.

python packaging/write_docs.py            write the pages
python packaging/write_docs.py --check    exit with 1 where a page on disk is not what would be written
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from secateur.cli.catalogue import describe_format, describe_method
from secateur.cli.commands import app
from secateur.data.keys import KEYS, SOURCES
from secateur.data.metrics import metrics_of_task
from secateur.data.tasks import TASKS
from secateur.formats import FORMATS
from secateur.methods import METHODS
from secateur.recipe.options import OPTIONS

DOCS = Path(__file__).resolve().parents[1] / "docs"


def methods_page() -> str:
    lines = [
        "# Methods",
        "",
        "Written by `packaging/write_docs.py` from the definitions in `app/secateur/methods`; do not edit.",
        "",
        "A recipe names methods in the order in which they run; every parameter may be left out:",
        "",
        "```yaml",
        "schema: 1",
        "steps:",
        '  - {method: channel_pruning, layers: ["layer*.conv1"], ratio: 0.3}',
        "  - {method: distillation, temperature: 4, epochs: 6}",
        '  - {method: static_int8, layers: ["*"], except: [conv1], observer: mse}',
        "```",
    ]
    for method in METHODS:
        entry = describe_method(method)
        needs = ", ".join({"torch": "a trainable network"}.get(n, n) for n in entry["needs"]) or "nothing"
        lines += ["", f"## {entry['title']} (`{entry['id']}`)", "", entry["help"], "", f"Needs: {needs}.", ""]
        lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
        for parameter in entry["parameters"]:
            kind = parameter["type"].replace("|", "or")
            lines.append(f"| `{parameter['name']}` | {kind} | {parameter['default']} | {parameter['description']} |")
    lines += ["", "## Options of the sensitivity table", "", "| option | method |", "|---|---|"]
    lines += [f"| `{option.id}` | {option.method.title}: {option.method.badge()} |" for option in OPTIONS]
    return "\n".join(lines) + "\n"


def formats_page() -> str:
    lines = [
        "# Formats",
        "",
        "Written by `packaging/write_docs.py` from the definitions in `app/secateur/formats`; do not edit.",
        "",
        "`secateur formats` says what each can do on the machine at hand, and what installs what is missing.",
        "A file that is written is opened anew, run in its own runtime where that exists, and compared with the",
        "simulation; what cannot be run here (Core ML away from a Mac) is compared by its weights.",
        "",
        "| format | files | reads | writes | runs in | installed by | what it is |",
        "|---|---|---|---|---|---|---|",
    ]
    for entry in map(describe_format, FORMATS):
        suffixes = " ".join(f"`{suffix}`" for suffix in entry["suffixes"])
        reads, writes = ("yes" if entry[key] else "no" for key in ("reads", "writes"))
        extra = f'`pip install "secateur[{entry["extra"]}]"`' if entry["extra"] else "–"
        runs = entry["runs_in"] or "–"
        lines.append(f"| `{entry['id']}` | {suffixes} | {reads} | {writes} | {runs} | {extra} | {entry['help']} |")
    lines += [
        "",
        "## Options",
        "",
        "`secateur export … --to FORMAT --set name=value`, or the form in the export dialog.",
        "",
    ]
    lines += ["| format | option | type | default | meaning |", "|---|---|---|---|---|"]
    for entry in map(describe_format, FORMATS):
        for option in entry["options"]:
            kind, default = option["type"].replace("|", "or"), option["default"]
            lines.append(f"| `{entry['id']}` | `{option['name']}` | {kind} | {default} | {option['description']} |")
    lines += ["", "## What weights can be stored as", ""]
    lines += ["Where a format has no form for an encoding, its file holds the floats that the integers stand for:"]
    lines += ["it computes the same, and is larger.", ""]
    described = [describe_format(entry) for entry in FORMATS if entry.writes]
    lines += [f"| format | {' | '.join(described[0]['holds'])} |", "|---" * (1 + len(described[0]["holds"])) + "|"]
    for entry in described:
        cells = ["no" if reason else "yes" for reason in entry["holds"].values()]
        lines.append(f"| `{entry['id']}` | {' | '.join(cells)} |")
    reasons = [(entry["id"], reason) for entry in described for reason in entry["holds"].values() if reason]
    lines += ["", *dict.fromkeys(f"- `{name}`: {reason}" for name, reason in reasons)]
    return "\n".join(lines) + "\n"


EXAMPLES = """
```yaml
source: cifar10_jpeg.zip            # images
task: classification
metric: top1
preprocessing: {resize: 256, crop: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225]}
---                                 # another file: pairs of sentences
source: stsb-en-dev.csv
task: similarity                    # two texts → cosine of the pooled outputs, compared with the target
metric: spearman
columns: {text: [0, 1], target: 2}  # numbers, for this file has no row of names
tokenizer: minilm/                  # a Hugging Face folder that is opened brings its own
pooling: mean
---                                 # another file: a table
source: flowers.csv
columns: {features: [length, width], one_hot: colour, target: species}
```
""".strip()


def data_page() -> str:
    lines = [
        "# Data",
        "",
        "Written by `packaging/write_docs.py` from the definitions in `app/secateur/data`; do not edit.",
        "",
        "`--data` and the Data dialog take any of these. What nobody said (task, columns, tokenizer, layout, mean and",
        "standard deviation) is guessed, and each guess is told with its reason.",
        "",
        "| source | what it holds |",
        "|---|---|",
        *(f"| {source} | {meaning} |" for source, meaning in SOURCES.items()),
        "",
        "## data.yaml",
        "",
        *EXAMPLES.splitlines(),
        "",
        "| key | meaning |",
        "|---|---|",
        *(f"| `{key}` | {meaning} |" for key, meaning in KEYS.items()),
        "",
        "Unknown keys are refused by name.",
        "",
        "## Tasks and metrics",
        "",
        "| task | id | metrics, the usual one first |",
        "|---|---|---|",
    ]
    for task in TASKS:
        metrics = ", ".join(f"`{name}`" for name in metrics_of_task(task.id))
        lines.append(f"| {task.title} | `{task.id}` | {metrics} |")
    return "\n".join(lines) + "\n"


SHARED = 4
"""What so many commands take, in the same words, is told once."""


def commands_page() -> str:
    commands: dict[str, Any] = typer.main.get_group(app).commands
    rows = {name: [_row(each) for each in command.params] for name, command in sorted(commands.items())}
    counts = Counter(row for own in rows.values() for row in own)
    shared = [row for row, count in counts.items() if count >= SHARED]
    lines = [
        "# The command line",
        "",
        "Written by `packaging/write_docs.py` from the definitions in `app/secateur/cli`; do not edit.",
        "",
        "`secateur` opens the window, `secateur MODEL` with a model in it. Several commands take:",
        "",
        *_table(shared),
    ]
    for name, own in rows.items():
        lines += ["", f"## {name}", "", " ".join(commands[name].help.split()), ""]
        lines += [*_table([row for row in own if row not in shared]), ""] if set(own) - set(shared) else []
        lines += [f"And {', '.join(row[0] for row in own if row in shared)}."] if set(own) & set(shared) else []
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def _row(parameter: Any) -> tuple[str, str, str]:
    """How an option or argument is written, its default, and what it means."""
    is_option = parameter.param_type_name == "option"
    words = (
        ", ".join(f"`{name}`" for name in parameter.opts)
        if is_option
        else f"`{parameter.metavar or parameter.name.upper()}`"
    )
    default = "needed" if parameter.required else f"`{parameter.default}`" if parameter.default else ""
    return words, default, f"{parameter.help}{' May be given several times.' if parameter.multiple else ''}"


def _table(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    return ["| option | default | meaning |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]


PAGES = {
    "methods.md": methods_page,
    "formats.md": formats_page,
    "data.md": data_page,
    "commands.md": commands_page,
}


def main() -> int:
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            DOCS.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
            print(f"Written: docs/{name}")
    if stale and "--check" in sys.argv:
        print(f"Out of date: {', '.join(stale)}. Run: python packaging/write_docs.py")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
