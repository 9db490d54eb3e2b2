"""The order of a plan's steps: what a person moves, repeats, doubles and takes out of it. All of it can be undone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from secateur.figures import counted
from secateur.recipe import editing
from secateur.recipe.recipe import Growth, Recipe, Repeat, Step, Value
from secateur.session.state import Notice, SessionState

if TYPE_CHECKING:
    from secateur.session.session import Session


class Ordering:
    """A part of the session. Steps and repeats are named by their ids."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def choose(self, step_id: str) -> None:
        """Make this the step that is edited where the plan has several of its family."""
        if step_id != self._session.state.chosen_step:
            self._session.update(chosen_step=step_id)

    def move(self, step_id: str, by: int) -> None:
        self._plan(editing.moved(self._recipe, step_id, by))

    def delete(self, ids: Sequence[str]) -> None:
        recipe = self._recipe
        for step_id in ids:
            recipe = editing.without_step(recipe, step_id)
        self._plan(recipe)

    def double(self, step_id: str) -> None:
        if not why_not_doubled(self._session.state, (step_id,)):
            self._plan(editing.doubled(self._recipe, step_id))

    def repeat(self, ids: Sequence[str]) -> None:
        """Put neighbouring steps into a repeat; of a repeat alone make steps that are done once again."""
        if why_not_repeated(self._session.state, ids):
            return
        found = [self._recipe.find(step_id) for step_id in ids]
        if len(found) == 1 and isinstance(found[0], Repeat):
            self._plan(editing.dissolved(self._recipe, found[0].id))
        else:
            self._plan(editing.repeated(self._recipe, ids))

    def set_rounds(self, repeat_id: str, rounds: int) -> None:
        self._plan(editing.with_rounds(self._recipe, repeat_id, rounds))

    def set_values(self, step_id: str, field: str, values: Sequence[Value]) -> None:
        """Give a parameter of a repeated step its value in each round; one is for all of them."""
        if reason := why_not_values(self._session.state, step_id, field, values):
            self._session.notify(Notice("warn", reason, "The plan is as it was."))
        else:
            self._plan(editing.with_values(self._recipe, step_id, field, values))

    @property
    def _recipe(self) -> Recipe:
        return self._session.state.recipe

    def _plan(self, recipe: Recipe) -> None:
        self._session.plan(recipe)


def why_not_moved(state: SessionState, ids: Sequence[str], by: int) -> str:
    """Why a step cannot be moved by one place; empty where it can."""
    if len(ids) != 1:
        return "Choose one step of the plan."
    if editing.moved(state.recipe, ids[0], by) == state.recipe:
        return "It is the first already." if by < 0 else "It is the last already."
    return ""


def why_not_values(state: SessionState, step_id: str, field: str, values: Sequence[Value]) -> str:
    """Why a parameter cannot have these values by round; empty where it can."""
    repeat = next((one for one in state.recipe.steps if isinstance(one, Repeat) and _holds(one, step_id)), None)
    step = state.recipe.find(step_id)
    if repeat is None or not isinstance(step, Step):
        return "Only a step in a repeat has values by round."
    title = type(step.method).model_fields[field].title or field
    if len(values) not in (1, repeat.rounds):
        return f"{title} needs {counted(repeat.rounds, 'value')}, one for each round, or one for all of them."
    if not editing.fits(step.method, Growth(field, tuple(values))):
        return f"{title} cannot have one of these values."
    if field in step.method.grows and list(values) != sorted(values, key=float):
        return f"{title} must not fall from round to round: what is gone does not come back."
    return ""


def _holds(repeat: Repeat, step_id: str) -> bool:
    return any(step.id == step_id for step in repeat.steps)


def why_not_doubled(state: SessionState, ids: Sequence[str]) -> str:
    """Why a step cannot be done a second time; empty where it can."""
    found = [state.recipe.find(step_id) for step_id in ids]
    if len(found) != 1 or not isinstance(found[0], Step):
        return "Choose one step of the plan."
    if found[0].method.family == "quantize":
        return "A layer is quantized once."
    return ""


def why_not_repeated(state: SessionState, ids: Sequence[str]) -> str:
    """Why these steps cannot be repeated, or this repeat be done once; empty where they can."""
    if not ids:
        return "Choose steps of the plan that stand next to each other."
    entries = [entry for entry in state.recipe.steps if entry.id in ids]
    if len(entries) != len(set(ids)):
        return "It is part of a repeat already: choose the repeat itself."
    if len(entries) == 1 and isinstance(entries[0], Repeat):
        return ""
    if any(isinstance(entry, Step) and entry.method.family == "quantize" for entry in entries):
        return "A layer is quantized once: leave the quantization behind the repeat."
    if editing.repeated(state.recipe, ids) == state.recipe:
        return "Choose steps that stand next to each other, with one repeat at most."
    return ""
