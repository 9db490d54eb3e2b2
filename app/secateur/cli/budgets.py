"""Budgets as they are written on the command line: `size=0.25`, `size=150kB`, `latency=0.6`, `drop=0.01`."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from secateur.errors import UserError
from secateur.model.description import ModelDescription
from secateur.recipe.choices import FLOAT, TOGETHER, parts
from secateur.recipe.options import option

_BYTES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "k": 1e3, "m": 1e6, "g": 1e9}
_UNITS: Mapping[str, Mapping[str, float]] = {
    "size": _BYTES,
    "latency": {"": 1.0, "ms": 1.0, "us": 1e-3, "µs": 1e-3, "s": 1e3},
    "macs": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9},
    "memory": _BYTES,
    "drop": {"": 1.0, "pt": 0.01},
}
_LIMITS = {"size": "bytes", "latency": "latency_ms", "macs": "macs", "memory": "memory_bytes", "drop": "damage"}
_EXAMPLES = {
    "size": "0.25 or 150kB",
    "latency": "0.6 or 4ms",
    "macs": "0.5 or 20M",
    "memory": "0.5 or 2MB",
    "drop": "0.01 or 1pt",
}
_FORM = re.compile(r"^(?P<number>\d+(\.\d+)?|\.\d+)\s*(?P<unit>[a-zA-Zµ]*)$")
LEAST = "least"
"""Written in place of an amount: as little of it as the other budgets allow."""


def parse_budgets(
    texts: list[str],
    model: ModelDescription,
    latency_ms: float | None = None,
    memory_bytes: float | None = None,
    per_damage: float | None = None,
) -> dict[str, float]:
    """The limits `bytes`, `latency_ms`, `macs`, `memory_bytes` and `damage`; a number without unit up to 1 is a share.

    `latency_ms` is what the original takes in the target, `memory_bytes` what it holds at its peak, and `per_damage`
    what one of damage takes from the metric: None where that is not known yet, and the limit then is checked and left
    out.
    """
    limits: dict[str, float] = {}
    wholes = {"size": model.source_bytes, "latency": latency_ms, "macs": model.macs, "memory": memory_bytes}
    for text in texts or ["size=0.25"]:
        name, _, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if name not in _UNITS:
            raise UserError(
                f"There is no budget {name!r}.",
                "Known: size, latency, macs, memory and drop, for example size=0.25 and latency=0.6.",
            )
        if value == LEAST and name != "drop":
            continue
        found = _FORM.match(value)
        if found is None or found["unit"].lower() not in _UNITS[name] or float(found["number"]) <= 0:
            raise UserError(f"{value!r} is no amount for the budget {name}.", f"Write for example {_EXAMPLES[name]}.")
        number, unit = float(found["number"]), found["unit"].lower()
        if name == "drop":
            if per_damage:
                limits["damage"] = number * _UNITS[name][unit] / per_damage
            continue
        whole = wholes[name]
        if whole is not None:
            limits[_LIMITS[name]] = number * (whole if not unit and number <= 1 else _UNITS[name][unit])
    return limits


def aim(texts: list[str]) -> str:
    """What the plan shall take least of: what is written `least`, the file where the drop is limited, else damage."""
    named = [text.partition("=")[0].strip() for text in texts if text.partition("=")[2].strip() == LEAST]
    if len(named) > 1:
        raise UserError(f"{' and '.join(named)} cannot both be the least.", "Give one of them an amount.")
    if named and not _has(texts, "drop"):
        raise UserError(f"{named[0]}=least needs a limit on what it may cost.", "Add for example --budget drop=0.01.")
    return _LIMITS[named[0]] if named else "bytes" if _has(texts, "drop") else "damage"


def wants_timings(texts: list[str]) -> bool:
    """Whether one of the budgets limits milliseconds, or memory, which is counted along the network as it is timed."""
    return _has(texts, "latency") or _has(texts, "memory")


def wants_drop(texts: list[str]) -> bool:
    """Whether one of the budgets limits what the metric loses."""
    return _has(texts, "drop")


def _has(texts: list[str], name: str) -> bool:
    return any(text.partition("=")[0].strip() == name for text in texts)


def parse_pins(pins: Sequence[str], keep: Sequence[str], model: ModelDescription) -> dict[str, str]:
    """Layer → choice from `layer1.*=int8` and, for layers that stay in float, `conv1`; later ones go before."""
    pinned: dict[str, str] = {}
    for text in (*pins, *(f"{pattern}=" for pattern in keep)):
        pattern, sign, choice = text.partition("=")
        if not sign or (not choice and text in pins):
            raise UserError(f"{text!r} pins nothing.", "Write for example --pin 'layer1.*=int8', or --keep conv1.")
        for name in parts(choice):
            option(name)
        names = [layer.name for layer in model.weighted_layers if fnmatchcase(layer.name, pattern.strip())]
        if not names:
            raise UserError(f"{model.name} has no layer {pattern.strip()!r}.", "List them with: secateur inspect.")
        pinned.update(dict.fromkeys(names, TOGETHER.join(parts(choice)) or FLOAT))
    return pinned
