"""The arguments of a program's operators: tagged JSON → what torch takes. Nothing is evaluated."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch  # noqa: TID253 - imported lazily by the reader
from torch import fx  # noqa: TID253

from secateur.formats.program.archive import DTYPES


class ProgramRefused(Exception):  # noqa: N818 - an answer, not an error
    """This program cannot become a network; the text is the reason, as the rest of a sentence."""


_LAYOUTS: Final = {7: torch.strided}
_MEMORY: Final = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_PLAIN: Final = frozenset(
    {"as_int", "as_ints", "as_string", "as_strings", "as_bool", "as_bools", "as_int_lists", "as_float_lists"}
)
_FLOATS: Final = frozenset({"as_float", "as_floats"})
_SYMBOLIC: Final = frozenset({"as_sym_int", "as_sym_float", "as_sym_bool"})
_SYMBOLIC_LISTS: Final = frozenset({"as_sym_ints", "as_sym_floats", "as_sym_bools"})
_REFUSED_ARGUMENTS: Final = frozenset({"filename", "path", "file"})
_PYTHON: Final[dict[str, Callable[..., Any]]] = {
    **{
        f"_operator.{name}": getattr(operator, name)
        for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg", "pos", "pow", "eq", "ne", "lt", "le",
                     "gt", "ge", "and_", "or_", "not_", "getitem")
    },
    **{f"math.{name}": getattr(math, name) for name in ("ceil", "floor", "trunc", "sqrt")},
    **{f"torch.{name}": getattr(torch, name) for name in ("sym_int", "sym_float", "sym_max", "sym_min", "sym_not",
                                                          "sym_ite", "sym_sum")},
}  # fmt: skip
"""Arithmetic of sizes, under the names that programs spell it with."""


def operator_named(target: str) -> Callable[..., Any]:
    """The function of a node's target: torch's own tensor operators and arithmetic of sizes, nothing else."""
    if target in _PYTHON:
        return _PYTHON[target]
    parts = target.split(".")
    if len(parts) != 5 or parts[:3] != ["torch", "ops", "aten"]:
        raise ProgramRefused(f"it calls {_short(target)}, which is not one of torch's own tensor operators")
    try:
        overload = getattr(getattr(torch.ops.aten, parts[3]), parts[4])
    except AttributeError as problem:
        raise ProgramRefused(f"this version of torch has no operator {_short(target)}") from problem
    if not isinstance(overload, torch._ops.OpOverload) or any(
        argument.name in _REFUSED_ARGUMENTS for argument in overload._schema.arguments
    ):
        raise ProgramRefused(f"it calls {_short(target)}, which does more than compute")
    return overload


def value_of(argument: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    """What an argument stands for; `names` holds the nodes made so far. KeyError and TypeError where it is broken."""
    (tag, value), *others = argument.items()
    if others:
        raise ProgramRefused("an argument has two values")
    if tag == "as_none":
        return None
    if tag in _FLOATS:
        return [_number(item) for item in value] if isinstance(value, list) else _number(value)
    if tag in _PLAIN:
        return value
    if tag == "as_tensor":
        return names[value["name"]]
    if tag == "as_tensors":
        return [names[item["name"]] for item in value]
    if tag == "as_nested_tensors":
        return [[names[item["name"]] for item in row] for row in value]
    if tag == "as_optional_tensor":
        return value_of(value, names)
    if tag == "as_optional_tensors":
        return [value_of(item, names) for item in value]
    if tag in _SYMBOLIC:
        return _symbol(value, names)
    if tag in _SYMBOLIC_LISTS:
        return [_symbol(item, names) for item in value]
    if tag == "as_complex":
        return complex(value["real"], value["imag"])
    return _torch_value(tag, value)


def _number(value: Any) -> float:
    """JSON has no infinity and no NaN: programs spell them as words."""
    return float(value)


def _torch_value(tag: str, value: Any) -> Any:
    if tag == "as_scalar_type":
        return dtype_of(value)
    if tag == "as_memory_format":
        return _MEMORY[value]
    if tag == "as_layout":
        return _LAYOUTS[value]
    if tag == "as_device":
        return torch.device("cpu")  # wherever it was exported: here it is moved as a whole
    words = {"as_graph": "a control-flow operator (cond, map, scan …)", "as_custom_obj": "an object of its own"}
    raise ProgramRefused(f"it contains {words.get(tag, f'an argument of the kind {_short(tag)}')}")


def dtype_of(code: int) -> torch.dtype:
    """The torch dtype of a serialized ScalarType."""
    name = {9: "complex32", 10: "complex64", 11: "complex128"}.get(code) or DTYPES[code]
    found = getattr(torch, name)
    if not isinstance(found, torch.dtype):
        raise TypeError(name)
    return found


def _symbol(value: Mapping[str, Any], names: Mapping[str, Any]) -> Any:
    if "as_name" in value:
        return names[value["as_name"]]
    return next(iter(value.values()))


def arguments_of(function: Callable[..., Any], named: list[tuple[str, Any]]) -> dict[str, Any]:
    """Argument name → value, with the operator's own defaults; positional names of Python functions stay as given."""
    values = dict(named)
    if not isinstance(function, torch._ops.OpOverload):
        return values
    known = {argument.name: argument for argument in function._schema.arguments}
    unknown = set(values) - set(known)
    if unknown:
        raise ProgramRefused(f"{_short(str(function))} has no argument {min(unknown)!r} in this version of torch")
    return {
        name: values.get(name, argument.default_value)
        for name, argument in known.items()
        if name in values or argument.has_default_value()
    }


def call(graph: fx.Graph, function: Callable[..., Any], values: Mapping[str, Any], given: set[str]) -> fx.Node:
    """A node that calls an operator with what was given: positional as far as it goes, the rest by name."""
    if not isinstance(function, torch._ops.OpOverload):
        return graph.call_function(function, tuple(values.values()))
    args: list[Any] = []
    keywords: dict[str, Any] = {}
    gap = False
    for argument in function._schema.arguments:
        if argument.name not in given:
            gap = True
        elif gap or argument.kwarg_only:
            keywords[argument.name] = values[argument.name]
        else:
            args.append(values[argument.name])
    return graph.call_function(function, tuple(args), keywords)


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}…"
