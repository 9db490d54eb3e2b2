"""The folder that a run writes into: whether it may, and what of it may be written over."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from secateur.engine.events import RunRecord
from secateur.engine.protection import RESULT_FILES, kept_files
from secateur.engine.requests import Compress
from secateur.engine.store import RunStore
from secateur.errors import ReplaceNeeded, UserError
from secateur.files import Guard, write_text
from secateur.formats import format_named
from secateur.recipe.reading import load_recipe, parse_recipe
from secateur.recipe.recipe import Recipe

_SHOWN = 3


def claim_folder(request: Compress, files: Sequence[Path], folder: Path, store: RunStore) -> Guard:
    """What a run may write over in its folder; `files` are those of the opened model.

    An empty folder, a new one, and one that holds this very recipe are free. Anything else needs consent: the files
    of an earlier run in it may then go, those that something else refers to never. UserError where it may not run.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file, and a run needs a folder.", "Choose another name.")
    agreed = request.resume or request.replace
    others = [record for record in store.runs() if record.run != request.run]
    inside = [record for record in others if _is_same(Path(record.folder), folder)]
    if any(record.state == "running" for record in inside):
        raise UserError(f"Another run is writing into {folder}.", "Wait for it, or choose another folder.")
    names = _names_in(folder, request.recipe)
    if names and not agreed:
        raise ReplaceNeeded(
            f"{folder} holds other files already ({', '.join(names[:_SHOWN])}{' …' if len(names) > _SHOWN else ''}).",
            _way_out(inside),
            tuple(str(folder / name) for name in names),
        )
    foreign = [record for record in others if not (agreed and record in inside)]
    kept = kept_files(request.model, files, request.data, request.recipe, foreign, request.recipe_file)
    guard = Guard(kept, agreed)
    suffixes = [format_named(name).suffixes[0] for name in dict.fromkeys(("onnx", *request.exports, *request.also))]
    written = [folder / f"model{suffix}" for suffix in suffixes] + [folder / name for name in RESULT_FILES[1:]]
    guard.check(*written, *_recipe_to_write(folder, request.recipe))
    return guard


def _way_out(inside: Sequence[RunRecord]) -> str:
    """What to do about a folder that is not empty; `inside` are the runs whose folder it is."""
    others = "choose an empty or a new folder, or write over what has the same names with --force."
    if any(record.state != "finished" for record in inside):
        return f"Go on with the run that broke off there with --resume, {others}"
    return f"{others[0].upper()}{others[1:]}"


def keep_recipe(folder: Path, recipe: Recipe, guard: Guard) -> None:
    """Leave the recipe in the run's folder; one that says the same is left as the person wrote it."""
    for path in _recipe_to_write(folder, recipe):
        guard.check(path)
        write_text(path, recipe.to_yaml())


def _recipe_to_write(folder: Path, recipe: Recipe) -> list[Path]:
    path = folder / "recipe.yaml"
    return [] if _says(path, recipe) else [path]


def _says(path: Path, recipe: Recipe) -> bool:
    """Whether the file at `path` is this recipe, in whatever words."""
    try:
        return path.is_file() and load_recipe(path) == parse_recipe(yaml.safe_load(recipe.to_yaml()))
    except UserError:
        return False


def _names_in(folder: Path, recipe: Recipe) -> list[str]:
    """What lies in a folder, hidden files and this recipe aside."""
    if not folder.is_dir():
        return []
    own = {"recipe.yaml"} if _says(folder / "recipe.yaml", recipe) else set()
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".") and path.name not in own)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
