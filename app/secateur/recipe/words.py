"""What a step does, in a few words: on how many layers, with which values, and how these grow."""

from secateur import figures
from secateur.methods.fields import fields_of
from secateur.recipe.recipe import Step, Value


def layers_of(step: Step) -> str:
    """`3 layers`, `layer1.conv1`, `whole model`; patterns as they are written."""
    if step.method.scope == "model":
        return "whole model"
    return step.layers[0] if len(step.layers) == 1 else f"{len(step.layers)} layers"


def values_of(step: Step) -> str:
    """What grows from round to round, and what is not as it is by default: `Ratio 10 → 20 → 30 → 35 %, Epochs 1`.

    A choice of which of the other fields counts is said by that field: `Rank ratio 25 %`.
    """
    told = []
    growing = {growth.field: growth.values for growth in step.growing}
    fields = fields_of(type(step.method))
    values = {name: getattr(step.method, name) for name in fields}
    counting = {value for value in values.values() if isinstance(value, str) and value in fields}
    for name, info in fields.items():
        value = values[name]
        if isinstance(value, str) and value in counting:
            continue
        is_told = name in growing or name in counting or value != info.default
        if is_told and isinstance(value, bool | int | float | str):
            told.append(f"{info.title or name} {_written(name, growing.get(name, (value,)))}")
    return ", ".join(told)


def is_share(name: str) -> bool:
    """Whether a parameter is written in percent."""
    return name == "ratio" or name.endswith("_ratio")


def _written(name: str, values: tuple[Value, ...]) -> str:
    if is_share(name):
        shares = [f"{float(value) * 100:.3g}" for value in values]
        return f"{' → '.join(shares)}{figures.SPACE}%"
    return " → ".join("on" if value is True else "off" if value is False else f"{value}" for value in values)
