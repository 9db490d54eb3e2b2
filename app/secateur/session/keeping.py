"""Layers whose choice a person keeps: the budget leaves them as they are planned, in float too, and chooses the rest.

What a person chooses by hand for some of the layers while a budget chooses for all of them is an exception that they
make to it, so that it is kept, and a notice says so: the next move of a slider would else throw it away. A choice for
all layers at once is none: it is where the budget starts anew.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from secateur.model.costs import Costs
from secateur.recipe.chosen import choice_in
from secateur.recipe.prediction import layer_costs
from secateur.recipe.recipe import Recipe
from secateur.recipe.speed import layers_ms
from secateur.session import notices
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session

FREE = "free"
"""The remedy of the notice that tells of a choice that is kept; with the layers behind it (`free:conv1`)."""

BETWEEN = "\n"
"""Stands between the layers of a remedy."""

NAMED = 2
"""Layers that a notice names."""


class Keeping:
    """A part of the session."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def keep(self, layers: Iterable[str]) -> None:
        """Keep what is planned for these layers (undoable)."""
        state = self._session.state
        known = {layer.name for layer in state.rows}
        self._session.plans.take(state.recipe, kept=state.kept | (known & set(layers)))

    def free(self, layers: Iterable[str]) -> None:
        """Let the budget choose for these layers again, at once where it made the plan (undoable, in one)."""
        session, state = self._session, self._session.state
        left = state.kept - set(layers)
        if left == state.kept:
            return
        session.answered(notices.KEPT)
        limits = session.budget.limits
        gesture = f"free {' '.join(sorted(state.kept - left))}"
        session.plans.take(state.recipe, gesture, left)
        if limits:
            session.budget.set(limits, merge=gesture)

    def toggle(self, layers: Collection[str]) -> None:
        """Keep these layers; let them go where all of them are kept."""
        (self.free if set(layers) <= self._session.state.kept else self.keep)(layers)

    def by_hand(self, layers: Collection[str], recipe: Recipe) -> frozenset[str]:
        """The layers that are kept once a person has planned `recipe` with these layers in hand."""
        state = self._session.state
        weighted = {layer.name for layer in state.rows}
        chosen = weighted & set(layers)
        changed = {n for n in chosen if (now := choice_in(recipe, n)) is None or now != choice_in(state.recipe, n)}
        if state.solved is None or not recipe.steps or chosen == weighted:
            return state.kept
        return state.kept | changed

    def tell(self, before: frozenset[str]) -> None:
        """Say which layers are kept since `before`, with a way to let them go."""
        new = [layer.name for layer in self._session.state.rows if layer.name in self._session.state.kept - before]
        if new:
            names = ", ".join(new[:NAMED]) + (f" and {len(new) - NAMED} more" if len(new) > NAMED else "")
            sentence = f"{names} {'keep' if new[1:] else 'keeps'} what you chose: the budget leaves it as it is."
            remedy = f"{FREE}:{BETWEEN.join(new)}"
            self._session.notify(Notice("info", sentence, "", remedy, subject=notices.KEPT))


def pins_of(state: SessionState) -> tuple[dict[str, str], dict[str, Costs]]:
    """What the solver has to know of the kept layers: the choices of those that have one, and what each costs."""
    pins = {name: choice for name in state.kept if (choice := choice_in(state.recipe, name)) is not None}
    return pins, costs_of(state, state.kept)


def costs_of(state: SessionState, layers: Iterable[str]) -> dict[str, Costs]:
    """What layers cost as they are planned; those that are not counted yet are left out."""
    if state.model is None:
        return {}
    counted = [name for name in layers if name in state.facts]
    costs = {name: cost.costs for name, cost in layer_costs(state.model, state.facts, state.recipe, counted).items()}
    if state.timings is None:
        return costs
    timed = {}
    for name, each in costs.items():
        _, ms = layers_ms(state.model, state.recipe, state.timings, [name], state.facts)
        timed[name] = Costs(each.bytes, each.macs, ms)
    return timed
