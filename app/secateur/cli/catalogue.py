"""The catalogue: methods and formats, from the definitions themselves."""

from typing import Any

from pydantic import BaseModel
from rich.markup import escape
from rich.table import Table

from secateur.cli.terminal import output, print_json
from secateur.formats import FORMATS
from secateur.formats.base import Format
from secateur.formats.holding import held
from secateur.methods import METHODS
from secateur.methods.base import Method
from secateur.methods.fields import fields_of


def methods(*, as_json: bool) -> None:
    """Every method with its parameters, ranges and defaults."""
    described = [describe_method(method) for method in METHODS]
    if as_json:
        print_json({"methods": described})
        return
    for entry in described:
        output.print(f"[bold]{entry['id']}[/]  {entry['title']}")
        output.print(str(entry["help"]), markup=False)
        table = Table("parameter", "type", "default", "meaning", box=None, pad_edge=True)
        for parameter in entry["parameters"]:
            table.add_row(*(str(parameter[key]) for key in ("name", "type", "default", "description")))
        output.print(table)
        output.print()


def describe_method(method: type[Method]) -> dict[str, Any]:
    """A method in words: id, title, family, what it needs, its help, and every parameter with type and default."""
    return {
        "id": method.id,
        "title": method.title,
        "family": method.family,
        "needs": sorted(method.needs),
        "help": " ".join((method.__doc__ or "").split()),
        "parameters": _fields(method),
    }


def _fields(kind: type[BaseModel]) -> list[dict[str, Any]]:
    """Name, type, default and meaning of every field of a method or of a format's options."""
    schema = kind.model_json_schema().get("properties", {})
    return [
        {
            "name": name,
            "type": _type_words(schema[name]),
            "default": schema[name].get("default"),
            "description": schema[name].get("description", ""),
        }
        for name in fields_of(kind)
    ]


def _type_words(field: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    low, high = (
        field.get("minimum", field.get("exclusiveMinimum")),
        field.get("maximum", field.get("exclusiveMaximum")),
    )
    limits = f" {low} … {high}" if low is not None and high is not None else f" ≥ {low}" if low is not None else ""
    return f"{field.get('type', '')}{limits}"


def formats(*, as_json: bool) -> None:
    """Every format: can it be read, written and run, and what is missing for it here."""
    described = [{**describe_format(entry), **here(entry)} for entry in FORMATS]
    if as_json:
        print_json({"formats": described})
        return
    table = Table("format", "files", "reads", "writes", "runs in", "what it is, and what is missing here")
    for item in described:
        missing = f"\n→ {item['missing']}" if item["missing"] else ""
        table.add_row(
            item["id"],
            escape(" ".join(item["suffixes"])),
            _yes(item["reads"], item["reads_here"]),
            _yes(item["writes"], item["writes_here"]),
            item["runs_in"] or "–",
            escape(f"{item['help']}{missing}"),
        )
    output.print(table)
    for item in described:
        for option in item["options"]:
            words = (
                f"{item['id']} --set {option['name']}={option['default']}  ({option['type']}) {option['description']}"
            )
            output.print(words, markup=False)
    for item in described:
        for encoding, reason in item["holds"].items():
            if reason:
                output.print(f"{item['id']}, {encoding}: {reason}", markup=False)


def _yes(can: bool, can_here: bool) -> str:
    return "yes" if can_here else "not here" if can else "no"


def describe_format(entry: Format) -> dict[str, Any]:
    """A format in words: id, title, suffixes, what can be done with it, what installs it, and its options."""
    return {
        "id": entry.id,
        "title": entry.title,
        "suffixes": list(entry.suffixes),
        "reads": entry.reads,
        "writes": entry.writes,
        "runs_in": entry.runtime,
        "extra": entry.extra,
        "help": " ".join((entry.__doc__ or "").split()),
        "options": _fields(entry.options),
        "holds": held(entry) if entry.writes else {},
    }


def here(entry: Format) -> dict[str, Any]:
    """What a format can do on this machine; `missing` is the sentence with the one command that would help."""
    missing = entry.missing() or ""
    return {
        "reads_here": entry.reads and (entry.reads_itself or not missing),
        "writes_here": entry.writes and not missing,
        "runs_here": bool(entry.runtime) and not missing and entry.why_not_run() is None,
        "missing": missing,
    }
