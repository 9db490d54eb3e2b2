"""`--set name=value`: the options of a format, from its own fields."""

from typing import get_origin

from pydantic import ValidationError

from secateur.errors import UserError
from secateur.formats import format_named
from secateur.formats.base import Format, WriteOptions


def write_options(format_id: str, settings: list[str]) -> WriteOptions:
    """The options of a format with these settings; UserError names the option that is wrong and those there are."""
    target = format_named(format_id)
    given: dict[str, str | list[str]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or not name.strip():
            raise UserError(f"{setting!r} is no setting.", "Write it as name=value.")
        given[name.strip()] = _value(target, name.strip(), value.strip())
    unknown = next((name for name in given if name not in target.options.model_fields), None)
    if unknown is not None:
        raise UserError(f"{target.title} has no option {unknown!r}.", _known(target))
    try:
        return target.options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        reason = str(first["msg"]).replace("Input should be", "it should be")
        raise UserError(
            f"{name}={given.get(name, '')} does not fit {target.title}: {reason}.", _known(target)
        ) from error


def _value(target: Format, name: str, text: str) -> str | list[str]:
    """A list where the option takes several values, separated by commas."""
    field = target.options.model_fields.get(name)
    is_list = field is not None and get_origin(field.annotation) in (tuple, list)
    return [part.strip() for part in text.split(",") if part.strip()] if is_list else text


def _known(target: Format) -> str:
    """The options of a format in a sentence."""
    names = ", ".join(target.options.model_fields)
    return f"It has: {names}." if names else "It has none."
