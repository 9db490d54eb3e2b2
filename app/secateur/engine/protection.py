"""Which files nothing is ever written over: all that the session, a run or its recipe refers to.

The engine asks before it writes, the window before it offers; neither opens a model for it.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from secateur.data.source import DataSource
from secateur.engine.events import RunRecord
from secateur.files import Kept
from secateur.model.description import ModelSource
from secateur.recipe.recipe import Recipe

RESULT_FILES = ("recipe.yaml", "result.json", "report.html", "MODEL_CARD.md", "channels.json", "network")
"""What every run leaves in its folder besides its models."""

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "sentence_bert_config.json", "1_Pooling/config.json")
"""What a run on texts leaves there as well: copies of what its texts were read with."""


def kept_files(
    model: ModelSource,
    files: Iterable[str | Path] = (),
    data: DataSource | None = None,
    recipe: Recipe | None = None,
    runs: Iterable[RunRecord] = (),
    recipe_file: str = "",
) -> tuple[Kept, ...]:
    """`files` are those that opening the model has read, `runs` all that are remembered."""
    return tuple(
        kept
        for kept in (
            *_of_model(model, files),
            *(_of_data(data) if data is not None and data.path else ()),
            *(Kept(path, "a file that the recipe names") for path in _of_recipe(recipe)),
            *([Kept(Path(recipe_file), "the recipe")] if recipe_file else []),
            *(kept for record in runs for kept in _of_run(record)),
        )
        if os.path.lexists(kept.path)
    )


def _of_model(model: ModelSource, files: Iterable[str | Path]) -> Iterator[Kept]:
    what = "the file of weights that is open" if model.factory else "the opened model"
    opened = Path(model.path).expanduser()
    if model.path and opened.is_dir():  # what lies directly in it: results may go into a folder of their own there
        yield from (Kept(path, "a file of the opened model") for path in opened.iterdir() if path.is_file())
    elif model.path:
        yield Kept(opened, what)
    for number, file in enumerate(files):
        yield Kept(Path(file), what if number == 0 else "a part of the opened model")
    code = model.factory.rpartition(":")[0]
    if code:
        loaded = getattr(sys.modules.get(code), "__file__", None)
        yield Kept(Path(loaded or code).expanduser(), "the code of the opened network")


def data_files(data: DataSource) -> tuple[Path, ...]:
    """The file or folder that data is named by, and those that its description names."""
    return tuple(dict.fromkeys(kept.path for kept in _of_data(data)))


def _of_data(data: DataSource) -> Iterator[Kept]:
    path = Path(data.path).expanduser()
    yield Kept(_without_name(path) or path, "the data")
    if path.suffix in (".yaml", ".yml") and path.is_file():
        for named in _paths_in(_read_yaml(path), path.parent):
            yield Kept(named, "a file that the data names")
    for named in _paths_in([data.preprocessing, data.said.get("tokenizer", "")], Path()):
        yield Kept(named, "a file that the data names")


def _of_recipe(recipe: Recipe | None) -> Iterator[Path]:
    """Files among the parameters; a word like `original` is none, whatever lies at hand under that name."""
    if recipe is not None:
        for step in recipe.final:
            values = step.method.model_dump(mode="json")
            yield from (path for path in _paths_in(values, Path()) if path.suffix or len(path.parts) > 1)


def _of_run(record: RunRecord) -> Iterator[Kept]:
    folder, what = Path(record.folder), f"a file of the run {record.name}"
    named = [Path(file.path) for file in record.document.files] if record.document else []
    parts = [Path(f.path).with_name(part) for f in record.document.files for part in f.parts] if record.document else []
    checkpoints = folder.glob("step-*")
    for path in (*named, *parts, *(folder / name for name in (*RESULT_FILES, *TOKENIZER_FILES)), *checkpoints):
        yield Kept(path, what)


def _read_yaml(path: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # whoever reads it as data says so


def _paths_in(value: Any, folder: Path) -> Iterator[Path]:
    """Every text in a document that names something that is there, seen from `folder`; `file.py:name` is a file."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _paths_in(item, folder)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths_in(item, folder)
    elif isinstance(value, str) and value.strip():
        path = folder / Path(value).expanduser()
        found = path if _is_there(path) else _without_name(path)
        if found is not None:
            yield found


def _without_name(path: Path) -> Path | None:
    """The file of `file.py:name`; None where it is not of that form."""
    file = Path(str(path).rpartition(":")[0])
    return file if file.name and not _is_there(path) and _is_there(file) else None


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text that no path can be
        return False
