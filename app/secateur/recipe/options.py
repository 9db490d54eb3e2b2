"""Options: the cells of the sensitivity table, gathered from the methods."""

from secateur.errors import UserError
from secateur.methods import METHODS
from secateur.methods.offers import Option

OPTIONS: tuple[Option, ...] = tuple(
    option for method in sorted(METHODS, key=lambda method: -method.order) for option in method.options()
)
"""Every option of every method; encodings stand before transforms."""


def option(name: str) -> Option:
    """The option of this id; UserError lists the known ones."""
    for candidate in OPTIONS:
        if candidate.id == name:
            return candidate
    raise UserError(f"There is no option {name!r}.", f"Known: {', '.join(o.id for o in OPTIONS)}.")
