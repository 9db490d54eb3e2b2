"""What is remembered of each model between two starts, by its content: data, plan, and how the window showed it.

One small JSON file for each model. It is written beside the old one and put in its place, so that a kill leaves one
or the other; keys of later versions are passed over. Measured tables and runs are the engine's (SQLite).
"""

import json
import logging
import os
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from secateur.data.source import DataSource
from secateur.engine.places import home
from secateur.errors import UserError
from secateur.recipe.reading import parse_recipe
from secateur.recipe.recipe import Recipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """How a person looked at a model: columns of the layer table and their widths in pixels, by tab; the tab; pins."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    tab: str = ""
    widths: dict[str, dict[str, int]] = field(default_factory=dict)
    pinned: list[str] = field(default_factory=list)
    """Names of the layers that stay at the top of the table."""


@dataclass(frozen=True)
class Remembered:
    """Of one model. `data_mark` is what the data's file looked like (see `mark_of`)."""

    data: DataSource | None = None
    data_mark: str = ""
    recipe: Recipe = field(default_factory=Recipe)
    view: View = field(default_factory=View)
    kept: frozenset[str] = frozenset()
    """Layers whose choice a person keeps in the plan."""


class Memory:
    """Reads and writes what is remembered, by the model's fingerprint."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def _file(self, fingerprint: str) -> Path:
        return (self._folder or home() / "models") / f"{fingerprint[:40]}.json"

    def recall(self, fingerprint: str) -> Remembered:
        """What is remembered; nothing where there is no file, and of what in it does not fit."""
        try:
            document = json.loads(self._file(fingerprint).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return Remembered()
        except (OSError, ValueError) as error:
            _log.warning("what is remembered of a model cannot be read: %s", error)
            return Remembered()
        document = document if isinstance(document, dict) else {}
        data = document.get("data")
        return Remembered(
            data=_known(DataSource, data) if isinstance(data, dict) and data.get("path") else None,
            data_mark=str(document.get("data_mark", "")),
            recipe=_recipe(document.get("recipe")),
            view=_view(document.get("view")),
            kept=_names(document.get("kept")),
        )

    def keep(self, fingerprint: str, remembered: Remembered) -> None:
        """Write it down; where the disk refuses, that is logged."""
        document = {
            "data": asdict(remembered.data) if remembered.data else None,
            "data_mark": remembered.data_mark,
            "recipe": remembered.recipe.to_document(),
            "view": asdict(remembered.view),
            "kept": sorted(remembered.kept),
        }
        path = self._file(fingerprint)
        draft = path.with_name(f"{path.name}.{os.getpid()}.new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            _log.warning("what is remembered of a model could not be written: %s", error)


def mark_of(source: DataSource) -> str:
    """Size and time of change of the file that a source names; empty for what is bundled, made up, or gone."""
    try:
        told = Path(source.file).stat()
    except OSError:
        return ""
    return f"{told.st_size} {told.st_mtime_ns}"


def is_gone(source: DataSource) -> bool:
    """Whether a source names a file or folder that is not there any more."""
    return os.sep in source.file and not Path(source.file).exists()


def _known(kind: Any, document: Any) -> Any:
    """An object of a dataclass from those of its fields that are in a document and of the right type; None for none."""
    if not isinstance(document, dict):
        return None
    defaults = {entry.name: entry for entry in fields(kind)}
    values = {key: value for key, value in document.items() if key in defaults}
    kinds = {
        "columns": dict,
        "tab": str,
        "path": str,
        "preprocessing": dict,
        "said": dict,
        "widths": dict,
        "pinned": list,
    }
    return kind(**{key: value for key, value in values.items() if isinstance(value, kinds.get(key, object))})


def _view(document: Any) -> View:
    """A view with those of its widths and pins that are some."""
    view: View = _known(View, document) or View()
    widths = {
        tab: {key: width for key, width in of_tab.items() if isinstance(width, int)}
        for tab, of_tab in view.widths.items()
        if isinstance(of_tab, dict)
    }
    return replace(view, widths=widths, pinned=[name for name in view.pinned if isinstance(name, str)])


def _names(document: Any) -> frozenset[str]:
    return frozenset(name for name in document if isinstance(name, str)) if isinstance(document, list) else frozenset()


def _recipe(document: Any) -> Recipe:
    try:
        return parse_recipe(document) if document else Recipe()
    except UserError as error:
        _log.warning("the plan that was remembered cannot be read: %s", error)
        return Recipe()
