"""Which control a field of a method, or of a format's options, has in a form; decided where the class is made."""

from inspect import get_annotations
from typing import Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Fields = TypeVar("Fields", bound=BaseModel)
Control = Literal["choice", "switch", "number", "none"]


def control_of(info: FieldInfo) -> Control | None:
    """The control of a field; None where no form can show its kind.

    "none" where there is nothing to choose, or where it says `form: False`: then a panel of its own shows it.
    """
    extra = info.json_schema_extra
    if isinstance(extra, dict) and extra.get("form") is False:
        return "none"
    if get_origin(info.annotation) is Literal:
        return "choice" if len(get_args(info.annotation)) > 1 else "none"
    if info.annotation is bool:
        return "switch"
    return "number" if info.annotation in (int, float) else None


def fields_of(kind: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields in the order in which a person reads them: a class's own first, then what it has from its bases."""
    named = (name for base in kind.__mro__ for name in get_annotations(base))
    return {name: kind.model_fields[name] for name in named if name in kind.model_fields}


def carried(values: Fields, before: BaseModel) -> Fields:
    """`values` with those of `before` in the fields that are the same in both: what a person set is not set anew."""
    ours, theirs = type(values).model_fields, type(before).model_fields
    same = [name for name, info in ours.items() if name in theirs and theirs[name].annotation == info.annotation]
    return values.model_copy(update={name: getattr(before, name) for name in same})


def require_controls(kind: type[BaseModel]) -> None:
    """TypeError where a field of this class is of a kind that no form can show."""
    for name, info in kind.model_fields.items():
        if control_of(info) is None:
            raise TypeError(
                f"{kind.__name__}.{name} is {info.annotation}, which no form can show: make it a choice, a number or "
                "a switch, or say json_schema_extra={'form': False} and show it in a panel of its own"
            )
