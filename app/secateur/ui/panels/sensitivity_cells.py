"""Which cells of the heat map the plan holds. No Qt."""

from secateur.methods.base import Method
from secateur.methods.offers import Option
from secateur.recipe.options import OPTIONS
from secateur.session.state import SessionState


def is_option(option: Option, method: Method) -> bool:
    """Whether a planned method is this option: the same class, and equal in all that the option states."""
    same = type(method) is type(option.method)
    return same and all(getattr(method, f) == getattr(option.method, f) for f in option.method.model_fields_set)


def chosen_cells(state: SessionState) -> frozenset[tuple[str, str]]:
    """(layer, option) of every cell that the plan holds."""
    cells: set[tuple[str, str]] = set()
    rows = [row.name for row in state.rows] if state.recipe.steps else []
    for step in state.recipe.final:
        fitting = [option.id for option in OPTIONS if is_option(option, step.method)]
        if fitting:
            names = [name for name in rows if step.selects(name)]
            cells.update((name, option) for name in names for option in fitting)
    return frozenset(cells)
