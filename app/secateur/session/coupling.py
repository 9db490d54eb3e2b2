"""Which channels leave together: asked for when a model is open, and what the plan makes of the answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from secateur.engine.requests import FindCouplings
from secateur.model.description import Couplings, Layer
from secateur.recipe.editing import expanded
from secateur.recipe.recipe import Recipe
from secateur.session import notices
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session


def find_couplings(session: "Session") -> None:
    """Ask, unless they are known or on their way, or the model's channels cannot leave at all."""
    model = session.state.model
    if model is None or model.knows_couplings:
        return
    request = FindCouplings(model.source)
    if all(job.request != request for job in session.state.jobs):
        session.submit(request)


def couplings_found(session: "Session", found: Couplings) -> None:
    """What was planned before they were known keeps to them: layers whose channels stay are left out, which is said."""
    model, recipe = session.state.model, session.state.recipe
    if model is None:
        return
    coupled = model.with_couplings(found)
    session.update(model=coupled)
    if _takes_channels(recipe):
        taken, left_out = expanded(recipe, coupled.weighted_layers)
        session.plan(taken)
        if left_out:
            session.notify(Notice("info", " ".join(left_out), subject=notices.RECIPE))


def with_coupled(names: Sequence[str], layers: Sequence[Layer]) -> tuple[str, ...]:
    """These layers and those that lose channels whenever they do, in network order."""
    chosen = set(names)
    chosen |= {other for layer in layers if layer.name in chosen for other in layer.coupled}
    return tuple(layer.name for layer in layers if layer.name in chosen)


def is_waited_for(state: SessionState) -> bool:
    """Whether the plan takes channels away of which it is not known yet which go along: nothing can be predicted."""
    return state.model is not None and not state.model.knows_couplings and _takes_channels(state.recipe)


def _takes_channels(recipe: Recipe) -> bool:
    return any(step.method.changes_widths for step in recipe.final)
