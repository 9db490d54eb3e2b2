"""Budgets as they are written on the command line: `size=0.25`, `size=150kB`, `latency=0.6`, `macs=0.5`."""

import re
from collections.abc import Mapping

from secateur.errors import UserError
from secateur.model.description import ModelDescription

_UNITS: Mapping[str, Mapping[str, float]] = {
    "size": {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "k": 1e3, "m": 1e6, "g": 1e9},
    "latency": {"": 1.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "s": 1e3},
    "macs": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9},
}
_LIMITS = {"size": "bytes", "latency": "latency_ms", "macs": "macs"}
_EXAMPLES = {"size": "0.25 or 150kB", "latency": "0.6 or 4ms", "macs": "0.5 or 20M"}
_FORM = re.compile(r"^(?P<number>\d+(\.\d+)?|\.\d+)\s*(?P<unit>[a-zA-Zµ]*)$")


def parse_budgets(texts: list[str], model: ModelDescription, latency_ms: float | None = None) -> dict[str, float]:
    """The limits `bytes`, `latency_ms` and `macs` from the texts; a number without unit up to 1 is a share.

    `latency_ms` is what the original takes in the target: None where that is not known yet, and the limit then is
    checked and left out.
    """
    limits: dict[str, float] = {}
    for text in texts or ["size=0.25"]:
        name, _, value = text.partition("=")
        name, found = name.strip(), _FORM.match(value.strip())
        if name not in _UNITS:
            raise UserError(
                f"There is no budget {name!r}.",
                "Known: size, latency and macs, for example size=0.25 and latency=0.6.",
            )
        if found is None or found["unit"].lower() not in _UNITS[name] or float(found["number"]) <= 0:
            raise UserError(f"{value!r} is no amount for the budget {name}.", f"Write for example {_EXAMPLES[name]}.")
        number, unit = float(found["number"]), found["unit"].lower()
        whole = {"size": model.source_bytes, "latency": latency_ms, "macs": model.macs}[name]
        if whole is not None:
            limits[_LIMITS[name]] = number * (whole if not unit and number <= 1 else _UNITS[name][unit])
    return limits


def wants_latency(texts: list[str]) -> bool:
    """Whether one of the budgets limits milliseconds."""
    return any(text.partition("=")[0].strip() == "latency" for text in texts)
