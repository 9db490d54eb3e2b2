"""Budgets as they are written on the command line: `size=0.25`, `size=150kB`."""

import re

from secateur.errors import UserError
from secateur.model.description import ModelDescription

_UNITS = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "k": 1e3, "m": 1e6, "g": 1e9}
_FORM = re.compile(r"^(?P<number>\d+(\.\d+)?|\.\d+)\s*(?P<unit>[a-zA-Z]*)$")


def parse_budgets(texts: list[str], model: ModelDescription) -> dict[str, float]:
    """The limit `bytes` from the texts; a number without unit up to 1 is a share of the original."""
    limits: dict[str, float] = {}
    for text in texts or ["size=0.25"]:
        name, _, value = text.partition("=")
        found = _FORM.match(value.strip())
        if name.strip() != "size":
            raise UserError(
                f"There is no budget {name.strip()!r}.",
                "Known: size, for example size=0.25; MACs and milliseconds fall with channel pruning in a recipe.",
            )
        if found is None or found["unit"].lower() not in _UNITS or float(found["number"]) <= 0:
            raise UserError(f"{value!r} is no amount for the budget {name}.", "Write for example 0.25 or 150kB.")
        number, unit = float(found["number"]), found["unit"].lower()
        is_share = not unit and number <= 1
        limits["bytes"] = number * model.source_bytes if is_share else number * _UNITS[unit]
    return limits
