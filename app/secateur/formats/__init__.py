"""How models come in and go out. Adding a format is adding a class like its neighbours, and its name here."""

from secateur.errors import UserError
from secateur.formats.base import Format
from secateur.formats.catalogue import OnnxFormat, PytorchFormat, SafetensorsFormat

FORMATS: tuple[Format, ...] = (OnnxFormat(), SafetensorsFormat(), PytorchFormat())


def format_named(name: str) -> Format:
    """The format with this id; UserError lists those that can be written."""
    for candidate in FORMATS:
        if candidate.id == name:
            return candidate
    raise UserError(f"There is no format {name!r}.", f"Known: {', '.join(known.id for known in FORMATS)}.")
