"""The catalogue: methods and formats, from the definitions themselves."""

from typing import Any

from rich.table import Table

from secateur.cli.terminal import output, print_json
from secateur.formats import FORMATS
from secateur.formats.base import Format
from secateur.methods import METHODS
from secateur.methods.base import Method


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
    schema = method.model_json_schema()
    return {
        "id": method.id,
        "title": method.title,
        "family": method.family,
        "needs": sorted(method.needs),
        "help": " ".join((method.__doc__ or "").split()),
        "parameters": [
            {
                "name": name,
                "type": _type_words(field),
                "default": field.get("default"),
                "description": field.get("description", ""),
            }
            for name, field in schema.get("properties", {}).items()
        ],
    }


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
    """Every format: can it be read, written and run here."""
    described = [describe_format(entry) for entry in FORMATS]
    if as_json:
        print_json({"formats": described})
        return
    table = Table("format", "files", "reads", "writes", "runs in", "what it is")
    for item in described:
        table.add_row(
            item["id"],
            " ".join(item["suffixes"]),
            "yes",
            "yes" if item["writes"] else "no",
            item["runs_in"] or "–",
            item["help"],
        )
    output.print(table)


def describe_format(entry: Format) -> dict[str, Any]:
    """A format in words: id, title, suffixes, what it can do here and in which runtime."""
    return {
        "id": entry.id,
        "title": entry.title,
        "suffixes": list(entry.suffixes),
        "reads": True,
        "writes": type(entry).write is not Format.write,
        "runs_in": entry.runtime,
        "help": " ".join((entry.__doc__ or "").split()),
    }
