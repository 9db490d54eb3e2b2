"""Recipes that come with the program: ways of compressing that are worth a try on any network that has what they need.

`preset:iterative_pruning` names one wherever a recipe file can stand.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secateur.errors import UserError
from secateur.model.description import ModelDescription
from secateur.recipe.reading import load_recipe
from secateur.recipe.recipe import Recipe
from secateur.resources import resource

PREFIX: Final = "preset:"


@dataclass(frozen=True)
class Preset:
    """A bundled recipe: its file is `recipes/{id}.yaml`."""

    id: str
    title: str

    def recipe(self) -> Recipe:
        return load_recipe(resource(f"recipes/{self.id}.yaml"))

    def why_not_for(self, model: ModelDescription) -> str:
        """Why it is nothing for this model; empty where it can be planned."""
        return next((reason for step in self.recipe().final if (reason := step.method.why_not_for(model))), "")


PRESETS: Final = (Preset("iterative_pruning", "Iterative pruning"),)


def preset(name: str) -> Preset:
    """The preset of this id; UserError where there is none."""
    for one in PRESETS:
        if one.id == name:
            return one
    raise UserError(f"There is no preset {name!r}.", f"There are: {', '.join(PREFIX + one.id for one in PRESETS)}.")


def recipe_at(place: Path) -> Recipe:
    """The recipe of a file, or of a preset that is named like `preset:iterative_pruning`; UserError where none is."""
    text = str(place)
    return preset(text.removeprefix(PREFIX)).recipe() if text.startswith(PREFIX) else load_recipe(place)
