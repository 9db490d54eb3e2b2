"""What a resumed run knows of itself, so that nothing has to be typed twice."""

from dataclasses import dataclass
from pathlib import Path

from secateur.engine.events import RunRecord
from secateur.engine.requests import DataSource
from secateur.engine.store import RunStore
from secateur.errors import UserError
from secateur.model.description import ModelSource
from secateur.recipe.presets import recipe_at
from secateur.recipe.recipe import Recipe


@dataclass(frozen=True)
class Asked:
    """What a run is made of, where it was said: empty or None is left to the run that is resumed."""

    model: ModelSource | None
    data: str
    recipe: Path | None
    exports: tuple[str, ...]


@dataclass(frozen=True)
class Wanted:
    """All that a run is made of; `run` is that of the resumed one, empty for a new one."""

    model: ModelSource
    data: DataSource
    recipe: Recipe
    exports: tuple[str, ...]
    run: str = ""


def new_run(asked: Asked) -> Wanted:
    """UserError where a new run lacks its model or its recipe."""
    if asked.model is None or asked.recipe is None:
        lacking = "the model" if asked.model is None else "--recipe"
        raise UserError(f"A new run needs {lacking}.", "Only with --resume they are those of the run in the folder.")
    return Wanted(asked.model, DataSource(asked.data), recipe_at(asked.recipe), asked.exports or ("onnx",))


def resumed_run(asked: Asked, folder: Path) -> Wanted:
    """What is said now, completed by what the newest run in `folder` was begun with.

    UserError where there is none, or where it does not know what was left out either.
    """
    import yaml

    from secateur.recipe.reading import parse_recipe

    earlier = next((record for record in RunStore().runs() if record.folder == str(folder.absolute())), None)
    if earlier is None:
        raise UserError(f"There is nothing to resume in {folder}.", "Leave out --resume to start anew.")
    model = asked.model or earlier.model_source
    if model is None:
        raise UserError(
            f"The run in {folder} does not say how its model {earlier.model} is opened: an earlier version began it.",
            "Name the model, its data and --recipe once more.",
        )
    recipe = recipe_at(asked.recipe) if asked.recipe else parse_recipe(yaml.safe_load(earlier.recipe_yaml))
    data = DataSource(asked.data) if asked.data else _data_of(earlier)
    return Wanted(model, data, recipe, asked.exports or earlier.exports or ("onnx",), earlier.run)


def _data_of(record: RunRecord) -> DataSource:
    """Runs of earlier versions kept the path alone; on the command line that is all that there is."""
    return record.data_source or DataSource(record.data)
